import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveSource, type Means, openArchive } from '../../../src-main/packages/archive.ts';
import type { RepositoryKey } from '../../../src-main/packages/signer.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import type { LockedSnapshot } from '../../../src-shared/lock.ts';
import {
  type ArchiveRecipe,
  addArchive,
  type Loopback,
  serveFiles,
  sha256Of,
  testKey,
} from '../../fakes/loopback-archive.ts';
import { unless, whyWithout } from '../../unless.ts';

const now = new Date('2024-06-10T00:00:00Z');
const monday = new Date('2024-06-03T00:00:00Z');
const tuesday = new Date('2024-06-04T00:00:00Z');

let key: RepositoryKey;
let otherKey: RepositoryKey;
beforeAll(async () => {
  key = await testKey();
  otherKey = await testKey('Somebody else');
});

let server: Loopback;
let cacheFolder = '';
let means: Means;
beforeEach(async () => {
  server = await serveFiles(new Map());
  cacheFolder = await mkdtemp(join(tmpdir(), 'fieldkit-archive-'));
  const fetch = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock });
  means = { fetch, cacheFolder, now };
});
afterEach(async () => {
  await server.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

const thing = 'Package: thing\nVersion: 1.0-1\nArchitecture: amd64';
const newerThing = 'Package: thing\nVersion: 1.1-1\nArchitecture: amd64';

const add = (more: Partial<ArchiveRecipe> = {}) =>
  addArchive(server.files, { root: 'debian', suite: 'stable', packages: [thing], key, date: monday, ...more });
const source = (more: Partial<ArchiveSource> = {}): ArchiveSource => ({
  name: 'debian',
  url: `${server.url}/debian/`,
  suites: ['stable'],
  components: ['main'],
  keys: [key.publicKey],
  ...more,
});
const open = (archive = source(), locked: readonly LockedSnapshot[] = [], refresh = true) =>
  openArchive({ archive, architecture: 'amd64', locked, refresh }, means);

const change = (path: string, edit: (text: string) => string) => {
  const bytes = server.files.get(path);
  if (bytes === undefined) throw new Error(`no ${path}`);
  server.files.set(path, Buffer.from(edit(Buffer.from(bytes).toString('latin1')), 'latin1'));
};
const inRelease = 'debian/dists/stable/InRelease';

describe('an archive', () => {
  const packers = { '.gz': 'gzip', '.xz': 'xz', '.zst': 'zstd' };
  for (const [end, program] of Object.entries(packers))
    it(`is read whatever its list is packed with: ${end}`, unless(whyWithout(program)), async () => {
      const pack = (bytes: Uint8Array) => execFileSync(program, ['-c'], { input: bytes });
      await add({ packer: { end, pack } });
      expect((await open()).index.named('thing')).toHaveLength(1);
      expect(server.asked.at(-1)).toBe(`debian/dists/stable/main/binary-amd64/Packages${end}`);
    });

  it('is read through its signed index, with its snapshot recorded', async () => {
    await add({ byHash: true });
    const { index, snapshots } = await open();
    const [found] = index.named('thing');
    expect(found).toMatchObject({
      version: '1.0-1',
      source: 'debian',
      url: `${server.url}/debian/pool/thing_1.0-1.deb`,
    });
    expect(snapshots).toEqual([
      {
        source: 'debian',
        url: `${server.url}/${inRelease}`,
        sha256: sha256Of(server.files.get(inRelease) ?? Buffer.alloc(0)),
        date: monday.toISOString(),
        signedBy: key.fingerprint,
      },
    ]);
    expect(server.asked.filter((path) => path.includes('by-hash'))).toHaveLength(1);
  });

  it.each(['clearsigned', 'detached', 'both'] as const)('is read %s, flat or with suites', async (signing) => {
    await add({ signing });
    await add({
      signing,
      root: 'vendor',
      suite: null,
      packages: ['Package: node\nVersion: 1:2-1\nArchitecture: amd64'],
    });
    expect((await open()).index.named('thing')).toHaveLength(1);
    const flat = source({ name: 'vendor', url: `${server.url}/vendor`, suites: ['./'], components: [] });
    const [node] = (await open(flat)).index.named('node');
    expect(node?.url).toBe(`${server.url}/vendor/amd64/node_1%253a2-1.deb`);
    expect(server.files.has(decodeURIComponent(new URL(node?.url ?? '').pathname.slice(1)))).toBe(true);
  });

  it('joins its suites, newest first', async () => {
    await add();
    await add({ suite: 'stable-updates', packages: [newerThing] });
    const { index, snapshots } = await open(source({ suites: ['stable', 'stable-updates'] }));
    expect(index.named('thing').map(({ version }) => version)).toEqual(['1.1-1', '1.0-1']);
    expect(snapshots).toHaveLength(2);
  });

  it('is opened from the cache when it is locked: no request at all', async () => {
    await add();
    const { snapshots } = await open();
    server.asked.length = 0;
    expect((await open(source(), snapshots, false)).snapshots).toEqual(snapshots);
    expect(server.asked).toEqual([]);
  });

  it('asks only for the Release when it is refreshed and nothing changed', async () => {
    await add();
    const { snapshots } = await open();
    server.asked.length = 0;
    await open(source(), snapshots, true);
    expect(server.asked).toEqual([inRelease]);
  });

  it('does not believe its own cache blindly', async () => {
    await add();
    const { snapshots } = await open();
    for (const folder of ['releases', 'indexes']) {
      for (const name of await readdir(join(cacheFolder, folder)))
        await writeFile(join(cacheFolder, folder, name), 'x');
    }
    server.asked.length = 0;
    expect((await open(source(), snapshots, false)).index.named('thing')).toHaveLength(1);
    expect(server.asked).toEqual([inRelease, 'debian/dists/stable/main/binary-amd64/Packages.gz']);
  });
});

describe('an archive is refused', () => {
  const refused = (code: string, params: object = {}) => ({ code, data: { params } });

  it('when nothing signs it', async () => {
    await add({ signing: 'both' });
    server.files.delete(inRelease);
    server.files.delete('debian/dists/stable/Release.gpg');
    await expect(open()).rejects.toMatchObject(refused('release-unsigned'));
    await add();
    change(inRelease, () => 'Suite: stable\n');
    await expect(open()).rejects.toMatchObject(refused('release-unsigned', { url: `${server.url}/${inRelease}` }));
  });

  it('when a key that is not pinned signs it', async () => {
    await add({ key: otherKey });
    const id = otherKey.fingerprint.slice(-16);
    await expect(open()).rejects.toMatchObject(refused('release-key-unknown', { key: id }));
  });

  it.each<[string, (text: string) => string]>([
    ['one letter of the text changed', (text) => text.replace('Suite: stable', 'Suite: stabel')],
    ['a hash changed', (text) => text.replace(/\n ([0-9a-f])/, (_, digit) => `\n ${digit === '0' ? '1' : '0'}`)],
    ['a line taken out', (text) => text.replace(/Codename: .*\n/, '')],
    ['text before the signed part', (text) => `Suite: stable\n${text}`],
    ['text after the signature', (text) => `${text}Date: now\n`],
    ['a second signed message', (text) => `${text}${text}`],
    ['an additional header', (text) => text.replace('Hash: ', 'NotDashEscaped: yes\nHash: ')],
    ['a header that smuggles text', (text) => text.replace(/\nHash: [^\n]+\n/, '\nHash: SHA512\nSuite: other\n')],
    ['an unescaped dash', (text) => text.replace('Suite: stable', '-Suite: stable')],
    ['a cut signature', (text) => text.replace(/\n[^\n]{20}(?=[^\n]*\n=)/, '\n')],
    ['an emptied signature', (text) => text.replace(/(BEGIN PGP SIGNATURE-----\n)[\s\S]*(-----END PGP SIG)/, '$1\n$2')],
    ['bytes that are no text', (text) => text.replace('Suite: stable', 'Suite: \xff\xfe')],
  ])('with %s', async (_, edit) => {
    await add();
    const before = Buffer.from(server.files.get(inRelease) ?? []).toString('latin1');
    change(inRelease, edit);
    expect(Buffer.from(server.files.get(inRelease) ?? []).toString('latin1')).not.toBe(before);
    await expect(open()).rejects.toMatchObject({ code: expect.stringMatching(/^release-(signature-bad|unsigned)$/) });
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it('when Release.gpg belongs to another text', async () => {
    await add({ signing: 'detached' });
    change('debian/dists/stable/Release', (text) => text.replace('stable', 'Stable'));
    await expect(open()).rejects.toMatchObject(refused('release-signature-bad'));
  });

  it('when it is the signed Release of another suite', async () => {
    await add({ suite: 'oldstable' });
    for (const [path, bytes] of [...server.files]) server.files.set(path.replace('oldstable', 'stable'), bytes);
    await expect(open()).rejects.toMatchObject(refused('release-signature-bad', { detail: 'signed for oldstable' }));
  });

  it('when it is signed in the future', async () => {
    await add({ date: new Date('2024-07-01T00:00:00Z') });
    await expect(open()).rejects.toMatchObject(refused('release-signature-bad'));
  });

  it('when it has expired, unless that is tolerated', async () => {
    await add({ validUntil: tuesday });
    await expect(open()).rejects.toMatchObject(refused('release-expired', { until: tuesday.toISOString() }));
    await expect(open(source({ tolerateExpired: true }))).resolves.toBeDefined();
  });

  it('when it went back to an older state', async () => {
    await add({ date: tuesday, packages: [newerThing] });
    const { snapshots } = await open();
    await add({ date: monday });
    const expected = refused('release-rolled-back', { was: tuesday.toISOString(), now: monday.toISOString() });
    await expect(open(source(), snapshots)).rejects.toMatchObject(expected);
    await expect(open(source(), snapshots, false)).resolves.toMatchObject({ snapshots });
  });

  it('when another site of this laptop was shown a newer state', async () => {
    await add({ date: tuesday, packages: [newerThing] });
    await open();
    await add({ date: monday });
    const expected = refused('release-rolled-back', { was: tuesday.toISOString(), now: monday.toISOString() });
    await expect(open(source(), [])).rejects.toMatchObject(expected);
    await rm(cacheFolder, { recursive: true });
    await expect(open(source(), [])).resolves.toBeDefined();
  });

  it('when its Packages is not the signed one', async () => {
    await add();
    const path = 'debian/dists/stable/main/binary-amd64/Packages.gz';
    change(path, (text) => `${text.slice(0, -1)}x`);
    await expect(open()).rejects.toMatchObject(refused('index-tampered', { file: `${server.url}/${path}` }));
    change(path, (text) => text.slice(0, 40));
    await expect(open()).rejects.toMatchObject({ code: expect.stringMatching(/^(index-tampered|download-failed)$/) });
    expect(await readdir(join(cacheFolder, 'indexes'))).not.toContain(
      sha256Of(server.files.get(path) ?? Buffer.alloc(0)),
    );
  });

  it('when its component or architecture is not listed', async () => {
    await add();
    const wanted = source({ components: ['contrib'] });
    await expect(open(wanted)).rejects.toMatchObject(
      refused('index-malformed', { detail: 'contrib/binary-amd64/Packages' }),
    );
  });
});
