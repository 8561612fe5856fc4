// Which software release entries a target system takes: the rule slapgrid itself applies, restated. Pure.
// Called by the entry reader, the import and mirror jobs, and the proof. It must never be more generous than slapgrid.
import { systemFacts } from '../../src-shared/site.ts';

/** Id, version and codename of a distribution, as python-distro reads them from os-release. */
export type DistributionTriple = readonly [id: string, version: string, codename: string];

export interface TargetSystem {
  /** What `gcc -dumpmachine` prints there, e.g. `x86_64-linux-gnu`. */
  readonly multiarch: string;
  readonly distribution: DistributionTriple;
}

/** A target system of a site plan, e.g. `debian-12-amd64`, as slapgrid there sees itself. */
export function targetOf(system: string): TargetSystem {
  const { distribution, release, codename, multiarch } = systemFacts(system);
  return { multiarch, distribution: [distribution, release, codename] };
}

/** The part of an entry that decides; null where the entry names nothing slapgrid would accept. */
export interface EntrySystem {
  readonly multiarch: string | null;
  readonly distribution: DistributionTriple | null;
}

/**
 * slapgrid's normal form: the id in lower case, raspbian taken as debian; for debian the version is cut at the first dot
 * and the codename is blanked. Nothing else is normalised: `rocky 9.3` is not `rocky 9.4`.
 */
export function normaliseDistribution([id, version, codename]: DistributionTriple): DistributionTriple {
  const lower = id.toLowerCase();
  const name = lower === 'raspbian' ? 'debian' : lower;
  return name === 'debian' ? [name, version.split('.')[0] ?? '', ''] : [name, version, codename];
}

/** True when slapgrid on the target would take the entry: multiarch equal, and normalised distributions equal. */
export function osMatches(entry: EntrySystem, target: TargetSystem): boolean {
  if (entry.multiarch === null || entry.distribution === null) return false;
  if (entry.multiarch !== target.multiarch) return false;
  const found = normaliseDistribution(entry.distribution);
  return normaliseDistribution(target.distribution).every((part, index) => part === found[index]);
}

/** One line for people, e.g. `debian 12 bookworm, x86_64-linux-gnu`; `?` where an entry says nothing usable. */
export function describeSystem({ multiarch, distribution }: EntrySystem): string {
  return `${distribution === null ? '?' : distribution.filter((part) => part !== '').join(' ')}, ${multiarch ?? '?'}`;
}
