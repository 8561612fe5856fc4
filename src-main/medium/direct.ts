// Input and output that pass by the laptop's memory (O_DIRECT): what is read comes from the medium itself, what is
// written does not wait in memory. Called by what copies to the medium and reads it back.
// (The medium's own cache cannot be passed by anybody.)
import { constants } from 'node:fs';
import { errnoOf } from '../platform/files.ts';

/** The piece that is read and written at once, in bytes. */
export const blockBytes = 1024 * 1024;
/** Direct access begins and ends at whole multiples of this many bytes. Every block size in use divides it. */
export const alignedBytes = 4096;

const flag = constants.O_DIRECT as number | undefined;

/**
 * Performs `act` with the flag to open a file with, and once more with 0 where the system has no direct access or the
 * file system refuses it, at opening or at the first piece.
 */
export async function directly<T>(act: (flag: number) => Promise<T>): Promise<T> {
  if (flag !== undefined) {
    try {
      return await act(flag);
    } catch (thrown) {
      if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(thrown))) throw thrown;
    }
  }
  return act(0);
}

const resting = new Map<number, Buffer[][]>();

/**
 * Lends `count` blocks of `blockBytes` for as long as `act` takes; nothing may be on its way into or out of them any more
 * when it ends. Direct access wants memory aligned to the disk's blocks. Node's buffers are not, and do not tell their
 * address; the memory of WebAssembly is made of whole pages.
 */
export async function withBlocks<T>(count: number, act: (blocks: readonly Buffer[]) => Promise<T>): Promise<T> {
  const pool = resting.get(count) ?? [];
  resting.set(count, pool);
  const blocks = pool.pop() ?? alignedBlocks(count);
  try {
    return await act(blocks);
  } finally {
    pool.push(blocks);
  }
}

function alignedBlocks(count: number): Buffer[] {
  const { buffer } = new WebAssembly.Memory({ initial: (count * blockBytes) / 65_536 });
  return Array.from({ length: count }, (_, at) => Buffer.from(buffer, at * blockBytes, blockBytes));
}
