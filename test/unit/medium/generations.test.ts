// An update of a sealed medium, and the way back: cut at any write, what is there is the old state or the new one, whole.
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeToMedium } from '../../../src-main/medium/copy.ts';
import {
  cleanUp,
  cleanUpOf,
  keepGeneration,
  keptGenerations,
  nextGeneration,
  restoreGeneration,
} from '../../../src-main/medium/generations.ts';
import { makeSigningKey } from '../../../src-main/medium/keys.ts';
import { openManifest, type Put } from '../../../src-main/medium/manifest-store.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { verifyMedium } from '../../../src-main/medium/verify.ts';
import type { Progress } from '../../../src-main/platform/fetch.ts';
import { contentServer } from '../../../src-main/software/content-server.ts';
import { filledMedium, large, pathOf, type SealedMedium, sealedMedium, sealRequest, small } from './sealed-medium.ts';

const index = `bdir/${'a'.repeat(32)}`;
const readmeText = '<!doctype html>';
const newIndex = '[["entry neo","AAAA"]]';

/** Writes what a second preparation would: a new archive beside the old one, an index document and a page over theirs. */
async function update({ root, key }: SealedMedium, put: Put): Promise<void> {
  await keepGeneration(root, key.fingerprint, new Map(), put);
  await put(join(root, pathOf(large)), large);
  await put(join(root, index), newIndex);
  await put(join(root, 'readme.html'), `${readmeText}2`);
  const expected = [pathOf(large), index, 'readme.html', 'debian/debian-12-amd64/InRelease'].map((path) => ({ path }));
  await sealMedium({ ...sealRequest(root, key, await nextGeneration(root, key.fingerprint)), expected }, put);
}

/** A writer whose power goes before or after the given write. */
function cutAt(write: number, when: 'before' | 'after'): { put: Put; writes: () => number; bytes: () => number } {
  let [writes, bytes] = [0, 0];
  return {
    put: async (path, data) => {
      writes += 1;
      if (writes === write && when === 'before') throw new Error('power');
      bytes += data.length;
      await writeToMedium(path, data);
      if (writes === write) throw new Error('power');
    },
    writes: () => writes,
    bytes: () => bytes,
  };
}

/** The generation that stands, with everything it lists read back and right. */
async function standing({ root, key }: SealedMedium): Promise<number> {
  const { manifest } = await openManifest(root, key.fingerprint);
  const { findings } = await verifyMedium(root, manifest);
  expect(findings.filter(({ code }) => code !== 'medium-file-unlisted')).toEqual([]);
  return manifest.generation;
}

/** What a target is given for a path. */
async function served({ root, key }: SealedMedium, path: string): Promise<string> {
  const { manifest } = await openManifest(root, key.fingerprint);
  const server = contentServer({ root, manifest });
  const port = await server.listen(0);
  const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
  const text = answer.status === 200 ? await answer.text() : String(answer.status);
  await server.close();
  return text;
}

const ends = (thrown: Error) => expect(thrown.message).toBe('power');

describe('an update', () => {
  test('keeps the old state whole until the new one stands, wherever it is cut', async () => {
    const start = await sealedMedium();
    const uncut = cutAt(999, 'before');
    const whole = join(start.root, '../whole');
    await cp(start.root, whole, { recursive: true });
    await update({ ...start, root: whole }, uncut.put);
    expect(uncut.writes()).toBeGreaterThan(12);
    const seen: number[] = [];
    for (let write = 1; write <= uncut.writes(); write += 1) {
      for (const when of ['before', 'after'] as const) {
        const medium = { ...start, root: join(start.root, `../cut-${write}-${when}`) };
        await cp(start.root, medium.root, { recursive: true });
        await update(medium, cutAt(write, when).put).catch(ends);
        const generation = await standing(medium);
        seen.push(generation);
        const text = await served(medium, index);
        expect([write, when, text]).toEqual([write, when, generation === 1 ? '[["entry one","AAAA"]]' : newIndex]);
        // The next run goes on from there, and ends with the new state.
        await update(medium, writeToMedium);
        expect(await standing(medium)).toBeGreaterThan(1);
        expect(await served(medium, index)).toBe(newIndex);
      }
    }
    expect(new Set(seen)).toEqual(new Set([1, 2]));
    expect([...seen].sort()).toEqual(seen);
  }, 120_000);

  test('writes what is new, and little else', async () => {
    const medium = await sealedMedium();
    const counted = cutAt(999, 'before');
    await update(medium, counted.put);
    expect(counted.bytes()).toBeLessThan(large.length * 1.1);
  });

  test('moves a package aside that comes back under its name with another content', async () => {
    const medium = await sealedMedium();
    const deb = 'debian/debian-12-amd64/debs/a_2_all.deb';
    await writeToMedium(join(medium.root, deb), 'first build');
    await sealMedium(sealRequest(medium.root, medium.key, 2));
    await keepGeneration(medium.root, medium.key.fingerprint, new Map([[deb, '0'.repeat(64)]]));
    expect(existsSync(join(medium.root, deb))).toBe(false);
    expect(await standing(medium)).toBe(2);
    expect(await served(medium, deb)).toBe('first build');
    await writeToMedium(join(medium.root, deb), 'other build');
    expect(await standing(medium)).toBe(2);
    expect(await served(medium, deb)).toBe('first build');
  });

  test('keeps nothing of a medium that is not ours', async () => {
    const { root } = await sealedMedium();
    await keepGeneration(root, makeSigningKey().fingerprint);
    await keepGeneration(await filledMedium(), makeSigningKey().fingerprint);
    expect(existsSync(join(root, 'generations'))).toBe(false);
  });
});

describe('the way back', () => {
  test('makes the earlier state the sealed one again, wherever it is cut', async () => {
    const start = await sealedMedium();
    await update(start, writeToMedium);
    const uncut = cutAt(999, 'before');
    const whole = { ...start, root: join(start.root, '../whole') };
    await cp(start.root, whole.root, { recursive: true });
    expect((await restoreGeneration(whole.root, start.key.fingerprint, null, { put: uncut.put })).generation).toBe(1);
    expect(await standing(whole)).toBe(1);
    expect(await served(whole, index)).toBe('[["entry one","AAAA"]]');
    expect(await readFile(join(whole.root, 'readme.html'), 'utf8')).toBe(readmeText);
    expect(await nextGeneration(whole.root, start.key.fingerprint)).toBe(3);
    for (let write = 1; write <= uncut.writes(); write += 1) {
      for (const when of ['before', 'after'] as const) {
        const medium = { ...start, root: join(start.root, `../back-${write}-${when}`) };
        await cp(start.root, medium.root, { recursive: true });
        await restoreGeneration(medium.root, start.key.fingerprint, 1, { put: cutAt(write, when).put }).catch(ends);
        const generation = await standing(medium);
        expect(await served(medium, index)).toBe(generation === 1 ? '[["entry one","AAAA"]]' : newIndex);
      }
    }
    // And forth again.
    expect((await restoreGeneration(whole.root, start.key.fingerprint, 2)).generation).toBe(2);
    expect(await standing(whole)).toBe(2);
    expect(await served(whole, index)).toBe(newIndex);
  }, 120_000);

  test('keeps a package of the present state whose name the earlier one has with another content, wherever it is cut', async () => {
    const start = await sealedMedium();
    const deb = 'debian/debian-12-amd64/debs/a_2_all.deb';
    const { root, key } = start;
    await writeToMedium(join(root, deb), 'first build');
    await sealMedium(sealRequest(root, key, 2));
    await keepGeneration(root, key.fingerprint, new Map([[deb, '0'.repeat(64)]]));
    await writeToMedium(join(root, deb), 'other build');
    await sealMedium(sealRequest(root, key, 3));
    const uncut = cutAt(999, 'before');
    const whole = { ...start, root: join(root, '../whole') };
    await cp(root, whole.root, { recursive: true });
    expect((await restoreGeneration(whole.root, key.fingerprint, 2, { put: uncut.put })).generation).toBe(2);
    expect(await served(whole, deb)).toBe('first build');
    for (let write = 1; write <= uncut.writes(); write += 1) {
      const medium = { ...start, root: join(root, `../cut-${write}`) };
      await cp(root, medium.root, { recursive: true });
      await restoreGeneration(medium.root, key.fingerprint, 2, { put: cutAt(write, 'after').put }).catch(ends);
      expect(await served(medium, deb)).toBe((await standing(medium)) === 2 ? 'first build' : 'other build');
    }
    expect((await restoreGeneration(whole.root, key.fingerprint, 3)).generation).toBe(3);
    expect(await standing(whole)).toBe(3);
    expect(await served(whole, deb)).toBe('other build');
  }, 120_000);

  test('can be stopped at any write before its signature, tells how far it is, and goes on from there', async () => {
    const start = await sealedMedium();
    await update(start, writeToMedium);
    const { key } = start;
    const stopped: number[] = [];
    for (let write = 1; stopped.at(-1) !== 1; write += 1) {
      const medium = { ...start, root: join(start.root, `../stopped-${write}`) };
      await cp(start.root, medium.root, { recursive: true });
      const stop = new AbortController();
      let writes = 0;
      const put: Put = async (path, data) => {
        await writeToMedium(path, data);
        writes += 1;
        if (writes === write) stop.abort();
      };
      const far: Progress[] = [];
      const watch = { put, signal: stop.signal, onProgress: (progress: Progress) => far.push(progress) };
      const refused = await restoreGeneration(medium.root, key.fingerprint, 1, watch).then(
        () => null,
        (thrown: { code: string }) => thrown.code,
      );
      const generation = await standing(medium);
      // Once the signature is put back it comes too late; what was stopped is the state before, whole.
      expect(refused).toBe(generation === 1 ? null : 'cancelled');
      if (generation === 1) expect(far.at(-1)?.doneBytes).toBe(far.at(-1)?.totalBytes);
      stopped.push(generation);
      if (generation === 1) continue;
      expect((await restoreGeneration(medium.root, key.fingerprint, 1)).generation).toBe(1);
      expect(await standing(medium)).toBe(1);
    }
    expect(stopped.length).toBeGreaterThan(3);
  }, 120_000);

  test('is refused, by number, where there is none', async () => {
    const { root, key } = await sealedMedium();
    await expect(restoreGeneration(root, key.fingerprint, null)).rejects.toMatchObject({ code: 'generation-unknown' });
    await expect(restoreGeneration(root, key.fingerprint, 7)).rejects.toMatchObject({
      code: 'generation-unknown',
      data: { params: { generation: 7, kept: '-' } },
    });
  });

  test('does not trust a kept state that was altered or comes from elsewhere', async () => {
    const medium = await sealedMedium();
    await update(medium, writeToMedium);
    const kept = join(medium.root, 'generations/1/manifest.json');
    await writeFile(kept, (await readFile(kept, 'utf8')).replace('lille', 'paris'));
    expect(await keptGenerations(medium.root, medium.key.fingerprint)).toEqual([]);
    await expect(restoreGeneration(medium.root, medium.key.fingerprint, 1)).rejects.toMatchObject({
      code: 'generation-unknown',
    });
    await cp(join(medium.root, 'generations/1'), join(medium.root, 'generations/9'), { recursive: true });
    expect(await keptGenerations(medium.root, medium.key.fingerprint)).toEqual([]);
  });
});

describe('cleaning up', () => {
  test('removes what only earlier states list, shows it first, and touches nothing of others', async () => {
    const medium = await sealedMedium();
    await update(medium, writeToMedium);
    const foreign = ['bcache/mine.iso', 'notes.txt', `bcache/${'9'.repeat(128)}`];
    for (const path of foreign) await writeFile(join(medium.root, path), 'mine');
    await writeFile(join(medium.root, 'bcache/half.part'), 'ours');
    const all = async () =>
      (await readdir(medium.root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
    const before = await all();
    const preview = await cleanUpOf(medium.root, medium.key.fingerprint);
    expect(await all()).toBe(before);
    expect(preview.generations).toEqual([1]);
    expect(preview.paths).toEqual(
      expect.arrayContaining([
        pathOf(small),
        'bcache/half.part',
        'generations/1/manifest.json',
        `generations/1/${index}`,
      ]),
    );
    expect(preview.paths.filter((path) => foreign.includes(path) || path === index)).toEqual([]);
    expect(preview.sizeBytes).toBeGreaterThan(small.length);
    await cleanUp(medium.root, preview);
    for (const path of preview.paths) expect(existsSync(join(medium.root, path)), path).toBe(false);
    for (const path of foreign) expect(existsSync(join(medium.root, path)), path).toBe(true);
    expect(existsSync(join(medium.root, 'generations'))).toBe(true);
    expect(await standing(medium)).toBe(2);
    expect((await cleanUpOf(medium.root, medium.key.fingerprint)).paths).toEqual([]);
  });
});
