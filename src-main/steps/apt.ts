// apt on a machine, seeing our repository alone. Used by every step that installs something; install-slapos-node writes the
// configuration that is named here, and serve-content where it installs a server first. Must never touch the machine's own
// sources or lists.
import { z } from 'zod';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { contentUrlOf, systemOf } from '../../src-shared/site.ts';
import type { Answer, AnyContext, Command, Probe, Told } from '../runbook/define.ts';
import { machineOfSubject, run, says } from '../runbook/define.ts';
import { workFolder } from '../target/our-paths.ts';

export const aptPaths = {
  config: '/etc/apt/fieldkit.conf',
  source: '/etc/apt/fieldkit.sources',
  key: '/etc/apt/keyrings/fieldkit.asc',
} as const;

/** Lists and archives of our own, apart from the machine's. */
const aptStateFolder = `${workFolder}/apt`;

/** Files of a package that an install brought and did not take away again: it was cut off, or the way back to us was. */
export const archivesProbe: Probe = { id: 'apt-archives', kind: 'list', path: `${aptStateFolder}/archives` };
export const archivesLeft = (answers: Readonly<Record<string, Answer>>, name: string): number =>
  (answers['apt-archives']?.out ?? '').split('\n').filter((line) => /^f \d+ ([^_]+)_.*\.deb$/.exec(line)?.[1] === name)
    .length;

/** apt-get with our configuration and without questions. */
export const aptArgv = (...words: readonly string[]): string[] => [
  'env',
  `APT_CONFIG=${aptPaths.config}`,
  'DEBIAN_FRONTEND=noninteractive',
  'apt-get',
  ...words,
];

/** Installs packages by name, taking nothing away and nothing that is only recommended. */
export const aptInstallArgv = (...names: readonly string[]): string[] =>
  aptArgv('install', '-y', '--no-install-recommends', '--no-remove', ...names);

/** Asks dpkg for a package: `install ok installed` and its version. */
export const packageStatusArgv = (name: string): string[] => ['dpkg-query', '-W', '-f', '${Status} ${Version}', name];

export const isInstalled = (status: string): boolean => status.startsWith('install ok installed ');

/**
 * Its files are there, in one version: installed, or cut off before it was configured, and not while they were being unpacked. On a
 * machine in use no install may name such a one: dpkg may have been cut off in any other package, and another version of this one is
 * for update-packages, after a backup.
 */
export const isUnpacked = (status: string): boolean =>
  /^install ok (installed|unpacked|half-configured|triggers-awaited|triggers-pending) /.test(status);

// ---------------------------------------------------------------- work that was cut off

/** What dpkg left half done: after a reboot or a kill in the middle, apt refuses to do anything until it is brought to its end. */
const unfinishedProbes: readonly Probe[] = [
  { id: 'dpkg-states', kind: 'run', argv: ['dpkg-query', '-W', '-f', '${db:Status-Abbrev} ${Package}\\n'] },
  { id: 'dpkg-updates', kind: 'list', path: '/var/lib/dpkg/updates' },
];

/** Packages that are neither installed nor gone, and whether dpkg's own notes were left open. */
export function unfinishedFactsOf(answers: Readonly<Record<string, Answer>>): {
  packages: string[];
  interrupted: boolean;
} {
  return {
    packages: (answers['dpkg-states']?.out ?? '').split('\n').flatMap((line) => {
      const [, state = '', name = ''] = /^.(..) (\S+)$/.exec(line) ?? [];
      return name === '' || /^[inc] $/.test(state) ? [] : [name];
    }),
    interrupted: /^f \d+ \d+$/m.test(answers['dpkg-updates']?.out ?? ''),
  };
}

type Unfinished = ReturnType<typeof unfinishedFactsOf>;
export const unfinishedFacts = z.strictObject({ packages: z.array(z.string()), interrupted: z.boolean() });
export const cutOff = ({ packages, interrupted }: Unfinished): boolean => packages.length > 0 || interrupted;

/** As a sentence; none when dpkg came to its end. */
export const unfinishedTold = (unfinished: Unfinished): readonly Told[] =>
  cutOff(unfinished)
    ? [
        says('install-slapos-node', 'found.unfinished', {
          count: unfinished.packages.length,
          names: unfinished.packages.slice(0, 5).join(', '),
        }),
      ]
    : [];

/**
 * ca-certificates cannot go on where it was cut off: certificates that are linked already are not indexed again, and a list that a
 * full disk left empty is taken for somebody's choice (seen in 20230311+deb12u1). Without these it makes all anew.
 */
const certificateRemains = [
  ...['find', '/etc/ssl/certs', '/etc/ca-certificates.conf'],
  ...[
    '(',
    '-type',
    'l',
    '-lname',
    '/usr/share/ca-certificates/*',
    '-o',
    '-path',
    '/etc/ca-certificates.conf',
    '-empty',
    ')',
  ],
  '-delete',
];

/** Brings it to its end as far as it goes; what lacks its own needs yet is for `apt-get --fix-broken`, and ends this with 1. */
const finishUnfinished = (machine: string, { packages }: Unfinished): readonly Command[] => [
  ...(packages.includes('ca-certificates')
    ? // 1: one of the two is not there yet.
      [run(machine, certificateRemains, { expect: [0, 1], note: says('install-slapos-node', 'does.anew') })]
    : []),
  run(
    machine,
    ['env', 'DEBIAN_FRONTEND=noninteractive', 'dpkg', '--force-confdef', '--force-confold', '--configure', '-a'],
    { limitMs: 3_600_000, long: true, expect: [0, 1], note: says('install-slapos-node', 'does.finish') },
  ),
];

/** What goes before an install, and its first word, on a machine where dpkg may have been cut off. */
export const afterCutOff = (
  machine: string,
  unfinished: Unfinished,
): { readonly first: readonly Command[]; readonly mending: readonly string[] } =>
  cutOff(unfinished)
    ? { first: finishUnfinished(machine, unfinished), mending: ['--fix-broken'] }
    : { first: [], mending: [] };

// ---------------------------------------------------------------- our configuration

/** apt sees this source alone, keeps its lists apart from the machine's, and never asks a proxy for it. */
const configText = `// Written by SlapOS Field Kit. Used only through APT_CONFIG: the machine's own apt does not read it.
Dir::Etc::sourcelist "${aptPaths.source}";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "${aptStateFolder}/lists/";
Dir::Cache::archives "${aptStateFolder}/archives/";
Acquire::http::Proxy "DIRECT";
Acquire::Languages "none";
// Another program may be installing: automatic upgrades do so of their own accord.
DPkg::Lock::Timeout "600";
Dpkg::Options { "--force-confdef"; "--force-confold"; };
`;

/** What apt is told: the key of our repository, where it lies, and to see nothing else. */
export interface AptTexts {
  readonly key: string;
  readonly source: string;
  readonly config: string;
}

/** @param base of the content: an http address, or `file:` and a folder */
export const aptTexts = (repositoryKey: string, base: string, system: string): AptTexts => ({
  key: repositoryKey,
  source: `# Written by SlapOS Field Kit: the content of the medium.
Types: deb
URIs: ${base}/${mediumPaths.repository(system)}
Suites: ./
Signed-By: ${aptPaths.key}
`,
  config: configText,
});

const parts = ['key', 'source', 'config'] as const;

/** The same, as it is on the machine; null where a file is not there. And whether dpkg was cut off at something. */
const text = z.string().nullable();
export const aptFacts = z.strictObject({
  key: text,
  source: text,
  config: text,
  unfinished: unfinishedFacts.default({ packages: [], interrupted: false }),
});
export type AptFacts = z.infer<typeof aptFacts>;

/** What the subject's machine is to have. */
export function wantedApt(context: AnyContext): AptTexts {
  const machine = machineOfSubject(context);
  return aptTexts(context.lock.keys?.repositoryKey ?? '', contentUrlOf(context.site, machine), systemOf(machine));
}

export const aptProbes: readonly Probe[] = [
  ...parts.map((part): Probe => ({ id: `apt-${part}`, kind: 'read', path: aptPaths[part] })),
  ...unfinishedProbes,
];

export function aptFactsOf(answers: Readonly<Record<string, Answer>>): AptFacts {
  const text = (part: string): string | null =>
    answers[`apt-${part}`]?.exit === 0 ? (answers[`apt-${part}`]?.out ?? '') : null;
  return {
    key: text('key'),
    source: text('source'),
    config: text('config'),
    unfinished: unfinishedFactsOf(answers),
  };
}

/** Makes our folders and writes what differs. */
export const aptSetUp = (machine: string, texts: AptTexts, facts: Omit<AptFacts, 'unfinished'>): readonly Command[] => [
  run(machine, [
    'install',
    '-d',
    '-m',
    '0755',
    '/etc/apt/keyrings',
    `${aptStateFolder}/lists/partial`,
    `${aptStateFolder}/archives/partial`,
  ]),
  ...parts
    .filter((part) => facts[part] !== texts[part])
    .map(
      (part): Command => ({
        kind: 'write',
        on: { machine },
        path: aptPaths[part],
        text: texts[part],
        before: facts[part],
        mode: 0o644,
      }),
    ),
];

/**
 * Installs one package unless dpkg's `status` says that it is there. Closing a site takes our configuration away with the lists:
 * then it is put back first, and closing once more takes it away again.
 */
export function installUnlessThere(
  context: AnyContext,
  name: string,
  status: string,
  facts: AptFacts,
  note: Told,
): readonly Command[] {
  if (isInstalled(status)) return [];
  const { name: machine } = machineOfSubject(context);
  const texts = wantedApt(context);
  const back: readonly Command[] = parts.every((part) => facts[part] === texts[part])
    ? []
    : [
        ...aptSetUp(machine, texts, facts),
        run(machine, aptArgv('update'), { limitMs: 300_000, note: says('close-site', 'does.putBack') }),
      ];
  const { first, mending } = afterCutOff(machine, facts.unfinished);
  return [...first, ...back, run(machine, aptInstallArgv(...mending, name), { limitMs: 300_000, long: true, note })];
}

// ---------------------------------------------------------------- a package of the vendor's

/** What is to be known before anything is installed: our configuration of apt as it is, and what dpkg was cut off in. */
export const installingProbes: readonly Probe[] = [...aptProbes];
export const installingFacts = { apt: aptFacts, unfinished: unfinishedFacts };
interface Installing {
  readonly apt: AptFacts;
  readonly unfinished: Unfinished;
}
export const installingFactsOf = (answers: Readonly<Record<string, Answer>>): Installing => ({
  apt: aptFactsOf(answers),
  unfinished: unfinishedFactsOf(answers),
});

/** Ends what was cut off, puts our configuration where it is not, and reads our list of packages. */
export function readyApt(context: AnyContext, { apt, unfinished }: Installing): readonly Command[] {
  const { name: machine } = machineOfSubject(context);
  return [
    ...afterCutOff(machine, unfinished).first,
    ...aptSetUp(machine, wantedApt(context), apt),
    run(machine, aptArgv('update'), { limitMs: 300_000, note: says('install-slapos-node', 'does.update') }),
  ];
}

/** Takes away the files of packages that were brought. */
export const cleanApt = (machine: string): Command =>
  run(machine, aptArgv('clean'), { note: says('install-slapos-node', 'does.clean') });

/** Brings packages, in the versions named, from our repository and from nowhere else, also after an install that was cut off. */
export function bringPackages(
  context: AnyContext,
  names: readonly string[],
  facts: Installing,
  note: Told,
): readonly Command[] {
  const { name: machine } = machineOfSubject(context);
  // What is unpacked and lacks its own needs is brought them first.
  const { mending } = afterCutOff(machine, facts.unfinished);
  return [
    ...readyApt(context, facts),
    run(machine, aptInstallArgv(...mending, ...names), { limitMs: 3_600_000, long: true, note }),
    cleanApt(machine),
  ];
}
