// apt and slapos of a simulated machine in front of a real content server: what they take and what they refuse.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeDeb } from '../../../src-main/packages/deb.ts';
import { writeRepository } from '../../../src-main/packages/repository.ts';
import { makeRepositoryKey, type RepositoryKey } from '../../../src-main/packages/signer.ts';
import { type CacheKey, makeCacheKey } from '../../../src-main/software/certificate.ts';
import { contentServer } from '../../../src-main/software/content-server.ts';
import { indexDocument, makeEntry, signEntry, urlKey } from '../../../src-main/software/entry.ts';
import type { Connection } from '../../../src-main/target/connection.ts';
import { parseCacheLookup, parseSoftwareLog, parseSupply } from '../../../src-main/target/slapos-output.ts';
import { logIn, practiceFolder, type TestClock, testClock } from './practice-machines.ts';

const url = 'https://releases.example.invalid/1.0/software/slapos-master/software.cfg';
const version = '1.22.1+practice-1';
let repositoryKey: RepositoryKey;
let cacheKey: CacheKey;
beforeAll(async () => {
  const clock = testClock();
  repositoryKey = await makeRepositoryKey('test', new Date(clock.now().getTime() - 60_000));
  cacheKey = await makeCacheKey('test', clock.now());
});

interface Bench {
  readonly folder: string;
  readonly root: string;
  readonly clock: TestClock;
  readonly target: Connection;
}

/** A machine whose port 5050 leads to a medium with a repository of two packages. */
async function bench(): Promise<Bench> {
  const [folder, clock] = [await practiceFolder(), testClock()];
  const root = join(folder, 'medium');
  const debs = [];
  for (const [name, number, depends] of [
    ['slapos-node', version, 'libc6, gcc'],
    ['gcc', '4:12.2.0-3', 'libc6 (>= 2.36)'],
  ] as const) {
    const fields = {
      Package: name,
      Version: number,
      Architecture: 'amd64',
      Maintainer: 'a',
      Depends: depends,
      Description: 'b',
    };
    const control = Object.entries(fields).map(([field, value]) => ({ name: field, value }));
    const bytes = await writeDeb({ control, files: [] });
    const from = join(folder, `${name}.deb`);
    await writeFile(from, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    debs.push({ from, path: `debs/${name}.deb`, sha256, sizeBytes: bytes.length });
  }
  const repository = join(root, 'debian/debian-12-amd64');
  await writeRepository({
    folder: repository,
    debs,
    privateKey: repositoryKey.privateKey,
    date: clock.now(),
    label: 'x',
  });
  const target = await logIn(folder, clock, 0);
  const server = contentServer({ root, manifest: null });
  await target.reverseForward({ port: 5050, onStream: (stream) => server.accept(stream) });
  return { folder, root, clock, target };
}

const apt = (...words: string[]) => ['env', 'APT_CONFIG=/etc/apt/ours.conf', 'apt-get', ...words];

async function configureApt({ target }: Bench, key = repositoryKey.publicKey): Promise<void> {
  await target.exec(['install', '-d', '-m', '0755', '/var/lib/ours/lists']);
  await target.writeFile('/etc/apt/key.asc', key, { mode: 0o644 });
  const source =
    'Types: deb\nURIs: http://127.0.0.1:5050/debian/debian-12-amd64\nSuites: ./\nSigned-By: /etc/apt/key.asc\n';
  await target.writeFile('/etc/apt/ours.sources', source, { mode: 0o644 });
  const config = 'Dir::Etc::sourcelist "/etc/apt/ours.sources";\nDir::State::lists "/var/lib/ours/lists/";\n';
  await target.writeFile('/etc/apt/ours.conf', config, { mode: 0o644 });
}

describe('apt of a practice machine', () => {
  it('installs what is asked for with what that needs, and the rest of the machine sees it', async () => {
    const { target, ...rest } = await bench();
    await configureApt({ target, ...rest });
    expect((await target.exec(apt('install', '-y', 'slapos-node'))).stderr).toContain('Unable to locate package');
    expect((await target.exec(apt('update'))).exit).toBe(0);
    const installed = await target.exec(apt('install', '-y', `slapos-node=${version}`));
    expect(installed.stdout).toContain('2 newly installed, 0 to remove');
    expect((await target.exec(['gcc', '-dumpmachine'])).stdout).toBe('x86_64-linux-gnu\n');
    expect((await target.exec(['slapos', '--version'])).stdout).toMatch(/^slapos 1\.22\.1 /);
    expect((await target.exec(apt('install', '-y', 'slapos-node'))).stdout).toContain('0 newly installed');
  });

  it('refuses a repository that another key has signed', async () => {
    const made = await bench();
    const other = await makeRepositoryKey('other', new Date(made.clock.now().getTime() - 60_000));
    await configureApt(made, other.publicKey);
    const { exit, stderr } = await made.target.exec(apt('update'));
    expect(exit).toBe(100);
    expect(stderr).toContain('is not signed');
  });

  it('refuses a package that is not what the index says, and installs nothing', async () => {
    const made = await bench();
    await configureApt(made);
    await made.target.exec(apt('update'));
    await writeFile(join(made.root, 'debian/debian-12-amd64/debs/gcc.deb'), 'tampered');
    expect((await made.target.exec(apt('install', '-y', 'slapos-node'))).exit).toBe(100);
    expect((await made.target.exec(['slapos', '--version'])).exit).toBe(127);
  });
});

/** The same bench with slapos installed and configured, pointing at the medium's cache. */
async function configured(certificate: string): Promise<Bench> {
  const made = await bench();
  const { target } = made;
  await configureApt(made);
  await target.exec(apt('update'));
  await target.exec(apt('install', '-y', 'slapos-node'));
  const dropIns = '/etc/systemd/network/enp1s0.network.d';
  await target.exec(['install', '-d', '-m', '0755', dropIns, '/opt/slapgrid', '/srv/slapgrid']);
  await target.writeFile(`${dropIns}/a.conf`, '[Address]\nAddress=fd00:77::11/64\n', { mode: 0o644 });
  await target.exec(['networkctl', 'reconfigure', 'enp1s0']);
  const configure = ['slapos', 'configure', 'local', '--interface-name', 'enp1s0', '--partition-number', '3'];
  expect((await target.exec(configure)).exit).toBe(0);
  expect((await target.exec(configure)).stderr).toContain('already exist');
  const section = [
    '[networkcache]',
    'download-binary-cache-url = http://127.0.0.1:5050/bcache',
    'download-binary-dir-url = http://127.0.0.1:5050/bdir',
    'signature-certificate-list =',
    ...certificate
      .trim()
      .split('\n')
      .map((line) => `  ${line}`),
  ];
  const config = '[slapos]\ncomputer_id = local_computer\n\n[slapformat]\npartition_amount = 3\n\n';
  await target.writeFile('/etc/opt/slapos/slapos.cfg', `${config}${section.join('\n')}\n`, { mode: 0o644 });
  return made;
}

/** Puts a release onto the medium whose archive holds one folder of that name. */
async function putRelease({ root }: Bench, top: string): Promise<void> {
  const writer = pack();
  const parts: Buffer[] = [];
  writer.on('data', (part) => parts.push(part as Buffer));
  const ended = new Promise<void>((resolve) => writer.on('end', () => resolve()));
  writer.entry({ name: `${top}/`, type: 'directory', mode: 0o750, uname: 'slapsoft', gname: 'slapsoft' });
  writer.entry({ name: `${top}/bin`, mode: 0o750, uname: 'slapsoft', gname: 'slapsoft' }, 'content');
  writer.finalize();
  await ended;
  const archive = gzipSync(Buffer.concat(parts));
  const sha512 = createHash('sha512').update(archive).digest('hex');
  const multiarch = 'x86_64-linux-gnu';
  const entry = makeEntry({ sha512, multiarch, distribution: ['debian', '12', 'bookworm'], softwareUrl: url });
  const signature = signEntry(entry, cacheKey.privateKeyPem);
  await mkdir(join(root, 'bdir'), { recursive: true });
  await mkdir(join(root, 'bcache'), { recursive: true });
  await writeFile(join(root, 'bdir', urlKey(url)), indexDocument([{ entry, signature }]));
  await writeFile(join(root, 'bcache', sha512), archive);
}

const completed = { id: 'done', kind: 'stat', path: `/opt/slapgrid/${urlKey(url)}/.completed` } as const;

async function supplyAndLook({ target, clock }: Bench): Promise<{ exit: number | undefined; log: string }> {
  const supplied = await target.exec(['slapos', 'supply', url, 'local_computer']);
  expect(parseSupply(`${supplied.stdout}${supplied.stderr}`, supplied.exit)).toBe('recorded');
  clock.pass(60_000);
  await target.probe([]);
  const answers = await target.probe([
    completed,
    { id: 'log', kind: 'read', path: '/opt/slapos/log/slapos-node-software.log' },
  ]);
  return { exit: answers.done?.exit, log: answers.log?.out ?? '' };
}

describe('slapos of a practice machine', () => {
  it('gives each partition an address of the interface, counted as slapos counts', async () => {
    const { target } = await configured(cacheKey.certificatePem);
    const script = 'for f in /srv/slapgrid/slappart*/.slapos-resource; do cat "$f"; done';
    const lines = (await target.exec(['sh', '-c', script])).stdout.trim().split('\n');
    expect(lines.map((line) => /"addr": "(fd00[^"]*)"/.exec(line)?.[1])).toEqual([
      'fd00:77::2',
      'fd00:77::3',
      'fd00:77::4',
    ]);
  });

  it('unpacks a release whose entry is trusted and fits', async () => {
    const made = await configured(cacheKey.certificatePem);
    await putRelease(made, urlKey(url));
    const lookup = await made.target.exec(['slapos', 'cachelookup', 'binary-sr', url]);
    expect(parseCacheLookup(lookup.stderr, lookup.exit)).toMatchObject({
      state: 'found',
      usable: true,
      md5: urlKey(url),
    });
    const { exit, log } = await supplyAndLook(made);
    expect([exit, parseSoftwareLog(log).state, parseSoftwareLog(log).extracted]).toEqual([0, 'clean', true]);
  });

  it('does not take a release whose signature no trusted certificate verifies', async () => {
    const made = await configured((await makeCacheKey('other', testClock().now())).certificatePem);
    await putRelease(made, urlKey(url));
    const lookup = await made.target.exec(['slapos', 'cachelookup', 'binary-sr', url]);
    const { rows } = parseCacheLookup(lookup.stderr, lookup.exit);
    expect(rows).toEqual([expect.objectContaining({ compatible: true, verified: false })]);
    const { exit, log } = await supplyAndLook(made);
    expect([exit, parseSoftwareLog(log).failure]).toEqual([1, 'cache-refused']);
  });

  it('says that a release is not in the cache when its index is not there', async () => {
    const { target } = await configured(cacheKey.certificatePem);
    const lookup = await target.exec(['slapos', 'cachelookup', 'binary-sr', url]);
    expect(parseCacheLookup(lookup.stderr, lookup.exit)).toMatchObject({ state: 'absent', usable: false });
  });

  it('never completes an archive whose top folder belongs to another address', async () => {
    const made = await configured(cacheKey.certificatePem);
    await putRelease(made, urlKey(`${url} `));
    expect((await supplyAndLook(made)).exit).toBe(1);
  });
});
