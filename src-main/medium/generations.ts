// Earlier states of a medium, kept beside it: `generations/<number>/` holds what an update would overwrite, with the manifest that
// lists it. Archives and packages are named by what they are, so an update writes them beside the old ones and never over them.
// Called by every job that changes a medium, and by the commands that restore and clean one.
//
// For the generation that is sealed now, a kept file goes before the one at its own path: while an update is under way the kept
// one is the sealed one. So a medium that was left in the middle of an update is still the old one, whole.
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Manifest, type ManifestFile, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Progress } from '../platform/fetch.ts';
import { ensureFolder, exists, fileSize, syncFolder } from '../platform/files.ts';
import { writeToMedium } from './copy.ts';
import { openManifest, type Put, putManifest } from './manifest-store.ts';
import { removeLeftovers, scanMedium } from './scan.ts';

/** True for files that keep their name when their content changes. */
const isRewritten = (path: string): boolean =>
  !path.startsWith(mediumPaths.blob('')) && !/^debian\/[^/]+\/(debs|by-hash)\//.test(path);

/**
 * Where the sealed content of a listed file is: its own path, or the kept copy while an update is under way. Absolute.
 * Called by whoever reads the sealed medium.
 */
export async function sealedPath(
  root: string,
  { generation }: Pick<Manifest, 'generation'>,
  path: string,
): Promise<string> {
  const kept = join(root, mediumPaths.kept(generation, path));
  return (await fileSize(kept)) === null ? join(root, path) : kept;
}

/**
 * Makes the medium safe to be changed: keeps what the sealed generation lists and an update would overwrite.
 * `replaced`: packages that will be overwritten under their own name, with the hash they get; they are moved, not copied.
 * Does nothing on a medium that is not sealed by this key. Throws what writing throws.
 */
export async function keepGeneration(
  root: string,
  fingerprint: string,
  replaced: ReadonlyMap<string, string> = new Map(),
  put: Put = writeToMedium,
): Promise<void> {
  const opened = await openManifest(root, fingerprint).catch(() => null);
  if (opened === null) return;
  const { manifest } = opened;
  const { generation } = manifest;
  const keptManifest = join(root, mediumPaths.kept(generation, mediumPaths.manifest));
  if (!(await exists(keptManifest))) {
    for (const file of manifest.files.filter(({ path }) => isRewritten(path)))
      await keepFile(root, generation, file, put);
    for (const path of [mediumPaths.manifestSignature, mediumPaths.manifest])
      await put(join(root, mediumPaths.kept(generation, path)), await readFile(join(root, path)));
  }
  for (const { path, sha256 } of manifest.files) {
    const to = replaced.get(path);
    if (to === undefined || to === sha256 || !(await exists(join(root, path)))) continue;
    const kept = join(root, mediumPaths.kept(generation, path));
    if (await exists(kept)) continue;
    await ensureFolder(dirname(kept));
    await rename(join(root, path), kept);
    await syncFolder(dirname(kept));
  }
}

async function keepFile(root: string, generation: number, { path, sha256 }: ManifestFile, put: Put): Promise<void> {
  const kept = join(root, mediumPaths.kept(generation, path));
  if (await exists(kept)) return;
  const bytes = await readFile(join(root, path)).catch(() => null);
  // One that is missing or damaged is so before the update as after it.
  if (bytes !== null && sha256Of(bytes) === sha256) await put(kept, bytes);
}

/** Generations kept beside the sealed one, newest first, each verified under the key. */
export async function keptGenerations(root: string, fingerprint: string): Promise<readonly Manifest[]> {
  const names = await readdir(join(root, mediumPaths.generations)).catch(() => []);
  const found: Manifest[] = [];
  for (const name of names) {
    if (!/^[1-9]\d{0,8}$/.test(name)) continue;
    const opened = await openManifest(root, fingerprint, 1, `${mediumPaths.generations}/${name}`).catch(() => null);
    if (opened !== null && opened.manifest.generation === Number(name)) found.push(opened.manifest);
  }
  return found.sort((first, second) => second.generation - first.generation);
}

/**
 * Number of the next sealing: one more than that of any generation our key signed, else 1. No number is ever used again.
 * @param known the newest that was sealed on this medium, as far as the site's lock knows
 */
export async function nextGeneration(root: string, fingerprint: string, known = 0): Promise<number> {
  const now = await openManifest(root, fingerprint).catch(() => null);
  const kept = await keptGenerations(root, fingerprint);
  return Math.max(known, now?.manifest.generation ?? 0, ...kept.map(({ generation }) => generation)) + 1;
}

interface Restoring {
  readonly put?: Put;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes an earlier generation the sealed one again, without a key: its own signature is put back. What the present one would
 * lose is kept first, so a cut leaves one of the two, whole; so does a cancel, which comes too late once the signature is put back.
 * Throws `generation-unknown`, `medium-file-missing` (it was cleaned away), `cancelled`, and what opening and writing throw.
 */
export async function restoreGeneration(
  root: string,
  fingerprint: string,
  wanted: number | null,
  { put = writeToMedium, onProgress = () => undefined, signal }: Restoring = {},
): Promise<Manifest> {
  const { manifest: now } = await openManifest(root, fingerprint);
  const others = (await keptGenerations(root, fingerprint)).filter(({ generation }) => generation !== now.generation);
  const chosen =
    wanted === null
      ? others.find(({ generation }) => generation < now.generation)
      : others.find(({ generation }) => generation === wanted);
  if (chosen === undefined)
    throw problem('generation-unknown', {
      path: root,
      generation: wanted ?? now.generation - 1,
      kept: others.map(({ generation }) => generation).join(', ') || '-',
    });
  const heed = (): void => {
    if (signal?.aborted) throw problem('cancelled', { what: root });
  };
  const heeding: Put = async (path, data) => {
    heed();
    await put(path, data);
  };
  const aside: { readonly path: string; readonly from: string; readonly sizeBytes: number }[] = [];
  for (const { path, sizeBytes } of chosen.files) {
    heed();
    const from = await sealedPath(root, chosen, path);
    if ((await fileSize(from)) !== sizeBytes) throw problem('medium-file-missing', { file: path });
    if (from !== join(root, path)) aside.push({ path, from, sizeBytes });
  }
  const hashes = new Map(chosen.files.map(({ path, sha256 }) => [path, sha256]));
  await keepGeneration(root, fingerprint, hashes, heeding);
  const totalBytes = aside.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  for (const { path, from, sizeBytes } of aside) {
    heed();
    onProgress({ doneBytes, totalBytes });
    const bytes = await readFile(from);
    const there = await readFile(join(root, path)).catch(() => null);
    if (there === null || !there.equals(bytes)) await heeding(join(root, path), bytes);
    doneBytes += sizeBytes;
  }
  heed();
  onProgress({ doneBytes, totalBytes });
  const kept = (path: string): string => join(root, mediumPaths.kept(chosen.generation, path));
  const [bytes, signature] = await Promise.all([
    readFile(kept(mediumPaths.manifest)),
    readFile(kept(mediumPaths.manifestSignature), 'latin1'),
  ]);
  await putManifest(
    root,
    bytes,
    signature.split('\n').filter((line) => line !== ''),
    put,
  );
  return chosen;
}

export interface CleanUp {
  /** Relative to `fieldkit/`, sorted. */
  readonly paths: readonly string[];
  readonly sizeBytes: number;
  /** Kept generations that go with them. */
  readonly generations: readonly number[];
}

/**
 * What may go: files that an earlier generation of ours lists and the sealed one does not, the kept generations themselves, and
 * our own unfinished files. What no manifest of ours has ever listed is not among them. Reads only. Throws as `openManifest`.
 */
export async function cleanUpOf(root: string, fingerprint: string): Promise<CleanUp> {
  const { manifest } = await openManifest(root, fingerprint);
  const kept = await keptGenerations(root, fingerprint);
  const sealed = new Set(manifest.files.map(({ path }) => path));
  const paths = new Set((await scanMedium(root)).leftovers);
  const old = kept.filter(({ generation }) => generation !== manifest.generation);
  for (const { path } of old.flatMap(({ files }) => files)) if (!sealed.has(path)) paths.add(path);
  for (const { generation } of old)
    for (const name of await filesBelow(root, `${mediumPaths.generations}/${generation}`)) paths.add(name);
  const there: string[] = [];
  let sizeBytes = 0;
  for (const path of [...paths].sort()) {
    const found = await stat(join(root, path)).catch(() => null);
    if (found?.isFile() !== true) continue;
    there.push(path);
    sizeBytes += found.size;
  }
  return { paths: there, sizeBytes, generations: old.map(({ generation }) => generation) };
}

/** Removes what `cleanUpOf` named, and nothing that came since. */
export async function cleanUp(root: string, { paths, generations }: CleanUp): Promise<void> {
  // The kept manifests first: a generation that has begun to go is not offered any more.
  for (const generation of generations)
    await rm(join(root, mediumPaths.kept(generation, mediumPaths.manifest)), { force: true });
  for (const path of paths) await rm(join(root, path), { force: true });
  for (const generation of generations)
    await rm(join(root, mediumPaths.generations, String(generation)), { recursive: true, force: true });
  await removeLeftovers(root, await scanMedium(root));
}

async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true, recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    );
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
