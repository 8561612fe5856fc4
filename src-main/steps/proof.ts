// needs ⊆ lock ⊆ medium, as pure set arithmetic. Used by prove-complete; every sentence names one missing thing.
import type { LockedEntry, SiteLock } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { type SitePlan, systemsOf } from '../../src-shared/site.ts';
import type { Need } from '../runbook/define.ts';
import { describeSystem, osMatches, targetOf } from '../software/compatibility.ts';
import { readEntry, verifyEntry } from '../software/entry.ts';
import { trustedCertificates } from '../software/trusted.ts';

export interface ProofParts {
  readonly site: SitePlan;
  readonly lock: SiteLock;
  readonly needs: readonly Need[];
  /** Sizes by path below `fieldkit/`. */
  readonly files: Readonly<Record<string, number>>;
}

/** What is missing, each thing once, one line a thing; empty when nothing the site will ask for is. */
export function prove(parts: ProofParts): readonly string[] {
  // A release of the plan is brought for every target system, whichever of them a step asks for today.
  const planned = parts.site.releases.flatMap(({ name, url }) =>
    systemsOf(parts.site).map((system): Need => ({ kind: 'release', name, url, system })),
  );
  return [...new Set([...parts.needs, ...planned].flatMap((need) => missingFor(need, parts)))];
}

/** What a target would not take an entry for, though it is signed. */
function misfit({ entry, sha512 }: LockedEntry, { url, system }: { url: string; system: string }): readonly string[] {
  try {
    const fields = readEntry(entry, url);
    return [
      ...(fields.sha512 === sha512 ? [] : ['its entry names another archive']),
      ...(osMatches(fields.system, targetOf(system)) ? [] : [`its entry is for ${describeSystem(fields.system)}`]),
    ];
  } catch {
    return ['its entry cannot be read'];
  }
}

function missingFor(need: Need, { lock, files }: ProofParts): readonly string[] {
  const absent = (path: string, sizeBytes: number): readonly string[] =>
    files[path] === undefined
      ? [`${path}: not on the medium`]
      : files[path] === sizeBytes
        ? []
        : [`${path}: ${files[path]} bytes instead of ${sizeBytes}`];
  switch (need.kind) {
    case 'package': {
      const locked = lock.systems[need.system];
      if (!locked?.roots.includes(need.name)) return [`${need.name} for ${need.system}: not resolved`];
      if (!locked.packages.some((item) => item.name === need.name))
        return [`${need.name} for ${need.system}: not in the closure`];
      const folder = mediumPaths.repository(need.system);
      return [
        ...locked.packages.flatMap((item) => absent(`${folder}/${item.path}`, item.sizeBytes)),
        ...['InRelease', 'Packages']
          .filter(
            (file) =>
              files[`${folder}/${file.toLowerCase()}`] === undefined && files[`${folder}/${file}`] === undefined,
          )
          .map((file) => `${folder}/${file}: not on the medium`),
      ];
    }
    case 'release': {
      const locked = lock.releases[need.name];
      if (locked === undefined) return [`${need.name}: not resolved`];
      if (locked.url !== need.url) return [`${need.name}: resolved for ${locked.url}, the site asks for ${need.url}`];
      const entry = locked.entries.find((item) => item.system === need.system);
      if (entry === undefined) return [`${need.name} for ${need.system}: no entry`];
      const verified = verifyEntry(entry, trustedCertificates(lock));
      return [
        ...(verified === null ? [`${need.name} for ${need.system}: no trusted certificate verifies its entry`] : []),
        ...misfit(entry, need).map((why) => `${need.name} for ${need.system}: ${why}`),
        ...absent(mediumPaths.blob(entry.sha512), entry.sizeBytes),
        ...(files[mediumPaths.index(locked.md5)] === undefined
          ? [`${mediumPaths.index(locked.md5)}: not on the medium`]
          : []),
      ];
    }
    case 'key':
      return lock.keys === null ? [`${need.name} key: not made`] : [];
  }
}
