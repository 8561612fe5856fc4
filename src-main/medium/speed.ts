// How fast a medium takes and gives: measured with a file of our own, for a moment, when a drive is chosen. Called by
// choose-medium's job. Writes nothing but that file, below our folder, and removes it whatever happens.
import { createHash, randomFillSync } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import type { Clock } from '../platform/clock.ts';
import { freeBytes } from '../platform/files.ts';
import { writeProblem } from './medium-problem.ts';
import { readBack } from './read-back.ts';

export const mediumSpeed = z.strictObject({
  /** Bytes a second that reached the medium, its own cache included: a small sample, so the best that is to be expected. */
  writeBytes: z.number().positive(),
  readBytes: z.number().positive(),
});
export type MediumSpeed = Readonly<z.infer<typeof mediumSpeed>>;

const blockBytes = 1024 * 1024;
/** Enough to get past the laptop's own delays, little enough for the slowest stick. */
const sampleBlocks = 8;
/** After so long it is known to be slow, and how slow. */
const enoughMs = 6000;
/** Below this the room is needed for other things. */
const leastFreeBytes = 64 * blockBytes;

/**
 * Writes up to 8 MiB that cannot be compressed, each megabyte flushed, and reads them back past the cache. Null where there is
 * little room. `root`: the medium's `fieldkit` folder; `device`: its device number.
 * Throws `medium-absent`, `medium-write-failed`, `medium-file-damaged` (it gave back something else), `cancelled`.
 */
export async function measureSpeed(
  root: string,
  device: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<MediumSpeed | null> {
  if ((await freeBytes(root)) < leastFreeBytes) return null;
  // By this name it is known for an unfinished file of ours, should it ever stay behind.
  const path = join(root, '.fieldkit-speed.tmp');
  const stop = () => {
    if (signal?.aborted) throw problem('cancelled', { what: 'measure' });
  };
  try {
    const written = createHash('sha256');
    const block = Buffer.alloc(blockBytes);
    const handle = await open(path, 'w', 0o644);
    let doneBytes = 0;
    const started = clock.monotonicMs();
    try {
      if ((await handle.stat()).dev !== device) throw problem('medium-absent', { path: dirname(root) });
      while (doneBytes < sampleBlocks * blockBytes && clock.monotonicMs() - started < enoughMs) {
        stop();
        randomFillSync(block);
        await handle.writeFile(block);
        await handle.datasync();
        written.update(block);
        doneBytes += block.length;
      }
    } finally {
      await handle.close();
    }
    const between = clock.monotonicMs();
    const found = await readBack(path, signal === undefined ? {} : { signal });
    const ended = clock.monotonicMs();
    if (found.sha256 !== written.digest('hex')) throw problem('medium-file-damaged', { file: path, offset: 0 });
    return { writeBytes: rate(doneBytes, between - started), readBytes: rate(doneBytes, ended - between) };
  } catch (thrown) {
    throw await writeProblem(thrown, path, sampleBlocks * blockBytes, device);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

const rate = (bytes: number, tookMs: number): number => Math.round((bytes / Math.max(tookMs, 1)) * 1000);
