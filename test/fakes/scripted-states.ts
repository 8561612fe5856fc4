// States of a site written into a scripted desk: what a person may meet, one function each.

import { instancesOf } from '../../src-main/runbook/instances.ts';
import { runbook } from '../../src-main/steps/index.ts';
import { chooseMedium } from '../../src-main/steps/prepare/choose-medium.ts';
import type { NewEvent } from '../../src-shared/journal.ts';
import { signerAnswers, signerQuestion } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import { randomart } from '../../src-shared/randomart.ts';
import { sitePlan } from '../../src-shared/site.ts';
import type { Command, Plan, Told, Verdict } from '../../src-shared/step.ts';
import { tell } from '../../src-shared/step.ts';
import { type ScriptedDesk, scriptedOrder } from './scripted-desk.ts';

export const key = {
  medium: 'choose-medium@site',
  sizes: 'plan-medium@site',
  seal: 'seal-medium@site',
  solve: 'solve-packages@system:debian-12-amd64',
  connect: 'connect@machine:master-1',
  preflight: 'preflight@machine:master-1',
  addresses: 'set-addresses@machine:master-1',
  install: 'install-slapos-node@machine:master-1',
  cache: 'use-cache@machine:master-1',
  software: 'install-master-software@machine:master-1',
  removal: 'remove-content@machine:master-1',
} as const;

const on = { machine: 'master-1' };

const planOf = (instance: string, commands: Command[]): Plan => ({
  instance,
  round: 1,
  hash: `hash of ${instance}`,
  commands,
});

const read = (instance: string, found: Told[], verdict: Verdict, facts = {}): NewEvent => ({
  kind: 'facts',
  instance,
  facts,
  found,
  verdict,
});

const todo: Verdict = { state: 'todo', findings: [] };
const finished: Verdict = { state: 'done', findings: [] };

/** Every step before `next` is done. */
export function doneBefore(desk: ScriptedDesk, next: string): void {
  for (const instance of scriptedOrder.slice(0, scriptedOrder.indexOf(next))) {
    desk.tell({ kind: 'run-started', instance, input: {} });
    desk.tell(read(instance, [], finished));
    desk.tell({ kind: 'run-ended', instance, outcome: 'done', problem: null });
  }
}

const oldConfig = `[slapos]
software_root = /opt/slapgrid
instance_root = /srv/slapgrid
master_url = http://127.0.0.1:5000/
computer_id = local_computer

[networkcache]
# Define options for binary cache, used to download already compiled software.
download-binary-cache-url = http://shacache.nxdcdn.com
download-binary-dir-url = http://shadir.nxdcdn.com
download-cache-url = http://shacache.nxdcdn.com
`;

/** A file to be changed: the plan with its diff. */
export function planWithDiff(desk: ScriptedDesk): string {
  doneBefore(desk, key.cache);
  desk.tell(
    read(
      key.cache,
      [
        tell('steps.use-cache.found.url', { url: 'http://shacache.nxdcdn.com' }),
        tell('steps.use-cache.found.certificates', { count: 1, ours: 2 }),
      ],
      todo,
      { config: oldConfig },
    ),
  );
  desk.plans.set(
    key.cache,
    planOf(key.cache, [
      {
        kind: 'write',
        on,
        path: '/etc/opt/slapos/slapos.cfg',
        before: oldConfig,
        text: oldConfig
          .replace('binary-cache-url = http://shacache.nxdcdn.com', 'binary-cache-url = http://127.0.0.1:45050/bcache')
          .replace('dir-url = http://shadir.nxdcdn.com', 'dir-url = http://127.0.0.1:45050/bdir')
          .concat(
            'download-from-binary-cache-force-url-list =\n  https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg\n',
          ),
        mode: 0o644,
        keepCopy: true,
        note: tell('steps.use-cache.does.write'),
      },
    ]),
  );
  return key.cache;
}

/** The same, done: what taking it back would do is its plan. */
export function undoable(desk: ScriptedDesk): string {
  const instance = planWithDiff(desk);
  desk.tell({ kind: 'run-started', instance, input: {} });
  desk.tell(read(instance, [], finished));
  desk.tell({ kind: 'run-ended', instance, outcome: 'done', problem: null });
  return instance;
}

const installCommands: Command[] = [
  {
    kind: 'write',
    on,
    path: '/etc/apt/sources.list.d/fieldkit.sources',
    before: null,
    text: 'Types: deb\nURIs: http://127.0.0.1:45050/debian/debian-12-amd64/\nSuites: ./\nSigned-By: /etc/apt/keyrings/fieldkit.asc\n',
    mode: 0o644,
  },
  {
    kind: 'run',
    on,
    argv: [
      'apt-get',
      'update',
      '-o',
      'Dir::Etc::sourcelist=/etc/apt/sources.list.d/fieldkit.sources',
      '-o',
      'Dir::Etc::sourceparts=-',
    ],
    limitMs: 120_000,
    note: tell('steps.install-slapos-node.does.update'),
  },
  {
    kind: 'run',
    on,
    argv: ['apt-get', 'install', '--yes', '--no-install-recommends', 'slapos-node=1.11.0+1.0.352+1-1'],
    limitMs: 1_800_000,
    long: true,
    note: tell('steps.install-slapos-node.does.install', { count: 136 }),
  },
];

const installFound = [
  tell('steps.install-slapos-node.found.absent'),
  tell('steps.install-slapos-node.found.noCompiler'),
];

/** A run in the middle of its second command, with progress. */
export function installing(desk: ScriptedDesk): string {
  doneBefore(desk, key.install);
  const plan = planOf(key.install, installCommands);
  desk.runs = [{ run: 'run-7', instances: [key.install] }];
  desk.tell({ kind: 'run-started', instance: key.install, input: {} });
  desk.tell(read(key.install, installFound, todo));
  desk.tell({ kind: 'plan', instance: key.install, plan });
  desk.tell({ kind: 'consent', instance: key.install, hash: plan.hash, scope: 'plan', by: 'window' });
  for (const index of [0, 1]) {
    desk.tell({ kind: 'command-started', instance: key.install, hash: plan.hash, index });
    desk.tell({
      kind: 'command-ended',
      instance: key.install,
      hash: plan.hash,
      index,
      outcome: 'performed',
      exit: 0,
      durationMs: 2300,
      output: null,
      problem: null,
    });
  }
  desk.tell({ kind: 'command-started', instance: key.install, hash: plan.hash, index: 2 });
  desk.live({
    kind: 'progress',
    instance: key.install,
    index: 2,
    done: 84,
    total: 136,
    unit: 'packages',
    speed: 1.4,
    leftMs: 37_000,
    what: 'libgfortran5',
  });
  return key.install;
}

/** Log lines of the command under way. */
export function say(desk: ScriptedDesk, lines: readonly string[]): void {
  desk.live({ kind: 'lines', instance: key.install, index: 2, lines: [...lines] });
}

/** Ends the run under way at its last command, failed. */
export function fail(desk: ScriptedDesk): void {
  const trouble = problem(
    'command-failed',
    { command: 'apt-get install slapos-node', exit: 100, machine: 'master-1', detail: 'dpkg was interrupted' },
    { evidence: 'E: dpkg was interrupted, you must manually run dpkg --configure -a to correct the problem.' },
  ).data;
  desk.tell({
    kind: 'command-ended',
    instance: key.install,
    hash: `hash of ${key.install}`,
    index: 2,
    outcome: 'failed',
    exit: 100,
    durationMs: 4100,
    output: 'a'.repeat(64),
    problem: trouble,
  });
  desk.tell({ kind: 'run-ended', instance: key.install, outcome: 'failed', problem: trouble });
  desk.live({ kind: 'run-over', run: 'run-7', problem: null });
}

/** The same run, failed. */
export function failed(desk: ScriptedDesk): string {
  installing(desk);
  fail(desk);
  return key.install;
}

/** A long wait: what is awaited, since when, how long still. */
export function waiting(desk: ScriptedDesk): string {
  doneBefore(desk, key.software);
  const awaited = tell('steps.install-master-software.waits.completed', { names: 'slapos-master' });
  const plan = planOf(key.software, [
    {
      kind: 'until',
      on,
      probe: { id: 'completed', kind: 'stat', path: '/opt/slapgrid/16d47c5ab38233146f11c11abdd14575/.completed' },
      wanted: { exit: 0 },
      everyMs: 40_000,
      limitMs: 3_600_000,
      awaited,
      evidence: [],
    },
  ]);
  desk.runs = [{ run: 'run-9', instances: [key.software] }];
  desk.tell({ kind: 'run-started', instance: key.software, input: {} });
  desk.tell(read(key.software, [], { state: 'waiting', for: awaited, findings: [] }));
  desk.tell({ kind: 'plan', instance: key.software, plan });
  desk.tell({ kind: 'command-started', instance: key.software, hash: plan.hash, index: 0 });
  desk.live({
    kind: 'awaiting',
    instance: key.software,
    index: 0,
    awaited,
    sinceMs: 190_000,
    limitMs: 3_600_000,
    nextLookMs: 32_000,
    seen: {
      done: null,
      total: null,
      failing: [],
      line: '[2026-01-05 10:03:10] INFO Extracting archive of cached software release...',
    },
  });
  return key.software;
}

const hostKey = 'SHA256:cP0hDcyJSBJ9gQrnvQhGAjkTQm0sYp7Qb3kG5mXxq1c';

/** The host key must be compared with the console's. */
export function fingerprint(desk: ScriptedDesk): string {
  doneBefore(desk, key.connect);
  const question = {
    id: 'host-key:master-1',
    kind: 'confirm' as const,
    key: 'steps.connect.asks.hostKey',
    params: { machine: 'master-1', address: '192.168.1.30' },
    show: [
      { label: 'ssh-ed25519', value: hostKey },
      { label: 'keyPicture', value: randomart('ssh-ed25519', hostKey) ?? '' },
      { label: 'console', value: 'ssh-keygen -lvf /etc/ssh/ssh_host_ed25519_key.pub' },
    ],
    choices: [],
  };
  const plan = planOf(key.connect, [{ kind: 'ask', question }]);
  desk.runs = [{ run: 'run-2', instances: [key.connect] }];
  desk.tell({ kind: 'run-started', instance: key.connect, input: {} });
  desk.tell(
    read(
      key.connect,
      [tell('steps.connect.found.answers', { machine: 'master-1', address: '192.168.1.30', port: 22 })],
      todo,
    ),
  );
  desk.tell({ kind: 'plan', instance: key.connect, plan });
  desk.tell({ kind: 'command-started', instance: key.connect, hash: plan.hash, index: 0 });
  desk.tell({ kind: 'asked', instance: key.connect, question });
  desk.live({ kind: 'question', run: 'run-2', instance: key.connect, question });
  return key.connect;
}

/** A password is needed to read a machine. */
export function password(desk: ScriptedDesk): string {
  doneBefore(desk, key.preflight);
  desk.live({ kind: 'reading', instance: key.preflight });
  desk.live({
    kind: 'question',
    run: '',
    instance: key.preflight,
    question: {
      id: 'password:field@master-1',
      kind: 'secret',
      key: 'steps.connect.asks.password',
      params: { machine: 'master-1', user: 'field' },
      show: [],
      choices: [],
    },
  });
  return key.preflight;
}

/** Findings of every weight stand in the way. */
export function blocked(desk: ScriptedDesk): string {
  doneBefore(desk, key.preflight);
  desk.tell(
    read(
      key.preflight,
      [
        tell('steps.preflight.found.system', { system: 'Debian 12', architecture: 'amd64' }),
        tell('steps.preflight.found.free', { path: '/opt', freeBytes: 3_100_000_000 }),
      ],
      {
        state: 'blocked',
        findings: [
          { code: 'ranges-overlap', params: { first: 'fd00:1::/64', second: 'fd00::/16' } },
          { code: 'target-name-lookup-slow', params: { machine: 'master-1', seconds: 20 } },
          { code: 'target-ipv6-disabled', params: { machine: 'master-1', interface: 'enp1s0' } },
        ],
      },
    ),
  );
  return key.preflight;
}

/** Only what can be passed stands in the way. */
export function blockedLightly(desk: ScriptedDesk): string {
  doneBefore(desk, key.preflight);
  desk.tell(
    read(key.preflight, [], {
      state: 'blocked',
      findings: [{ code: 'target-name-lookup-slow', params: { machine: 'master-1', seconds: 20 } }],
    }),
  );
  return key.preflight;
}

/** A change that could cut our own line. */
export function guarded(desk: ScriptedDesk): string {
  doneBefore(desk, key.addresses);
  desk.tell(read(key.addresses, [tell('steps.set-addresses.found.none', { interface: 'enp1s0' })], todo));
  desk.plans.set(
    key.addresses,
    planOf(key.addresses, [
      {
        kind: 'guard',
        on,
        commands: [
          {
            kind: 'write',
            on,
            path: '/etc/network/interfaces.d/fieldkit',
            before: null,
            text: 'iface enp1s0 inet6 static\n  address 2001:db8:0:1::10/64\n',
            mode: 0o644,
          },
          { kind: 'run', on, argv: ['ifup', '--force', 'enp1s0'], limitMs: 60_000 },
        ],
        undo: 'rm -f /etc/network/interfaces.d/fieldkit\nifup --force enp1s0\n',
        confirmWithinMs: 120_000,
        note: tell('steps.set-addresses.does.guard', { seconds: 120 }),
      },
    ]),
  );
  return key.addresses;
}

/** A plan of a later round waits for a yes. */
export function confirming(desk: ScriptedDesk): string {
  doneBefore(desk, key.install);
  const plan = planOf(key.install, installCommands);
  desk.runs = [{ run: 'run-5', instances: [key.install] }];
  desk.tell({ kind: 'run-started', instance: key.install, input: {} });
  desk.tell(read(key.install, installFound, todo));
  desk.tell({ kind: 'plan', instance: key.install, plan });
  desk.live({ kind: 'confirm', run: 'run-5', instance: key.install, plan });
  return key.install;
}

/** What destroys, in one of the moments in which its button is on the page. */
export function destroying(desk: ScriptedDesk, moment: 'planned' | 'asked' | 'cut off'): string {
  const instance = key.removal;
  doneBefore(desk, instance);
  const plan = planOf(instance, [
    { kind: 'run', on, as: 'root', argv: ['rm', '-rf', '/var/lib/fieldkit/content'], limitMs: 60_000 },
  ]);
  desk.plans.set(instance, plan);
  desk.tell({ kind: 'run-started', instance, input: {} });
  desk.tell(read(instance, [], todo));
  if (moment === 'planned') {
    desk.tell({ kind: 'run-ended', instance, outcome: 'cancelled', problem: null });
    return instance;
  }
  desk.tell({ kind: 'plan', instance, plan });
  if (moment === 'asked') {
    desk.runs = [{ run: 'run-6', instances: [instance] }];
    desk.live({ kind: 'confirm', run: 'run-6', instance, plan });
    return instance;
  }
  const lost = problem('connection-lost', { machine: 'master-1', detail: 'ECONNRESET' }).data;
  desk.tell({ kind: 'run-ended', instance, outcome: 'failed', problem: lost });
  return instance;
}

/** The program was killed in the middle. */
export function interrupted(desk: ScriptedDesk): string {
  installing(desk);
  desk.runs = [];
  desk.tell({ kind: 'opened', program: 'SlapOS Field Kit 0.1.0', who: 'ada', laptop: 'bench-1', tornLine: false });
  desk.live({ kind: 'run-over', run: 'run-7', problem: null });
  return key.install;
}

/** The medium is to be chosen. */
export function choosing(desk: ScriptedDesk): string {
  doneBefore(desk, key.medium);
  return key.medium;
}

const systemName = 'debian-12-amd64';

/** A stick was chosen, and is slow. */
export function slowMedium(desk: ScriptedDesk): string {
  doneBefore(desk, key.medium);
  const speed = { writeBytes: 4_100_000, readBytes: 22_000_000 };
  const gigabyteMs = Math.round(1e12 / speed.writeBytes + 1e12 / speed.readBytes);
  const slow = { code: 'medium-slow', params: { medium: 'FIELD', ...speed, gigabyteMs } } as const;
  desk.tell({ kind: 'run-started', instance: key.medium, input: {} });
  desk.tell(
    read(
      key.medium,
      [
        tell('steps.choose-medium.found.chosen', { label: 'FIELD', path: '/media/ada/FIELD' }),
        tell('steps.choose-medium.found.room', { freeBytes: 58_200_000_000, fileSystem: 'exfat' }),
        tell('steps.choose-medium.found.speed', speed),
      ],
      { state: 'done', findings: [slow] },
    ),
  );
  desk.tell({ kind: 'run-ended', instance: key.medium, outcome: 'done', problem: null });
  return key.medium;
}

/** What the medium will hold, with sizes and times, before the first byte. */
export function sizes(desk: ScriptedDesk): string {
  doneBefore(desk, key.sizes);
  const software = (name: string, totalBytes: number) =>
    tell('steps.plan-medium.found.software', {
      ...{ name, system: systemName, count: 1, totalBytes },
      ...{ fetchBytes: totalBytes, writeBytes: totalBytes },
    });
  desk.tell({ kind: 'run-started', instance: key.sizes, input: {} });
  desk.tell(
    read(
      key.sizes,
      [
        tell('steps.plan-medium.found.packages', {
          ...{ name: 'packages', system: systemName, count: 214 },
          ...{ totalBytes: 168e6, fetchBytes: 52e6, writeBytes: 168e6 },
        }),
        software('slapos-master', 3.1e9),
        software('rapid-cdn', 1.4e9),
        software('re6stnet', 0.4e9),
        tell('steps.plan-medium.found.cache', {
          ...{ path: '/home/ada/.cache/slapos-field-kit', neededBytes: 4.96e9, freeBytes: 201e9 },
        }),
        tell('steps.plan-medium.found.medium', {
          ...{ path: '/media/ada/FIELD', neededBytes: 5.1e9, freeBytes: 58.2e9 },
        }),
        tell('steps.plan-medium.found.timesMeasured', {
          ...{ fetchMs: 496_000, writeMs: 383_000, writeBytes: 18e6, readBytes: 50e6 },
        }),
      ],
      finished,
    ),
  );
  desk.tell({ kind: 'run-ended', instance: key.sizes, outcome: 'done', problem: null });
  return key.sizes;
}

/** The list of packages is signed by another key than last time. */
export function otherSigner(desk: ScriptedDesk): string {
  doneBefore(desk, key.sizes);
  const what = 'http://deb.example.org/debian/dists/bookworm/InRelease';
  const now = '05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0';
  const question = {
    id: signerQuestion({ what, now }),
    kind: 'choice' as const,
    key: 'steps.plan-medium.asks.signer',
    params: { what },
    show: [
      { label: 'signerBefore', value: '4CB50190207B4758A3F73A796ED0E7B82643E131' },
      { label: 'signerNow', value: now },
    ],
    choices: [...signerAnswers],
  };
  const plan = planOf(key.sizes, [{ kind: 'ask', question }]);
  desk.runs = [{ run: 'run-2', instances: [key.sizes] }];
  desk.tell({ kind: 'run-started', instance: key.sizes, input: {} });
  desk.tell(read(key.sizes, [tell('steps.plan-medium.found.unresolved')], todo));
  desk.tell({ kind: 'plan', instance: key.sizes, plan });
  desk.tell({ kind: 'command-started', instance: key.sizes, hash: plan.hash, index: 0 });
  desk.tell({ kind: 'asked', instance: key.sizes, question });
  desk.live({ kind: 'question', run: 'run-2', instance: key.sizes, question });
  return key.sizes;
}

/** Another stick of the same label is where the chosen one was: a person says which counts. */
export function otherStick(desk: ScriptedDesk): string {
  doneBefore(desk, key.medium);
  const path = '/media/ada/FIELD';
  const mark = { former: 'c41f09d2e7aa4b5c9f0d17e2a3b86c54', now: '07be5521f6c94d80a2b1c9d3e4f56a78' };
  const was = { serial: '4C530001230417', sizeBytes: 61_530_439_680, volumeUuid: '6E1D-A20F', mediumId: mark.former };
  const is = { serial: '0401B78E52C9D3', sizeBytes: 30_765_219_840, volumeUuid: '91C4-07B3', mediumId: mark.now };
  const facts = chooseMedium.facts.parse({
    ...{ chosen: null, wanted: path, signs: is, device: null, damaged: false, other: { was, is }, speed: null },
  });
  const context = { subject: { kind: 'site' }, input: { path } } as never;
  const commands = [...chooseMedium.plan(facts, context)];
  const [ask] = commands;
  if (ask?.kind !== 'ask') throw new Error('nothing is asked');
  const plan = planOf(key.medium, commands);
  desk.runs = [{ run: 'run-2', instances: [key.medium] }];
  desk.tell({ kind: 'run-started', instance: key.medium, input: { path } });
  desk.tell(read(key.medium, [...chooseMedium.found(facts, context)], todo));
  desk.tell({ kind: 'plan', instance: key.medium, plan });
  desk.tell({ kind: 'command-started', instance: key.medium, hash: plan.hash, index: 0 });
  desk.tell({ kind: 'asked', instance: key.medium, question: ask.question });
  desk.live({ kind: 'question', run: 'run-2', instance: key.medium, question: ask.question });
  return key.medium;
}

/** A later step met another stick than the chosen one. */
export function swapped(desk: ScriptedDesk): string {
  doneBefore(desk, key.sizes);
  const trouble = problem('medium-swapped', {
    path: '/media/ada/FIELD',
    expected: '4C530001230417, 6E1D-A20F, 61530439680 B, c41f09d2',
    found: '0401B78E52C9D3, 91C4-07B3, 30765219840 B, 07be5521',
  }).data;
  desk.tell({ kind: 'run-started', instance: key.sizes, input: {} });
  desk.tell({ kind: 'run-ended', instance: key.sizes, outcome: 'failed', problem: trouble });
  return key.sizes;
}

/** The medium is sealed: which one, how much, and what is compared on site. */
export function sealed(desk: ScriptedDesk): string {
  doneBefore(desk, key.seal);
  desk.tell({ kind: 'run-started', instance: key.seal, input: {} });
  desk.tell(
    read(
      key.seal,
      [
        tell('steps.seal-medium.found.drive', { label: 'FIELD', serial: '4C530001230412117295', mark: '3f0a91bc' }),
        tell('steps.seal-medium.found.sealed', { generation: 3, sealedAt: '2026-11-17T09:40:00.000Z' }),
        tell('steps.seal-medium.found.files', { count: 812, sizeBytes: 5.07e9 }),
        tell('steps.seal-medium.found.fingerprint', {
          fingerprint: '3f9c1b77a0d24e58b6610c9f2a7de4115c08e3b9d7f4a6122e90bb5d18c7f03a',
        }),
        tell('steps.seal-medium.found.sheet'),
        tell('steps.seal-medium.found.off'),
      ],
      finished,
    ),
  );
  desk.tell({ kind: 'run-ended', instance: key.seal, outcome: 'done', problem: null });
  return key.seal;
}

/** A site of a master and three nodes, one of them re6st's registry, one the frontend; two have joined, one failed. */
export function manyMachines(desk: ScriptedDesk): string {
  desk.machines = [
    { name: 'master-1', roles: ['master'], address: 'fd00:1::11' },
    { name: 'node-1', roles: ['node', 'registry'], address: 'fd00:1::12' },
    { name: 'node-2', roles: ['node', 'frontend'], address: 'fd00:1::13' },
    { name: 'node-3', roles: ['node'], address: 'fd00:1::14' },
  ];
  const plan = sitePlan.parse({
    format: 1,
    name: 'plant-lille',
    machines: desk.machines.map((item) => ({ ...item, release: '12', interface: 'eth0' })),
  });
  const list = instancesOf(runbook, plan);
  desk.tell({
    kind: 'instances',
    list: list.map(({ step, subject, chapter }) => ({ step: step.id, subject, chapter })),
  });
  const done = (wanted: (item: (typeof list)[number]) => boolean) => {
    for (const { key: instance } of list.filter(wanted)) {
      desk.tell({ kind: 'run-started', instance, input: {} });
      desk.tell(read(instance, [], finished));
      desk.tell({ kind: 'run-ended', instance, outcome: 'done', problem: null });
    }
  };
  done(({ phase, step }) => phase === 'prepare' || step.id === 'connect');
  done(({ subject, chapter }) => subject.kind === 'machine' && subject.name === 'master-1' && chapter !== 'close');
  done(({ step, subject }) => step.id === 'join-re6st' && subject.kind === 'machine' && subject.name === 'node-1');
  const failing = `preflight@machine:node-3`;
  desk.tell({ kind: 'run-started', instance: failing, input: {} });
  const lost = problem('connection-lost', { machine: 'node-3', detail: 'the machine went silent' });
  desk.tell({ kind: 'run-ended', instance: failing, outcome: 'failed', problem: lost.data });
  return failing;
}
