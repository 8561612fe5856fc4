// slapos-node with all it depends on, from our repository on the medium and from nowhere else:
// apt is given a configuration of its own, so that the machine's other sources are neither asked nor changed.
import { z } from 'zod';
import { systemOf, systemsOf } from '../../../src-shared/site.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import {
  archivesLeft,
  archivesProbe,
  bringPackages,
  cleanApt,
  cutOff,
  installingFacts,
  installingFactsOf,
  installingProbes,
  isInstalled,
  isUnpacked,
  packageStatusArgv,
  readyApt,
  type unfinishedFactsOf,
  unfinishedTold,
  wantedApt,
} from '../apt.ts';
import { slaposPaths } from '../slapos.ts';
import { behindMedium } from '../update/behind.ts';

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
    /** Files of slapos-node's package that were brought and not taken away. */
    archives: z.int(),
    /** slapos was configured on it: from then on its packages are upgraded with a backup, by update-packages. */
    configured: z.boolean(),
    ...installingFacts,
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
      archivesProbe,
      { id: 'configured', kind: 'stat', path: slaposPaths.config },
      ...installingProbes,
    ]);
    const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
    return {
      status: Object.fromEntries(names.map((name) => [name, text(name) ?? ''])),
      slapos: text('slapos')?.trim() ?? '',
      gcc: text('gcc')?.trim() ?? '',
      archives: archivesLeft(answers, 'slapos-node'),
      configured: answers.configured?.exit === 0,
      ...installingFactsOf(answers),
    };
  },
  found: ({ status, slapos, gcc, unfinished }) => [
    ...unfinishedTold(unfinished),
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
    return done(
      ...behindMedium(machineOfSubject(context).name, 'slapos-node', facts.status['slapos-node'] ?? '', version),
    );
  },
  plan: (facts, context) => {
    const machine = machineOfSubject(context);
    const count = context.lock.systems[systemOf(machine)]?.packages.length ?? 0;
    const version = vendorVersion(context);
    if (version !== null && stands(facts, version))
      return [...readyApt(context, facts), ...(facts.archives === 0 ? [] : [cleanApt(machine.name)])];
    const install = says('install-slapos-node', 'does.install', { count });
    const isCutOff = cutOff(facts.unfinished);
    const missing = alongside.filter((name) => !isUnpacked(facts.status[name] ?? ''));
    if (facts.configured && isUnpacked(facts.status['slapos-node'] ?? '') && (isCutOff || missing.length > 0))
      return bringPackages(context, missing, facts, isCutOff ? says('install-slapos-node', 'does.finish') : install);
    return bringPackages(context, [`slapos-node=${version ?? ''}`, ...alongside], facts, install);
  },
});

type Unfinished = ReturnType<typeof unfinishedFactsOf>;

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
