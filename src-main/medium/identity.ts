// Which medium this is: bound when it is chosen, compared before the first write and before sealing.
// Called by choose-medium, every job that writes to the medium, and seal-medium. A path is no identity: another stick may
// be mounted there a minute later, or none, and a root writer would then fill the disk below the bare mount point.
import { randomBytes } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../platform/files.ts';
import { type BlockDevice, readBlockDevices, withDescendants } from './lsblk.ts';
import { goneProblem, writeProblem } from './medium-problem.ts';
import { type Mount, mountOf, readMounts } from './mounts.ts';

/** Kept in the site's records. What the system does not tell is null and counts as unknown, not as different. */
export const mediumIdentity = z.strictObject({
  /** Real path of the chosen folder; `fieldkit/` lies in it. */
  path: z.string(),
  mountPoint: z.string().nullable(),
  fileSystem: z.string().nullable(),
  volumeUuid: z.string().nullable(),
  serial: z.string().nullable(),
  sizeBytes: z.number().nullable(),
  /** Content of `fieldkit/medium-id`. */
  mediumId: z.string().nullable(),
});
export type MediumIdentity = z.infer<typeof mediumIdentity>;

/** What the laptop says about its mounts and devices; replaced in tests. */
export interface PlaceFacts {
  readonly mounts: () => Promise<readonly Mount[]>;
  readonly devices: () => Promise<readonly BlockDevice[]>;
}

const systemFacts: PlaceFacts = {
  mounts: readMounts,
  // The volume id and the serial are more than a plain folder needs: without lsblk the marker alone decides.
  devices: () => readBlockDevices().catch(() => []),
};

/**
 * The identity of a folder as it is now. Writes nothing. Throws `medium-absent`, and `medium-file-damaged` for a marker that
 * cannot be read although the medium is there.
 */
export async function readIdentity(path: string, facts: PlaceFacts = systemFacts): Promise<MediumIdentity> {
  const real = await realFolder(path);
  const mount = mountOf(real, await facts.mounts());
  const chain = mount === null ? [] : chainTo(await facts.devices(), mount);
  const volume = chain.at(-1);
  const marker = await readTextOrNull(markerPath(real)).catch(async (thrown: unknown) => {
    const file = markerPath(real);
    throw (await goneProblem(thrown, file)) ?? problem('medium-file-damaged', { file, offset: 0 }, { cause: thrown });
  });
  return {
    path: real,
    mountPoint: mount?.mountPoint ?? null,
    fileSystem: mount?.fileSystem ?? null,
    volumeUuid: volume?.uuid ?? null,
    serial: chain.findLast(({ serial }) => serial !== null)?.serial ?? null,
    sizeBytes: volume?.sizeBytes ?? null,
    mediumId: marker === null ? null : marker.trim(),
  };
}

/** Binds a folder: makes `fieldkit/` in it with a marker, unless one is there. Throws `medium-absent`, `medium-full`, `medium-read-only`, `medium-write-failed`. */
export async function bindMedium(path: string, facts: PlaceFacts = systemFacts): Promise<MediumIdentity> {
  const found = await readIdentity(path, facts);
  if (found.mediumId !== null && found.mediumId !== '') return found;
  const file = markerPath(found.path);
  const mediumId = randomBytes(16).toString('hex');
  try {
    await ensureFolder(dirname(file));
    await writeAtomic(file, `${mediumId}\n`);
  } catch (thrown) {
    throw await writeProblem(thrown, file, mediumId.length);
  }
  return { ...found, mediumId };
}

const compared = ['mediumId', 'volumeUuid', 'serial', 'sizeBytes'] as const;

/** True when nothing both sides know differs, and they know something. Paths and mount points do not count: they move. */
export function sameMedium(first: MediumIdentity, second: MediumIdentity): boolean {
  const known = compared.filter((field) => first[field] !== null && second[field] !== null);
  return known.length > 0 && known.every((field) => first[field] === second[field]);
}

/**
 * The identity with the path at which the medium is now. A stick that was pulled and plugged in again may be mounted at
 * another place, under another name; it is known by all that is bound, the marker included. Found nowhere, the identity
 * comes back as it was, and `checkIdentity` says what is wrong. Writes nothing.
 */
export async function locateMedium(expected: MediumIdentity, facts: PlaceFacts = systemFacts): Promise<MediumIdentity> {
  const { mountPoint, volumeUuid, mediumId } = expected;
  if (mountPoint === null || volumeUuid === null || mediumId === null) return expected;
  const here = await readIdentity(expected.path, facts).catch(() => null);
  if (here !== null && here.mountPoint === mountPoint && here.mediumId === mediumId) return expected;
  const folder = relative(mountPoint, expected.path);
  const devices = await facts.devices();
  for (const mount of await facts.mounts()) {
    if (mount.mountPoint === mountPoint || chainTo(devices, mount).at(-1)?.uuid !== volumeUuid) continue;
    const found = await readIdentity(join(mount.mountPoint, folder), facts).catch(() => null);
    if (found === null || found.mountPoint !== mount.mountPoint || found.mediumId !== mediumId) continue;
    if (sameMedium(expected, found)) return { ...expected, path: found.path, mountPoint: found.mountPoint };
  }
  return expected;
}

/** The device of a bound medium that is plugged in and mounted nowhere, e.g. `/dev/sdb1`; null when there is none. */
export async function unmountedDevice(
  { volumeUuid, serial, sizeBytes }: MediumIdentity,
  facts: PlaceFacts = systemFacts,
): Promise<string | null> {
  if (volumeUuid === null) return null;
  for (const drive of await facts.devices()) {
    for (const volume of withDescendants(drive)) {
      if (volume.uuid !== volumeUuid || volume.sizeBytes !== sizeBytes || volume.mountPoints.length > 0) continue;
      const found = (volume.serial ?? drive.serial) === serial || serial === null;
      if (found && volume.children.length === 0) return volume.path;
    }
  }
  return null;
}

/** The drive under a folder and those of its volumes that are mounted; null when no device is known there. */
export async function driveUnder(
  path: string,
  facts: PlaceFacts = systemFacts,
): Promise<{ readonly drive: BlockDevice; readonly mounted: readonly string[] } | null> {
  const mounts = await facts.mounts();
  const mount = mountOf(path, mounts);
  const [drive] = mount === null ? [] : chainTo(await facts.devices(), mount);
  if (drive === undefined) return null;
  const paths = withDescendants(drive).map((device) => device.path);
  return { drive, mounted: paths.filter((one) => mounts.some(({ source }) => source === one)) };
}

export interface CheckedPlace {
  /** The medium's `fieldkit` folder. */
  readonly root: string;
  /** Device number of that folder; a file that lands on another device has missed the medium. */
  readonly device: number;
}

/**
 * Makes sure that the chosen medium is at its path, now. Throws `medium-absent` when it is gone or only its bare mount
 * point is there, `medium-swapped` when another one is.
 */
export async function checkIdentity(expected: MediumIdentity, facts: PlaceFacts = systemFacts): Promise<CheckedPlace> {
  const found = await readIdentity(expected.path, facts);
  const absent = problem('medium-absent', { path: expected.path });
  if (found.mountPoint !== expected.mountPoint) throw absent;
  if (found.mediumId === null && sameOrUnknown(found, expected)) throw absent;
  if (!sameMedium(expected, found)) {
    throw problem('medium-swapped', { path: expected.path, expected: shown(expected), found: shown(found) });
  }
  const root = join(found.path, mediumRoot);
  const { dev } = await stat(root);
  if (dev !== (await stat(found.path)).dev) throw absent;
  return { root, device: dev };
}

/** Without its marker a medium is absent, unless something else says that it is another one. */
function sameOrUnknown(found: MediumIdentity, expected: MediumIdentity): boolean {
  return compared.every(
    (field) => found[field] === null || expected[field] === null || found[field] === expected[field],
  );
}

async function realFolder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw problem('medium-absent', { path }, { cause });
  }
  throw problem('medium-absent', { path });
}

const markerPath = (folder: string): string => join(folder, mediumRoot, mediumPaths.mediumId);

/** Devices from the drive down to the one that is mounted; empty when none of them is. */
function chainTo(devices: readonly BlockDevice[], mount: Mount): readonly BlockDevice[] {
  for (const device of devices) {
    const below = chainTo(device.children, mount);
    if (below.length > 0) return [device, ...below];
    if (device.deviceNumber === mount.deviceNumber || device.path === mount.source) return [device];
  }
  return [];
}

/** What tells media apart, on one line. */
export function shown({
  serial,
  volumeUuid,
  sizeBytes,
  mediumId,
}: Pick<MediumIdentity, 'serial' | 'volumeUuid' | 'sizeBytes' | 'mediumId'>): string {
  const parts = [serial, volumeUuid, sizeBytes === null ? null : `${sizeBytes} B`, mediumId?.slice(0, 8) ?? null];
  return parts.filter((part) => part !== null && part !== '').join(', ') || '-';
}

/** Paths whose content is the laptop's own; a medium there would be refused as `medium-is-system`. */
const systemFolders = ['/bin', '/boot', '/dev', '/etc', '/lib', '/proc', '/run', '/sbin', '/sys', '/usr', '/var'];

/** Refuses the root folder and what belongs to the system. `path` absolute, links resolved. Throws `medium-is-system`. */
export function refuseSystemFolder(path: string): void {
  const within = systemFolders.find((folder) => path === folder || path.startsWith(`${folder}/`));
  const media = /^\/run\/media\/|^\/var\/tmp\//.test(path);
  if (path !== '/' && (within === undefined || media)) return;
  throw problem('medium-is-system', { path, reason: within ?? '/' });
}
