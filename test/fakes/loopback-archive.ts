// Small Debian archives for tests: made in memory with the product's own .deb writer, signed with a key made for the test,
// and served on loopback. The served files may be changed under way to play an attacker or a later state.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { formatStanza, parseStanza } from '../../src-main/packages/control.ts';
import { writeDeb } from '../../src-main/packages/deb.ts';
import { makeRepositoryKey, type RepositoryKey, signRelease } from '../../src-main/packages/signer.ts';

export type Files = Map<string, Uint8Array>;

export interface Loopback {
  readonly url: string;
  readonly files: Files;
  /** Paths asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function serveFiles(files: Files): Promise<Loopback> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '/').slice(1));
    asked.push(path);
    const bytes = files.get(path);
    response.writeHead(bytes === undefined ? 404 : 200, { 'content-length': bytes?.length ?? 0 });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${port}`, files, asked, close };
}

export const testKey = (name = 'Archive of a test'): Promise<RepositoryKey> =>
  makeRepositoryKey(name, new Date('2024-01-01T00:00:00Z'));

export interface ArchiveRecipe {
  /** Folder under the server's root, e.g. `debian`. */
  readonly root: string;
  /** Null makes a flat archive. */
  readonly suite: string | null;
  /** Control stanzas without Maintainer and Description. */
  readonly packages: readonly string[];
  readonly key: RepositoryKey;
  readonly date: Date;
  readonly validUntil?: Date;
  /** `both` adds Release and Release.gpg; `detached` has nothing else. Default `clearsigned`. */
  readonly signing?: 'clearsigned' | 'detached' | 'both';
  readonly codename?: string;
  readonly byHash?: boolean;
  /** How its list is packed; without it, with gzip. */
  readonly packer?: { readonly end: string; readonly pack: (bytes: Uint8Array) => Uint8Array };
}

/** Adds an archive's files to the served ones. */
export async function addArchive(files: Files, recipe: ArchiveRecipe): Promise<void> {
  const { root, suite } = recipe;
  const base = suite === null ? root : `${root}/dists/${suite}`;
  const folder = suite === null ? '' : 'main/binary-amd64/';
  const stanzas: string[] = [];
  for (const text of recipe.packages) {
    const control = parseStanza(`${text}\nMaintainer: Nobody <nobody@example.org>\nDescription: for a test`, 'recipe');
    const deb = await writeDeb({ control, files: [] });
    const name = control[0]?.value ?? '';
    const version = control[1]?.value.replace(':', '%3a') ?? '';
    const path = suite === null ? `amd64/${name}_${version}.deb` : `pool/${name}_${version}.deb`;
    files.set(`${root}/${path}`, deb);
    const filename = suite === null ? `./${path}` : path;
    stanzas.push(`${formatStanza(control)}Filename: ${filename}\nSize: ${deb.length}\nSHA256: ${sha256Of(deb)}\n`);
  }
  const packages = Buffer.from(stanzas.join('\n'));
  const { end, pack } = recipe.packer ?? { end: '.gz', pack: gzipSync };
  const packed = pack(packages);
  files.set(`${base}/${folder}Packages${end}`, packed);
  if (recipe.byHash) files.set(`${base}/${folder}by-hash/SHA256/${sha256Of(packed)}`, packed);
  const release = [
    ...(suite === null ? [] : [`Suite: ${suite}`, `Codename: ${recipe.codename ?? suite}`]),
    `Date: ${recipe.date.toUTCString().replace('GMT', 'UTC')}`,
    ...(recipe.validUntil === undefined ? [] : [`Valid-Until: ${recipe.validUntil.toUTCString()}`]),
    ...(recipe.byHash ? ['Acquire-By-Hash: yes'] : []),
    'SHA256:',
    ` ${sha256Of(packages)} ${packages.length} ${folder}Packages`,
    ` ${sha256Of(packed)} ${packed.length} ${folder}Packages${end}`,
    '',
  ].join('\n');
  const signed = await signRelease(release, recipe.key.privateKey, recipe.date);
  const signing = recipe.signing ?? 'clearsigned';
  if (signing !== 'detached') files.set(`${base}/InRelease`, Buffer.from(signed.inRelease));
  if (signing !== 'clearsigned') {
    files.set(`${base}/Release`, Buffer.from(release));
    files.set(`${base}/Release.gpg`, Buffer.from(signed.releaseGpg));
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
