// Media beyond the one a site has chosen: two compared, a copy, the way back, and tidying up.
// Called by compose for the window and the command line. A medium that does not verify is told, never used.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { MediaComparison, MediumGeneration } from '../../src-shared/api.ts';
import { parseJson } from '../../src-shared/json.ts';
import { siteLock } from '../../src-shared/lock.ts';
import { type Manifest, mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { copyToMedium, writeToMedium } from '../medium/copy.ts';
import {
  type CleanUp,
  cleanUp,
  cleanUpOf,
  keepGeneration,
  keptGenerations,
  restoreGeneration,
  sealedPath,
} from '../medium/generations.ts';
import { refuseSystemFolder } from '../medium/identity.ts';
import { checkManifest, keyFingerprint, signatureLines } from '../medium/manifest-check.ts';
import { openManifest, putManifest, readManifestParts } from '../medium/manifest-store.ts';
import { scanMedium } from '../medium/scan.ts';
import type { Clock } from '../platform/clock.ts';
import type { Progress } from '../platform/fetch.ts';
import { ensureFolder, exists, readTextOrNull, sha256Of } from '../platform/files.ts';
import { OpenSite, siteFiles } from '../runbook/open-site.ts';
import { isPractice, siteFolder, siteNames } from '../runbook/sites.ts';
import { rootOf, sizeOf } from './contents.ts';
import { requireRoom } from './room.ts';

/** Two sealed media by their lists. Throws as `openManifest`. */
export async function compareMedia(first: string, second: string): Promise<MediaComparison> {
  const [one, two] = [await rootOf(first), await rootOf(second)];
  return differences((await openManifest(one, null)).manifest, (await openManifest(two, null)).manifest);
}

function differences(one: Manifest, two: Manifest): MediaComparison {
  const hashes = ({ files }: Manifest) => new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const [own, other] = [hashes(one), hashes(two)];
  const lacking = (from: Manifest, there: ReadonlyMap<string, string>): string[] =>
    from.files.map(({ path }) => path).filter((path) => !there.has(path));
  const told = ({ site, generation }: Manifest) => ({ site, generation });
  return {
    first: told(one),
    second: told(two),
    onlyFirst: lacking(one, other),
    onlySecond: lacking(two, own),
    differing: one.files.flatMap(({ path, sha256 }) => (other.has(path) && other.get(path) !== sha256 ? [path] : [])),
  };
}

/** The earlier states of a medium, newest first, each with what its restoring would change. Reads only. Throws as `openManifest`. */
export async function generationsOn(folder: string): Promise<MediumGeneration[]> {
  const root = await rootOf(folder);
  const { manifest: now, fingerprint } = await openManifest(root, null);
  const others = (await keptGenerations(root, fingerprint)).filter(({ generation }) => generation !== now.generation);
  return others.map((then) => {
    const { onlyFirst, onlySecond, differing } = differences(now, then);
    return {
      generation: then.generation,
      sealedAt: then.sealedAt,
      files: then.files.length,
      sizeBytes: sizeOf(then),
      leaving: onlyFirst.length,
      returning: onlySecond.length,
      differing: differing.length,
    };
  });
}

export interface Cloned {
  readonly files: number;
  readonly sizeBytes: number;
  readonly generation: number;
  readonly fingerprint: string;
}

/**
 * Copies the sealed state of a medium into a folder, each file compared with the signed list on its way, the manifest last.
 * Throws `medium-is-system`, `medium-is-same`, `medium-holds-other`, `medium-full`, `copy-source-differs`, `cancelled`, and what opening and writing throw.
 */
export async function cloneMedium(
  from: string,
  to: string,
  onProgress: (progress: { readonly doneBytes: number; readonly totalBytes: number; readonly what: string }) => void,
  signal: AbortSignal,
): Promise<Cloned> {
  const source = await rootOf(from);
  // Read once: a medium that is sealed anew while it is copied ends the copy at a file that differs, not with a list that lies.
  const signed = await readManifestParts(source);
  const { manifest, fingerprint } = checkManifest({ ...signed, pinned: null });
  refuseSystemFolder(to);
  if (!(await exists(to))) throw problem('medium-absent', { path: to });
  const root = join(to, mediumRoot);
  if ((await realpath(root).catch(() => null)) === (await realpath(source)))
    throw problem('medium-is-same', { path: to });
  const other = await openManifest(root, null).catch(() => null);
  // Another site's sealed medium is not written over: that would be the end of it.
  if (other !== null && other.fingerprint !== fingerprint)
    throw problem('fingerprint-differs', { what: to, expected: fingerprint, found: other.fingerprint });
  // Nor is what was never sealed, or cannot be opened: nobody can tell whose it is.
  if (other === null) await requireNothingElse(to, manifest.site, fingerprint);
  await ensureFolder(root);
  await requireRoom(root, manifest.files);
  // Another state of the same medium stays beside the copy: it may be the later one, and is whole until the copy is.
  if (other !== null && other.manifest.generation !== manifest.generation)
    await keepGeneration(root, fingerprint, new Map(manifest.files.map(({ path, sha256 }) => [path, sha256])));
  const totalBytes = sizeOf(manifest);
  // First of all: a copy that does not come to its end is known by it.
  await writeToMedium(join(root, mediumPaths.manifestKey), signed.keyPem ?? '');
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
  await putManifest(root, signed.bytes ?? Buffer.alloc(0), signatureLines(signed.signatures));
  await openManifest(root, fingerprint);
  return { files: manifest.files.length, sizeBytes: totalBytes, generation: manifest.generation, fingerprint };
}

/**
 * A place without a manifest that opens is copied onto where it has the site's own key, as a copy has that did not come to its end, or
 * nothing but a marker and the site's own files. Throws `fingerprint-differs`, `medium-holds-other`.
 */
async function requireNothingElse(to: string, site: string, fingerprint: string): Promise<void> {
  const root = join(to, mediumRoot);
  if (!(await exists(root))) return;
  const key = await readTextOrNull(join(root, mediumPaths.manifestKey));
  const found = key === null ? null : keyFingerprint(key);
  if (found === fingerprint) return;
  if (found !== null) throw problem('fingerprint-differs', { what: to, expected: fingerprint, found });
  const { files, strange } = await scanMedium(root);
  const apart = [mediumPaths.manifest, mediumPaths.generations];
  const there = (await Promise.all(apart.map((path) => exists(join(root, path))))).flatMap((is, at) =>
    is ? [apart[at] ?? ''] : [],
  );
  const others = [...files.map(({ path }) => path), ...strange].filter(
    (path) => path !== mediumPaths.mediumId && !path.startsWith(mediumPaths.site(`${site}/`)),
  );
  const [first, ...more] = [...there, ...others];
  if (first !== undefined) throw problem('medium-holds-other', { path: to, file: first, count: more.length + 1 });
}

export interface Tidied extends CleanUp {
  /** Stands for exactly these files; handed back with the yes. */
  readonly mark: string;
  readonly removed: boolean;
}

/** What cleaning would remove; removes it when that is what was agreed to. Throws as `openManifest`. */
export async function tidyMedium(folder: string, agreed: (mark: string) => boolean): Promise<Tidied> {
  const root = await rootOf(folder);
  const { fingerprint } = await openManifest(root, null);
  const preview = await cleanUpOf(root, fingerprint);
  const mark = sha256Of(JSON.stringify([fingerprint, preview]));
  const removed = agreed(mark);
  if (removed) await cleanUp(root, preview);
  return { ...preview, mark, removed };
}

/** This laptop, whose sites know what was sealed. */
export interface Laptop {
  readonly dataFolder: string;
  readonly program: string;
  readonly clock: Clock;
  /** One that this very program has open already; else it is opened here. Throws when it is busy. */
  readonly opened?: (site: string) => OpenSite | undefined;
}

/**
 * Makes an earlier generation the sealed one; null takes the one before. The one that is sealed already is taken as it is. Who does
 * it on purpose means it for every site of this laptop that knows a later one: all of them are held before the medium is touched.
 * A cancel leaves the present one sealed.
 * Throws `site-in-use` and what else opening a site throws, and as `restoreGeneration`.
 */
export async function restoreMedium(
  folder: string,
  generation: number | null,
  pinned: string | null,
  laptop: Laptop,
  watch: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal } = {},
): Promise<Manifest> {
  const root = await rootOf(folder);
  const { fingerprint, manifest } = await openManifest(root, pinned);
  const before = async () =>
    (await keptGenerations(root, fingerprint)).find((kept) => kept.generation < manifest.generation)?.generation;
  const wanted = generation ?? (await before()) ?? null;
  const mediumId = (await readTextOrNull(join(root, mediumPaths.mediumId)))?.trim() ?? '';
  const { sites, giveBack } = await sitesBeyond(mediumId, wanted ?? manifest.generation, laptop);
  try {
    const restored =
      manifest.generation === wanted ? manifest : await restoreGeneration(root, fingerprint, wanted, watch);
    for (const site of sites)
      await site.updateLock((lock) => ({ ...lock, sealed: { ...lock.sealed, [mediumId]: restored.generation } }));
    return restored;
  } finally {
    await giveBack();
  }
}

/** The sites of this laptop that know a later generation of a medium, opened: all of them, or none when one cannot be. */
async function sitesBeyond(
  mediumId: string,
  generation: number,
  { dataFolder, program, clock, opened = () => undefined }: Laptop,
): Promise<{ readonly sites: readonly OpenSite[]; readonly giveBack: () => Promise<void> }> {
  const sites: OpenSite[] = [];
  const own: OpenSite[] = [];
  const giveBack = async (): Promise<void> => {
    for (const site of own) await site.close();
  };
  try {
    for (const name of await siteNames(dataFolder)) {
      const folder = await siteFolder(dataFolder, name);
      const known = siteLock.safeParse(parseJson((await readTextOrNull(join(folder, siteFiles.lock))) ?? ''));
      if ((known.data?.sealed?.[mediumId] ?? 0) <= generation) continue;
      const here = opened(name);
      const site = here ?? (await OpenSite.open(folder, { program, practice: await isPractice(folder), clock }));
      sites.push(site);
      if (here === undefined) own.push(site);
    }
    return { sites, giveBack };
  } catch (thrown) {
    await giveBack();
    throw thrown;
  }
}
