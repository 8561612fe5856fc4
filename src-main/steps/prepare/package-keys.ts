// The public keys that lists of packages are believed by, shown before the first list is fetched: a person compares them with
// what their owner publishes. Used by the steps of the office part that fetch packages. Pure.
import { z } from 'zod';
import { groupedFingerprint } from '../../../src-shared/format.ts';
import type { Finding, Told } from '../../../src-shared/step.ts';
import { finding, says, type World } from '../../runbook/define.ts';

export const packageKeys = z.strictObject({
  keys: z.array(
    z.strictObject({
      /** `vendor` or the archive's name. */
      source: z.string(),
      /** As the plan names it. */
      name: z.string(),
      /** Upper-case hex. */
      fingerprints: z.array(z.string()),
      /** Who signed its lists the last time, when that is none of these. */
      before: z.string().nullable(),
    }),
  ),
  /** The first that is not there or is no public key. */
  missing: z.string().nullable(),
});
export type PackageKeys = z.infer<typeof packageKeys>;

/** Reads the keys of the vendor's repository, of the distribution's archives, or of both, for some target systems. */
export const readPackageKeys = (
  world: Pick<World, 'sight'>,
  systems: readonly string[],
  which: 'vendor' | 'archives' | 'all',
): Promise<PackageKeys> => world.sight<PackageKeys>('package-keys', { systems, which });

/** One sentence for each fingerprint of a key, and one where it is another than the last time; the same is said once. */
export function saysOfKeys({ keys }: PackageKeys): readonly Told[] {
  const sourcesOf = (name: string) =>
    [...new Set(keys.filter((one) => one.source !== 'vendor' && one.name === name).map(({ source }) => source))].join(
      ', ',
    );
  const all = keys.flatMap(({ source, name, fingerprints, before }) => [
    ...fingerprints.map((one) => {
      const fingerprint = groupedFingerprint(one);
      return source === 'vendor'
        ? says('plan-medium', 'found.vendorKey', { name, fingerprint })
        : says('plan-medium', 'found.archiveKey', { sources: sourcesOf(name), name, fingerprint });
    }),
    ...(before === null
      ? []
      : [says('plan-medium', 'found.keyBefore', { source, name, before: groupedFingerprint(before) })]),
  ]);
  return [...new Map(all.map((told) => [JSON.stringify(told), told])).values()];
}

/** Without a key nothing is fetched: null when all are there. */
export const findingOfKeys = ({ missing }: PackageKeys): Finding | null =>
  missing === null ? null : finding('archive-key-missing', { name: missing });
