// slapos-node with all it depends on, from our repository on the medium and from nowhere else:
// apt is given a configuration of its own, so that the machine's other sources are neither asked nor changed.
import { z } from 'zod';
import { systemOf, systemsOf } from '../../../src-shared/site.ts';
import type { Command } from '../../runbook/define.ts';
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
} from '../../runbook/define.ts';
import {
  aptArgv as apt,
  aptFacts,
  aptFactsOf,
  aptInstallArgv,
  aptProbes,
  aptSetUp,
  archivesLeft,
  archivesProbe,
  finishUnfinished,
  isInstalled,
  packageStatusArgv,
  unfinishedFactsOf,
  unfinishedProbes,
  wantedApt,
} from '../apt.ts';
import { slaposPaths } from '../slapos.ts';

/** Needed by SlapOS at run time, declared by no package: cron only arrives as an alternative, openssl checks the cache. */
const alongside = ['cron', 'openssl', 'ca-certificates'];

export const installSlaposNode = defineStep({
  id: 'install-slapos-node',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [{ step: 'serve-content', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) =>
    systemsOf(site).flatMap((system) =>
      ['slapos-node', ...alongside].map((name) => ({ kind: 'package' as const, name, system })),
    ),
  input: z.strictObject({}),
  facts: z.strictObject({
    /** `install ok installed 1.2-3`, empty when dpkg does not know it. */
    status: z.record(z.string(), z.string()),
    slapos: z.string(),
    gcc: z.string(),
    /** What dpkg was cut off in: packages half installed or not configured, and its notes left open. */
    unfinished: z.strictObject({ packages: z.array(z.string()), interrupted: z.boolean() }),
    /** Files of slapos-node's package that were brought and not taken away. */
    archives: z.int(),
    /** slapos was configured on it: from then on its packages are upgraded with a backup, by update-packages. */
    configured: z.boolean(),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const names = ['slapos-node', ...alongside];
    const answers = await world.probe(machine.name, [
      ...names.map((name) => ({
        id: name,
        kind: 'run' as const,
        argv: packageStatusArgv(name),
      })),
      { id: 'slapos', kind: 'run', argv: ['slapos', '--version'], limitMs: 60_000 },
      { id: 'gcc', kind: 'run', argv: ['gcc', '-dumpmachine'] },
      ...unfinishedProbes,
      archivesProbe,
      { id: 'configured', kind: 'stat', path: slaposPaths.config },
      ...aptProbes,
    ]);
    const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
    return {
      status: Object.fromEntries(names.map((name) => [name, text(name) ?? ''])),
      slapos: text('slapos')?.trim() ?? '',
      gcc: text('gcc')?.trim() ?? '',
      unfinished: unfinishedFactsOf(answers),
      archives: archivesLeft(answers, 'slapos-node'),
      configured: answers.configured?.exit === 0,
      apt: aptFactsOf(answers),
    };
  },
  found: ({ status, slapos, gcc, unfinished }) => [
    ...(cutOff(unfinished)
      ? [
          says('install-slapos-node', 'found.unfinished', {
            count: unfinished.packages.length,
            names: unfinished.packages.slice(0, 5).join(', '),
          }),
        ]
      : []),
    slapos === ''
      ? says('install-slapos-node', 'found.absent')
      : says('install-slapos-node', 'found.slapos', { version: slapos }),
    gcc === ''
      ? says('install-slapos-node', 'found.noCompiler')
      : says('install-slapos-node', 'found.compiler', { system: gcc }),
    ...Object.entries(status)
      .filter(([, text]) => text !== '')
      .map(([name, text]) => {
        const [, version] = /^install ok installed (.+)$/.exec(text) ?? [];
        return version === undefined
          ? says('install-slapos-node', 'found.broken', { name, status: text })
          : says('install-slapos-node', 'found.package', { name, version });
      }),
  ],
  verdict: (facts, context) => {
    const version = vendorVersion(context);
    if (version === null)
      return blocked(finding('step-before-missing', { step: 'install-slapos-node', before: 'fetch-vendor-packages' }));
    // Without a source nothing of ours asks for one any more; one that leads elsewhere is put right.
    const leads = facts.apt.source === null || facts.apt.source === wantedApt(context).source;
    if (!stands(facts, version) || !leads || facts.archives > 0) return todo();
    return isVersion(facts, version)
      ? done()
      : done(
          finding('machine-behind-medium', {
            machine: machineOfSubject(context).name,
            count: 1,
            first: `slapos-node ${version}`,
            step: 'update-packages',
          }),
        );
  },
  plan: (facts, context) => {
    const machine = machineOfSubject(context);
    const count = context.lock.systems[systemOf(machine)]?.packages.length ?? 0;
    const version = vendorVersion(context);
    const prepare: Command[] = [
      ...(cutOff(facts.unfinished) ? [finishUnfinished(machine.name, says('install-slapos-node', 'does.finish'))] : []),
      ...aptSetUp(machine.name, wantedApt(context), facts.apt),
      run(machine.name, apt('update'), { limitMs: 300_000, note: says('install-slapos-node', 'does.update') }),
    ];
    const clean = run(machine.name, apt('clean'), { note: says('install-slapos-node', 'does.clean') });
    if (version !== null && stands(facts, version)) return [...prepare, ...(facts.archives === 0 ? [] : [clean])];
    // What is unpacked and lacks its own needs is brought them first.
    const mending = cutOff(facts.unfinished) ? ['--fix-broken'] : [];
    return [
      ...prepare,
      run(machine.name, aptInstallArgv(...mending, `slapos-node=${version ?? ''}`, ...alongside), {
        limitMs: 3_600_000,
        long: true,
        note: says('install-slapos-node', 'does.install', { count }),
      }),
      clean,
    ];
  },
});

type Unfinished = ReturnType<typeof unfinishedFactsOf>;
const cutOff = ({ packages, interrupted }: Unfinished): boolean => packages.length > 0 || interrupted;

interface Installed {
  readonly status: Readonly<Record<string, string>>;
  readonly slapos: string;
  readonly gcc: string;
  readonly unfinished: Unfinished;
  readonly configured: boolean;
}

/** The packages are there, none half done, and answer; of the version asked for while the machine is not in use. */
const stands = (facts: Installed, version: string): boolean =>
  !cutOff(facts.unfinished) &&
  ['slapos-node', ...alongside].every((name) => isInstalled(facts.status[name] ?? '')) &&
  (facts.configured || isVersion(facts, version)) &&
  facts.slapos.startsWith('slapos ') &&
  facts.gcc !== '';

const isVersion = ({ status }: Installed, version: string): boolean =>
  status['slapos-node']?.endsWith(` ${version}`) === true;

const vendorVersion = ({ lock, site, subject }: Parameters<typeof machineOfSubject>[0]): string | null =>
  lock.systems[systemOf(machineOfSubject({ lock, site, subject } as never))]?.vendor.find(
    (item) => item.name === 'slapos-node',
  )?.version ?? null;
