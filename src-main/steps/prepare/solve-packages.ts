// Every package the site will install on one target system, with all it depends on, down to an empty machine;
// resolved from the archive's signed index, then written to the medium as a signed apt repository of our own.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import type { Need } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  perSystem,
  says,
  systemOfSubject,
  todo,
  work,
} from '../../runbook/define.ts';
import { acceptSigners } from './changed-signers.ts';
import { findingOfKeys, packageKeys, readPackageKeys, saysOfKeys } from './package-keys.ts';

/** Packages asked for by the steps, for one system, sorted. */
export const rootsFor = (needs: readonly Need[], system: string): string[] =>
  needs.flatMap((need) => (need.kind === 'package' && need.system === system ? [need.name] : [])).sort();

type KnownMachines = {
  mark: string;
  machines: { machine: string; kind: 'empty' | 'release' | 'survey'; count: number }[];
  unusable: { machine: string; path: string; detail: string } | null;
};

export const solvePackages = defineStep({
  id: 'solve-packages',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSystem,
  after: [
    { step: 'fetch-vendor-packages', on: 'same' },
    { step: 'make-keys', on: 'all' },
  ],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    roots: z.array(z.string()),
    solvedFor: z.array(z.string()),
    vendorInside: z.boolean(),
    /** The machines of the system are known as they were when it was solved. */
    baselineSame: z.boolean(),
    baselines: z.array(
      z.strictObject({ machine: z.string(), kind: z.enum(['empty', 'release', 'survey']), count: z.int() }),
    ),
    unusable: z.strictObject({ machine: z.string(), path: z.string(), detail: z.string() }).nullable(),
    count: z.int(),
    sizeBytes: z.number(),
    /** Packages of the closure that the medium lacks. */
    missing: z.int(),
    missingBytes: z.number(),
    /** The medium's index lists exactly the closure and is signed by the repository key. */
    indexed: z.boolean(),
    trusted: packageKeys,
  }),
  read: async (world, context) => {
    const { lock, needs } = context;
    const system = systemOfSubject(context);
    const locked = lock.systems[system];
    const packages = locked?.packages ?? [];
    const files = (await world.medium())?.files ?? {};
    const folder = mediumPaths.repository(system);
    const { mark, machines, unusable } = await world.sight<KnownMachines>('machine-baselines', { system });
    const missing = packages.filter((item) => files[`${folder}/${item.path}`] !== item.sizeBytes);
    return {
      roots: rootsFor(needs, system),
      solvedFor: locked?.roots ?? [],
      vendorInside: (locked?.vendor ?? []).every((item) => packages.some((other) => other.sha256 === item.sha256)),
      baselineSame: mark === (locked?.baseline ?? ''),
      baselines: machines,
      unusable,
      count: packages.length,
      sizeBytes: packages.reduce((sum, item) => sum + item.sizeBytes, 0),
      missing: missing.length,
      missingBytes: missing.reduce((sum, item) => sum + item.sizeBytes, 0),
      indexed:
        packages.length > 0 && missing.length === 0 && (await world.sight<boolean>('repository-current', { system })),
      trusted: await readPackageKeys(world, [system], 'all'),
    };
  },
  found: ({ roots, baselines, count, sizeBytes, missing, missingBytes, indexed, trusted }) => [
    says('solve-packages', 'found.roots', { names: roots.join(', ') }),
    ...baselines.flatMap(({ machine, kind, count: packages }) => {
      if (kind === 'empty') return [];
      return kind === 'release'
        ? [says('solve-packages', 'found.fresh', { machine })]
        : [says('solve-packages', 'found.surveyed', { machine, count: packages })];
    }),
    count === 0
      ? says('solve-packages', 'found.unsolved')
      : says('solve-packages', 'found.closure', { count, sizeBytes }),
    ...(count > 0 && missing > 0
      ? [says('solve-packages', 'found.missing', { count: missing, sizeBytes: missingBytes })]
      : []),
    ...(indexed ? [says('solve-packages', 'found.indexed')] : []),
    ...saysOfKeys(trusted),
  ],
  verdict: (facts) => {
    if (facts.unusable !== null) return blocked(finding('survey-unusable', facts.unusable));
    if (isSolved(facts)) return facts.missing === 0 && facts.indexed ? done() : todo();
    const missing = findingOfKeys(facts.trusted);
    return missing === null ? todo() : blocked(missing);
  },
  plan: (facts, context) => {
    const system = systemOfSubject(context);
    const changed = acceptSigners(context, 'solve-packages');
    if (!isSolved(facts) && changed.length > 0) return changed;
    if (!isSolved(facts))
      return [
        work(
          'solve-packages',
          { system, roots: facts.roots },
          says('solve-packages', 'does.solve', { count: facts.roots.length }),
        ),
      ];
    return [
      work(
        'write-repository',
        { system },
        says('solve-packages', 'does.write', { count: facts.missing, sizeBytes: facts.missingBytes }),
      ),
    ];
  },
});

const isSolved = ({
  roots,
  solvedFor,
  vendorInside,
  baselineSame,
  count,
}: {
  roots: string[];
  solvedFor: string[];
  vendorInside: boolean;
  baselineSame: boolean;
  count: number;
}): boolean => count > 0 && vendorInside && baselineSame && roots.join() === solvedFor.join();
