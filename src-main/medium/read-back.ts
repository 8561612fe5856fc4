// Reads a file back from the medium itself, not from the laptop's memory, and hashes it. Called by sealing and verifying.
// The cache is bypassed with O_DIRECT where the file system allows it; where it does not, the result says so.
// (The medium's own cache cannot be bypassed by anybody.)
import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { manifestBlockBytes } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf } from '../platform/files.ts';

export interface ReadBack {
  readonly sha256: string;
  /** Only when asked for. */
  readonly sha512: string | null;
  readonly sizeBytes: number;
  /** sha256 of each block of `manifestBlockBytes`, in order. */
  readonly blocks: readonly string[];
  readonly cacheBypassed: boolean;
}

export interface ReadBackOptions {
  readonly sha512?: boolean;
  /** Bytes of this file read so far. */
  readonly onProgress?: (doneBytes: number) => void;
  readonly signal?: AbortSignal;
}

const readBytes = 1024 * 1024;
/** Every block size in use divides it. */
const alignedBytes = 4096;

/** Hashes a file as the medium gives it. Throws `cancelled`, or the system's error. */
export async function readBack(path: string, options: ReadBackOptions = {}): Promise<ReadBack> {
  const direct = constants.O_DIRECT as number | undefined;
  if (direct !== undefined) {
    try {
      return await readThrough(path, constants.O_RDONLY | direct, true, options);
    } catch (thrown) {
      // Refused by the file system at opening or at the first read.
      if (errnoOf(thrown) !== 'EINVAL' && errnoOf(thrown) !== 'ENOTSUP' && errnoOf(thrown) !== 'EOPNOTSUPP')
        throw thrown;
    }
  }
  return readThrough(path, constants.O_RDONLY, false, options);
}

async function readThrough(
  path: string,
  flags: number,
  cacheBypassed: boolean,
  options: ReadBackOptions,
): Promise<ReadBack> {
  const handle = await open(path, flags);
  const buffers = pool.pop() ?? alignedBuffers();
  try {
    return { ...(await hashAll(handle, buffers, cacheBypassed, options)), cacheBypassed };
  } finally {
    pool.push(buffers);
    await handle.close();
  }
}

type Buffers = readonly [Buffer, Buffer];
const pool: Buffers[] = [];

/**
 * O_DIRECT wants memory aligned to the disk's blocks. Node's buffers are not, and do not tell their address; the memory
 * of WebAssembly is made of whole pages.
 */
function alignedBuffers(): Buffers {
  const memory = new WebAssembly.Memory({ initial: (2 * readBytes) / 65_536 });
  return [Buffer.from(memory.buffer, 0, readBytes), Buffer.from(memory.buffer, readBytes, readBytes)];
}

async function hashAll(
  handle: FileHandle,
  buffers: Buffers,
  direct: boolean,
  { sha512, onProgress, signal }: ReadBackOptions,
): Promise<Omit<ReadBack, 'cacheBypassed'>> {
  const whole = createHash('sha256');
  const blob = sha512 === true ? createHash('sha512') : null;
  const blocks: string[] = [];
  let block = createHash('sha256');
  let doneBytes = 0;
  let turn: 0 | 1 = 0;
  // No read crosses the end of a block, even after a short one.
  const next = () => {
    const length = Math.min(readBytes, manifestBlockBytes - (doneBytes % manifestBlockBytes));
    return handle.read(buffers[turn], 0, length, doneBytes);
  };
  let reading = next();
  try {
    for (;;) {
      const { bytesRead } = await reading;
      if (signal?.aborted) throw problem('cancelled', { what: 'read' });
      if (bytesRead === 0) break;
      const full = buffers[turn].subarray(0, bytesRead);
      doneBytes += bytesRead;
      turn = turn === 0 ? 1 : 0;
      // A direct read that ends at an odd place was the last, and none may start there.
      const more = !direct || bytesRead % alignedBytes === 0;
      if (more) {
        reading = next();
        reading.catch(() => undefined);
      }
      whole.update(full);
      blob?.update(full);
      block.update(full);
      if (doneBytes % manifestBlockBytes === 0) {
        blocks.push(block.digest('hex'));
        block = createHash('sha256');
      }
      onProgress?.(doneBytes);
      if (!more) break;
    }
  } finally {
    // The buffers go back to the pool: nothing may still be read into them.
    await reading.catch(() => undefined);
  }
  if (doneBytes % manifestBlockBytes !== 0) blocks.push(block.digest('hex'));
  return { sha256: whole.digest('hex'), sha512: blob?.digest('hex') ?? null, sizeBytes: doneBytes, blocks };
}

/** Offset of the first block that differs from what it should be; 0 when blocks are not known. */
export function firstDamage(found: ReadBack, expected: readonly string[] | undefined, sizeBytes: number): number {
  if (expected === undefined) return 0;
  const index = expected.findIndex((hash, at) => found.blocks[at] !== hash);
  return index < 0 ? Math.min(found.sizeBytes, sizeBytes) : index * manifestBlockBytes;
}
