// A signed flat apt repository in a folder: what apt on a target reads from the medium. Called by the job that writes the medium.
// Order of writing: packages, then the indexes by their hash, then Packages, then the signed Release. So whoever reads
// meanwhile finds the old repository or the new one. It must never list a package whose bytes it has not seen.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolderOn, sha256Of } from '../platform/files.ts';
import { type Field, fieldOf, formatStanza, type Stanza } from './control.ts';
import { readControl } from './deb.ts';
import { placeFile, writeOnMedium } from './place-file.ts';
import { publicHalf, signRelease } from './signer.ts';
import { compareVersions } from './version.ts';

export interface RepositoryDeb {
  /** The .deb on the laptop. */
  readonly from: string;
  /** Path inside the repository, see `debPath`. */
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface RepositoryRequest {
  /** Made when missing. Files of an older repository in it stay; see `stale`. */
  readonly folder: string;
  readonly debs: readonly RepositoryDeb[];
  /** Device number of the medium: nothing is written where it is no longer. */
  readonly device?: number | undefined;
  /** ASCII-armored private key, from the vault. */
  readonly privateKey: string;
  /** Becomes the Release's Date: the second of signing. Must not be before that of the repository it replaces. */
  readonly date: Date;
  /** Label of the Release, e.g. the target system. apt asks before it accepts another label, so it stays the same for good. */
  readonly label: string;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly file: string }) => void;
  readonly signal?: AbortSignal;
}

export interface WrittenRepository {
  /** Every file of it, relative to the folder, sorted. */
  readonly files: readonly string[];
  /** .debs and indexes of former repositories that nothing refers to any more, relative, sorted. */
  readonly stale: readonly string[];
}

/** File name of the repository's public key, beside its Release. */
const repositoryKeyFile = 'repository-key.asc';

/**
 * Where a .deb lies in a repository: lower case, for file systems that do not tell cases apart, and `:` as %3a, which
 * they forbid. A version whose capitals were lost carries the beginning of its hash, so that no two packages meet.
 */
export function debPath(deb: {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
}): string {
  const plain = `${deb.name}_${deb.version.replaceAll(':', '%3a')}_${deb.architecture}`;
  const lower = plain.toLowerCase();
  return `debs/${lower}${lower === plain ? '' : `_${deb.sha256.slice(0, 12)}`}.deb`;
}

/**
 * Writes the repository. The same packages, key and date give the same bytes; files that are right already are left alone.
 * Throws `deb-tampered` (a .deb is not what its hash says), `deb-malformed`, `medium-full`, `medium-write-failed`, `key-missing`.
 */
export async function writeRepository(request: RepositoryRequest): Promise<WrittenRepository> {
  const { folder, device, signal } = request;
  refuseTwins(request.debs);
  const stanzas: Stanza[] = [];
  let doneBytes = 0;
  await ensureFolderOn(device, join(folder, 'debs'));
  for (const deb of request.debs) {
    if (signal?.aborted) throw problem('cancelled', { what: deb.path });
    await placeFile({ ...deb, to: join(folder, deb.path), device }, signal);
    stanzas.push(stanzaOf(await readControl(deb.from), deb));
    doneBytes += deb.sizeBytes;
    request.onProgress?.({ doneBytes, file: deb.path });
  }
  const packages = Buffer.from(stanzas.sort(byNameVersion).map(formatStanza).join('\n'));
  const indexes = [
    { name: 'Packages', bytes: packages },
    // A fixed header: zlib writes no time, and the same level gives the same bytes.
    { name: 'Packages.gz', bytes: gzipSync(packages, { level: 9 }) },
  ];
  const files = [...request.debs.map(({ path }) => path), ...(await writeIndexes(request, indexes))];
  const text = releaseText(request, stanzas, indexes);
  files.push(...(await writeSignedRelease(request, text)));
  files.sort();
  return { files, stale: await findStale(folder, new Set(files)) };
}

interface IndexFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

async function writeIndexes(request: RepositoryRequest, indexes: readonly IndexFile[]): Promise<string[]> {
  const byHash = 'by-hash/SHA256';
  await ensureFolderOn(request.device, join(request.folder, byHash));
  const written: string[] = [];
  for (const { bytes } of indexes) written.push(await writeIfOther(request, `${byHash}/${sha256Of(bytes)}`, bytes));
  for (const { name, bytes } of indexes) written.push(await writeIfOther(request, name, bytes));
  return written;
}

async function writeSignedRelease(request: RepositoryRequest, text: string): Promise<string[]> {
  const { privateKey, date } = request;
  const signed = await signRelease(text, privateKey, date);
  return [
    await writeIfOther(request, repositoryKeyFile, Buffer.from(await publicHalf(privateKey))),
    await writeIfOther(request, 'Release', Buffer.from(text)),
    await writeIfOther(request, 'Release.gpg', Buffer.from(signed.releaseGpg)),
    await writeIfOther(request, 'InRelease', Buffer.from(signed.inRelease)),
  ];
}

function releaseText(
  { date, label }: RepositoryRequest,
  stanzas: readonly Stanza[],
  indexes: readonly IndexFile[],
): string {
  const architectures = stanzas.map((stanza) => fieldOf(stanza, 'Architecture') ?? 'all');
  const lines = [
    'Origin: SlapOS Field Kit',
    `Label: ${label}`,
    `Date: ${date.toUTCString().replace('GMT', 'UTC')}`,
    'Acquire-By-Hash: yes',
    `Architectures: ${[...new Set([...architectures, 'all'])].sort().join(' ')}`,
    'Description: Packages for an installation without a network',
    'SHA256:',
    ...indexes.map(({ name, bytes }) => ` ${sha256Of(bytes)} ${String(bytes.length).padStart(9)} ${name}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** The package's own fields, then where it lies and how it is checked. */
function stanzaOf(control: Stanza, deb: RepositoryDeb): Stanza {
  const ours = new Set(['filename', 'size', 'sha256', 'md5sum', 'sha1', 'sha512']);
  const own = control.filter(({ name }) => !ours.has(name.toLowerCase()));
  const added: Field[] = [
    { name: 'Filename', value: deb.path },
    { name: 'Size', value: String(deb.sizeBytes) },
    { name: 'SHA256', value: deb.sha256 },
  ];
  return [...own, ...added];
}

function byNameVersion(a: Stanza, b: Stanza): number {
  const [nameA, nameB] = [fieldOf(a, 'Package') ?? '', fieldOf(b, 'Package') ?? ''];
  if (nameA !== nameB) return nameA < nameB ? -1 : 1;
  const order = compareVersions(fieldOf(a, 'Version') ?? '', fieldOf(b, 'Version') ?? '');
  return order === 0 ? ((fieldOf(a, 'Architecture') ?? '') < (fieldOf(b, 'Architecture') ?? '') ? -1 : 1) : order;
}

/** Two packages under one path would overwrite each other: the caller has named them wrongly. */
function refuseTwins(debs: readonly RepositoryDeb[]): void {
  const seen = new Set<string>();
  for (const { path } of debs) {
    if (seen.has(path.toLowerCase())) throw problem('internal', { detail: `two packages at ${path}` });
    seen.add(path.toLowerCase());
  }
}

async function writeIfOther({ folder, device }: RepositoryRequest, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  const old = await readFile(path).catch(() => null);
  if (old === null || !old.equals(bytes)) await writeOnMedium(path, bytes, device);
  return name;
}

async function findStale(folder: string, listed: ReadonlySet<string>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const part of ['debs', 'by-hash/SHA256']) {
    for (const name of await readdir(join(folder, part))) found.push(`${part}/${name}`);
  }
  return found.filter((name) => !listed.has(name)).sort();
}
