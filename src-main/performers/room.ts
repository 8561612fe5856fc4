// Room for what is to be written, checked before the first byte. Called by the jobs that fill the medium.
import { stat } from 'node:fs/promises';
import { problem } from '../../src-shared/problem.ts';
import { type PlannedFile, readRoom, roomProblem } from '../medium/file-system.ts';
import { ensureFolder, freeBytes } from '../platform/files.ts';

/** Refuses what would not fit on the medium. Throws `medium-full`, `medium-file-too-large`, `medium-name-unfit`. */
export async function requireRoom(root: string, files: readonly PlannedFile[]): Promise<void> {
  const trouble = roomProblem(files, await readRoom(root), root);
  if (trouble !== null) throw trouble;
}

/**
 * Refuses what would not fit into the laptop's cache. A medium in a folder of the same volume takes its part of the room.
 * @param downloadBytes still to be fetched
 * @param medium its root, and the bytes that it will take
 * Throws `laptop-full`.
 */
export async function requireCacheRoom(
  cacheFolder: string,
  downloadBytes: number,
  medium: { readonly root: string; readonly bytes: number },
): Promise<void> {
  if (downloadBytes === 0) return;
  await ensureFolder(cacheFolder);
  const [cache, root] = await Promise.all([stat(cacheFolder), stat(medium.root)]);
  const needed = downloadBytes + (cache.dev === root.dev ? medium.bytes : 0);
  const free = await freeBytes(cacheFolder);
  if (needed > free) throw problem('laptop-full', { path: cacheFolder, needed, free });
}
