// The jobs of this room, from sources to a repository on the medium: fix the vendor's packages, solve the closure, download,
// write. Called by the steps' performers through the job registry. Everything they resolve goes into the lock.
// They must never fetch a package whose hash a signed index has not named.
import { join } from 'node:path';
import type { LockedPackage, LockedSystem } from '../../src-shared/lock.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { type AllProgress, downloadAll, type Wanted } from '../platform/download-all.ts';
import { type ArchiveSource, type Means, openArchive, vendorSuites } from './archive.ts';
import { solveCarried } from './carried.ts';
import { freshRelease, readStatus, solveForInstalled } from './installed.ts';
import { combineIndexes, filterIndex, type Package, type PackageIndex } from './package-index.ts';
import { parseRelation, parseRelations, type RelationGroup } from './relations.ts';
import { debPath, type RepositoryDeb, type WrittenRepository, writeRepository } from './repository.ts';

/** Name of the vendor's archive in the lock. */
export const vendorSource = 'vendor';

export const emptySystem: LockedSystem = { snapshots: [], vendor: [], packages: [], roots: [] };

interface VendorSource {
  /** Base of a flat archive. */
  readonly url: string;
  /** ASCII-armored public keys. */
  readonly keys: readonly string[];
  readonly tolerateExpired?: boolean;
}

interface TargetSystem {
  /** E.g. `debian-12-amd64`. */
  readonly system: string;
  /** Debian's name of it, e.g. `amd64`. */
  readonly architecture: string;
}

interface WantedPackage {
  readonly name: string;
  /** `newest`, or exactly this one. */
  readonly version: string;
}

export interface VendorRequest extends TargetSystem {
  readonly vendor: VendorSource;
  readonly wanted: readonly WantedPackage[];
  readonly locked: LockedSystem | null;
  /** True asks the vendor again; false keeps what is locked as long as it fits what is wanted. */
  readonly refresh: boolean;
  /** False only fixes the versions. Default true. */
  readonly download?: boolean;
}

/**
 * Fixes the vendor's packages to versions and downloads them. Returns the lock with `vendor` and its snapshot renewed; when a
 * version changed, `packages` is emptied: the closure has to be solved again.
 * Throws `package-not-found`, and what `openArchive` and downloads throw.
 */
export async function fetchVendorPackages(request: VendorRequest, means: Means): Promise<LockedSystem> {
  const before = request.locked ?? emptySystem;
  const { index, snapshots } = await openVendor(request, before, means);
  const vendor = request.wanted.map((wanted) => {
    const kept = before.vendor.find(({ name }) => name === wanted.name);
    const found = pick(index, wanted, request.refresh ? null : (kept ?? null));
    if (found === null) {
      const version = wanted.version === 'newest' ? '' : wanted.version;
      throw problem('package-not-found', { package: wanted.name, version, system: request.system });
    }
    return lockedOf(found);
  });
  if (request.download ?? true) await downloadPackages(vendor, means);
  const same = vendor.length === before.vendor.length && vendor.every((deb) => isAmong(deb, before.vendor));
  return {
    snapshots: [...before.snapshots.filter(({ source }) => source !== vendorSource), ...snapshots],
    vendor,
    packages: same ? before.packages : [],
    roots: same ? before.roots : [],
  };
}

export interface SolveRequest extends TargetSystem {
  readonly archives: readonly ArchiveSource[];
  readonly vendor: VendorSource | null;
  /** What the steps need besides the vendor's packages: relations, e.g. `nginx-light` or `iptables | nftables`. */
  readonly roots: readonly string[];
  /** With the vendor's packages fixed by `fetchVendorPackages`. */
  readonly locked: LockedSystem;
  /** True looks for newer packages; false solves from the snapshots that are locked, as far as the cache holds them. */
  readonly refresh: boolean;
  /** What the machines of this system have already; by default one of which nothing is known. What any of them needs is carried. */
  readonly machines?: readonly Baseline[];
}

/** `empty`: nothing is known. `release`: see `freshRelease`. Else its dpkg status. */
export type Baseline = 'empty' | 'release' | { readonly status: string };

/**
 * Resolves the closure of the vendor's packages and the roots from the signed indexes. Fetches no package: with the result the
 * space that is needed can be told before the first byte.
 * Throws `package-not-found`, `package-unsolvable`, `package-conflict`, and what `openArchive` throws.
 */
export async function resolvePackages(request: SolveRequest, means: Means): Promise<LockedSystem> {
  const { locked, architecture, system } = request;
  const opened = [];
  for (const archive of request.archives) {
    const { refresh } = request;
    opened.push(await openArchive({ archive, architecture, locked: locked.snapshots, refresh }, means));
  }
  const distribution = combineIndexes(opened.map(({ index }) => index));
  const snapshots = opened.flatMap((one) => one.snapshots);
  const indexes = [distribution];
  if (request.vendor !== null && locked.vendor.length > 0) {
    // The vendor's versions are fixed already: the index they were found in will do, and is asked first.
    const vendor = await openVendor({ ...request, vendor: request.vendor, refresh: false }, locked, means);
    snapshots.push(...vendor.snapshots);
    indexes.unshift(filterIndex(vendor.index, (item) => mayComeFromVendor(item, locked.vendor, distribution)));
  }
  const roots: readonly RelationGroup[] = [
    ...locked.vendor.map(({ name, version }) => [
      { name, qualifier: null, version: { comparison: '=' as const, wanted: version } },
    ]),
    ...request.roots.flatMap((root) => parseRelations(root)),
  ];
  const index = combineIndexes(indexes);
  const solve = (baseline: Baseline): readonly Package[] => {
    const common = { index, roots, architecture, system };
    if (baseline === 'empty') {
      const { closure, beside } = solveCarried(common);
      return [...closure, ...beside];
    }
    const installed =
      baseline === 'release'
        ? freshRelease({ index: distribution, architecture, system })
        : readStatus(baseline.status, architecture);
    return solveForInstalled({ ...common, installed });
  };
  const found = (request.machines ?? ['empty']).flatMap(solve).map(lockedOf);
  const packages = [...new Map(found.map((deb) => [deb.path, deb])).values()].sort(byPath);
  return { snapshots, vendor: locked.vendor, packages, roots: [...request.roots].sort() };
}

/** Downloads packages into the cache, `debs/<sha256>`; those that are there already are checked, not fetched. */
export async function downloadPackages(packages: readonly LockedPackage[], means: Means): Promise<void> {
  const wanted = [...new Map(packages.map((deb) => [deb.sha256, deb])).values()];
  const items = wanted.map((deb): Wanted => {
    const { url, sha256, sizeBytes, name, version } = deb;
    const to = cachedDeb(means.cacheFolder, deb);
    return { url, to, sha256, sizeBytes, what: `${name} ${version}`, failure: (thrown) => asTampered(deb, thrown) };
  });
  const onProgress = ({ doneBytes, totalBytes, what }: AllProgress) =>
    means.onProgress?.({ done: doneBytes, total: totalBytes, unit: 'bytes', what });
  await downloadAll(means.fetch, items, { onProgress }, means.signal);
}

/** A server that sends another file than the signed index names is a matter of trust, not of the network. */
function asTampered(deb: LockedPackage, thrown: unknown): unknown {
  if (!(thrown instanceof Problem)) return thrown;
  if (thrown.code !== 'download-wrong-hash' && thrown.code !== 'download-wrong-size') return thrown;
  const { expected = '', found = '' } = thrown.data.params;
  return problem('deb-tampered', { file: deb.url, expected, found }, { cause: thrown });
}

export interface MediumRepositoryRequest {
  readonly system: string;
  readonly locked: LockedSystem;
  readonly cacheFolder: string;
  /** Folder of this system's repository on the medium. */
  readonly folder: string;
  /** Device number of the medium: nothing is written where it is no longer. */
  readonly device?: number;
  /** ASCII-armored private key, from the vault. */
  readonly privateKey: string;
  readonly date: Date;
  readonly onProgress?: Means['onProgress'];
  readonly signal?: AbortSignal;
}

/** Writes the locked packages from the cache as a signed repository. Throws as `writeRepository`, and `key-missing`. */
export async function writeRepositoryToMedium(request: MediumRepositoryRequest): Promise<WrittenRepository> {
  const { locked, cacheFolder, folder, device, privateKey, date, system, signal } = request;
  const debs: RepositoryDeb[] = locked.packages.map((deb) => ({
    from: cachedDeb(cacheFolder, deb),
    path: deb.path,
    sha256: deb.sha256,
    sizeBytes: deb.sizeBytes,
  }));
  const total = sum(locked.packages);
  const onProgress = ({ doneBytes, file }: { readonly doneBytes: number; readonly file: string }) =>
    request.onProgress?.({ done: doneBytes, total, unit: 'bytes', what: file });
  const common = { folder, device, debs, privateKey, date, label: system, onProgress };
  return writeRepository(signal === undefined ? common : { ...common, signal });
}

/** Bytes of the files apt's index of so many packages takes, about: Packages and its packed form, each also by hash, and the signed texts. */
export function indexBytesOf(packages: number): readonly number[] {
  const [plain, packed] = [packages * 1000, packages * 350];
  return [plain, plain, packed, packed, 1500, 1500, 1500, 1500];
}

/** Where a package lies in the cache. */
export function cachedDeb(cacheFolder: string, deb: { readonly sha256: string }): string {
  return join(cacheFolder, 'debs', deb.sha256);
}

function openVendor(
  request: TargetSystem & { readonly vendor: VendorSource; readonly refresh: boolean },
  locked: LockedSystem,
  means: Means,
) {
  const { vendor, architecture, refresh } = request;
  const archive: ArchiveSource = { ...vendor, name: vendorSource, suites: vendorSuites, components: [] };
  return openArchive({ archive, architecture, locked: locked.snapshots, refresh }, means);
}

/** The locked version while it fits, else the newest that does. */
function pick(index: PackageIndex, wanted: WantedPackage, kept: LockedPackage | null): Package | null {
  const versions = index.named(parseRelation(wanted.name).name);
  const fitting = versions.filter(({ version }) => wanted.version === 'newest' || version === wanted.version);
  return fitting.find(({ sha256 }) => sha256 === kept?.sha256) ?? fitting[0] ?? null;
}

/** The vendor gives what was asked for and what the distribution lacks; it never replaces a package of the distribution. */
function mayComeFromVendor(item: Package, fixed: readonly LockedPackage[], distribution: PackageIndex): boolean {
  const asked = fixed.find(({ name }) => name === item.name);
  if (asked !== undefined) return asked.sha256 === item.sha256;
  return distribution.named(item.name).length === 0;
}

function lockedOf(item: Package): LockedPackage {
  const { name, version, architecture, sha256, sizeBytes, url, source } = item;
  return { name, version, architecture, sha256, sizeBytes, url, path: debPath(item), source };
}

const isAmong = (deb: LockedPackage, others: readonly LockedPackage[]): boolean =>
  others.some(({ sha256, name }) => sha256 === deb.sha256 && name === deb.name);

const byPath = (a: LockedPackage, b: LockedPackage): number => (a.path < b.path ? -1 : 1);

const sum = (packages: readonly LockedPackage[]): number => packages.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
