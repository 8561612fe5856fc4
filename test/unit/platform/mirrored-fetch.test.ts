/** The same files from several places, tried in turn: real archives on loopback, one of them gone, behind or broken. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openArchive } from '../../../src-main/packages/archive.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { type Fetch, makeFetch } from '../../../src-main/platform/fetch.ts';
import { sha256Of } from '../../../src-main/platform/files.ts';
import { mirroredFetch } from '../../../src-main/platform/mirrored-fetch.ts';
import { addArchive, type Loopback, serveFiles, testKey } from '../../fakes/loopback-archive.ts';
import { problemOf } from '../medium/scratch.ts';

let first: Loopback;
let second: Loopback;
let folder: string;
let fetch: Fetch;
beforeEach(async () => {
  [first, second] = await Promise.all([serveFiles(new Map()), serveFiles(new Map())]);
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-mirrors-'));
  const network = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock });
  const mirrored = [
    { url: `${first.url}/debian/`, mirrors: [`${second.url}/pub/debian`] },
    { url: `${first.url}/vendor`, mirrors: [] },
  ];
  fetch = mirroredFetch(network, () => mirrored);
});
afterEach(async () => {
  await first.close();
  await second.close();
  await rm(folder, { recursive: true, force: true });
});

const limits = { limitBytes: 1000 };
const text = async (url: string) => Buffer.from(await fetch.fetchBytes(url, limits)).toString();
const put = (server: Loopback, path: string, content: string) => server.files.set(path, Buffer.from(content));

it('asks the first place alone while it answers', async () => {
  put(first, 'debian/dists/x', 'from the first');
  put(second, 'pub/debian/dists/x', 'from the second');
  expect(await text(`${first.url}/debian/dists/x`)).toBe('from the first');
  expect(second.asked).toEqual([]);
});

it('goes on to the next when the first is gone, and asks that one first from then on', async () => {
  for (const name of ['a', 'b']) put(second, `pub/debian/${name}`, name);
  const url = first.url;
  await first.close();
  expect(await text(`${url}/debian/a`)).toBe('a');
  expect(await text(`${url}/debian/b`)).toBe('b');
  expect(await fetch.sizeOf(`${url}/debian/a`, {})).toBe(1);
  expect(second.asked).toEqual(['pub/debian/a', 'pub/debian/b', 'pub/debian/a']);
});

it('takes a file that is wrong in one place from another, and tells the first place when all are wrong', async () => {
  put(first, 'debian/deb', 'tampered!');
  put(second, 'pub/debian/deb', 'the right');
  const wanted = {
    url: `${first.url}/debian/deb`,
    to: join(folder, 'deb'),
    sizeBytes: 9,
    sha256: sha256Of('the right'),
  };
  await fetch.download(wanted);
  expect(await readFile(join(folder, 'deb'), 'utf8')).toBe('the right');
  put(second, 'pub/debian/deb', 'as broken');
  const trouble = await problemOf(fetch.download({ ...wanted, to: join(folder, 'other') }));
  expect(trouble).toMatchObject({ code: 'download-wrong-hash', params: { url: wanted.url } });
});

it('takes a file that the first place lacks from another, and asks the first for the next one', async () => {
  put(second, 'pub/debian/late', 'late');
  put(first, 'debian/next', 'next');
  for (const name of ['late', 'next'])
    await fetch.download({
      url: `${first.url}/debian/${name}`,
      to: join(folder, name),
      sha256: sha256Of(name),
    });
  expect(first.asked).toEqual(['debian/late', 'debian/next']);
  expect(second.asked).toEqual(['pub/debian/late']);
});

it('has no file only when no place has it, and leaves addresses without mirrors alone', async () => {
  put(second, 'pub/debian/late', 'late');
  expect(Buffer.from((await fetch.fetchIfThere(`${first.url}/debian/late`, limits)) ?? []).toString()).toBe('late');
  expect(await fetch.fetchIfThere(`${first.url}/debian/none`, limits)).toBeNull();
  expect((await problemOf(fetch.fetchBytes(`${first.url}/debian/none`, limits))).params.url).toBe(
    `${first.url}/debian/none`,
  );
  const before = second.asked.length;
  expect(await fetch.fetchIfThere(`${first.url}/vendor/x`, limits)).toBeNull();
  expect(await fetch.fetchIfThere(`${first.url}/debian-security/x`, limits)).toBeNull();
  expect(second.asked).toHaveLength(before);
});

it('stops at a cancel, and tries no further place', async () => {
  put(second, 'pub/debian/a', 'a');
  const url = first.url;
  await first.close();
  const signal = AbortSignal.abort();
  expect((await problemOf(fetch.fetchBytes(`${url}/debian/a`, { ...limits, signal }))).code).toBe('cancelled');
  expect(second.asked).toEqual([]);
});

it('opens an archive whose first place is gone, under its own name and by its own keys', async () => {
  const key = await testKey();
  const packages = ['Package: cron\nVersion: 1.0\nArchitecture: amd64'];
  await addArchive(second.files, { root: 'pub/debian', suite: 'stable', key, date: new Date(), packages });
  const url = `${first.url}/debian`;
  await first.close();
  const archive = { name: 'debian', url, suites: ['stable'], components: ['main'] };
  const request = { architecture: 'amd64', locked: [], refresh: true };
  const means = { fetch, cacheFolder: folder, now: new Date() };
  const opened = await openArchive({ ...request, archive: { ...archive, keys: [key.publicKey] } }, means);
  expect(opened.snapshots).toMatchObject([{ source: 'debian', url: `${url}/dists/stable/InRelease` }]);
  expect(opened.index.named('cron').map((one) => one.url.startsWith(`${url}/pool/`))).toEqual([true]);
  const foreign = { ...archive, keys: [(await testKey('Another')).publicKey] };
  expect((await problemOf(openArchive({ ...request, archive: foreign }, means))).code).toBe('release-key-unknown');
});
