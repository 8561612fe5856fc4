import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type CopyRequest, copyToMedium, writeToMedium } from '../../../src-main/medium/copy.ts';
import { writeProblem } from '../../../src-main/medium/medium-problem.ts';
import { problem } from '../../../src-shared/problem.ts';
import { unless } from '../../unless.ts';
import { problemOf, put, scratch } from './scratch.ts';

const sha512 = (bytes: Uint8Array) => createHash('sha512').update(bytes).digest('hex');

async function request(bytes: Buffer, more: Partial<CopyRequest> = {}): Promise<CopyRequest> {
  const folder = await scratch();
  const from = await put(join(folder, 'from/source'), bytes);
  const to = join(folder, 'medium/bcache/blob');
  return { from, to, algorithm: 'sha512', hash: sha512(bytes), sizeBytes: bytes.length, ...more };
}
const names = (asked: CopyRequest) => readdir(join(asked.to, '..')).catch(() => []);

describe('copying', () => {
  test.each([0, 1, 4095, 1024 * 1024, 1024 * 1024 + 1, 5 * 1024 * 1024 + 17, 70 * 1024 * 1024 + 3])(
    'a file of %d bytes arrives whole and alone',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes);
      const seen: number[] = [];
      const asked = await request(bytes, { onProgress: ({ doneBytes }) => seen.push(doneBytes) });
      expect(await copyToMedium(asked)).toBe('written');
      expect((await readFile(asked.to)).equals(bytes)).toBe(true);
      expect(await names(asked)).toEqual(['blob']);
      expect(seen).toEqual([...seen].sort((first, second) => first - second));
      expect(seen.at(-1)).toBe(sizeBytes);
    },
  );

  const inMemory = unless(existsSync('/dev/shm') ? null : 'no /dev/shm here');
  test('a file system that may refuse direct writes takes the same bytes', inMemory, async () => {
    const folder = await mkdtemp('/dev/shm/fieldkit-copy-');
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const bytes = randomBytes(3 * 1024 * 1024 + 17);
    const asked = await request(bytes, { to: join(folder, 'blob') });
    expect(await copyToMedium(asked)).toBe('written');
    expect((await readFile(asked.to)).equals(bytes)).toBe(true);
  });

  test('one that is there and right is kept as it is', async () => {
    const bytes = randomBytes(100_000);
    const asked = await request(bytes);
    await put(asked.to, bytes);
    await utimes(asked.to, 1000, 1000);
    expect(await copyToMedium(asked)).toBe('kept');
    expect((await stat(asked.to)).mtimeMs).toBe(1_000_000);
  });

  test('one that is there and damaged is written anew, unless it is vouched for', async () => {
    const bytes = randomBytes(100_000);
    const asked = await request(bytes);
    const damaged = Buffer.from(bytes).fill(0, 500, 600);
    await put(asked.to, damaged);
    expect(await copyToMedium({ ...asked, existing: 'trust' })).toBe('kept');
    expect((await readFile(asked.to)).equals(damaged)).toBe(true);
    expect(await copyToMedium(asked)).toBe('written');
    expect((await readFile(asked.to)).equals(bytes)).toBe(true);
  });

  test('one of another size is never trusted', async () => {
    const asked = await request(randomBytes(5000), { existing: 'trust' });
    await put(asked.to, 'short');
    expect(await copyToMedium(asked)).toBe('written');
  });

  test('an old unfinished file does not stand in the way', async () => {
    const asked = await request(randomBytes(5000));
    await put(`${asked.to}.part`, randomBytes(9000));
    expect(await copyToMedium(asked)).toBe('written');
    expect((await stat(asked.to)).size).toBe(5000);
  });

  test('a source that is not what was resolved leaves nothing', async () => {
    const cases: Partial<CopyRequest>[] = [{ hash: 'f'.repeat(128) }, { sizeBytes: 4 }, { from: '/nowhere/at-all' }];
    for (const more of cases) {
      const asked = await request(randomBytes(5000), more);
      expect((await problemOf(copyToMedium(asked))).code).toBe('copy-source-differs');
      expect(await names(asked)).toEqual([]);
    }
  });

  test('what was there before stays when the copy fails', async () => {
    const asked = await request(randomBytes(5000), { hash: 'f'.repeat(128) });
    await put(asked.to, 'before');
    expect((await problemOf(copyToMedium(asked))).code).toBe('copy-source-differs');
    expect(await readFile(asked.to, 'utf8')).toBe('before');
  });

  test('stopped, it leaves only a part', async () => {
    const stop = new AbortController();
    const asked = await request(randomBytes(80 * 1024 * 1024), { onProgress: () => stop.abort(), signal: stop.signal });
    expect((await problemOf(copyToMedium(asked))).code).toBe('cancelled');
    expect(await names(asked)).toEqual(['blob.part']);
  });

  test('a file that would land on another device is refused', async () => {
    const asked = await request(randomBytes(5000), { device: 123_456_789 });
    expect((await problemOf(copyToMedium(asked))).code).toBe('medium-absent');
    expect(await names(asked)).toEqual([]);
    const { dev } = await stat(asked.from);
    expect(await copyToMedium({ ...asked, device: dev })).toBe('written');
  });

  test('a folder in the place of the file', async () => {
    const asked = await request(randomBytes(10));
    await put(join(asked.to, 'inside'), '');
    expect((await problemOf(copyToMedium(asked))).code).toBe('medium-write-failed');
    expect(await names(asked)).toEqual(['blob']);
  });

  test('any content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (content) => {
        const bytes = Buffer.from(content);
        const folder = await scratch();
        const from = await put(join(folder, 'source'), bytes);
        const asked = { from, to: join(folder, 'to'), algorithm: 'sha512', hash: sha512(bytes) } as const;
        await copyToMedium({ ...asked, sizeBytes: bytes.length });
        expect((await readFile(asked.to)).equals(bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('what a failed write is called', () => {
  const failed = (code: string) => Object.assign(new Error(code), { code });
  test.each([
    ['ENOSPC', 'medium-full'],
    ['EDQUOT', 'medium-full'],
    ['EROFS', 'medium-read-only'],
    ['EIO', 'medium-write-failed'],
    ['ENODEV', 'medium-write-failed'],
  ])('%s: %s', async (errno, code) => {
    expect(await writeProblem(failed(errno), '/tmp/x', 10)).toMatchObject({ data: { code } });
    const wrapped = problem('folder-not-writable', { path: '/tmp', detail: errno }, { cause: failed(errno) });
    expect(await writeProblem(wrapped, '/tmp/x', 10)).toMatchObject({ data: { code } });
  });

  test('other problems stay what they are', async () => {
    const other = problem('cancelled', { what: 'x' });
    expect(await writeProblem(other, '/tmp/x', 10)).toBe(other);
    const deep = problem('medium-absent', { path: '/x' }, { cause: failed('ENOENT') });
    expect(await writeProblem(deep, '/tmp/x', 10)).toBe(deep);
  });

  test('a small file below a file', async () => {
    const folder = await scratch();
    await put(join(folder, 'file'), '');
    expect((await problemOf(writeToMedium(join(folder, 'file/x'), 'text'))).code).toBe('medium-write-failed');
  });
});
