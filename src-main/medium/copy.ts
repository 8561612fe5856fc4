// Files on their way to the medium. Called by the jobs that fill it.
// A file appears under its final name only when it is, byte for byte, what its hash says and has been flushed.
// After any error it is given up whole: a medium that failed once may report the next flush as done.
import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import type { Progress } from '../platform/fetch.ts';
import { ensureFolderOn, type HashName, hashFile, syncFolder, writeAtomic } from '../platform/files.ts';
import { alignedBytes, blockBytes, directly, withBlocks } from './direct.ts';
import { writeProblem } from './medium-problem.ts';

export interface CopyRequest {
  readonly from: string;
  readonly to: string;
  readonly algorithm: HashName;
  /** Lower-case hex digest of the content. */
  readonly hash: string;
  readonly sizeBytes: number;
  /**
   * What to do with a file of the right size that is there already: read and hash it, or trust it because a verified
   * manifest or its content-addressed name vouches for it. Default `hash`.
   */
  readonly existing?: 'hash' | 'trust';
  /** Device number of the medium's root (see `checkIdentity`): a file that lands elsewhere is removed at once. */
  readonly device?: number;
  /** Bytes known to be on the medium, not those in memory on their way there. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export type CopyResult = 'written' | 'kept';

/**
 * Copies a file to the medium, hashing it in the same pass. Stopped, it leaves only a `.part` file.
 * Throws `copy-source-differs`, `medium-absent`, `medium-full`, `medium-needs-repair`, `medium-read-only`, `medium-write-failed`, `cancelled`.
 */
export async function copyToMedium(request: CopyRequest): Promise<CopyResult> {
  const { to, sizeBytes } = request;
  const part = `${to}.part`;
  try {
    if (await isThere(request)) {
      request.onProgress?.({ doneBytes: sizeBytes, totalBytes: sizeBytes });
      return 'kept';
    }
    await ensureFolderOn(request.device, dirname(to));
    await writePart(request, part);
    await rename(part, to);
    await syncFolder(dirname(to));
    return 'written';
  } catch (thrown) {
    if (request.signal?.aborted) throw problem('cancelled', { what: to }, { cause: thrown });
    await rm(part, { force: true }).catch(() => undefined);
    throw await writeProblem(thrown, to, sizeBytes, request.device);
  }
}

/**
 * Writes a small text or its bytes atomically. `device` as in `CopyRequest`.
 * Throws `medium-absent`, `medium-full`, `medium-read-only`, `medium-write-failed`.
 */
export async function writeToMedium(path: string, data: string | Uint8Array, device?: number): Promise<void> {
  try {
    await ensureFolderOn(device, dirname(path));
    await writeAtomic(path, data, { device });
  } catch (thrown) {
    throw await writeProblem(thrown, path, Buffer.byteLength(data), device);
  }
}

async function isThere({ to, algorithm, hash, sizeBytes, existing, device, signal }: CopyRequest): Promise<boolean> {
  const found = await stat(to).catch(() => null);
  if (found === null || !found.isFile() || found.size !== sizeBytes) return false;
  if (device !== undefined && found.dev !== device) return false;
  if (existing === 'trust') return true;
  // One that cannot be read is written anew; the new write will say what is wrong with the medium.
  const there = await hashFile(to, algorithm, signal === undefined ? {} : { signal }).catch(() => '');
  return there === hash;
}

async function writePart(request: CopyRequest, part: string): Promise<void> {
  const source = await open(request.from, 'r').catch((cause: unknown) => {
    throw problem('copy-source-differs', { file: request.from, expected: request.hash, found: '-' }, { cause });
  });
  const create = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  const write = (flag: number): Promise<void> =>
    withBlocks(ringBlocks, async (ring) => {
      const target = await open(part, create | flag, 0o644);
      try {
        if (request.device !== undefined && (await target.stat()).dev !== request.device) {
          throw problem('medium-absent', { path: dirname(request.to) });
        }
        const hash = createHash(request.algorithm);
        const doneBytes = await pour(source, { handle: target, part, direct: flag !== 0 }, ring, hash, request);
        const found = hash.digest('hex');
        if (found !== request.hash || doneBytes !== request.sizeBytes) {
          throw problem('copy-source-differs', { file: request.from, expected: request.hash, found });
        }
        await target.sync();
        request.onProgress?.({ doneBytes, totalBytes: request.sizeBytes });
      } finally {
        await target.close();
      }
    });
  try {
    // A small file is flushed at once anyway.
    await (request.sizeBytes < blockBytes ? write(0) : directly(write));
  } finally {
    await source.close();
  }
}

interface Target {
  readonly handle: FileHandle;
  /** Where it lies. */
  readonly part: string;
  /** Opened past the laptop's memory: only whole aligned pieces may be written through it. */
  readonly direct: boolean;
}

const ringBlocks = 4;
const flushBytes = 32 * 1024 * 1024;

/**
 * Reads, hashes and writes at the same time over a ring of blocks. What was written is flushed every 32 MiB while the
 * next is read, so that memory never holds gigabytes that a later unmount would have to wait for.
 */
async function pour(
  source: FileHandle,
  target: Target,
  ring: readonly Buffer[],
  hash: Hash,
  request: CopyRequest,
): Promise<number> {
  const writing: Promise<void>[] = ring.map(() => Promise.resolve());
  let flushing: Promise<void> = Promise.resolve();
  let doneBytes = 0;
  let flushedAt = 0;
  let turn = 0;
  const next = () => observed(readFully(source, ring[turn] as Buffer, doneBytes));
  let reading = next();
  try {
    for (;;) {
      if (request.signal?.aborted) throw problem('cancelled', { what: request.to });
      const block = await reading;
      if (block.length === 0) break;
      writing[turn] = observed(writeBlock(target, block, doneBytes));
      doneBytes += block.length;
      turn = (turn + 1) % ring.length;
      await writing[turn];
      reading = next();
      hash.update(block);
      if (doneBytes - flushedAt < flushBytes) continue;
      await flushing;
      await Promise.all(writing);
      flushedAt = doneBytes;
      flushing = observed(flush(target.handle, doneBytes, request));
    }
    await Promise.all([...writing, flushing]);
    return doneBytes;
  } catch (thrown) {
    // No descriptor may be closed, and no block lent again, under a read or write that is still on its way.
    await Promise.allSettled([...writing, flushing, reading]);
    throw thrown;
  }
}

/** As much of the block as the file has; shorter only at its end, so that the next one begins aligned. */
async function readFully(source: FileHandle, block: Buffer, position: number): Promise<Buffer> {
  let done = 0;
  while (done < block.length) {
    const { bytesRead } = await source.read(block, done, block.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return block.subarray(0, done);
}

/** The last block of a file need not end aligned: its odd end goes another way. */
async function writeBlock({ handle, part, direct }: Target, block: Buffer, position: number): Promise<void> {
  const whole = direct ? block.length - (block.length % alignedBytes) : block.length;
  await writeFully(handle, block.subarray(0, whole), position);
  if (whole === block.length) return;
  const end = await open(part, 'r+');
  try {
    // Flushed with the rest: a flush is the file's, not the descriptor's.
    await writeFully(end, block.subarray(whole), position + whole);
  } finally {
    await end.close();
  }
}

async function flush(target: FileHandle, doneBytes: number, { onProgress, sizeBytes }: CopyRequest): Promise<void> {
  await target.datasync();
  onProgress?.({ doneBytes, totalBytes: sizeBytes });
}

async function writeFully(target: FileHandle, block: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < block.length) {
    const { bytesWritten } = await target.write(block, done, block.length - done, position + done);
    done += bytesWritten;
  }
}

/** A promise that is awaited later; its failure must not count as unhandled until then. */
function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
