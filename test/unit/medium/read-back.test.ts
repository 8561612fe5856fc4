import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstDamage, readBack } from '../../../src-main/medium/read-back.ts';
import { manifestBlockBytes } from '../../../src-shared/manifest.ts';
import { problemOf, put, scratch } from './scratch.ts';

const digest = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('hex');
const mebibyte = 1024 * 1024;

describe('reading back', () => {
  test.each([
    0,
    1,
    4095,
    4096,
    mebibyte - 1,
    mebibyte,
    mebibyte + 1,
    manifestBlockBytes,
    2 * manifestBlockBytes + 12_345,
  ])('a file of %d bytes', async (sizeBytes) => {
    const bytes = randomBytes(sizeBytes);
    const path = await put(join(await scratch(), 'file'), bytes);
    const seen: number[] = [];
    const found = await readBack(path, { sha512: true, onProgress: (done) => seen.push(done) });
    expect(found).toMatchObject({ sha256: digest('sha256', bytes), sha512: digest('sha512', bytes), sizeBytes });
    const blocks = Array.from({ length: Math.ceil(sizeBytes / manifestBlockBytes) }, (_, index) =>
      digest('sha256', bytes.subarray(index * manifestBlockBytes, (index + 1) * manifestBlockBytes)),
    );
    expect(found.blocks).toEqual(blocks);
    if (sizeBytes > 0) expect(seen.at(-1)).toBe(sizeBytes);
  });

  test('many at once do not share their memory', async () => {
    const folder = await scratch();
    const all = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const bytes = randomBytes(3 * mebibyte + index);
        return { bytes, path: await put(join(folder, `${index}`), bytes) };
      }),
    );
    const found = await Promise.all(all.map(({ path }) => readBack(path)));
    expect(found.map(({ sha256 }) => sha256)).toEqual(all.map(({ bytes }) => digest('sha256', bytes)));
  });

  test('where the cache cannot be bypassed it says so and reads all the same', async ({ skip }) => {
    // The kernel's memory file systems are the ones that refuse or fake it; what they answer differs by version.
    const folder = await mkdtemp('/dev/shm/fieldkit-').catch(() => null);
    if (folder === null) return skip('no /dev/shm here');
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'file'), 'content');
    const found = await readBack(join(folder, 'file'));
    expect(found.sha256).toBe(digest('sha256', Buffer.from('content')));
    expect(typeof found.cacheBypassed).toBe('boolean');
    const virtual = await readBack('/proc/version');
    expect(virtual.cacheBypassed).toBe(false);
    expect(virtual.sizeBytes).toBeGreaterThan(10);
  });

  test('can be stopped', async () => {
    const path = await put(join(await scratch(), 'file'), randomBytes(6 * mebibyte));
    const stop = new AbortController();
    const reading = readBack(path, { onProgress: () => stop.abort(), signal: stop.signal });
    expect((await problemOf(reading)).code).toBe('cancelled');
  });
});

describe('where the damage is', () => {
  test('the first block that differs', async () => {
    const bytes = randomBytes(3 * manifestBlockBytes + 5);
    const path = await put(join(await scratch(), 'file'), bytes);
    const good = await readBack(path);
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([(bytes[2 * manifestBlockBytes + 77] ?? 0) ^ 1]), 0, 1, 2 * manifestBlockBytes + 77);
    await handle.close();
    const bad = await readBack(path);
    expect(firstDamage(bad, good.blocks, bytes.length)).toBe(2 * manifestBlockBytes);
    expect(firstDamage(bad, undefined, bytes.length)).toBe(0);
  });

  test('a cut file is damaged from its cut block on', async () => {
    const bytes = randomBytes(2 * manifestBlockBytes);
    const path = await put(join(await scratch(), 'file'), bytes);
    const good = await readBack(path);
    await writeFile(path, bytes.subarray(0, manifestBlockBytes));
    expect(firstDamage(await readBack(path), good.blocks, bytes.length)).toBe(manifestBlockBytes);
  });
});
