// Files on their way to the medium, one at a time. Called by the repository writer.
// It must never leave a file under its final name that is not, byte for byte, what its hash says.
import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Problem, problem } from '../../src-shared/problem.ts';
import { ensureFolderOn, errnoOf, freeBytes, hashFile, syncFolder, writeAtomic } from '../platform/files.ts';

export interface Placing {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Device number the file must land on; any when absent. */
  readonly device?: number | undefined;
}

/**
 * Copies a file, hashing it on the way: temporary name, fsync, rename. One that is there already and right is left alone.
 * Throws `deb-tampered` when the source is not what it should be, `medium-full`, `medium-read-only`, `medium-write-failed`, `medium-absent`, `cancelled`.
 */
export async function placeFile(placing: Placing, signal?: AbortSignal): Promise<void> {
  const { to, sha256, sizeBytes, device } = placing;
  const options = signal === undefined ? {} : { signal };
  const there = await stat(to).catch(() => null);
  if (there?.isFile() && there.size === sizeBytes && (await hashFile(to, 'sha256', options)) === sha256) return;
  const temporary = join(dirname(to), `.fieldkit-${randomBytes(6).toString('hex')}.tmp`);
  try {
    await ensureFolderOn(device, dirname(to));
    const found = await copyAndHash(placing, temporary, signal);
    if (found !== sha256) throw problem('deb-tampered', { file: basename(to), expected: sha256, found });
    await rename(temporary, to);
    await syncFolder(dirname(to));
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw await mediumProblem(to, sizeBytes, thrown);
  }
}

/** Writes a small file atomically. Throws `medium-full`, `medium-read-only`, `medium-write-failed`, `medium-absent`. */
export async function writeOnMedium(path: string, bytes: Uint8Array, device?: number): Promise<void> {
  try {
    await ensureFolderOn(device, dirname(path));
    await writeAtomic(path, bytes, { device });
  } catch (thrown) {
    throw await mediumProblem(path, bytes.length, thrown);
  }
}

const blockBytes = 1024 * 1024;

/** Hashes what was read while the same bytes are written; returns the digest. */
async function copyAndHash({ from, device }: Placing, to: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(blockBytes);
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o644);
    try {
      if (device !== undefined && (await target.stat()).dev !== device)
        throw problem('medium-absent', { path: dirname(to) });
      for (;;) {
        if (signal?.aborted) throw problem('cancelled', { what: basename(to) });
        const { bytesRead } = await source.read(buffer, 0, blockBytes, null);
        if (bytesRead === 0) break;
        const writing = target.writeFile(buffer.subarray(0, bytesRead));
        hash.update(buffer.subarray(0, bytesRead));
        await writing;
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  return hash.digest('hex');
}

async function mediumProblem(path: string, neededBytes: number, thrown: unknown): Promise<unknown> {
  const code = errnoOf(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const free = await freeBytes(dirname(path)).catch(() => 0);
    return problem('medium-full', { path: dirname(path), needed: neededBytes, free }, { cause: thrown });
  }
  if (code === 'EROFS') return problem('medium-read-only', { path: dirname(path) }, { cause: thrown });
  if (thrown instanceof Problem && code === '') return thrown;
  return problem('medium-write-failed', { file: path, detail: code }, { cause: thrown });
}
