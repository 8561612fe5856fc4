// The apt repository of a target system as it lies on the medium: whether it is the one the lock wants, and what it lacks.
// Called by the sights. It reads, and believes no index that the repository key has not signed.
import { join } from 'node:path';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { Problem } from '../../src-shared/problem.ts';
import { parseRelease, type Release } from '../packages/release.ts';
import { verifyClearsigned } from '../packages/signed-text.ts';
import { fileSize, readTextOrNull, sha256Of } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { boundMedium } from './bound-medium.ts';

/** What is wrong with files of its own, one line a file, by their paths below `fieldkit/`. Packages are left out. */
export async function repositoryFaults(site: OpenSite, system: string): Promise<readonly string[]> {
  const { root } = await boundMedium(site);
  const repository = mediumPaths.repository(system);
  const release = await signedRelease(site, join(root, repository));
  const faults = typeof release === 'string' ? [`${repository}/InRelease: ${release}`] : [];
  for (const [name, sizeBytes] of ownFiles(typeof release === 'string' ? null : release)) {
    const found = await fileSize(join(root, repository, name));
    if (found === null) faults.push(`${repository}/${name}: not on the medium`);
    else if (sizeBytes !== null && found !== sizeBytes)
      faults.push(`${repository}/${name}: ${found} bytes instead of ${sizeBytes}`);
  }
  return faults;
}

/** True when its index is signed by the repository key, whole, and lists exactly the locked packages. */
export async function repositoryIsCurrent(site: OpenSite, system: string): Promise<boolean> {
  const { root } = await boundMedium(site);
  const folder = join(root, mediumPaths.repository(system));
  const release = await signedRelease(site, folder);
  const packages = await readTextOrNull(join(folder, 'Packages'));
  if (typeof release === 'string' || packages === null) return false;
  if (release.files.get('Packages')?.sha256 !== sha256Of(packages)) return false;
  const inside = new Set([...packages.matchAll(/^SHA256: ([0-9a-f]{64})$/gm)].map(([, hash]) => hash));
  const wanted = new Set((site.lock.systems[system]?.packages ?? []).map(({ sha256 }) => sha256));
  if (inside.size !== wanted.size || ![...wanted].every((sha256) => inside.has(sha256))) return false;
  return (await repositoryFaults(site, system)).length === 0;
}

/** The index when the repository key signed it, else why it cannot be believed. */
async function signedRelease(site: OpenSite, folder: string): Promise<Release | string> {
  const inRelease = await readTextOrNull(join(folder, 'InRelease'));
  const { keys } = site.lock;
  if (inRelease === null) return 'not on the medium';
  if (keys === null) return 'no key to believe it by';
  // The signing second itself counts as past.
  const rules = { url: folder, keys: [keys.repositoryKey], now: new Date(site.clock.now().getTime() + 1000) };
  try {
    const { text } = await verifyClearsigned(Buffer.from(inRelease), rules);
    return parseRelease(text, folder);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code === 'release-key-unknown') return `signed by another key, ${String(error.data.params.key)}`;
    return error.code === 'release-unsigned' ? 'not signed' : 'not as it was signed';
  }
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
