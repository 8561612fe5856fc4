// A Debian archive as its signed index describes it: fetched, verified, cached. Called by the jobs of fetch-packages.ts.
// Serves both layouts: `dists/SUITE` with components, and flat ones (a suite that ends in `/`, as the vendor's `./`).
// It must never use an index that a pinned key does not vouch for, nor go back to an older one than is locked, nor take
// another signer than the one of before without being told that a person has compared the two.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedSnapshot } from '../../src-shared/lock.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { Fetch } from '../platform/fetch.ts';
import { ensureFolder, exists, hashFile, readTextOrNull, sha256Of, writeAtomic } from '../platform/files.ts';
import { packingOf, unpack } from './compression.ts';
import { combineIndexes, indexPackages, type PackageIndex } from './package-index.ts';
import { type Listing, parseRelease, type Release } from './release.ts';
import { type SignatureRules, type Verified, verifyClearsigned, verifyDetached } from './signed-text.ts';

export interface ArchiveSource {
  /** Kept in the lock as the source of each package. */
  readonly name: string;
  /** Base of the archive, with or without a final slash. */
  readonly url: string;
  /** E.g. `bookworm`; one that ends in `/` is a path of a flat archive. */
  readonly suites: readonly string[];
  /** Empty for a flat archive. */
  readonly components: readonly string[];
  /** ASCII-armored public keys that may sign it. No other key counts. */
  readonly keys: readonly string[];
  /** Go on after the end of Valid-Until, and with keys that have expired since they signed. For archives that are no longer maintained; default false. */
  readonly tolerateExpired?: boolean;
}

/** How the jobs of this room reach the network, the cache and the person who waits. */
export interface Means {
  readonly fetch: Fetch;
  /** The user's cache folder for packages; made when missing. */
  readonly cacheFolder: string;
  readonly now: Date;
  readonly onProgress?: (progress: JobProgress) => void;
  readonly signal?: AbortSignal;
}

export interface JobProgress {
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes';
  /** File being fetched or written. */
  readonly what: string;
}

export interface ArchiveRequest {
  readonly archive: ArchiveSource;
  readonly architecture: string;
  /** Snapshots known from before: nothing older is accepted, and nobody else as the signer. */
  readonly locked: readonly LockedSnapshot[];
  /** False: a locked snapshot that is still in the cache is used as it is, without the network. */
  readonly refresh: boolean;
}

export interface OpenedArchive {
  readonly index: PackageIndex;
  readonly snapshots: readonly LockedSnapshot[];
}

/** Release files are far below this: Debian's largest has some 150 kB. */
const releaseLimitBytes = 32 * 1024 * 1024;
const indexLimitBytes = 1024 * 1024 * 1024;

/**
 * Opens an archive for one architecture. Throws `release-unsigned`, `release-signature-bad`, `release-key-unknown`,
 * `release-expired`, `release-rolled-back`, `signer-changed`, `index-tampered`, `index-malformed`, and what fetching throws.
 */
export async function openArchive(request: ArchiveRequest, means: Means): Promise<OpenedArchive> {
  const { archive, architecture } = request;
  const url = archive.url.replace(/\/+$/, '');
  const indexes: PackageIndex[] = [];
  const snapshots: LockedSnapshot[] = [];
  for (const suite of archive.suites) {
    const base = suiteUrl(url, suite);
    const { release, snapshot } = await openRelease(base, suite, request, means);
    snapshots.push(snapshot);
    for (const path of packagesPaths(suite, archive.components, architecture)) {
      const bytes = await openIndex(base, path, release, means);
      indexes.push(indexPackages(bytes, { source: archive.name, url, architecture }));
    }
  }
  return { index: combineIndexes(indexes), snapshots };
}

const isFlat = (suite: string): boolean => suite.endsWith('/');

function suiteUrl(url: string, suite: string): string {
  if (!isFlat(suite)) return `${url}/dists/${suite}`;
  const path = suite.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
  return path === '' ? url : `${url}/${path}`;
}

/** A suite's signed list, under the folder it lies in. */
export const signedListOf = (address: string): string => `${address}/InRelease`;

/** A vendor's repository is flat. */
export const vendorSuites: readonly string[] = ['./'];

/** Where each suite's signed list lies: the folder of its InRelease. */
export const releaseAddresses = ({ url, suites }: Pick<ArchiveSource, 'url' | 'suites'>) =>
  suites.map((suite) => ({ suite, address: suiteUrl(url.replace(/\/+$/, ''), suite) }));

function packagesPaths(suite: string, components: readonly string[], architecture: string): readonly string[] {
  if (isFlat(suite)) return ['Packages'];
  return components.map((component) => `${component}/binary-${architecture}/Packages`);
}

interface OpenedRelease {
  readonly release: Release;
  readonly snapshot: LockedSnapshot;
}

async function openRelease(base: string, suite: string, request: ArchiveRequest, means: Means): Promise<OpenedRelease> {
  const { archive } = request;
  const url = signedListOf(base);
  const { keys, tolerateExpired = false } = archive;
  const locked = request.locked.find((snapshot) => snapshot.source === archive.name && snapshot.url === url) ?? null;
  const before = locked === null || locked.signedBy === '' ? null : locked.signedBy;
  const rules: SignatureRules = { url, keys, now: means.now, tolerateExpired, before };
  const kept = locked === null || request.refresh ? null : await readKept(locked, rules, means);
  const fetched = kept ?? (await fetchRelease(base, rules, means));
  const release = parseRelease(fetched.text, url);
  checkSuite(release, suite, url);
  if (kept === null) {
    checkDates(release, locked, request, url, means.now);
    if (before !== null && before !== fetched.signedBy)
      throw problem('signer-changed', { what: url, was: before, now: fetched.signedBy });
    await rememberNewest(release, url, means);
  }
  const { signedBy, sha256 } = fetched;
  return { release, snapshot: { source: archive.name, url, sha256, date: release.date.toISOString(), signedBy } };
}

type Opened = Verified & { readonly sha256: string };

async function fetchRelease(base: string, rules: SignatureRules, means: Means): Promise<Opened> {
  const options = { limitBytes: releaseLimitBytes, ...(means.signal === undefined ? {} : { signal: means.signal }) };
  const clearsigned = await means.fetch.fetchIfThere(`${base}/InRelease`, options);
  if (clearsigned !== null) {
    const verified = await verifyClearsigned(clearsigned, rules);
    return { ...verified, sha256: await keep(clearsigned, '', means) };
  }
  const text = await means.fetch.fetchBytes(`${base}/Release`, options);
  const signature = await means.fetch.fetchIfThere(`${base}/Release.gpg`, options);
  if (signature === null) throw problem('release-unsigned', { url: `${base}/Release` });
  const verified = await verifyDetached(text, signature, rules);
  const sha256 = await keep(text, '', means);
  await keep(signature, '.gpg', means, sha256);
  return { ...verified, sha256 };
}

const keptPath = (means: Means, sha256: string, end = ''): string =>
  join(means.cacheFolder, 'releases', `${sha256}${end}`);

async function keep(bytes: Uint8Array, end: string, means: Means, name = sha256Of(bytes)): Promise<string> {
  await ensureFolder(join(means.cacheFolder, 'releases'));
  await writeAtomic(keptPath(means, name, end), bytes);
  return name;
}

/** A locked release from the cache, verified again; null when it is not there or not the same any more. */
async function readKept(locked: LockedSnapshot, rules: SignatureRules, means: Means): Promise<Opened | null> {
  const { sha256 } = locked;
  const bytes = await readOrNull(keptPath(means, sha256));
  if (bytes === null || sha256Of(bytes) !== sha256) return null;
  const signature = await readOrNull(keptPath(means, sha256, '.gpg'));
  // It was fresh when it was locked: that its key has expired since does not matter.
  const past = { ...rules, tolerateExpired: true };
  const verified =
    signature === null ? await verifyClearsigned(bytes, past) : await verifyDetached(bytes, signature, past);
  return { ...verified, sha256 };
}

/** A correctly signed Release of another suite is no Release of this one. */
function checkSuite(release: Release, suite: string, url: string): void {
  const { suite: named, codename } = release;
  if (isFlat(suite) || (named === null && codename === null)) return;
  const alike = (name: string | null): boolean => name === suite;
  if (alike(named) || alike(codename)) return;
  throw problem('release-signature-bad', { url, detail: `signed for ${codename ?? named}` });
}

function checkDates(
  release: Release,
  locked: LockedSnapshot | null,
  request: ArchiveRequest,
  url: string,
  now: Date,
): void {
  const { validUntil, date } = release;
  if (validUntil !== null && validUntil < now && request.archive.tolerateExpired !== true) {
    throw problem('release-expired', { url, until: validUntil.toISOString() });
  }
  if (locked !== null && date < new Date(locked.date)) {
    throw problem('release-rolled-back', { url, was: locked.date, now: date.toISOString() });
  }
}

/** A new site has no lock yet: the laptop itself knows the newest state of each list that it was ever shown, and takes no older one. */
async function rememberNewest({ date }: Release, url: string, means: Means): Promise<void> {
  const path = join(means.cacheFolder, 'releases', `newest-${sha256Of(url)}`);
  const was = new Date((await readTextOrNull(path)) ?? 0);
  if (date < was) throw problem('release-rolled-back', { url, was: was.toISOString(), now: date.toISOString() });
  // What cannot be read is written anew.
  if (!(date.getTime() === was.getTime())) await writeAtomic(path, date.toISOString());
}

/** The Packages file at a path, in the best packing that the Release lists: fetched once, then from the cache. */
async function openIndex(base: string, path: string, release: Release, means: Means): Promise<Uint8Array> {
  const packed = ['.xz', '.gz', '.zst', ''].map((end) => `${path}${end}`).find((name) => release.files.has(name));
  const listing = packed === undefined ? undefined : release.files.get(packed);
  if (packed === undefined || listing === undefined) {
    throw problem('index-malformed', { file: `${base}/InRelease`, detail: path });
  }
  const file = join(means.cacheFolder, 'indexes', listing.sha256);
  if (!(await exists(file)) || (await hashFile(file, 'sha256')) !== listing.sha256) {
    await fetchIndex(base, packed, listing, release.byHash, file, means);
  }
  return unpack(await readFile(file), packingOf(packed), `${base}/${packed}`, indexLimitBytes);
}

async function fetchIndex(
  base: string,
  packed: string,
  listing: Listing,
  byHash: boolean,
  to: string,
  means: Means,
): Promise<void> {
  const { sha256, sizeBytes } = listing;
  const plain = `${base}/${packed}`;
  const folder = plain.slice(0, plain.lastIndexOf('/'));
  // By hash first: the plain name may already hold the next version while the archive is being updated.
  const urls = byHash ? [`${folder}/by-hash/SHA256/${sha256}`, plain] : [plain];
  let first: unknown = null;
  for (const url of urls) {
    try {
      const onProgress = ({ doneBytes }: { readonly doneBytes: number }) =>
        means.onProgress?.({ done: doneBytes, total: sizeBytes, unit: 'bytes', what: packed });
      const signal = means.signal === undefined ? {} : { signal: means.signal };
      await means.fetch.download({ url, to, sizeBytes, sha256, onProgress, ...signal });
      return;
    } catch (thrown) {
      if (!(thrown instanceof Problem) || thrown.code === 'cancelled' || thrown.code === 'leaves-for-network')
        throw thrown;
      first ??= thrown;
    }
  }
  if (first instanceof Problem && (first.code === 'download-wrong-hash' || first.code === 'download-wrong-size')) {
    const { expected = '', found = '' } = first.data.params;
    throw problem('index-tampered', { file: plain, expected, found }, { cause: first });
  }
  throw first;
}

async function readOrNull(path: string): Promise<Uint8Array | null> {
  return readFile(path).catch(() => null);
}
