// Brings a machine's packages to the versions of the medium: after a backup, from our repository alone, with slapos' passes paused.
// The vendor's package takes parts of /opt/slapos away while it is upgraded, and all of it when it is removed: nothing is removed.
import { z } from 'zod';
import { systemOf } from '../../../src-shared/site.ts';
import type { AnyContext, Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
  work,
} from '../../runbook/define.ts';
import { pauseCron, resumeCron } from '../../target/cron-pause.ts';
import {
  aptArgv,
  aptFacts,
  aptFactsOf,
  aptInstallArgv,
  aptProbes,
  aptSetUp,
  unfinishedFactsOf,
  wantedApt,
} from '../apt.ts';
import { slapos, slaposPaths } from '../slapos.ts';
import { type BehindPackage, behindPackage, nowField, packagesBehind, packagesProbe } from './behind.ts';

export const updatePackages = defineStep({
  id: 'update-packages',
  chapter: 'close',
  phase: 'site',
  per: machines('master', 'node'),
  after: [{ step: 'install-slapos-node', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  input: z.strictObject({ now: nowField }),
  facts: z.strictObject({
    /** Null when dpkg said nothing. */
    packages: z.array(behindPackage).nullable(),
    /** dpkg was cut off while it worked on these. */
    unfinished: z.array(z.string()),
    /** slapos was configured: there is something to lose. */
    configured: z.boolean(),
    /** slapproxy runs here. */
    proxy: z.boolean(),
    /** Number of the last backup, 0 for none. */
    backup: z.int(),
    apt: aptFacts,
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const answers = await world.probe(machine.name, [
      packagesProbe,
      { id: 'configured', kind: 'stat', path: slaposPaths.config },
      { id: 'proxy', kind: 'stat', path: slaposPaths.proxyConfig },
      ...aptProbes,
    ]);
    const backups = await world.sight<{ number: number }[]>('backups', { machine: machine.name });
    return {
      packages: packagesBehind(answers.packages, context.lock.systems[systemOf(machine)]),
      unfinished: unfinishedFactsOf(answers).packages,
      configured: answers.configured?.exit === 0,
      proxy: answers.proxy?.exit === 0,
      backup: backups.at(-1)?.number ?? 0,
      apt: aptFactsOf(answers),
    };
  },
  found: ({ packages, backup }) => [
    ...(packages === null || packages.length > 0 ? [] : [says('update-packages', 'found.same')]),
    ...(packages ?? []).map(({ name, installed, offered }) =>
      says('update-packages', 'found.package', { name, installed, offered }),
    ),
    ...(backup === 0 ? [] : [says('update-packages', 'found.backup', { number: backup })]),
  ],
  verdict: ({ packages, unfinished }, context) => {
    // What was cut off in the middle has no version that counts; installing brings it to its end.
    if (packages === null || unfinished.length > 0)
      return blocked(finding('step-before-missing', { step: 'update-packages', before: 'install-slapos-node' }));
    const [first] = packages;
    if (first === undefined) return done();
    if (context.input.now) return todo();
    const { name: machine } = machineOfSubject(context);
    return done(
      finding('machine-behind-medium', {
        machine,
        count: packages.length,
        first: `${first.name} ${first.offered}`,
        step: 'update-packages',
      }),
    );
  },
  plan: ({ packages, unfinished, configured, proxy, backup, apt }, context) => {
    const { name: machine } = machineOfSubject(context);
    if (packages === null || unfinished.length > 0 || packages.length === 0 || !context.input.now) return [];
    return [
      ...(configured ? backUp(machine, backup, context) : []),
      ...aptSetUp(machine, wantedApt(context), apt),
      run(machine, aptArgv('update'), { limitMs: 300_000, note: says('update-packages', 'does.update') }),
      run(machine, ['sh', '-c', upgradeScript, 'sh', ...aptInstallArgv(...packages.map(named))], {
        limitMs: 5_400_000,
        long: true,
        afterwards: ['sh', '-c', resumeCron],
        note: says('update-packages', 'does.upgrade', { count: packages.length }),
      }),
      ...(proxy ? restart(machine) : []),
      run(machine, aptArgv('clean')),
    ];
  },
});

const named = ({ name, offered }: BehindPackage): string => `${name}=${offered}`;

/** A program of slapos that is under way must not lose its own files. */
const upgradeScript = `set -e
${pauseCron('sr', 'cp')}
exec "$@"`;

const backUp = (machine: string, last: number, context: AnyContext): readonly Command[] => [
  {
    kind: 'ask',
    question: {
      id: 'backup-passphrase',
      kind: 'secret',
      key: 'steps.back-up-master.asks.passphrase',
      params: { machine },
      show: [],
      choices: [],
      twice: true,
    },
  },
  work(
    'take-backup',
    { machine, number: last + 1, caFolder: context.site.master.caFolder },
    says('update-packages', 'does.backUp', { number: last + 1 }),
  ),
];

/** slapproxy goes on with the files it was started from until it is started again; the partitions' services are left alone. */
const restart = (machine: string): readonly Command[] => [
  run(machine, slapos('node', 'restart', '--cfg', slaposPaths.config, 'slapproxy'), {
    limitMs: 300_000,
    note: says('update-packages', 'does.restart'),
  }),
  {
    kind: 'until',
    on: { machine },
    probe: {
      id: 'slapproxy',
      kind: 'run',
      argv: slapos('proxy', 'show', '--cfg', slaposPaths.proxyConfig, '--software'),
    },
    wanted: { exit: 0 },
    everyMs: 2000,
    limitMs: 300_000,
    awaited: says('update-packages', 'waits.slapproxy'),
    evidence: [
      { id: 'status', kind: 'run', argv: slapos('node', 'status', '--cfg', slaposPaths.config) },
      { id: 'log', kind: 'run', argv: ['tail', '-n', '40', '/opt/slapos/log/slapos-proxy.log'] },
    ],
  },
];
