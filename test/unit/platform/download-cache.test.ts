import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cachedFiles,
  cacheLimit,
  damagedFiles,
  setCacheLimit,
  trimCache,
} from '../../../src-main/platform/download-cache.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const day = (number: number): Date => new Date(Date.UTC(2026, 0, number));

/** A file of 1000 bytes that is what its name says, last used on that day of the month. */
async function put(kind: 'debs' | 'blobs', usedOn: number, end = ''): Promise<string> {
  const bytes = randomBytes(1000);
  const name = createHash(kind === 'debs' ? 'sha256' : 'sha512')
    .update(bytes)
    .digest('hex');
  const path = `${kind}/${name}${end}`;
  await mkdir(join(folder, kind), { recursive: true });
  await writeFile(join(folder, path), bytes);
  await utimes(join(folder, path), day(usedOn), day(usedOn));
  return path;
}

describe('the downloads that are kept', () => {
  it('are listed by last use; what is not ours is not among them', async () => {
    const [late, early, part] = [await put('debs', 9), await put('blobs', 2), await put('blobs', 5, '.part')];
    await writeFile(join(folder, 'debs', 'notes.txt'), 'mine');
    expect((await cachedFiles(folder)).map(({ path }) => path)).toEqual([early, part, late]);
    await trimCache(folder, { keepBytes: 0 });
    expect(existsSync(join(folder, 'debs', 'notes.txt'))).toBe(true);
    expect(await cachedFiles(folder)).toEqual([]);
  });

  it('lose the longest unused first, down to the size, or all before a day', async () => {
    const [first, second, third, fourth] = [
      await put('debs', 1),
      await put('blobs', 2),
      await put('debs', 3),
      await put('blobs', 4),
    ];
    expect(await trimCache(folder, { keepBytes: 3500 })).toEqual({ count: 1, sizeBytes: 1000 });
    expect((await cachedFiles(folder)).map(({ path }) => path)).toEqual([second, third, fourth]);
    expect(existsSync(join(folder, first))).toBe(false);
    const removed = await trimCache(folder, { usedBefore: day(4), keepBytes: Number.POSITIVE_INFINITY });
    expect(removed.count).toBe(2);
    expect((await cachedFiles(folder)).map(({ path }) => path)).toEqual([fourth]);
  });

  it('are compared with their names', async () => {
    const [right, wrong] = [await put('debs', 1), await put('blobs', 2)];
    await put('blobs', 3, '.part');
    await writeFile(join(folder, wrong), randomBytes(1000));
    expect(await damagedFiles(folder, new AbortController().signal)).toEqual([wrong]);
    expect(right).not.toBe(wrong);
  });

  it('are read to the end where one cannot be read, or goes meanwhile', async () => {
    const [first, gone, unreadable, last] = [
      await put('debs', 1),
      await put('blobs', 2),
      await put('debs', 3),
      await put('blobs', 4),
    ];
    await writeFile(join(folder, last), 'other');
    const seen: number[] = [];
    const damaged = await damagedFiles(folder, new AbortController().signal, ({ count }) => {
      if (seen.length === 0) {
        rmSync(join(folder, gone));
        rmSync(join(folder, unreadable));
        mkdirSync(join(folder, unreadable));
      }
      seen.push(count);
    });
    expect(damaged).toEqual([unreadable, last]);
    expect(seen.at(-1)).toBe(4);
    expect(existsSync(join(folder, first))).toBe(true);
  });

  it('have a limit that is kept, and a usual one', async () => {
    expect(await cacheLimit(folder)).toBe(100e9);
    await setCacheLimit(folder, 5e9);
    expect(await cacheLimit(folder)).toBe(5e9);
    await writeFile(join(folder, 'limit.json'), 'broken');
    expect(await cacheLimit(folder)).toBe(100e9);
  });
});
