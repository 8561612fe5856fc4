// What upstream or somebody on the way could do to each thing we fetch, and by which name it is refused: object by act.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openArchive } from '../../../src-main/packages/archive.ts';
import { downloadPackages } from '../../../src-main/packages/fetch-packages.ts';
import type { RepositoryKey } from '../../../src-main/packages/signer.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import { addArchive, type Files, type Loopback, serveFiles, testKey } from '../../fakes/loopback-archive.ts';

const monday = new Date('2024-06-03T00:00:00Z');
const tuesday = new Date('2024-06-04T00:00:00Z');
const suite = 'debian/dists/stable';
const packages = `${suite}/main/binary-amd64/Packages.gz`;
const deb = 'debian/pool/thing_1.0-1.deb';

let keys: readonly [own: RepositoryKey, other: RepositoryKey];
let server: Loopback;
let cacheFolder = '';

beforeAll(async () => {
  keys = [await testKey(), await testKey('Somebody else')];
});
beforeEach(async () => {
  server = await serveFiles(new Map());
  cacheFolder = await mkdtemp(join(tmpdir(), 'fieldkit-upstream-'));
});
afterEach(async () => {
  await server.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

const stanza = (name: string) => `Package: ${name}\nVersion: 1.0-1\nArchitecture: amd64`;
type Signing = 'clearsigned' | 'detached';
/** The same archive on another day, with other content, or by another hand. */
async function archive(
  signing: Signing,
  {
    key = keys[0],
    date = tuesday,
    names = ['thing', 'other'],
  }: { key?: RepositoryKey; date?: Date; names?: string[] } = {},
): Promise<Files> {
  const files: Files = new Map();
  await addArchive(files, { root: 'debian', suite: 'stable', packages: names.map(stanza), key, date, signing });
  return files;
}

const altered = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
};
const alter = (path: string) => (files: Files) => void files.set(path, altered(files.get(path) ?? new Uint8Array(1)));
const remove = (path: string) => (files: Files) => void files.delete(path);
const swap = (path: string, other: string) => (files: Files) => {
  const [first, second] = [files.get(path), files.get(other)];
  if (first === undefined || second === undefined) throw new Error(`no ${path} or ${other}`);
  files.set(path, second).set(other, first);
};
const rename = (path: string) => (files: Files) => {
  files.set(`${path}.old`, files.get(path) ?? new Uint8Array());
  files.delete(path);
};
const from = (path: string, make: () => Promise<Files>) => async (files: Files) => {
  const bytes = (await make()).get(path);
  if (bytes === undefined) throw new Error(`no ${path}`);
  files.set(path, bytes);
};

type Row = readonly [object: string, act: string, signing: Signing, tamper: (files: Files) => unknown, code: string];
const clear: Signing = 'clearsigned';
const apart: Signing = 'detached';
const other = () => ({ key: keys[1] });
const table: readonly Row[] = [
  ['InRelease', 'altered', clear, alter(`${suite}/InRelease`), 'release-signature-bad'],
  ['InRelease', 'missing', clear, remove(`${suite}/InRelease`), 'download-failed'],
  ['InRelease', 'renamed', clear, rename(`${suite}/InRelease`), 'download-failed'],
  ['InRelease', 'swapped', clear, swap(`${suite}/InRelease`, packages), 'release-signature-bad'],
  [
    'InRelease',
    'rolled back',
    clear,
    from(`${suite}/InRelease`, () => archive(clear, { date: monday })),
    'release-rolled-back',
  ],
  [
    'InRelease',
    'signed by another key',
    clear,
    from(`${suite}/InRelease`, () => archive(clear, other())),
    'release-key-unknown',
  ],
  ['Release', 'altered', apart, alter(`${suite}/Release`), 'release-signature-bad'],
  ['Release', 'missing', apart, remove(`${suite}/Release`), 'download-failed'],
  [
    'Release',
    'rolled back alone',
    apart,
    from(`${suite}/Release`, () => archive(apart, { date: monday })),
    'release-signature-bad',
  ],
  ['Release.gpg', 'missing', apart, remove(`${suite}/Release.gpg`), 'release-unsigned'],
  ['Release.gpg', 'renamed', apart, rename(`${suite}/Release.gpg`), 'release-unsigned'],
  [
    'Release.gpg',
    'signed by another key',
    apart,
    from(`${suite}/Release.gpg`, () => archive(apart, other())),
    'release-key-unknown',
  ],
  [
    'Release.gpg',
    'of another day',
    apart,
    from(`${suite}/Release.gpg`, () => archive(apart, { date: monday })),
    'release-signature-bad',
  ],
  ['Packages', 'altered', clear, alter(packages), 'index-tampered'],
  ['Packages', 'missing', clear, remove(packages), 'download-failed'],
  ['Packages', 'swapped', clear, swap(packages, deb), 'index-tampered'],
  ['Packages', 'rolled back', clear, from(packages, () => archive(clear, { names: ['thing'] })), 'index-tampered'],
  ['.deb', 'altered', clear, alter(deb), 'deb-tampered'],
  ['.deb', 'missing', clear, remove(deb), 'download-failed'],
  ['.deb', 'renamed', clear, rename(deb), 'download-failed'],
  ['.deb', 'swapped', clear, swap(deb, 'debian/pool/other_1.0-1.deb'), 'deb-tampered'],
];

/** Reads the archive as a preparation does, with Tuesday's state known, and fetches its package. */
async function use(): Promise<void> {
  const fetch = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock });
  const means = { fetch, cacheFolder, now: new Date('2024-06-10T00:00:00Z') };
  const url = `${server.url}/debian`;
  const source = { name: 'debian', url, suites: ['stable'], components: ['main'], keys: [keys[0].publicKey] };
  const snapshot = { source: 'debian', url: `${url}/dists/stable/InRelease`, sha256: '0'.repeat(64), signedBy: '' };
  const locked = [{ ...snapshot, date: tuesday.toISOString() }];
  const { index } = await openArchive({ archive: source, architecture: 'amd64', locked, refresh: true }, means);
  const [found] = index.named('thing');
  if (found === undefined) throw new Error('no thing');
  const { name, version, architecture, sha256, sizeBytes, url: address } = found;
  await downloadPackages(
    [{ name, version, architecture, sha256, sizeBytes, url: address, path: 'debs/thing.deb', source: 'debian' }],
    means,
  );
}

describe('what upstream gives', () => {
  it.each<Signing>(['clearsigned', 'detached'])('is taken as it is when nobody touched it (%s)', async (signing) => {
    for (const [path, bytes] of await archive(signing)) server.files.set(path, bytes);
    await use();
    expect(await readdir(join(cacheFolder, 'debs'))).toHaveLength(1);
  });

  it.each(table)('%s %s (%s) is refused by name', async (_object, _act, signing, tamper, code) => {
    const files = await archive(signing);
    await tamper(files);
    for (const [path, bytes] of files) server.files.set(path, bytes);
    await expect(use()).rejects.toMatchObject({ code });
    // Nothing under a final name: an unfinished part is never used.
    const kept = await readdir(join(cacheFolder, 'debs')).catch(() => []);
    expect(kept.filter((name) => !name.includes('.part'))).toEqual([]);
  });
});
