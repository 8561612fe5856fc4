// Writes the practice archives: a signed Debian archive, the vendor's signed repository, both of made-up packages, and the
// archives of made-up releases. Called once, when the practice folder is prepared. The signing keys are thrown away
// afterwards: nobody can sign anything else with them.
import { createCipheriv, createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { formatStanza, type Stanza } from '../packages/control.ts';
import { writeDeb } from '../packages/deb.ts';
import { debPath, writeRepository } from '../packages/repository.ts';
import { makeRepositoryKey, type RepositoryKey, signRelease } from '../packages/signer.ts';
import { ensureFolder, sha256Of, writeAtomic } from '../platform/files.ts';
import { indexDocument, makeEntry, signEntry, urlKey } from '../software/entry.ts';
import {
  distributionPackages,
  type PracticePackage,
  practiceMirroredUrl,
  practiceMultiarch,
  practiceReleaseUrl,
  vendorPackages,
} from './debian.ts';
import { practicePaths } from './faults.ts';

/** Hosts that cannot exist (RFC 6761); the practice network answers for them. */
export const practiceHosts = {
  archive: 'archive.practice.invalid',
  vendor: 'vendor.practice.invalid',
  index: 'shadir.practice.invalid',
  blobs: 'shacache.practice.invalid',
} as const;
export const practiceSources = {
  archive: `http://${practiceHosts.archive}/debian`,
  vendor: `http://${practiceHosts.vendor}/Debian_12`,
  index: `http://${practiceHosts.index}`,
  blobs: `http://${practiceHosts.blobs}`,
} as const;

/** Folder below the practice folder that a host's files lie in. */
export const servedFolder = (folder: string, host: string): string => join(folder, 'network', host);
export const keyPath = (folder: string, name: 'archive' | 'vendor'): string => join(folder, 'keys', `${name}.asc`);

/** Writes everything below `folder`. `date` becomes that of the signatures. */
export async function writeArchives(folder: string, date: Date): Promise<void> {
  const created = new Date(date.getTime() - 3_600_000);
  const archiveKey = await makeRepositoryKey('Practice archive', created);
  const vendorKey = await makeRepositoryKey('Practice vendor', created);
  await ensureFolder(dirname(keyPath(folder, 'archive')));
  await writeAtomic(keyPath(folder, 'archive'), archiveKey.publicKey);
  await writeAtomic(keyPath(folder, 'vendor'), vendorKey.publicKey);
  await writeDistribution(join(servedFolder(folder, practiceHosts.archive), 'debian'), archiveKey, date);
  await writeVendor(join(servedFolder(folder, practiceHosts.vendor), 'Debian_12'), vendorKey, date);
}

interface Deb {
  readonly control: Stanza;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

async function debOf(item: PracticePackage): Promise<Deb> {
  const { name, version, priority, depends, provides, architecture = 'amd64', kilobytes } = item;
  const optional = (field: string, value: string) => (value === '' ? [] : [{ name: field, value }]);
  const control: Stanza = [
    { name: 'Package', value: name },
    { name: 'Version', value: version },
    { name: 'Architecture', value: architecture },
    { name: 'Maintainer', value: 'SlapOS Field Kit practice <practice@example.invalid>' },
    { name: 'Installed-Size', value: String(kilobytes) },
    ...optional('Depends', depends),
    ...optional('Provides', provides ?? ''),
    ...optional('Essential', priority === 'required' ? 'yes' : ''),
    { name: 'Section', value: 'misc' },
    { name: 'Priority', value: priority },
    { name: 'Description', value: `made up for practice, in place of the real ${name}` },
  ];
  const data = filler(`${name} ${version}`, kilobytes * 1024);
  const bytes = await writeDeb({ control, files: [{ path: `/usr/share/${name}/practice`, data }] });
  return { control, bytes, sha256: sha256Of(bytes) };
}

/** Bytes that do not compress, the same for the same seed. */
function filler(seed: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/** The layout of Debian's own archive: pool, and dists with one suite of one component. */
async function writeDistribution(root: string, key: RepositoryKey, date: Date): Promise<void> {
  const stanzas: string[] = [];
  for (const item of distributionPackages) {
    const { control, bytes, sha256 } = await debOf(item);
    const file = `${item.name}_${item.version.replace(/^\d+:/, '')}_${item.architecture ?? 'amd64'}.deb`;
    const path = `pool/main/${item.name[0]}/${item.name}/${file}`;
    await put(join(root, path), bytes);
    stanzas.push(
      formatStanza([
        ...control,
        { name: 'Filename', value: path },
        { name: 'Size', value: String(bytes.length) },
        { name: 'SHA256', value: sha256 },
      ]),
    );
  }
  const packages = Buffer.from(stanzas.join('\n'));
  const indexes = [
    { name: 'main/binary-amd64/Packages', bytes: packages },
    { name: 'main/binary-amd64/Packages.gz', bytes: gzipSync(packages, { level: 9 }) },
  ];
  const suite = join(root, 'dists/bookworm');
  for (const { name, bytes } of indexes) await put(join(suite, name), bytes);
  const text = [
    'Origin: Debian',
    'Label: Practice, not Debian',
    'Suite: stable',
    'Codename: bookworm',
    `Date: ${date.toUTCString().replace('GMT', 'UTC')}`,
    'Architectures: all amd64',
    'Components: main',
    'SHA256:',
    ...indexes.map(({ name, bytes }) => ` ${sha256Of(bytes)} ${bytes.length} ${name}`),
    '',
  ].join('\n');
  const { inRelease } = await signRelease(text, key.privateKey, date);
  await put(join(suite, 'InRelease'), inRelease);
}

/** A flat repository, as the vendor's build service makes them. */
async function writeVendor(folder: string, key: RepositoryKey, date: Date): Promise<void> {
  const scratch = `${folder}.made`;
  const debs = [];
  for (const item of vendorPackages) {
    const { bytes, sha256 } = await debOf(item);
    const from = join(scratch, sha256);
    await put(from, bytes);
    const path = debPath({ ...item, architecture: 'amd64', sha256 });
    debs.push({ from, path, sha256, sizeBytes: bytes.length });
  }
  await writeRepository({ folder, debs, privateKey: key.privateKey, date, label: 'Practice vendor' });
  await rm(scratch, { recursive: true, force: true });
}

/** A sound archive of the practice release, and one whose top folder belongs to another address. */
export async function writeReleaseArchives(folder: string): Promise<void> {
  const paths = practicePaths(folder);
  await put(paths.release, await releaseArchive(practiceReleaseUrl));
  await put(paths.wrongRelease, await releaseArchive(practiceReleaseUrl.replace('1.0.499', '1.0.498')));
}

/** The simulated software cache: one release, compiled on three systems, of which a site takes the one that fits. */
export async function writeSoftwareCache(folder: string, privateKeyPem: string): Promise<void> {
  const archive = await releaseArchive(practiceMirroredUrl);
  const sha512 = createHash('sha512').update(archive).digest('hex');
  await put(join(servedFolder(folder, practiceHosts.blobs), sha512), archive);
  const builds = [
    { multiarch: 'aarch64-linux-gnu', distribution: ['debian', '12', ''] },
    { multiarch: practiceMultiarch, distribution: ['debian', '11.11', 'bullseye'] },
    { multiarch: practiceMultiarch, distribution: ['debian', '12.11', 'bookworm'] },
  ] as const;
  const entries = builds.map((build, index) => {
    // Only the last is there; the others stand for archives of other systems.
    const hash = index === builds.length - 1 ? sha512 : createHash('sha512').update(String(index)).digest('hex');
    const entry = makeEntry({ ...build, sha512: hash, softwareUrl: practiceMirroredUrl });
    return { entry, signature: signEntry(entry, privateKeyPem) };
  });
  await put(join(servedFolder(folder, practiceHosts.index), urlKey(practiceMirroredUrl)), indexDocument(entries));
}

const launcher = '#!/bin/sh\n# Made up for practice.\nexit 0\n';

/** An archive as slapgrid unpacks it, holding so many bytes that no packer makes fewer. */
export async function releaseArchive(url: string, payloadBytes = 3_000_000): Promise<Buffer> {
  const top = urlKey(url);
  const writer = pack();
  const parts: Buffer[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    writer.on('data', (part) => parts.push(part as Buffer));
    writer.on('end', resolve);
    writer.on('error', reject);
  });
  // By name, as slapgrid unpacks them: numbers differ from machine to machine.
  const common = { mtime: new Date(0), uid: 1000, gid: 1000, uname: 'slapsoft', gname: 'slapsoft' };
  for (const name of ['', 'bin/', 'parts/', 'parts/practice/', 'eggs/'])
    writer.entry({ ...common, name: `${top}/${name}`, type: 'directory', mode: 0o750 });
  const file = (name: string, data: string | Buffer, mode = 0o640) =>
    writer.entry({ ...common, name: `${top}/${name}`, mode }, Buffer.from(data));
  file('.installed.cfg', '[buildout]\nparts = practice\n');
  file('buildout.cfg', `[buildout]\nextends = ${url}\n`);
  file('instance.cfg', '[buildout]\nparts =\n');
  for (const name of ['buildout', 'mariadbd', 'runzope']) file(`bin/${name}`, launcher, 0o750);
  file('parts/practice/data', filler(top, payloadBytes));
  writer.finalize();
  await ended;
  return gzipSync(Buffer.concat(parts), { level: 6 });
}

async function put(path: string, data: string | Uint8Array): Promise<void> {
  await ensureFolder(dirname(path));
  await writeAtomic(path, data);
}
