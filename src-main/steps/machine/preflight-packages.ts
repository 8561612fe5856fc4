// A machine's packages against those that the medium carries. Pure; used by the preflight.
import { z } from 'zod';
import type { LockedSystem } from '../../../src-shared/lock.ts';
import { compareVersions } from '../../packages/version.ts';
import type { InstalledPackage } from '../../target/machine-facts.ts';

export const packageFacts = z.strictObject({
  /** Bytes of archives that are still to be installed: slapos-node's own, and all others. */
  vendorBytes: z.number(),
  otherBytes: z.number(),
  /** Installed newer than carried, while another package of the same source is still to come: it wants that very version. */
  newer: z.array(z.strictObject({ name: z.string(), installed: z.string(), carried: z.string() })),
  /** Held at another version than the carried one. */
  held: z.array(z.string()),
  firewalld: z.boolean(),
  /** Installed to the end. */
  cron: z.boolean(),
  /** Version of slapos-node, null when dpkg does not know it. */
  slapos: z.string().nullable(),
});
export type PackageFacts = z.infer<typeof packageFacts>;

/** More names than anybody reads. */
const mostNamed = 20;

/** Without a lock only what the machine has is known. */
export function comparePackages(
  installed: ReadonlyMap<string, InstalledPackage>,
  locked: LockedSystem | undefined,
): PackageFacts {
  const there = (name: string): InstalledPackage | undefined => {
    const found = installed.get(name);
    // Known, but nothing is left of it, or its configuration alone.
    return found === undefined || /^.[nc]$/.test(found.state) ? undefined : found;
  };
  const carried = (locked?.packages ?? []).map((item) => {
    const found = there(item.name);
    return { ...item, found, order: found === undefined ? -1 : compareVersions(found.version, item.version) };
  });
  const toCome = new Set(carried.filter(({ order }) => order < 0).map(({ version }) => version));
  const bytes = (vendor: boolean): number =>
    carried
      .filter(({ order, source }) => order < 0 && (source === 'vendor') === vendor)
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    vendorBytes: bytes(true),
    otherBytes: bytes(false),
    newer: carried
      .flatMap(({ name, found, order, version }) =>
        found !== undefined && order > 0 && toCome.has(version)
          ? [{ name, installed: found.version, carried: version }]
          : [],
      )
      .slice(0, mostNamed),
    held: carried
      .flatMap(({ name, found, order }) => (order !== 0 && found?.state.startsWith('h') ? [name] : []))
      .slice(0, mostNamed),
    firewalld: there('firewalld') !== undefined,
    // Unpacked and not configured, as where an installation was cut off, it runs once that is brought to its end.
    cron: /^.i/.test(there('cron')?.state ?? ''),
    slapos: there('slapos-node')?.version ?? null,
  };
}
