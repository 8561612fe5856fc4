// Media beyond the one a site has chosen: two compared, a copy, the way back, and tidying up.
// Called by compose for the window and the command line. A medium that does not verify is told, never used.
import { join } from 'node:path';
import { parseJson } from '../../src-shared/json.ts';
import { siteLock } from '../../src-shared/lock.ts';
import { type Manifest, mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { copyToMedium, writeToMedium } from '../medium/copy.ts';
import { cleanUp, cleanUpOf, keptGenerations, restoreGeneration, sealedPath } from '../medium/generations.ts';
import { refuseSystemFolder } from '../medium/identity.ts';
import { openManifest } from '../medium/manifest-store.ts';
import type { Clock } from '../platform/clock.ts';
import { ensureFolder, exists, readTextOrNull } from '../platform/files.ts';
import { OpenSite, siteFiles } from '../runbook/open-site.ts';
import { isPractice, siteFolder, siteNames } from '../runbook/sites.ts';
import { rootOf, sizeOf } from './contents.ts';
import { requireRoom } from './room.ts';

export interface Comparison {
  readonly first: { readonly site: string; readonly generation: number };
  readonly second: { readonly site: string; readonly generation: number };
  readonly onlyFirst: readonly string[];
  readonly onlySecond: readonly string[];
  readonly differing: readonly string[];
}

/** Two sealed media by their lists. Throws as `openManifest`. */
export async function compareMedia(first: string, second: string): Promise<Comparison> {
  const [one, two] = await Promise.all(
    [first, second].map(async (folder) => (await openManifest(await rootOf(folder), null)).manifest),
  );
  if (one === undefined || two === undefined) throw problem('internal', { detail: 'two media' });
  const [own, other] = [one, two].map(({ files }) => new Map(files.map(({ path, sha256 }) => [path, sha256])));
  const lacking = (from: Manifest, hashes: ReadonlyMap<string, string> | undefined): readonly string[] =>
    from.files.map(({ path }) => path).filter((path) => !hashes?.has(path));
  const told = ({ site, generation }: Manifest) => ({ site, generation });
  return {
    first: told(one),
    second: told(two),
    onlyFirst: lacking(one, other),
    onlySecond: lacking(two, own),
    differing: one.files.flatMap(({ path, sha256 }) => (other?.has(path) && other.get(path) !== sha256 ? [path] : [])),
  };
}

export interface Cloned {
  readonly files: number;
  readonly sizeBytes: number;
  readonly generation: number;
  readonly fingerprint: string;
}

/**
 * Copies the sealed state of a medium into a folder, each file compared with the signed list on its way, the manifest last.
 * Throws `medium-is-system`, `medium-full`, `copy-source-differs`, `cancelled`, and what opening and writing throw.
 */
export async function cloneMedium(
  from: string,
  to: string,
  onProgress: (progress: { readonly doneBytes: number; readonly totalBytes: number; readonly what: string }) => void,
  signal: AbortSignal,
): Promise<Cloned> {
  const source = await rootOf(from);
  const { manifest, fingerprint } = await openManifest(source, null);
  refuseSystemFolder(to);
  if (!(await exists(to))) throw problem('medium-absent', { path: to });
  const root = join(to, mediumRoot);
  const other = await openManifest(root, null).catch(() => null);
  // Another site's sealed medium is not written over: that would be the end of it.
  if (other !== null && other.fingerprint !== fingerprint)
    throw problem('fingerprint-differs', { what: to, expected: fingerprint, found: other.fingerprint });
  await ensureFolder(root);
  await requireRoom(root, manifest.files);
  const totalBytes = sizeOf(manifest);
  let before = 0;
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const done = before;
    await copyToMedium({
      from: await sealedPath(source, manifest, path),
      to: join(root, path),
      algorithm: 'sha256',
      hash: sha256,
      sizeBytes,
      onProgress: ({ doneBytes }) => onProgress({ doneBytes: done + doneBytes, totalBytes, what: path }),
      signal,
    });
    before += sizeBytes;
  }
  for (const path of [mediumPaths.manifestKey, mediumPaths.manifestSignature, mediumPaths.manifest]) {
    const text = await readTextOrNull(join(source, path));
    if (text === null) throw problem('medium-file-missing', { file: path });
    await writeToMedium(join(root, path), text);
  }
  await openManifest(root, fingerprint);
  return { files: manifest.files.length, sizeBytes: totalBytes, generation: manifest.generation, fingerprint };
}

/** What cleaning would remove; removes it when told to. Throws as `openManifest`. */
export async function tidyMedium(folder: string, remove: boolean) {
  const root = await rootOf(folder);
  const { fingerprint } = await openManifest(root, null);
  const preview = await cleanUpOf(root, fingerprint);
  if (remove) await cleanUp(root, preview);
  return preview;
}

/** This laptop, whose sites know what was sealed. */
interface Laptop {
  readonly dataFolder: string;
  readonly program: string;
  readonly clock: Clock;
}

/**
 * Makes an earlier generation the sealed one; null takes the one before. The one that is sealed already is taken as it is. Who does
 * it on purpose means it for every site of this laptop that knows a later one: all of them are held before the medium is touched.
 * Throws `site-in-use` and what else opening a site throws, and as `restoreGeneration`.
 */
export async function restoreMedium(
  folder: string,
  generation: number | null,
  pinned: string | null,
  laptop: Laptop,
): Promise<Manifest> {
  const root = await rootOf(folder);
  const { fingerprint, manifest } = await openManifest(root, pinned);
  const before = async () =>
    (await keptGenerations(root, fingerprint)).find((kept) => kept.generation < manifest.generation)?.generation;
  const wanted = generation ?? (await before()) ?? null;
  const mediumId = (await readTextOrNull(join(root, mediumPaths.mediumId)))?.trim() ?? '';
  const sites = await sitesBeyond(mediumId, wanted ?? manifest.generation, laptop);
  try {
    const restored = manifest.generation === wanted ? manifest : await restoreGeneration(root, fingerprint, wanted);
    for (const site of sites)
      await site.updateLock((lock) => ({ ...lock, sealed: { ...lock.sealed, [mediumId]: restored.generation } }));
    return restored;
  } finally {
    for (const site of sites) await site.close();
  }
}

/** The sites of this laptop that know a later generation of a medium, opened: all of them, or none when one cannot be. */
async function sitesBeyond(
  mediumId: string,
  generation: number,
  { dataFolder, program, clock }: Laptop,
): Promise<readonly OpenSite[]> {
  const sites: OpenSite[] = [];
  try {
    for (const name of await siteNames(dataFolder)) {
      const folder = await siteFolder(dataFolder, name);
      const known = siteLock.safeParse(parseJson((await readTextOrNull(join(folder, siteFiles.lock))) ?? ''));
      if ((known.data?.sealed?.[mediumId] ?? 0) <= generation) continue;
      sites.push(await OpenSite.open(folder, { program, practice: await isPractice(folder), clock }));
    }
    return sites;
  } catch (thrown) {
    for (const site of sites) await site.close();
    throw thrown;
  }
}
