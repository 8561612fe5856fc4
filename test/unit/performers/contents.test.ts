import { cp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { contentsOf, mediumMark } from '../../../src-main/performers/contents.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { sealedMedium, sealRequest } from '../medium/sealed-medium.ts';

it('marks a medium by itself and its seal, not by its place', async () => {
  const { root, key } = await sealedMedium();
  const folder = dirname(root);
  const markAt = async (place: string): Promise<string | undefined> => (await contentsOf(place)).sealed?.mark;
  const first = await markAt(folder);
  expect(first).toBe(await mediumMark(root, await openManifest(root, null)));
  expect(first).toBe(await markAt(root));
  // Mounted elsewhere: the same.
  const moved = join(folder, 'moved');
  await cp(root, join(moved, 'fieldkit'), { recursive: true });
  expect(await markAt(moved)).toBe(first);
  // A copy with a marker of its own in its place: another.
  const marker = join(moved, 'fieldkit', mediumPaths.mediumId);
  await writeFile(marker, 'd'.repeat(32));
  await rename(root, join(folder, 'away'));
  await cp(join(moved, 'fieldkit'), root, { recursive: true });
  const other = await markAt(folder);
  expect(other).not.toBe(first);
  await rm(root, { recursive: true });
  await rename(join(folder, 'away'), root);
  expect(await markAt(folder)).toBe(first);
  // Sealed anew: another.
  await sealMedium(sealRequest(root, key, 2));
  const anew = await markAt(folder);
  expect([first, other]).not.toContain(anew);
});
