// From a system's error at the medium to the problem that says it. Called by whatever writes and reads there.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, problem } from '../../src-shared/problem.ts';
import { errnoOf, exists, freeBytes } from '../platform/files.ts';
import { type Mount, mountOf, readMounts } from './mounts.ts';

/**
 * `medium-absent`, `medium-full`, `medium-needs-repair`, `medium-read-only` or `medium-write-failed`; a problem without a system's error behind it stays as it is.
 * After an input/output error the next fsync may report success, so the caller must give up the file, never try on.
 * `device`: number of the device that the path was on.
 */
export async function writeProblem(
  thrown: unknown,
  path: string,
  sizeBytes: number,
  device?: number,
): Promise<unknown> {
  const code = errnoOf(thrown);
  if (code === '') return thrown;
  if (thrown instanceof Problem && thrown.code !== 'folder-not-writable') return thrown;
  const folder = dirname(path);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const free = await freeBytes(folder).catch(() => 0);
    return problem('medium-full', { path: folder, needed: sizeBytes, free }, { cause: thrown });
  }
  const gone = await goneProblem(thrown, path, device);
  if (gone !== null) return gone;
  const mount = await mountAt(path);
  if (mount?.afterError === true) return problem('medium-needs-repair', { path: mount.mountPoint }, { cause: thrown });
  if (await isReadOnly(folder, code)) return problem('medium-read-only', { path: folder }, { cause: thrown });
  return problem('medium-write-failed', { file: path, detail: code }, { cause: thrown });
}

/** What a pulled drive answers with, by file system and moment. */
const pulled = new Set(['EIO', 'ENODEV', 'ENXIO', 'ENOENT', 'EROFS', 'EACCES', 'ESHUTDOWN']);
/** The kernel fails what was under way before it takes the drive from its list. */
const newsMs = 2000;
const lookEveryMs = 100;

/**
 * `medium-absent` when a system's error at this path is because the drive was pulled, else null. `device`: number of the device
 * that the path was on, where it is known.
 */
export async function goneProblem(thrown: unknown, path: string, device?: number): Promise<Problem | null> {
  const code = errnoOf(thrown);
  if (!pulled.has(code)) return null;
  // Only input and output errors may be ahead of the news.
  const looks = code === 'EIO' || code === 'EROFS' ? newsMs / lookEveryMs : 1;
  for (let look = 0; look < looks; look += 1) {
    if (look > 0) await sleep(lookEveryMs);
    const mount = await mountAt(path);
    // The drive is gone below its mount, or the mount has gone as well and the path is one of the laptop's own disk.
    // The laptop's own root is never pulled; `/dev/root`, or the host's device in a container, is no file there.
    if (mount?.source.startsWith('/dev/') === true && mount.mountPoint !== '/' && !(await exists(mount.source)))
      return problem('medium-absent', { path: mount.mountPoint }, { cause: thrown });
    if (device !== undefined && (await deviceAt(path)) !== device)
      return problem('medium-absent', { path: dirname(path) }, { cause: thrown });
  }
  return null;
}

/** Of the path, or of the nearest folder above it that is there. */
async function deviceAt(path: string): Promise<number> {
  for (let place = path; ; place = dirname(place)) {
    const found = await stat(place).catch(() => null);
    if (found !== null) return found.dev;
    if (place === dirname(place)) return -1;
  }
}

const mountAt = async (path: string): Promise<Mount | null> => mountOf(path, await readMounts());

/** Making folders on a read-only file system fails as ENOENT, and writing as another user as EACCES. */
async function isReadOnly(folder: string, code: string): Promise<boolean> {
  if (code === 'EROFS') return true;
  if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM') return false;
  let place = folder;
  while (!(await exists(place)) && place !== dirname(place)) place = dirname(place);
  const refused = await access(place, constants.W_OK).then(() => '', errnoOf);
  return refused === 'EROFS' || refused === 'EACCES' || refused === 'EPERM';
}
