// The medium's room, identity and reading back on real file systems: full, read-only, unplugged, swapped, damaged below.
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyToMedium, writeToMedium } from '../../../src-main/medium/copy.ts';
import { listDrives } from '../../../src-main/medium/drives.ts';
import { readRoom, roomProblem } from '../../../src-main/medium/file-system.ts';
import { bindMedium, checkIdentity } from '../../../src-main/medium/identity.ts';
import { makeSigningKey } from '../../../src-main/medium/keys.ts';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { readBack } from '../../../src-main/medium/read-back.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { verifyMedium } from '../../../src-main/medium/verify.ts';
import { drivesMark, nextMark } from '../../../src-main/medium/watch.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { problemOf, put } from '../../unit/medium/scratch.ts';
import { attachDrive, firstByte, loopMedium, remount, whyNoLoop, workbench } from './loop-medium.ts';

const why = whyNoLoop();
const mebibyte = 1024 * 1024;
const digest = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('hex');

async function source(folder: string, sizeBytes: number) {
  const bytes = randomBytes(sizeBytes);
  const from = await put(join(folder, `source-${sizeBytes}`), bytes);
  return { bytes, from, algorithm: 'sha512', hash: digest('sha512', bytes), sizeBytes } as const;
}

async function mountPoint(folder: string): Promise<string> {
  const point = join(folder, 'medium');
  await mkdir(point);
  return point;
}

test('a drive is listed by itself within a second of its being shown to the kernel', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const clock = systemClock;
  const tookMs: number[] = [];
  for (const turn of [1, 2, 3, 4, 5]) {
    const { image } = loopMedium(folder, `turn-${turn}`, 8 * mebibyte);
    let mark = await drivesMark();
    const [started, attached] = [clock.monotonicMs(), attachDrive(image)];
    // As the picker and `medium list --watch` do.
    for (;;) {
      mark = await nextMark(drivesMark, mark, { clock, limitMs: 60_000 });
      const paths = (await listDrives({ runningFrom: [] })).map(({ path }) => path);
      if (paths.includes(await attached)) break;
    }
    tookMs.push(Math.round(clock.monotonicMs() - started));
  }
  console.log(`listed after ${tookMs.join(', ')} ms`);
  // The others may have met a busy machine.
  expect(Math.min(...tookMs)).toBeLessThan(1000);
});

test('a medium that fills up: said with the numbers, and nothing half is left', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  loopMedium(folder, 'small', 24 * mebibyte).mount(point);
  const first = await source(folder, 4 * mebibyte);
  await copyToMedium({ ...first, to: join(point, 'fieldkit/bcache/first') });
  const before = (await statfs(point)).bavail;
  const large = await source(folder, 40 * mebibyte);
  const found = await problemOf(copyToMedium({ ...large, to: join(point, 'fieldkit/bcache/large') }));
  expect(found).toMatchObject({ code: 'medium-full', params: { needed: 40 * mebibyte } });
  expect(Number(found.params.free)).toBeLessThan(20 * mebibyte);
  expect(await readdir(join(point, 'fieldkit/bcache'))).toEqual(['first']);
  expect((await statfs(point)).bavail).toBe(before);
  expect((await readFile(join(point, 'fieldkit/bcache/first'))).equals(first.bytes)).toBe(true);
});

test('the estimate says so before: what it lets through fits, what it refuses would not', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  loopMedium(folder, 'estimate', 96 * mebibyte).mount(point);
  const room = await readRoom(point);
  expect(room.fileSystem).toBe('ext4');
  const files = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ path: `fieldkit/debian/s/${index}`, sizeBytes: mebibyte }));
  let count = 0;
  while (roomProblem(files(count + 1), room, point) === null) count += 1;
  const one = await source(folder, mebibyte);
  for (const { path } of files(count)) await copyToMedium({ ...one, to: join(point, path) });
  const left = (await statfs(point)).bavail * room.blockBytes;
  // What is kept back for folders, the manifest and the file system's own records.
  expect(left).toBeGreaterThan(8 * mebibyte);
  expect(left).toBeLessThan(20 * mebibyte);
});

test('a medium that can only be read', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  loopMedium(folder, 'locked', 16 * mebibyte).mount(point);
  const identity = await bindMedium(point);
  const one = await source(folder, 10_000);
  await copyToMedium({ ...one, to: join(point, mediumPaths.blob(one.hash)) });
  remount(point, 'ro');
  const copying = copyToMedium({ ...one, to: join(point, 'fieldkit/bcache/other') });
  expect(await problemOf(copying)).toMatchObject({ code: 'medium-read-only' });
  expect((await problemOf(writeToMedium(join(point, 'fieldkit/x'), 'x'))).code).toBe('medium-read-only');
  expect((await problemOf(bindMedium(join(point, 'fieldkit')))).code).toBe('medium-read-only');
  // It can still be told for what it is.
  expect((await checkIdentity(identity)).root).toBe(join(point, 'fieldkit'));
});

test('unplugged, swapped, plugged in again: only the chosen one is written to', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  const ours = loopMedium(folder, 'ours', 16 * mebibyte);
  const other = loopMedium(folder, 'other', 16 * mebibyte);
  const empty = loopMedium(folder, 'empty', 20 * mebibyte);
  other.mount(point);
  await bindMedium(point);
  other.unmount(point);
  const untouched = await Promise.all([other, empty].map(async ({ image }) => digest('sha256', await readFile(image))));
  ours.mount(point);
  const identity = await bindMedium(point);
  expect(identity.mountPoint).toBe(point);
  const { device } = await checkIdentity(identity);
  ours.unmount(point);

  expect((await problemOf(checkIdentity(identity))).code).toBe('medium-absent');
  // A job that did not ask again still cannot fall through onto the bare mount point.
  const one = await source(folder, 10_000);
  const stray = copyToMedium({ ...one, to: join(point, 'fieldkit/bcache/stray'), device });
  expect((await problemOf(stray)).code).toBe('medium-absent');
  expect(await readdir(point)).toEqual([]);

  for (const decoy of [other, empty, other]) {
    decoy.mount(point, 'ro');
    const code = (await problemOf(checkIdentity(identity))).code;
    expect(['medium-swapped', 'medium-absent']).toContain(code);
    decoy.unmount(point);
  }
  const after = await Promise.all([other, empty].map(async ({ image }) => digest('sha256', await readFile(image))));
  expect(after).toEqual(untouched);

  ours.mount(point);
  const again = await checkIdentity(identity);
  await copyToMedium({ ...one, to: join(point, 'fieldkit/bcache/mine'), device: again.device });
});

test('a bit that changed below the cache is found, with file and block', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  const medium = loopMedium(folder, 'damaged', 48 * mebibyte);
  medium.mount(point);
  const root = join(point, 'fieldkit');
  const one = await source(folder, 12 * mebibyte);
  const path = mediumPaths.blob(one.hash);
  await copyToMedium({ ...one, to: join(root, path) });
  await bindMedium(point);
  const key = makeSigningKey();
  const sealed = await sealMedium({
    root,
    site: 'test',
    generation: 1,
    sealedAt: new Date(),
    program: 'test',
    privateKeyPem: key.privateKeyPem,
  });
  expect(sealed.cacheBypassed).toBe(true);
  const { manifest } = await openManifest(root, key.fingerprint);
  expect((await verifyMedium(root, manifest)).findings).toEqual([]);

  // The laptop's memory still holds the right bytes when the medium does not any more.
  const cached = await readFile(join(root, path));
  const at = firstByte(join(root, path)) + 100;
  const image = await open(medium.image, 'r+');
  const byte = Buffer.alloc(1);
  await image.read(byte, 0, 1, at);
  await image.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  await image.sync();
  await image.close();
  expect(byte[0]).toBe(one.bytes[100]);
  expect((await readFile(join(root, path))).equals(cached)).toBe(true);
  expect((await readBack(join(root, path))).sha256).not.toBe(digest('sha256', one.bytes));
  expect(await verifyMedium(root, manifest)).toMatchObject({
    findings: [{ code: 'medium-file-damaged', file: path, offset: 0, lasting: true }],
    cacheBypassed: true,
  });
});

test('a medium too full for its own manifest keeps the old seal', async ({ skip }) => {
  if (why !== null) return skip(why);
  const folder = await workbench();
  const point = await mountPoint(folder);
  loopMedium(folder, 'brim', 16 * mebibyte).mount(point);
  const root = join(point, 'fieldkit');
  await bindMedium(point);
  const key = makeSigningKey();
  const request = { root, site: 'test', sealedAt: new Date(), program: 'test', privateKeyPem: key.privateKeyPem };
  await sealMedium({ ...request, generation: 1 });
  for (const sizeBytes of [mebibyte, 65_536, 1024]) {
    const block = Buffer.alloc(sizeBytes);
    const append = () => appendFile(join(point, 'others'), block, { flush: true }).then(() => true);
    while (await append().catch(() => false));
  }
  expect((await problemOf(sealMedium({ ...request, generation: 2 }))).code).toBe('medium-full');
  expect((await openManifest(root, key.fingerprint)).manifest.generation).toBe(1);
  expect((await verifyMedium(root, (await openManifest(root, key.fingerprint)).manifest)).findings).toEqual([]);
});
