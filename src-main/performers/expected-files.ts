// What the medium must hold for a site, derived from the lock alone; used to write it, to prove it and to seal it. Pure.

import type { LockedKeys, LockedSystem, SiteLock } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { readme } from '../medium/readme.ts';
import type { ExpectedFile } from '../medium/seal.ts';
import { certificateFingerprint } from '../software/certificate.ts';
import { indexDocument } from '../software/entry.ts';
import { trustedCertificates } from '../software/trusted.ts';
import { billOfMaterials } from './materials.ts';
import { materialsPage } from './materials-page.ts';

/** Small files that follow from the lock: index documents, public keys, the page for people. Text by path. */
export function textsOf(lock: SiteLock, site: string): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const { md5, entries } of Object.values(lock.releases)) texts[mediumPaths.index(md5)] = indexDocument(entries);
  // Ours is the first, and has its own name; the others are upstream's, for whoever serves this medium by hand.
  for (const pem of trustedCertificates(lock).slice(lock.keys === null ? 0 : 1))
    texts[mediumPaths.trust(`cache-certificate-${certificateFingerprint(pem).slice(0, 16)}.pem`)] = `${pem}\n`;
  if (lock.keys !== null) {
    texts[mediumPaths.trust('cache-certificate.pem')] = lock.keys.cacheCertificate;
    texts[mediumPaths.trust('repository-key.asc')] = lock.keys.repositoryKey;
    texts[mediumPaths.manifestKey] = lock.keys.manifestKey;
    texts[mediumPaths.readme] = page(lock, lock.keys, site);
    texts[mediumPaths.materials] = billOfMaterials(lock, site);
    texts[mediumPaths.materialsPage] = materialsPage(lock, site);
  }
  return texts;
}

const page = (lock: SiteLock, keys: LockedKeys, site: string): string =>
  readme({
    site,
    systems: Object.keys(lock.systems).sort(),
    releases: Object.values(lock.releases)
      .map(({ url }) => url)
      .sort(),
    fingerprint: keys.manifestFingerprint,
    repositoryFingerprint: keys.repositoryFingerprint,
    cacheFingerprint: keys.cacheFingerprint,
    contents: [
      ...byName(lock.systems).map(([system, { packages }]) => ({ name: `debian/${system}`, ...sumOf(packages) })),
      ...byName(lock.releases).map(([name, { entries }]) => ({ name, ...sumOf(entries) })),
    ],
  });

/** Sorted: a lock read again from its file has another order. */
const byName = <Value>(record: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

const sumOf = (files: readonly { readonly sizeBytes: number }[]) => ({
  count: files.length,
  sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

/** Index files of apt in a repository's folder, as found on the medium. */
const isIndexFile = (name: string): boolean =>
  /^(InRelease|Release|Release\.gpg|Packages|Packages\.(gz|xz)|repository-key\.asc|by-hash\/.+)$/.test(name);

/** Everything to be signed: files named by the lock, with their hashes, and the indexes beside them. */
export function expectedFiles(lock: SiteLock, site: string, present: readonly string[]): readonly ExpectedFile[] {
  const debs = Object.entries(lock.systems).flatMap(([system, { packages }]) =>
    repositoryFiles(system, packages, present),
  );
  const blobs = Object.values(lock.releases).flatMap(({ entries }) =>
    entries.map(({ sha512, sizeBytes }) => ({ path: mediumPaths.blob(sha512), sizeBytes })),
  );
  const texts = Object.entries(textsOf(lock, site)).map(([path, text]) => ({
    path,
    sizeBytes: Buffer.byteLength(text),
  }));
  const unique = new Map([...debs, ...blobs, ...texts].map((file) => [file.path, file]));
  return [...unique.values()];
}

function repositoryFiles(
  system: string,
  packages: LockedSystem['packages'],
  present: readonly string[],
): ExpectedFile[] {
  const folder = `${mediumPaths.repository(system)}/`;
  return [
    ...packages.map(({ path, sizeBytes, sha256 }) => ({ path: `${folder}${path}`, sizeBytes, sha256 })),
    ...present
      .filter((path) => path.startsWith(folder) && isIndexFile(path.slice(folder.length)))
      .map((path) => ({ path })),
  ];
}
