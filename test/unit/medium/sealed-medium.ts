// A small medium, filled and sealed, for the tests that use or spoil one.
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { makeSigningKey, type SigningKey } from '../../../src-main/medium/keys.ts';
import { type Sealed, type SealRequest, sealMedium } from '../../../src-main/medium/seal.ts';
import { manifestBlockBytes, mediumPaths } from '../../../src-shared/manifest.ts';
import { put, scratch } from './scratch.ts';

export interface SealedMedium {
  readonly root: string;
  readonly key: SigningKey;
  readonly sealed: Sealed;
}

export const small = randomBytes(54_321);
/** Of more than one block, so that a damage can be placed. */
export const large = randomBytes(manifestBlockBytes + 4321);
export const pathOf = (blob: Buffer): string => mediumPaths.blob(createHash('sha512').update(blob).digest('hex'));

const contents: Readonly<Record<string, string | Buffer>> = {
  [mediumPaths.index('a'.repeat(32))]: '[["entry one","AAAA"]]',
  [mediumPaths.index('b'.repeat(32))]: '[["entry two","AAAA"]]',
  'debian/debian-12-amd64/InRelease': 'signed release',
  'debian/debian-12-amd64/Packages': 'Package: a\n',
  'debian/debian-12-amd64/a_1%3a2_all.deb': 'deb of a',
  'medium-id': 'c'.repeat(32),
  'readme.html': '<!doctype html>',
  'trust/cache-certificate.pem': 'certificate',
};

export const sealRequest = (root: string, key: SigningKey, generation: number): SealRequest => ({
  root,
  site: 'lille',
  generation,
  sealedAt: new Date('2026-05-01T10:00:00Z'),
  program: 'test 1.0',
  privateKeyPem: key.privateKeyPem,
});

export async function filledMedium(blob = small): Promise<string> {
  const root = join(await scratch(), 'fieldkit');
  await put(join(root, pathOf(blob)), blob);
  for (const [path, content] of Object.entries(contents)) await put(join(root, path), content);
  return root;
}

export async function sealedMedium(blob = small): Promise<SealedMedium> {
  const root = await filledMedium(blob);
  const key = makeSigningKey();
  return { root, key, sealed: await sealMedium(sealRequest(root, key, 1)) };
}
