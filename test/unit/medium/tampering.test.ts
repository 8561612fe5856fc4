// A sealed medium in other hands: every way to alter it that we could think of, and what it gets.
import { generateKeyPairSync } from 'node:crypto';
import {
  appendFile,
  copyFile,
  cp,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeSigningKey, signBytes } from '../../../src-main/medium/keys.ts';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { verifyMedium } from '../../../src-main/medium/verify.ts';
import type { Manifest } from '../../../src-shared/manifest.ts';
import { Problem } from '../../../src-shared/problem.ts';
import { large, pathOf, type SealedMedium, sealedMedium, sealRequest, small } from './sealed-medium.ts';

const deb = 'debian/debian-12-amd64/a_1%3a2_all.deb';
const blobPath = pathOf(small);
const index = `bdir/${'a'.repeat(32)}`;
const other = `bdir/${'b'.repeat(32)}`;

/** The codes a use of the medium meets: opening it under the pinned key, then verifying it. */
async function use({ root, key }: SealedMedium, minimumGeneration = 1): Promise<readonly string[]> {
  try {
    const { manifest } = await openManifest(root, key.fingerprint, minimumGeneration);
    const { findings } = await verifyMedium(root, manifest);
    return findings.map(({ code, file }) => `${code} ${file}`);
  } catch (thrown) {
    if (thrown instanceof Problem) return [thrown.code];
    throw thrown;
  }
}

async function flip(path: string, offset: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await handle.write(byte, 0, 1, offset);
  await handle.close();
}

const edit = async (path: string, change: (text: string) => string): Promise<void> =>
  writeFile(path, change(await readFile(path, 'utf8')));

const editManifest = (root: string, change: (manifest: Manifest) => unknown): Promise<void> =>
  edit(join(root, 'manifest.json'), (text) => JSON.stringify(change(JSON.parse(text) as Manifest)));

/** As whoever holds the key could: a manifest of any content, rightly signed. */
async function signAnything({ root, key }: SealedMedium, change: (manifest: Manifest) => unknown): Promise<void> {
  await editManifest(root, change);
  const bytes = await readFile(join(root, 'manifest.json'));
  await writeFile(join(root, 'manifest.json.sig'), `${signBytes(bytes, key.privateKeyPem)}\n`);
}

const damaged = (path: string) => [`medium-file-damaged ${path}`];
const missing = (path: string) => [`medium-file-missing ${path}`];
const unlisted = (path: string) => [`medium-file-unlisted ${path}`];
const invalid = ['medium-manifest-invalid'];

type Tampering = (medium: SealedMedium) => Promise<unknown>;
const inFile =
  (path: string, act: (path: string) => Promise<unknown>): Tampering =>
  ({ root }) =>
    act(join(root, path));

const tamperings: readonly (readonly [string, Tampering, readonly string[]])[] = [
  // content
  ['a bit of a blob', inFile(blobPath, (path) => flip(path, 12_345)), damaged(blobPath)],
  ['the last bit of a blob', inFile(blobPath, (path) => flip(path, small.length - 1)), damaged(blobPath)],
  ['a package', inFile(deb, (path) => flip(path, 0)), damaged(deb)],
  ['an index entry', inFile(index, (path) => edit(path, (text) => text.replace('one', 'six'))), damaged(index)],
  ['a package cut short', inFile(deb, (path) => truncate(path, 3)), damaged(deb)],
  ['a package made longer', inFile(deb, (path) => appendFile(path, 'x')), damaged(deb)],
  ['a file emptied', inFile(deb, (path) => truncate(path, 0)), damaged(deb)],
  [
    'a certificate exchanged',
    inFile('trust/cache-certificate.pem', (path) => writeFile(path, 'certificatf')),
    damaged('trust/cache-certificate.pem'),
  ],
  ['the page for people', inFile('readme.html', (path) => appendFile(path, '<script>')), damaged('readme.html')],
  ['the id of the medium', inFile('medium-id', (path) => writeFile(path, 'd'.repeat(32))), damaged('medium-id')],
  [
    'apt’s index',
    inFile('debian/debian-12-amd64/Packages', (path) => flip(path, 4)),
    damaged('debian/debian-12-amd64/Packages'),
  ],
  // presence
  ['a package deleted', inFile(deb, (path) => rm(path)), missing(deb)],
  ['a whole folder deleted', inFile('bcache', (path) => rm(path, { recursive: true })), missing(blobPath)],
  ['a package renamed', inFile(deb, (path) => rename(path, `${path}x`)), [...unlisted(`${deb}x`), ...missing(deb)]],
  [
    'two index documents exchanged',
    async ({ root }) => {
      await rename(join(root, index), join(root, 'swap'));
      await rename(join(root, other), join(root, index));
      await rename(join(root, 'swap'), join(root, other));
    },
    [...damaged(index), ...damaged(other)],
  ],
  [
    'a link in the place of a file, to the same bytes',
    async ({ root }) => {
      await copyFile(join(root, deb), join(root, '../same'));
      await rm(join(root, deb));
      await symlink('../../../same', join(root, deb));
    },
    [...unlisted(deb), ...missing(deb)],
  ],
  [
    'a folder in the place of a file',
    inFile(deb, async (path) => {
      await rm(path);
      await mkdir(path);
    }),
    missing(deb),
  ],
  // things added
  [
    'an index document added',
    ({ root }) => writeFile(join(root, 'bdir', 'f'.repeat(32)), 'x'),
    unlisted(`bdir/${'f'.repeat(32)}`),
  ],
  [
    'a package added',
    ({ root }) => writeFile(join(root, 'debian/debian-12-amd64/evil.deb'), 'x'),
    unlisted('debian/debian-12-amd64/evil.deb'),
  ],
  ['a hidden file added', ({ root }) => writeFile(join(root, '.autorun'), 'x'), unlisted('.autorun')],
  ['a link out added', ({ root }) => symlink('/etc', join(root, 'debian/etc')), unlisted('debian/etc')],
  ['a name that differs in case', ({ root }) => writeFile(join(root, 'README.html'), 'x'), unlisted('README.html')],
  ['a name a manifest cannot hold', ({ root }) => writeFile(join(root, 'bdir/a b'), 'x'), unlisted('bdir/a b')],
  // the manifest
  ['a bit of the manifest', inFile('manifest.json', (path) => flip(path, 40)), invalid],
  ['a blank more in it', inFile('manifest.json', (path) => appendFile(path, ' ')), invalid],
  [
    'the manifest written in another way',
    inFile('manifest.json', (path) => edit(path, (text) => JSON.stringify(JSON.parse(text), null, 1))),
    invalid,
  ],
  [
    'a file struck out of the list',
    ({ root }) => editManifest(root, (m) => ({ ...m, files: m.files.slice(1) })),
    invalid,
  ],
  [
    'a file written into the list',
    ({ root }) => editManifest(root, (m) => ({ ...m, files: [...m.files, m.files[0]] })),
    invalid,
  ],
  ['another site', ({ root }) => editManifest(root, (m) => ({ ...m, site: 'paris' })), invalid],
  ['another generation', ({ root }) => editManifest(root, (m) => ({ ...m, generation: 9 })), invalid],
  ['the manifest deleted', inFile('manifest.json', (path) => rm(path)), ['medium-unsealed']],
  ['the manifest emptied', inFile('manifest.json', (path) => truncate(path, 0)), invalid],
  [
    'a folder in its place',
    inFile('manifest.json', async (path) => {
      await rm(path);
      await mkdir(path);
    }),
    ['medium-unsealed'],
  ],
  // the signature and the key
  ['the signature deleted', inFile('manifest.json.sig', (path) => rm(path)), invalid],
  ['a bit of the signature', inFile('manifest.json.sig', (path) => flip(path, 10)), invalid],
  ['the signature emptied', inFile('manifest.json.sig', (path) => truncate(path, 0)), invalid],
  [
    'a signature by another key',
    async ({ root }) => {
      const bytes = await readFile(join(root, 'manifest.json'));
      await writeFile(join(root, 'manifest.json.sig'), `${signBytes(bytes, makeSigningKey().privateKeyPem)}\n`);
    },
    invalid,
  ],
  ['the key deleted', inFile('trust/manifest-key.pem', (path) => rm(path)), invalid],
  ['a key that is none', inFile('trust/manifest-key.pem', (path) => writeFile(path, 'key')), invalid],
  [
    'another key',
    inFile('trust/manifest-key.pem', (path) => writeFile(path, makeSigningKey().publicKeyPem)),
    ['fingerprint-differs'],
  ],
  [
    'an RSA key',
    inFile('trust/manifest-key.pem', (path) => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
      return writeFile(path, publicKey.export({ type: 'spki', format: 'pem' }));
    }),
    invalid,
  ],
  [
    'everything sealed anew by somebody else',
    async ({ root }) => {
      await writeFile(join(root, deb), 'evil');
      await sealMedium(sealRequest(root, makeSigningKey(), 2));
    },
    ['fingerprint-differs'],
  ],
  // rightly signed, and still refused
  [
    'a signed way out',
    (m) => signAnything(m, (list) => ({ ...list, files: [{ ...list.files[0], path: '../x' }] })),
    invalid,
  ],
  [
    'a signed absolute path',
    (m) => signAnything(m, (list) => ({ ...list, files: [{ ...list.files[0], path: '/etc/x' }] })),
    invalid,
  ],
  [
    'the same file listed twice',
    (m) => signAnything(m, (list) => ({ ...list, files: [...list.files, list.files[0]] })),
    invalid,
  ],
  ['a format of the future', (m) => signAnything(m, (list) => ({ ...list, format: 2 })), invalid],
  ['an unknown field', (m) => signAnything(m, (list) => ({ ...list, trustAll: true })), invalid],
  [
    'a blob under another’s name, listed as such',
    async (medium) => {
      const wrong = `bcache/${'0'.repeat(128)}`;
      await rename(join(medium.root, blobPath), join(medium.root, wrong));
      const renamed = (list: Manifest) =>
        list.files.map((file) => (file.path === blobPath ? { ...file, path: wrong } : file));
      await signAnything(medium, (list) => ({ ...list, files: renamed(list) }));
    },
    damaged(`bcache/${'0'.repeat(128)}`),
  ],
];

describe('a sealed medium that was altered', () => {
  test.each(tamperings)('%s', async (_name, tamper, expected) => {
    const medium = await sealedMedium();
    expect(await use(medium)).toEqual([]);
    await tamper(medium);
    expect(await use(medium)).toEqual(expected);
  });

  test('an older state put back in its place', async () => {
    const medium = await sealedMedium();
    const before = join(medium.root, '../before');
    await cp(medium.root, before, { recursive: true });
    await sealMedium(sealRequest(medium.root, medium.key, 2));
    expect(await use(medium, 2)).toEqual([]);
    await rm(medium.root, { recursive: true });
    await rename(before, medium.root);
    expect(await use(medium, 2)).toEqual(['medium-rolled-back']);
  });

  test('a damage is placed, and told as lasting', async () => {
    const { root, sealed } = await sealedMedium(large);
    await flip(join(root, pathOf(large)), 8 * 1024 * 1024 + 99);
    expect((await verifyMedium(root, sealed.manifest)).findings).toEqual([
      { code: 'medium-file-damaged', file: pathOf(large), offset: 8 * 1024 * 1024, lasting: true },
    ]);
  });

  test('any bit of the manifest or its signature', async () => {
    const medium = await sealedMedium();
    for (const name of ['manifest.json', 'manifest.json.sig']) {
      const path = join(medium.root, name);
      const { length } = await readFile(path);
      // The line end behind the signature is no part of it.
      const last = name.endsWith('.sig') ? length - 1 : length;
      for (let offset = 0; offset < last; offset += Math.max(1, Math.floor(length / 60))) {
        await flip(path, offset);
        expect(await use(medium), `${name} ${offset}`).toEqual(invalid);
        await flip(path, offset);
      }
    }
    expect(await use(medium)).toEqual([]);
  });
});
