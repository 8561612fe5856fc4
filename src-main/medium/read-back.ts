// Reads a file back from the medium itself, not from the laptop's memory, and hashes it. Called by sealing and verifying.
// The cache is bypassed where the file system allows it; where it does not, the result says so.
import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { manifestBlockBytes } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { alignedBytes, blockBytes, directly, withBlocks } from './direct.ts';

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

/** Hashes a file as the medium gives it. Throws `cancelled`, or the system's error. */
export function readBack(path: string, options: ReadBackOptions = {}): Promise<ReadBack> {
  return directly((flag) =>
    withBlocks(2, async (buffers) => {
      const handle = await open(path, constants.O_RDONLY | flag);
      try {
        return { ...(await hashAll(handle, buffers, flag !== 0, options)), cacheBypassed: flag !== 0 };
      } finally {
        await handle.close();
      }
    }),
  );
}

async function hashAll(
  handle: FileHandle,
  buffers: readonly Buffer[],
  direct: boolean,
  { sha512, onProgress, signal }: ReadBackOptions,
): Promise<Omit<ReadBack, 'cacheBypassed'>> {
  const whole = createHash('sha256');
  const blob = sha512 === true ? createHash('sha512') : null;
  const blocks: string[] = [];
  let block = createHash('sha256');
  let doneBytes = 0;
  let turn = 0;
  // No read crosses the end of a block, even after a short one.
  const next = () => {
    const length = Math.min(blockBytes, manifestBlockBytes - (doneBytes % manifestBlockBytes));
    return handle.read(buffers[turn] as Buffer, 0, length, doneBytes);
  };
  let reading = next();
  try {
    for (;;) {
      const { bytesRead } = await reading;
      if (signal?.aborted) throw problem('cancelled', { what: 'read' });
      if (bytesRead === 0) break;
      const full = (buffers[turn] as Buffer).subarray(0, bytesRead);
      doneBytes += bytesRead;
      turn = 1 - turn;
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
