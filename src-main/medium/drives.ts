// The drives of this laptop, each with a verdict and, when refused, why and what would help.
// Called by choose-medium and the drive picker. It only reads, and never picks one by itself.
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drive as ListedDrive } from 'drivelist';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import { readBlockDevices, readLoopFiles } from './lsblk.ts';
import { canMountVolumes } from './mount.ts';
import { readMounts, readSwapFiles } from './mounts.ts';
import { type Drive, judgeDrives, type Reason, reasons, type Volume } from './safety.ts';

export interface DriveQuery {
  /** Absolute, resolved paths whose drive must not be offered: the program, its data and its cache. */
  readonly runningFrom: readonly string[];
  /** Also offer drives that are not on USB, and virtual ones. Never those of the system. */
  readonly advanced?: boolean;
  readonly signal?: AbortSignal;
}

/** Every drive there is. Throws `drives-unreadable`: a failed scan is never "no drive". */
export async function listDrives(query: DriveQuery): Promise<readonly Drive[]> {
  if (process.platform !== 'linux') return listElsewhere(query);
  const devices = await readBlockDevices(query.signal);
  const [mounts, loopFiles, swapFiles, canMount] = await Promise.all([
    readMounts(),
    readLoopFiles(devices),
    readSwapFiles(),
    canMountVolumes(),
  ]);
  return judgeDrives(devices, {
    mounts,
    loopFiles,
    swapFiles,
    canMount,
    runningFrom: query.runningFrom,
    advanced: query.advanced ?? false,
  });
}

/** Names by vendor, model, serial and partition, as udev gives them to sticks: by the path of the device. */
export async function readLastingNames(): Promise<ReadonlyMap<string, string>> {
  const folder = '/dev/disk/by-id';
  const names = new Map<string, string>();
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const device = await realpath(join(folder, name)).catch(() => null);
    if (device !== null && name.startsWith('usb-')) names.set(device, join(folder, name));
  }
  return names;
}

/** macOS and Windows, by drivelist. It knows neither volume ids nor serial numbers there. */
async function listElsewhere(query: DriveQuery): Promise<readonly Drive[]> {
  const listed = await import('drivelist')
    .then(({ list }) => list())
    .catch((cause: unknown) => {
      throw problem('drives-unreadable', { detail: 'drivelist' }, { cause, evidence: String(cause) });
    });
  return listed.map((drive) => fromListed(drive, query));
}

/** The rules of `safety.ts` as far as drivelist's facts carry them; what it does not know counts against the drive. */
export function fromListed(drive: ListedDrive, { runningFrom, advanced = false }: DriveQuery): Drive {
  const points = drive.mountpoints.map(({ path }) => path);
  const holdsUs = runningFrom.some((path) => points.some((point) => isBelow(path, point)));
  const reason: Reason | null =
    (drive.isSystem !== false ? 'holds-system' : null) ??
    (holdsUs ? 'running-from' : null) ??
    (!advanced && drive.isVirtual === true ? 'virtual' : null) ??
    ((drive.size ?? 0) <= 0 ? 'no-card' : null) ??
    (drive.isReadOnly !== false ? 'read-only' : null) ??
    (!advanced && drive.isUSB !== true ? 'not-usb' : null);
  const volumes = drive.mountpoints.map((mounted): Volume => {
    return {
      path: drive.device,
      label: mounted.label === undefined || mounted.label === null ? null : cleanLine(mounted.label, 80),
      fileSystem: null,
      uuid: null,
      sizeBytes: drive.size ?? 0,
      freeBytes: null,
      mountPoint: mounted.path,
      usable: reason === null,
      reason,
      remedy: reason === null ? null : reasons[reason],
      warnings: [],
    };
  });
  return {
    path: drive.device,
    name: cleanLine(drive.description, 80),
    serial: null,
    sizeBytes: drive.size ?? 0,
    transport: drive.isUSB === true ? 'usb' : drive.busType.toLowerCase(),
    removable: drive.isRemovable === true,
    usable: volumes.some(({ usable }) => usable),
    reason,
    remedy: reason === null ? null : reasons[reason],
    warnings: [],
    volumes,
  };
}

/** Windows and macOS fold case, and Windows writes `C:\`. */
function isBelow(path: string, point: string): boolean {
  const plain = (text: string) => `${text.replaceAll('\\', '/').replace(/\/+$/, '').toLowerCase()}/`;
  return plain(path).startsWith(plain(point));
}

/** Throws `medium-drive-unusable` when a volume may not be used, naming the drive and the reason. */
export function requireUsable(drive: Drive, volume: Volume): void {
  if (volume.reason === null) return;
  const name = [drive.name, volume.label ?? volume.path].filter((part) => part !== '').join(', ');
  throw problem('medium-drive-unusable', { drive: name, reason: volume.reason });
}
