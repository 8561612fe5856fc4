// What was made of files is made anew exactly when they look otherwise.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whileUnchanged } from '../../../src-main/platform/while-unchanged.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-unchanged-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('keeps what was made until a file grows, is put in another’s place, appears or goes', async () => {
  const one = join(folder, 'one');
  const other = join(folder, 'other');
  await writeFile(one, 'a');
  let made = 0;
  const remember = whileUnchanged<number>();
  const look = () =>
    remember('it', [one, other], async () => {
      made += 1;
      return made;
    });
  expect([await look(), await look()]).toEqual([1, 1]);
  await writeFile(one, 'ab');
  expect([await look(), await look()]).toEqual([2, 2]);
  await writeFile(other, 'x');
  expect([await look(), await look()]).toEqual([3, 3]);
  // Of the same size, by rename, as the program writes.
  await writeFile(`${other}.new`, 'y');
  await rename(`${other}.new`, other);
  expect([await look(), await look()]).toEqual([4, 4]);
  await rm(other);
  expect([await look(), await look()]).toEqual([5, 5]);
});

it('does not keep a failure, and keeps things apart', async () => {
  const path = join(folder, 'one');
  await writeFile(path, 'a');
  const remember = whileUnchanged<string>();
  await expect(remember('it', [path], () => Promise.reject(new Error('torn')))).rejects.toThrow('torn');
  expect(await remember('it', [path], async () => 'whole')).toBe('whole');
  expect(await remember('more', [path], async () => 'another')).toBe('another');
  expect(await remember('it', [path], async () => 'new')).toBe('whole');
});
