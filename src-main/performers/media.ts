// Media beyond the one a site has chosen: what lies on one, two compared, a copy, the way back, and tidying up.
// Called by compose for the window and the command line. A medium that does not verify is told, never used.
import { join } from 'node:path';
import type { MediumContents, MediumKind } from '../../src-shared/api.ts';
import { type Manifest, mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { copyToMedium, writeToMedium } from '../medium/copy.ts';
import { readRoom } from '../medium/file-system.ts';
import { cleanUp, cleanUpOf, keptGenerations, restoreGeneration, sealedPath } from '../medium/generations.ts';
import { refuseSystemFolder } from '../medium/identity.ts';
import type { OpenedManifest } from '../medium/manifest-check.ts';
import { openManifest } from '../medium/manifest-store.ts';
import { scanMedium } from '../medium/scan.ts';
import { ensureFolder, exists, readTextOrNull } from '../platform/files.ts';
import { requireRoom } from './room.ts';

/** A folder that is a medium, or holds one. */
export const rootOf = async (folder: string): Promise<string> =>
  (await exists(join(folder, mediumRoot))) ? join(folder, mediumRoot) : folder;

const kinds: readonly (readonly [MediumKind, RegExp])[] = [
  ['packages', /^debian\//],
  ['software', /^bcache\//],
  ['index', /^bdir\//],
  ['trust', /^trust\//],
  ['site', /^site\//],
  ['kept', /^generations\//],
];
const kindOf = (path: string): MediumKind => kinds.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other';

/** What lies on a medium, by kind, and whether it is sealed. Reads no file whole. Throws `medium-absent`. */
export async function contentsOf(folder: string): Promise<MediumContents> {
  const root = await rootOf(folder);
  if (!(await exists(root))) throw problem('medium-absent', { path: folder });
  const { files, strange } = await scanMedium(root);
  const room = await readRoom(root);
  const byKind = new Map<MediumKind, { count: number; sizeBytes: number }>();
  for (const { path, sizeBytes } of files) {
    const before = byKind.get(kindOf(path)) ?? { count: 0, sizeBytes: 0 };
    byKind.set(kindOf(path), { count: before.count + 1, sizeBytes: before.sizeBytes + sizeBytes });
  }
  const sealed = await sealOf(root, new Map(files.map((file) => [file.path, file.sizeBytes])));
  return {
    path: folder,
    sealed: sealed.seal,
    why: sealed.why,
    kinds: [...byKind].map(([kind, sums]) => ({ kind, ...sums })),
    strange: strange.length,
    freeBytes: room.freeBytes,
    fileSystem: room.fileSystem ?? '',
  };
}

async function sealOf(
  root: string,
  present: ReadonlyMap<string, number>,
): Promise<Pick<MediumContents, 'why'> & { readonly seal: MediumContents['sealed'] }> {
  let opened: OpenedManifest;
  try {
    opened = await openManifest(root, null);
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    return { seal: null, why: { code: thrown.code, params: { ...thrown.data.params } } };
  }
  const { manifest, fingerprint } = opened;
  const { site, generation, sealedAt, program, files } = manifest;
  const lacking: string[] = [];
  for (const { path, sizeBytes } of files)
    if (present.get(path) !== sizeBytes && (await sealedPath(root, manifest, path)) === join(root, path))
      lacking.push(path);
  const kept = (await keptGenerations(root, fingerprint)).map((other) => other.generation);
  return {
    why: null,
    seal: {
      site,
      generation,
      sealedAt,
      program,
      fingerprint,
      files: files.length,
      sizeBytes: sizeOf(manifest),
      kept: kept.filter((number) => number !== generation),
      updating: kept.includes(generation),
      lacking: lacking.length,
    },
  };
}

const sizeOf = ({ files }: Manifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

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

/** Makes an earlier generation the sealed one; null takes the one before. Throws as `restoreGeneration`. */
export async function restoreMedium(folder: string, generation: number | null, pinned: string | null) {
  const root = await rootOf(folder);
  const { fingerprint } = await openManifest(root, pinned);
  return restoreGeneration(root, fingerprint, generation);
}
