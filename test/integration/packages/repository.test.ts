// The real gpgv, sqv and apt are the judges of the repositories we write.
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseStanza } from '../../../src-main/packages/control.ts';
import { writeDeb } from '../../../src-main/packages/deb.ts';
import { debPath, type RepositoryDeb, writeRepository } from '../../../src-main/packages/repository.ts';
import type { RepositoryKey } from '../../../src-main/packages/signer.ts';
import { testKey } from '../../fakes/loopback-archive.ts';
import { unless, whyWithout } from '../../unless.ts';
import { aptIn, run } from './apt.ts';

const date = new Date('2024-06-03T10:20:30Z');
let key: RepositoryKey;
let work = '';
let folder = '';
let debs: RepositoryDeb[] = [];

beforeAll(async () => {
  key = await testKey('Repository of a test');
});
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'fieldkit-repository-'));
  await chmod(work, 0o755);
  folder = join(work, 'a medium', 'debian-12-amd64');
  await mkdir(join(work, 'cache'), { recursive: true });
  debs = [
    await deb('Package: plain\nVersion: 1.0-1\nArchitecture: amd64\nDepends: with-epoch (>= 2:0)'),
    await deb('Package: with-epoch\nVersion: 2:1.0+git~b1-1+deb12u1\nArchitecture: all'),
    await deb('Package: capitals\nVersion: 1.0RC1-1\nArchitecture: amd64'),
  ];
});
afterEach(() => rm(work, { recursive: true, force: true }));

const deb = async (text: string): Promise<RepositoryDeb> => {
  const control = parseStanza(`${text}\nMaintainer: Nobody <nobody@example.org>\nDescription: for a test\n é`, 'test');
  const bytes = await writeDeb({ control, files: [{ path: `/usr/share/${control[0]?.value}`, data: text }] });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const from = join(work, 'cache', sha256);
  await writeFile(from, bytes);
  const [name = '', version = '', architecture = ''] = control.map(({ value }) => value);
  return { from, path: debPath({ name, version, architecture, sha256 }), sha256, sizeBytes: bytes.length };
};

const write = (more: object = {}) =>
  writeRepository({ folder, debs, privateKey: key.privateKey, date, label: 'debian-12-amd64', ...more });

const snapshotOf = async (): Promise<Record<string, string>> => {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  const found: Record<string, string> = {};
  for (const one of names) {
    const path = join(one.parentPath, one.name);
    found[path.slice(folder.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return found;
};

describe('a repository', () => {
  it('holds what it lists, in lower case but for the names apt insists on', async () => {
    const { files, stale } = await write();
    expect(Object.keys(await snapshotOf()).sort()).toEqual([...files]);
    expect(stale).toEqual([]);
    const own = new Set(['InRelease', 'Packages', 'Packages.gz', 'Release', 'Release.gpg']);
    const odd = files.filter(
      (name) => name !== name.toLowerCase() && !own.has(name) && !name.startsWith('by-hash/SHA256/'),
    );
    expect(odd).toEqual([]);
    expect(files.some((name) => /[:*?"<>|\\]/.test(name))).toBe(false);
    expect(files).toContain('debs/with-epoch_2%3a1.0+git~b1-1+deb12u1_all.deb');
    expect(files.some((name) => /^debs\/capitals_1\.0rc1-1_amd64_[0-9a-f]{12}\.deb$/.test(name))).toBe(true);
    expect(JSON.stringify(await readFile(join(folder, 'repository-key.asc'), 'utf8'))).not.toContain('PRIVATE');
  });

  it('is the same byte for byte whatever the order, and is not written twice', async () => {
    await write();
    const first = await snapshotOf();
    const before = await stat(join(folder, 'InRelease'));
    debs.reverse();
    await write();
    expect(await snapshotOf()).toEqual(first);
    expect((await stat(join(folder, 'InRelease'))).ino).toBe(before.ino);
    await rm(folder, { recursive: true });
    await write();
    expect(await snapshotOf()).toEqual(first);
  });

  it('says what a former one left behind', async () => {
    await write();
    const gone = debs.pop();
    const { stale } = await write({ date: new Date(date.getTime() + 1000) });
    expect(stale).toContain(gone?.path);
    expect(stale.filter((name) => name.startsWith('by-hash/'))).toHaveLength(2);
  });

  it('refuses a .deb that is not what it should be, and leaves nothing of it', async () => {
    const [first] = debs;
    await writeFile(first?.from ?? '', 'something else');
    await expect(write()).rejects.toMatchObject({ code: 'deb-tampered' });
    expect(Object.keys(await snapshotOf())).toEqual([]);
  });

  it('satisfies gpgv, clearsigned and detached', unless(whyWithout('gpgv', 'gpg')), async () => {
    await write();
    const keyring = join(work, 'key.gpg');
    run('gpg', ['--batch', '--homedir', work, '--dearmor', '-o', keyring, join(folder, 'repository-key.asc')]);
    const clear = run('gpgv', ['--keyring', keyring, '-o', join(work, 'text'), join(folder, 'InRelease')]);
    expect(clear.stderr).toContain('Good signature');
    expect(await readFile(join(work, 'text'), 'utf8')).toBe(await readFile(join(folder, 'Release'), 'utf8'));
    const detached = ['--keyring', keyring, join(folder, 'Release.gpg'), join(folder, 'Release')];
    expect(run('gpgv', detached).stderr).toContain('Good signature');
    const packets = run('gpg', ['--batch', '--homedir', work, '--list-packets', join(folder, 'repository-key.asc')]);
    expect(packets.stdout).toMatch(/public key packet:\s+version 4, algo 22/);
  });

  it('satisfies sqv', unless(whyWithout('sqv')), async () => {
    await write();
    const keyring = ['--keyring', join(folder, 'repository-key.asc')];
    const seen = run('sqv', [...keyring, join(folder, 'Release.gpg'), join(folder, 'Release')]);
    expect(seen.stdout.trim()).toBe(key.fingerprint);
  });
});

describe('apt, with nothing but our repository', unless(whyWithout('apt-get')), () => {
  let server: Server | null = null;
  const asked: string[] = [];
  afterEach(() => {
    server?.close();
    server = null;
  });
  const serve = async (): Promise<string> => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      readFile(join(folder, decodeURIComponent(request.url ?? '/')))
        .then((bytes) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes))
        .catch(() => response.writeHead(404, { 'content-length': 0 }).end());
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  };
  const fileUri = () => `file:${folder.replaceAll(' ', '%20')}/`;
  const root = () => aptIn(join(work, 'root'), join(folder, 'repository-key.asc'));

  it.each(['file', 'http'])(
    'updates and fetches every package over %s, whatever signs its name holds',
    async (method) => {
      await write();
      asked.length = 0;
      const target = await root();
      await target.setSource(method === 'file' ? fileUri() : await serve());
      const update = await target.run('update');
      expect(update).toMatchObject({ status: 0 });
      expect(update.stderr).not.toMatch(/^[WE]:/m);
      const install = await target.run('install', '--download-only', 'plain', 'with-epoch', 'capitals');
      expect(install.stderr).toBe('');
      expect(install.status).toBe(0);
      if (method === 'http') {
        expect(asked.some((path) => path.includes('/by-hash/SHA256/'))).toBe(true);
        expect(await target.archives()).toHaveLength(3);
      }
    },
  );

  it('takes the next one, and refuses to go back', async () => {
    await write();
    const target = await root();
    await target.setSource(await serve());
    await target.run('update');
    debs.push(await deb('Package: added\nVersion: 1\nArchitecture: all'));
    await write({ date: new Date(date.getTime() + 60_000) });
    expect(await target.run('update')).toMatchObject({ status: 0 });
    expect((await target.run('install', '-s', 'added')).stdout).toContain('Inst added');
    // An older one, correctly signed: apt keeps what it has.
    debs.pop();
    await write();
    await target.run('update');
    expect((await target.run('install', '-s', 'added')).stdout).toContain('Inst added');
  });

  it.each<[string, string, (bytes: Buffer) => Buffer]>([
    ['InRelease', 'InRelease', (bytes) => Buffer.from(bytes.toString().replace('amd64', 'arm64'))],
    ['Packages', 'Packages', (bytes) => Buffer.from(bytes.toString().replace('1.0-1', '9.0-1'))],
  ])('refuses a tampered %s', async (_, name, edit) => {
    await write();
    // Both packings and both names of an index: an attacker would change what is asked for.
    const hit =
      name === 'Packages' ? (await readdir(join(folder, 'by-hash/SHA256'))).map((one) => `by-hash/SHA256/${one}`) : [];
    for (const one of hit) await rm(join(folder, one));
    if (name === 'Packages') await rm(join(folder, 'Packages.gz'));
    const path = join(folder, name);
    await writeFile(path, edit(await readFile(path)));
    const target = await root();
    await target.setSource(await serve());
    const update = await target.run('update');
    expect(update.stderr).toMatch(/BADSIG|Hash Sum mismatch|not signed|invalid/);
    expect((await target.run('install', '-s', 'plain')).status).not.toBe(0);
  });

  it('refuses a tampered package', async () => {
    await write();
    const target = await root();
    await target.setSource(await serve());
    await target.run('update');
    const path = join(folder, debs[1]?.path ?? '');
    const bytes = await readFile(path);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const install = await target.run('install', '--download-only', 'with-epoch');
    expect(install.status).not.toBe(0);
    expect(install.stderr).toContain('Hash Sum mismatch');
    expect(await target.archives()).toEqual([]);
  });

  it('refuses a repository that another key signed', async () => {
    await write();
    const other = await testKey('Another');
    const target = await root();
    await writeFile(join(work, 'root', 'key.asc'), other.publicKey);
    await target.setSource(await serve());
    expect((await target.run('update')).stderr).toMatch(/NO_PUBKEY|not signed|Missing key/);
    expect((await target.run('install', '-s', 'plain')).status).not.toBe(0);
  });
});
