// Everything a site's medium will hold, with sizes, before the first byte of it is fetched: what is in the cache, what is on the
// medium, and the room on every volume that takes part. The sight of plan-medium; it reads and writes nothing.
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LockedEntry, LockedSystem } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { originOf, systemsFrom, systemsOf, vendorPackagesOf } from '../../src-shared/site.ts';
import { limitsOf, neededBytes, type PlannedFile, type Room, readRoom } from '../medium/file-system.ts';
import { scanMedium } from '../medium/scan.ts';
import type { MediumSpeed } from '../medium/speed.ts';
import { cachedDeb, indexBytesOf } from '../packages/fetch-packages.ts';
import { exists, fileSize, freeBytes } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { cachedBlob } from '../software/mirror.ts';
import { boundMedium, readSpeed } from './bound-medium.ts';
import { textsOf } from './expected-files.ts';

/** One line of the plan. */
interface PlannedItem {
  /** `packages` of a system, or the `software` of a release for a system. */
  readonly kind: 'packages' | 'software';
  readonly name: string;
  readonly system: string;
  readonly count: number;
  readonly totalBytes: number;
  /** Still to come over the network. */
  readonly fetchBytes: number;
  /** Still to be written to the medium. */
  readonly writeBytes: number;
}

interface PlannedVolume {
  /** The first of the folders on it. */
  readonly path: string;
  readonly holds: readonly ('cache' | 'medium')[];
  readonly neededBytes: number;
  readonly freeBytes: number;
}

export interface MediumPlan {
  /** What has no sizes yet. */
  readonly unresolved: {
    readonly vendor: readonly string[];
    readonly packages: readonly string[];
    readonly software: readonly { readonly release: string; readonly systems: readonly string[] }[];
  };
  /** Releases whose archive should be a file on this laptop and is not there. */
  readonly absent: readonly { readonly name: string; readonly system: string }[];
  readonly items: readonly PlannedItem[];
  /** The medium's file system holds no larger file; null where it holds any that is carried here. */
  readonly limit: { readonly path: string; readonly fileSystem: string; readonly maxFileBytes: number } | null;
  /** Files that are larger than that. */
  readonly large: readonly { readonly name: string; readonly system: string; readonly sizeBytes: number }[];
  /** Archives that a build machine will make: how large is known only after hours of compiling. */
  readonly unsized: readonly { readonly name: string; readonly system: string }[];
  readonly volumes: readonly PlannedVolume[];
  /** Of the medium in bytes a second, as measured; null when nobody has. */
  readonly speed: MediumSpeed | null;
}

/** @param roots what the steps ask for, by system, as solve-packages asks it */
export async function planMedium(
  site: OpenSite,
  cacheFolder: string,
  roots: Readonly<Record<string, readonly string[]>>,
): Promise<MediumPlan> {
  const { plan, lock } = site;
  const { root } = await boundMedium(site);
  const present = new Map((await scanMedium(root)).files.map(({ path, sizeBytes }) => [path, sizeBytes]));
  const systems = systemsOf(plan);
  const room = await readRoom(root);
  const { maxFileBytes } = limitsOf(room.fileSystem);
  const large: { name: string; system: string; sizeBytes: number }[] = [];
  const unsized: { name: string; system: string }[] = [];
  const items: PlannedItem[] = [];
  const written: PlannedFile[] = [];
  const lacksOnMedium = (file: PlannedFile): boolean => present.get(file.path) !== file.sizeBytes;
  const add = async (
    head: Pick<PlannedItem, 'kind' | 'name' | 'system'>,
    files: readonly (PlannedFile & { readonly cached: string | null })[],
  ): Promise<void> => {
    for (const { path, sizeBytes } of files)
      if (maxFileBytes !== null && sizeBytes > maxFileBytes)
        large.push({ name: head.kind === 'software' ? head.name : path, system: head.system, sizeBytes });
    let fetchBytes = 0;
    for (const file of files) if (lacksOnMedium(file)) fetchBytes += await stillToFetch(file);
    const missing = files.filter(lacksOnMedium);
    written.push(...missing);
    items.push({ ...head, count: files.length, totalBytes: sum(files), fetchBytes, writeBytes: sum(missing) });
  };

  for (const system of systems) {
    const locked = lock.systems[system];
    const folder = mediumPaths.repository(system);
    const files = packagesOf(locked).map((deb) => ({
      path: `${folder}/${deb.path}`,
      sizeBytes: deb.sizeBytes,
      cached: cachedDeb(cacheFolder, deb),
    }));
    await add({ kind: 'packages', name: 'packages', system }, files);
    if (files.some(lacksOnMedium))
      written.push(...indexBytesOf(files.length).map((sizeBytes, at) => ({ path: `${folder}/${at}`, sizeBytes })));
  }
  const absent: { name: string; system: string }[] = [];
  for (const release of plan.releases) {
    const locked = lock.releases[release.name];
    for (const system of systems) {
      const entry = locked?.url === release.url ? locked.entries.find((one) => one.system === system) : undefined;
      const fromFile = originOf(release, system) === 'file';
      const path = release.archives[system];
      const known = entry ?? (fromFile ? await entryOfFile(path) : undefined);
      if (known === undefined && fromFile) absent.push({ name: release.name, system });
      if (known === undefined && originOf(release, system) === 'builder') unsized.push({ name: release.name, system });
      if (known === undefined) continue;
      const cached = originOf(release, system) === 'cache' ? cachedBlob(cacheFolder, known.sha512) : null;
      const file = { path: mediumPaths.blob(known.sha512), sizeBytes: known.sizeBytes, cached };
      await add({ kind: 'software', name: release.name, system }, [file]);
    }
  }
  const texts = Object.entries(textsOf(lock, site.name)).map(([path, text]) => ({
    path,
    sizeBytes: Buffer.byteLength(text),
  }));
  written.push(...texts.filter(lacksOnMedium));
  const fetchBytes = items.reduce((all, item) => all + item.fetchBytes, 0);
  return {
    unresolved: {
      vendor: systems.filter((system) => {
        const fixed = (lock.systems[system]?.vendor ?? []).map(({ name }) => name);
        return Object.keys(vendorPackagesOf(plan)).some((name) => !fixed.includes(name));
      }),
      packages: systems.filter((system) => !isSolved(lock.systems[system], roots[system] ?? [])),
      software: plan.releases.flatMap((release) => {
        const locked = lock.releases[release.name];
        const open = systemsFrom(plan, release, 'cache').filter(
          (system) => locked?.url !== release.url || !locked.entries.some((one) => one.system === system),
        );
        return open.length === 0 ? [] : [{ release: release.name, systems: open }];
      }),
    },
    absent,
    items,
    limit: maxFileBytes === null ? null : { path: root, fileSystem: room.fileSystem ?? '', maxFileBytes },
    large,
    unsized,
    volumes: await volumesOf(root, room, written, cacheFolder, fetchBytes),
    speed: await readSpeed(site),
  };
}

const packagesOf = (locked: LockedSystem | undefined) => {
  const packages = locked?.packages ?? [];
  return packages.length > 0 ? packages : (locked?.vendor ?? []);
};

const isSolved = (locked: LockedSystem | undefined, roots: readonly string[]): boolean =>
  locked !== undefined && locked.packages.length > 0 && locked.roots.join() === [...roots].sort().join();

/** An archive that was not imported yet: its size is known, its hash is not. */
async function entryOfFile(path: string | undefined): Promise<Pick<LockedEntry, 'sha512' | 'sizeBytes'> | undefined> {
  const sizeBytes = path === undefined ? null : await fileSize(path);
  return sizeBytes === null ? undefined : { sha512: '0'.repeat(128), sizeBytes };
}

async function stillToFetch({
  cached,
  sizeBytes,
}: {
  readonly cached: string | null;
  readonly sizeBytes: number;
}): Promise<number> {
  if (cached === null || (await fileSize(cached)) === sizeBytes) return 0;
  return Math.max(0, sizeBytes - ((await fileSize(`${cached}.part`)) ?? 0));
}

/** The cache and the medium, added up where they share a volume. */
async function volumesOf(
  root: string,
  room: Room,
  written: readonly PlannedFile[],
  cacheFolder: string,
  fetchBytes: number,
): Promise<readonly PlannedVolume[]> {
  // Nothing to write needs nothing: the reserve is for what is written beside it.
  const onMedium = written.length === 0 ? 0 : neededBytes(written, room.blockBytes);
  const cache = await existingAbove(cacheFolder);
  const medium = { path: root, holds: ['medium'] as const, neededBytes: onMedium, freeBytes: room.freeBytes };
  if ((await stat(cache)).dev === (await stat(root)).dev)
    return [{ ...medium, path: cacheFolder, holds: ['cache', 'medium'], neededBytes: onMedium + fetchBytes }];
  return [{ path: cacheFolder, holds: ['cache'], neededBytes: fetchBytes, freeBytes: await freeBytes(cache) }, medium];
}

async function existingAbove(folder: string): Promise<string> {
  let at = folder;
  while (!(await exists(at)) && dirname(at) !== at) at = dirname(at);
  return join(at);
}

const sum = (files: readonly PlannedFile[]): number => files.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
