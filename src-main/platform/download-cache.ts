// The laptop's downloads, kept across sites, media and versions: what is there, whether it is whole, and what may go.
// Called by the cache commands and after sealing. Every file in it is named by its hash, so nothing in it is irreplaceable;
// it must never remove anything but such files.
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../src-shared/json.ts';
import { Problem } from '../../src-shared/problem.ts';
import { ensureFolder, type HashName, hashFile, readTextOrNull, writeAtomic } from './files.ts';

/** Folders of the cache, and the hash that names their files. */
const kinds = { debs: 'sha256', indexes: 'sha256', releases: 'sha256', blobs: 'sha512' } as const satisfies Record<
  string,
  HashName
>;
type CacheKind = keyof typeof kinds;

interface CachedFile {
  readonly kind: CacheKind;
  /** Relative to the cache's folder. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedAt: Date;
  /** Named by the hash of its content. Parts under way and detached signatures are not. */
  readonly hash: string | null;
}

const usualLimitBytes = 100e9;
const limitShape = z.strictObject({ limitBytes: z.number().positive() });
const limitPath = (folder: string): string => join(folder, 'limit.json');

/** Most that is kept. */
export async function cacheLimit(folder: string): Promise<number> {
  const { data } = limitShape.safeParse(parseJson((await readTextOrNull(limitPath(folder))) ?? ''));
  return data?.limitBytes ?? usualLimitBytes;
}

export const setCacheLimit = (folder: string, limitBytes: number): Promise<void> =>
  writeAtomic(limitPath(folder), `${JSON.stringify({ limitBytes })}\n`);

/** Everything that is kept, the longest unused first. */
export async function cachedFiles(folder: string): Promise<readonly CachedFile[]> {
  const found: CachedFile[] = [];
  for (const kind of Object.keys(kinds) as CacheKind[]) {
    for (const entry of await readdir(join(folder, kind), { withFileTypes: true }).catch(() => [])) {
      const match = /^([0-9a-f]{64}|[0-9a-f]{128})(\.gpg|\.part|\.part\.json)?$/.exec(entry.name);
      if (!entry.isFile() || match?.[1] === undefined) continue;
      const path = `${kind}/${entry.name}`;
      const { size, mtime } = await stat(join(folder, path));
      found.push({ kind, path, sizeBytes: size, usedAt: mtime, hash: match[2] === undefined ? match[1] : null });
    }
  }
  return found.sort((first, second) => first.usedAt.getTime() - second.usedAt.getTime());
}

/** How far reading everything back is. */
export interface Checked {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Files that were read. */
  readonly count: number;
  readonly damaged: readonly string[];
}

/** Paths of files that are not what their names say, or cannot be read. Throws `cancelled`. */
export async function damagedFiles(
  folder: string,
  signal: AbortSignal,
  onProgress: (checked: Checked) => void = () => undefined,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  const files = (await cachedFiles(folder)).filter(({ hash }) => hash !== null);
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  for (const [count, { kind, path, hash, sizeBytes }] of files.entries()) {
    const tell = (bytes: number) => onProgress({ doneBytes: doneBytes + bytes, totalBytes, count, damaged });
    const found = await hashFile(join(folder, path), kinds[kind], { signal, onProgress: tell }).catch((thrown) => {
      if (thrown instanceof Problem) throw thrown;
      // What a preparation or a person took away meanwhile is not damaged; what a failing disk does not give is.
      return thrown.code === 'ENOENT' ? hash : null;
    });
    if (found !== hash) damaged.push(path);
    doneBytes += sizeBytes;
  }
  onProgress({ doneBytes, totalBytes, count: files.length, damaged });
  return damaged;
}

interface Removed {
  readonly count: number;
  readonly sizeBytes: number;
}

interface Trim {
  readonly usedBefore?: Date;
  readonly keepBytes: number;
  /** Only says what would go. */
  readonly look?: boolean;
}

/** Removes what was last used before `usedBefore`, then the longest unused until at most `keepBytes` are left. */
export async function trimCache(folder: string, { usedBefore, keepBytes, look = false }: Trim): Promise<Removed> {
  const files = await cachedFiles(folder);
  let left = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let count = 0;
  let removedBytes = 0;
  for (const { path, sizeBytes, usedAt } of files) {
    if (left <= keepBytes && (usedBefore === undefined || usedAt >= usedBefore)) continue;
    if (!look) await rm(join(folder, path), { force: true });
    left -= sizeBytes;
    count += 1;
    removedBytes += sizeBytes;
  }
  return { count, sizeBytes: removedBytes };
}

/** Marks a file as used now. One on a read-only disk keeps its time. */
export async function markUsed(path: string, now: Date): Promise<void> {
  await utimes(path, now, now).catch(() => undefined);
}

/** The cache as its commands see it. */
export const downloadCache = (folder: string) => ({
  folder,
  files: () => cachedFiles(folder),
  limit: () => cacheLimit(folder),
  setLimit: async (limitBytes: number): Promise<Removed> => {
    await ensureFolder(folder);
    await setCacheLimit(folder, limitBytes);
    return trimCache(folder, { keepBytes: limitBytes });
  },
  damaged: (signal: AbortSignal, onProgress?: (checked: Checked) => void) => damagedFiles(folder, signal, onProgress),
  trim: (what: Trim) => trimCache(folder, what),
});
export type DownloadCache = ReturnType<typeof downloadCache>;
