import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobProgress, Means } from '../../../src-main/packages/archive.ts';
import {
  cachedDeb,
  downloadPackages,
  emptySystem,
  fetchVendorPackages,
  resolvePackages,
  type SolveRequest,
  writeRepositoryToMedium,
} from '../../../src-main/packages/fetch-packages.ts';
import type { RepositoryKey } from '../../../src-main/packages/signer.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import { type LockedSystem, lockedSystem } from '../../../src-shared/lock.ts';
import { addArchive, type Loopback, serveFiles, testKey } from '../../fakes/loopback-archive.ts';

const now = new Date('2024-06-10T00:00:00Z');
const monday = new Date('2024-06-03T00:00:00Z');
const tuesday = new Date('2024-06-04T00:00:00Z');
const target = { system: 'debian-12-amd64', architecture: 'amd64' };

let key: RepositoryKey;
let vendorKey: RepositoryKey;
beforeAll(async () => {
  key = await testKey();
  vendorKey = await testKey('The vendor');
});

let server: Loopback;
let work = '';
let means: Means;
let progress: JobProgress[] = [];
beforeEach(async () => {
  server = await serveFiles(new Map());
  work = await mkdtemp(join(tmpdir(), 'fieldkit-jobs-'));
  progress = [];
  means = {
    fetch: makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock }),
    cacheFolder: join(work, 'cache'),
    now,
    onProgress: (one) => progress.push(one),
  };
  await addDebian();
  await addVendor(['1.0-1', '1.10-1', '1.9-1']);
});
afterEach(async () => {
  await server.close();
  await rm(work, { recursive: true, force: true });
});

const stanza = (name: string, version: string, more = '') =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: amd64${more === '' ? '' : `\n${more}`}`;
const addDebian = (more: readonly string[] = [], date = monday) =>
  addArchive(server.files, {
    root: 'debian',
    suite: 'stable',
    key,
    date,
    packages: [
      stanza('libc6', '2.36-9'),
      stanza('python3', '3.11.2-1', 'Depends: libc6 (>= 2.36)'),
      stanza('iptables', '1:1.8-2'),
      stanza('base-files', '12', 'Essential: yes\nPriority: required'),
      ...more,
    ],
  });
const addVendor = (versions: readonly string[], date = monday) =>
  addArchive(server.files, {
    root: 'vendor',
    suite: null,
    key: vendorKey,
    date,
    packages: [
      ...versions.map((version) => stanza('slapos-node', version, 'Depends: python3, helper')),
      stanza('helper', '1'),
      stanza('libc6', '99-1'),
    ],
  });

const vendor = () => ({ url: `${server.url}/vendor`, keys: [vendorKey.publicKey] });
const archives = () => [
  { name: 'debian', url: `${server.url}/debian`, suites: ['stable'], components: ['main'], keys: [key.publicKey] },
];
const wanted = (version = 'newest') => [{ name: 'slapos-node', version }];
const fetchVendor = (version?: string, locked: LockedSystem | null = null, refresh = false) =>
  fetchVendorPackages({ ...target, vendor: vendor(), wanted: wanted(version), locked, refresh }, means);
const solve = async (locked: LockedSystem, roots = ['iptables'], refresh = false) => {
  const request = { ...target, archives: archives(), vendor: vendor(), roots, locked, refresh };
  return solvePackages(request, means);
};
/** As the two jobs do, one after the other. */
async function solvePackages(request: SolveRequest, by: Means): Promise<LockedSystem> {
  const solved = await resolvePackages(request, by);
  await downloadPackages(solved.packages, by);
  return solved;
}
const labels = (locked: LockedSystem) =>
  locked.packages.map(({ name, version, source }) => `${name} ${version} ${source}`);

describe('the vendor’s packages', () => {
  it('are fixed to the newest version, downloaded and locked', async () => {
    const locked = await fetchVendor();
    expect(lockedSystem.parse(locked)).toEqual(locked);
    expect(locked.vendor.map(({ name, version, source }) => [name, version, source])).toEqual([
      ['slapos-node', '1.10-1', 'vendor'],
    ]);
    expect(await readdir(join(work, 'cache', 'debs'))).toEqual([locked.vendor[0]?.sha256]);
  });

  it('stay at what is locked until asked to renew, and then empty the solution', async () => {
    const solved = await solve(await fetchVendor());
    await addVendor(['1.10-1', '1.11-1'], tuesday);
    expect(await fetchVendor('newest', solved)).toEqual(solved);
    const renewed = await fetchVendor('newest', solved, true);
    expect(renewed.vendor[0]?.version).toBe('1.11-1');
    expect(renewed.packages).toEqual([]);
  });

  it('may be asked for by version; one that is not there is named', async () => {
    expect((await fetchVendor('1.9-1')).vendor[0]?.version).toBe('1.9-1');
    await expect(fetchVendor('2.0-1')).rejects.toMatchObject({
      code: 'package-not-found',
      data: { params: { package: 'slapos-node', version: '2.0-1', system: 'debian-12-amd64' } },
    });
  });

  it('are refused when their bytes are not the signed ones', async () => {
    const path = 'vendor/amd64/slapos-node_1.10-1.deb';
    server.files.set(path, Buffer.from(Buffer.from(server.files.get(path) ?? []).fill(7)));
    await expect(fetchVendor()).rejects.toMatchObject({ code: 'deb-tampered' });
    expect(await readdir(join(work, 'cache', 'debs'))).toEqual([]);
  });
});

describe('the solution', () => {
  it('holds vendor, closure, roots and base; the vendor never replaces the distribution', async () => {
    const solved = await solve(await fetchVendor());
    expect(labels(solved)).toEqual([
      'base-files 12 debian',
      'helper 1 vendor',
      'iptables 1:1.8-2 debian',
      'libc6 2.36-9 debian',
      'python3 3.11.2-1 debian',
      'slapos-node 1.10-1 vendor',
    ]);
    expect(lockedSystem.parse(solved)).toEqual(solved);
    expect(solved.snapshots.map(({ source }) => source).sort()).toEqual(['debian', 'vendor']);
    expect(solved.packages.map(({ path }) => path)).toContain('debs/iptables_1%3a1.8-2_amd64.deb');
    const last = progress.at(-1);
    expect(last?.done).toBe(last?.total);
  });

  it('takes what was asked of the vendor from the vendor, even where the distribution has it too', async () => {
    await addDebian([stanza('slapos-node', '9-1')]);
    expect(labels(await solve(await fetchVendor()))).toContain('slapos-node 1.10-1 vendor');
  });

  it('is the same from the cache alone, with the network gone', async () => {
    const solved = await solve(await fetchVendor());
    server.files.clear();
    server.asked.length = 0;
    expect(await solve(await fetchVendor('newest', solved))).toEqual(solved);
    expect(server.asked).toEqual([]);
  });

  it('moves only when refreshed', async () => {
    const solved = await solve(await fetchVendor());
    await addDebian([stanza('iptables', '1:1.9-1')], tuesday);
    expect(labels(await solve(solved))).toContain('iptables 1:1.8-2 debian');
    expect(labels(await solve(solved, ['iptables'], true))).toContain('iptables 1:1.9-1 debian');
  });

  it('is known before the first package is fetched, and finds the vendor’s fixed version although it moved on', async () => {
    const locked = await fetchVendor();
    await addVendor(['2.0-1'], tuesday);
    server.asked.length = 0;
    const request = { ...target, archives: archives(), vendor: vendor(), roots: [], locked, refresh: true };
    const solved = await resolvePackages(request, means);
    expect(labels(solved)).toContain('slapos-node 1.10-1 vendor');
    expect(server.asked.filter((path) => path.endsWith('.deb'))).toEqual([]);
  });

  it('says which wish cannot be met', async () => {
    const locked = await fetchVendor();
    await expect(solve(locked, ['iptables', 'nowhere'])).rejects.toMatchObject({
      code: 'package-not-found',
      data: { params: { package: 'nowhere' } },
    });
    await expect(solve(locked, ['not a relation'])).rejects.toMatchObject({ code: 'index-malformed' });
  });

  it('works without a vendor', async () => {
    const request = {
      ...target,
      archives: archives(),
      vendor: null,
      roots: ['python3'],
      locked: emptySystem,
      refresh: true,
    };
    expect(labels(await solvePackages(request, means))).toHaveLength(3);
  });

  it('stops when told to', async () => {
    const locked = await fetchVendor();
    const stop = new AbortController();
    const stopping = { ...means, onProgress: () => stop.abort(), signal: stop.signal };
    const request = { ...target, archives: archives(), vendor: vendor(), roots: [], locked, refresh: true };
    await expect(solvePackages(request, stopping)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('the repository on the medium', () => {
  const write = (locked: LockedSystem) =>
    writeRepositoryToMedium({
      system: target.system,
      locked,
      cacheFolder: means.cacheFolder,
      folder: join(work, 'medium'),
      privateKey: key.privateKey,
      date: now,
      onProgress: (one) => progress.push(one),
    });

  it('holds every locked package and lists it', async () => {
    const solved = await solve(await fetchVendor());
    progress = [];
    const { files } = await write(solved);
    for (const { path } of solved.packages) expect(files).toContain(path);
    const packages = await readFile(join(work, 'medium', 'Packages'), 'utf8');
    expect(packages.match(/^Package: .*/gm)).toHaveLength(solved.packages.length);
    expect(progress.at(-1)).toMatchObject({ unit: 'bytes' });
    expect(progress.at(-1)?.done).toBe(progress.at(-1)?.total);
  });

  it('is not written from a cache that was altered', async () => {
    const solved = await solve(await fetchVendor());
    const [first] = solved.packages;
    if (first === undefined) throw new Error('nothing solved');
    await writeFile(cachedDeb(means.cacheFolder, first), 'altered');
    await expect(write(solved)).rejects.toMatchObject({ code: 'deb-tampered' });
  });
});
