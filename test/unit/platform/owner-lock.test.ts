import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownerOf, takeOwnerLock, waitForOwnerLock } from '../../../src-main/platform/owner-lock.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-owner-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('is waited for until it is let go, and not longer than the limit', async () => {
  const path = join(folder, 'waited');
  const first = await takeOwnerLock(path, new Date(0));
  if (!('release' in first)) throw new Error('not taken');
  expect(await waitForOwnerLock(path, 60)).toMatchObject({ held: { pid: process.pid } });
  setTimeout(() => void first.release(), 60);
  const second = await waitForOwnerLock(path, 30_000);
  if (!('release' in second)) throw new Error('not taken in time');
  await second.release();
  expect(await ownerOf(path)).toBe(null);
});

it('is never taken from another computer, whose processes cannot be known to be gone', async () => {
  const path = join(folder, 'elsewhere');
  const text = JSON.stringify({
    pid: 2 ** 22,
    host: `not-${hostname()}`,
    user: 'ann',
    since: new Date(0).toISOString(),
  });
  await writeFile(path, text);
  expect(await takeOwnerLock(path, new Date())).toMatchObject({ held: { user: 'ann' } });
  expect(await readFile(path, 'utf8')).toBe(text);
});
