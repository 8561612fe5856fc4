// The apt repository of a target system as it lies on the medium: whether it is the one the lock wants, and what it lacks.
// Called by the sights. It reads, and believes no index that the repository key has not signed.
import { join } from 'node:path';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { parseRelease, type Release } from '../packages/release.ts';
import { verifyClearsigned } from '../packages/signed-text.ts';
import { fileSize, readTextOrNull, sha256Of } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { boundMedium } from './bound-medium.ts';

/** Files of its own that are not there or not of the size its signed text says, below `fieldkit/`. Packages are left out. */
export async function repositoryLacks(site: OpenSite, system: string): Promise<readonly string[]> {
  const { root } = await boundMedium(site);
  const repository = mediumPaths.repository(system);
  const release = await signedRelease(site, join(root, repository));
  const lacking = release === null ? [`${repository}/InRelease`] : [];
  for (const [name, sizeBytes] of ownFiles(release)) {
    const found = await fileSize(join(root, repository, name));
    if (found === null || (sizeBytes !== null && found !== sizeBytes)) lacking.push(`${repository}/${name}`);
  }
  return lacking;
}

/** True when its index is signed by the repository key, whole, and lists exactly the locked packages. */
export async function repositoryIsCurrent(site: OpenSite, system: string): Promise<boolean> {
  const { root } = await boundMedium(site);
  const folder = join(root, mediumPaths.repository(system));
  const release = await signedRelease(site, folder);
  const packages = await readTextOrNull(join(folder, 'Packages'));
  if (release === null || packages === null) return false;
  if (release.files.get('Packages')?.sha256 !== sha256Of(packages)) return false;
  const inside = new Set([...packages.matchAll(/^SHA256: ([0-9a-f]{64})$/gm)].map(([, hash]) => hash));
  const wanted = new Set((site.lock.systems[system]?.packages ?? []).map(({ sha256 }) => sha256));
  if (inside.size !== wanted.size || ![...wanted].every((sha256) => inside.has(sha256))) return false;
  return (await repositoryLacks(site, system)).length === 0;
}

async function signedRelease(site: OpenSite, folder: string): Promise<Release | null> {
  const inRelease = await readTextOrNull(join(folder, 'InRelease'));
  const { keys } = site.lock;
  if (inRelease === null || keys === null) return null;
  // The signing second itself counts as past.
  const rules = { url: folder, keys: [keys.repositoryKey], now: new Date(site.clock.now().getTime() + 1000) };
  const verified = await verifyClearsigned(Buffer.from(inRelease), rules).catch(() => null);
  return verified === null ? null : parseRelease(verified.text, folder);
}

/** Names with sizes, as `writeRepository` lays them out; the sizes of the signed texts are written nowhere. */
function ownFiles(release: Release | null): readonly (readonly [name: string, sizeBytes: number | null])[] {
  const signed = ['Release', 'Release.gpg', 'repository-key.asc'].map((name) => [name, null] as const);
  const listed = [...(release?.files ?? [])].flatMap(([name, { sha256, sizeBytes }]) => [
    [name, sizeBytes] as const,
    [`by-hash/SHA256/${sha256}`, sizeBytes] as const,
  ]);
  return [...signed, ...listed];
}
