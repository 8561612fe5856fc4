import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { setPracticeFault } from '../../../src-main/practice/faults.ts';
import { practiceFetch } from '../../../src-main/practice/fetch.ts';
import { practiceFolder, testClock } from './practice-machines.ts';

const url = 'http://archive.practice.invalid/debian/dists/x/Packages';
const limitBytes = 1000;
const codeOf = (thrown: Promise<unknown>): Promise<string> =>
  thrown.then(
    () => 'nothing',
    (error: { code?: string }) => error.code ?? String(error),
  );

async function served() {
  const folder = await practiceFolder();
  const file = join(folder, 'network/archive.practice.invalid/debian/dists/x/Packages');
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, 'Package: a\n');
  await writeFile(join(folder, 'secret'), 'not served');
  return { folder, fetch: practiceFetch(folder, { clock: testClock(), pace: 1 }) };
}

it('answers for the practice archives and for nothing else', async () => {
  const { fetch } = await served();
  expect(Buffer.from(await fetch.fetchBytes(url, { limitBytes })).toString()).toBe('Package: a\n');
  expect(await fetch.fetchIfThere(`${url}.xz`, { limitBytes })).toBe(null);
  expect(await codeOf(fetch.fetchBytes(`${url}.xz`, { limitBytes }))).toBe('download-failed');
  expect(await codeOf(fetch.fetchBytes(url, { limitBytes: 3 }))).toBe('download-failed');
  for (const other of [
    'http://example.invalid/debian/dists/x/Packages',
    'https://archive.practice.invalid/debian/dists/x/Packages',
    'http://archive.practice.invalid/debian/%2e%2e%2f%2e%2e%2f%2e%2e/secret',
    'http://archive.practice.invalid/',
  ])
    expect(await fetch.fetchIfThere(other, { limitBytes }), other).toBe(null);
});

it('downloads with progress, and refuses what is not as signed', async () => {
  const { folder, fetch } = await served();
  const to = join(folder, 'got/Packages');
  const seen: number[] = [];
  await fetch.download({ url, to, sizeBytes: 11, onProgress: ({ doneBytes }) => seen.push(doneBytes) });
  expect(await readFile(to, 'utf8')).toBe('Package: a\n');
  expect(seen.at(-1)).toBe(11);
  const wrong = { url, to: join(folder, 'got/other'), sha256: '0'.repeat(64) };
  expect(await codeOf(fetch.download(wrong))).toBe('download-wrong-hash');
  expect(await codeOf(fetch.download({ url, to: wrong.to, sizeBytes: 12 }))).toBe('download-wrong-size');
  expect(await codeOf(readFile(wrong.to))).toBe('ENOENT');
});

it('alters an index, and only an index, while that fault is on', async () => {
  const { folder, fetch } = await served();
  await setPracticeFault(folder, 'tampered-package-index', true);
  const altered = Buffer.from(await fetch.fetchBytes(url, { limitBytes }));
  expect(altered.length).toBe(11);
  expect(altered.toString()).not.toBe('Package: a\n');
  await setPracticeFault(folder, 'tampered-package-index', false);
  expect(Buffer.from(await fetch.fetchBytes(url, { limitBytes })).toString()).toBe('Package: a\n');
});
