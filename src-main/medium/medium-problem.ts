// From a system's error while writing to the medium to the problem that says it. Called by whatever writes there.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Problem, problem } from '../../src-shared/problem.ts';
import { errnoOf, exists, freeBytes } from '../platform/files.ts';

/**
 * `medium-full`, `medium-read-only` or `medium-write-failed`; a problem without a system's error behind it stays as it is.
 * After an input/output error the next fsync may report success, so the caller must give up the file, never try on.
 */
export async function writeProblem(thrown: unknown, path: string, sizeBytes: number): Promise<unknown> {
  const code = errnoOf(thrown);
  if (code === '') return thrown;
  if (thrown instanceof Problem && thrown.code !== 'folder-not-writable') return thrown;
  const folder = dirname(path);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const free = await freeBytes(folder).catch(() => 0);
    return problem('medium-full', { path: folder, needed: sizeBytes, free }, { cause: thrown });
  }
  if (await isReadOnly(folder, code)) return problem('medium-read-only', { path: folder }, { cause: thrown });
  return problem('medium-write-failed', { file: path, detail: code }, { cause: thrown });
}

/** Making folders on a read-only file system fails as ENOENT, and writing as another user as EACCES. */
async function isReadOnly(folder: string, code: string): Promise<boolean> {
  if (code === 'EROFS') return true;
  if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM') return false;
  let place = folder;
  while (!(await exists(place)) && place !== dirname(place)) place = dirname(place);
  const refused = await access(place, constants.W_OK).then(() => '', errnoOf);
  return refused === 'EROFS' || refused === 'EACCES' || refused === 'EPERM';
}
