// Which drives and volumes may hold the medium, and why not the others. Pure rules; called by the drive list alone.
// Anything not understood counts as the system's: a wrong refusal costs a question, a wrong permission a laptop.
import type { mediumLimits } from '../../src-shared/api.ts';
import { cleanLine } from '../../src-shared/clean.ts';
import { limitsOf } from './file-system.ts';
import { type BlockDevice, withDescendants } from './lsblk.ts';
import { isWithin, type Mount, mountOf } from './mounts.ts';

export const reasons = {
  'holds-system': 'choose-another',
  'holds-swap': 'choose-another',
  'running-from': 'choose-another',
  'unknown-content': 'choose-another',
  optical: 'choose-another',
  virtual: 'choose-another',
  'no-card': 'insert-card',
  'read-only': 'unlock-write-protection',
  'needs-repair': 'repair-volume',
  'not-usb': 'allow-other-drives',
  locked: 'unlock-volume',
  'no-file-system': 'format-drive',
  'unknown-file-system': 'format-drive',
  'not-mounted': 'mount-volume',
} as const;

export type Reason = keyof typeof reasons;
type Remedy = (typeof reasons)[Reason];

export type Warning = (typeof mediumLimits)[number];

export interface Volume {
  readonly path: string;
  readonly label: string | null;
  readonly fileSystem: string | null;
  readonly uuid: string | null;
  readonly sizeBytes: number;
  readonly freeBytes: number | null;
  readonly mountPoint: string | null;
  readonly usable: boolean;
  readonly reason: Reason | null;
  readonly remedy: Remedy | null;
  readonly warnings: readonly Warning[];
}

export interface Drive {
  readonly path: string;
  /** Vendor and model, cleaned of anything that could deceive on a screen. */
  readonly name: string;
  readonly serial: string | null;
  readonly sizeBytes: number;
  readonly transport: string | null;
  readonly removable: boolean;
  readonly usable: boolean;
  readonly reason: Reason | null;
  readonly remedy: Remedy | null;
  readonly warnings: readonly Warning[];
  readonly volumes: readonly Volume[];
}

export interface Circumstances {
  readonly mounts: readonly Mount[];
  /** Files behind loop devices, by the device's path. */
  readonly loopFiles: ReadonlyMap<string, string>;
  /** Files in use as swap space. */
  readonly swapFiles: readonly string[];
  /** The system has a service that mounts for an ordinary user, so a volume need not be mounted yet. */
  readonly canMount: boolean;
  /** Absolute, resolved paths whose drive must not be used: the program, its data and its cache. */
  readonly runningFrom: readonly string[];
  /** Also offer drives that are not on USB, and virtual ones. Never those of the system. */
  readonly advanced: boolean;
}

/** Where people and desktops mount removable things. A drive mounted anywhere else is taken for the system's. */
const mediaPlaces = ['/media', '/run/media', '/mnt', '/Volumes'];

/** Content that other layers own: in use or not, lsblk may not show by whom. */
const layered =
  /^(zfs_member|lvm2_member|linux_raid_member|bcache|drbd|ceph.*|vmfs.*|.*raid_member|mpath_member|swsuspend)$/i;

const encrypted = /^(crypto_luks|bitlocker)$/i;
const virtualTypes = new Set(['loop', 'ram', 'zram', 'md', 'dm', 'lvm', 'crypt', 'mpath']);
const virtualNames = /^\/dev\/(?:loop|zram|ram|nbd|dm-|md|fd)\d/;
const largeBytes = 1_000_000_000_000;

/** Every drive with its verdict, in the order lsblk gave them; none is left out. */
export function judgeDrives(devices: readonly BlockDevice[], circumstances: Circumstances): readonly Drive[] {
  const belongs = systemDevices(devices, circumstances);
  return devices.map((device) => judgeDrive(device, belongs, circumstances));
}

function judgeDrive(device: BlockDevice, belongs: ReadonlyMap<string, Reason>, circumstances: Circumstances): Drive {
  const { advanced } = circumstances;
  const all = withDescendants(device);
  const reason =
    strongest(all.flatMap(({ path }) => belongs.get(path) ?? [])) ??
    (device.type === 'rom' ? 'optical' : null) ??
    (!advanced && isVirtual(device) ? 'virtual' : null) ??
    (device.sizeBytes <= 0 ? 'no-card' : null) ??
    (device.readOnly ? 'read-only' : null) ??
    (!advanced && device.transport !== 'usb' ? 'not-usb' : null);
  const volumes = all.filter((part) => isVolume(part)).map((part) => judgeVolume(part, reason, circumstances));
  return {
    path: device.path,
    name: cleanLine([device.vendor, device.model].filter((part) => part !== null).join(' '), 80),
    serial: device.serial === null ? null : cleanLine(device.serial, 80),
    sizeBytes: device.sizeBytes,
    transport: device.transport,
    removable: device.removable,
    usable: volumes.some(({ usable }) => usable),
    reason,
    remedy: reason === null ? null : reasons[reason],
    warnings: device.sizeBytes >= largeBytes ? ['unusually-large'] : [],
    volumes,
  };
}

/** What could carry a file tree: a device without parts of its own. The whole of an opened LUKS container is its child. */
const isVolume = (device: BlockDevice): boolean => device.children.length === 0 && device.sizeBytes > 0;

function judgeVolume(device: BlockDevice, ofDrive: Reason | null, { mounts, canMount }: Circumstances): Volume {
  const { fileSystem } = device;
  const mount = mounts.findLast((one) => isMountOf(one, device)) ?? null;
  const mountPoint = mount?.mountPoint ?? device.mountPoints[0] ?? null;
  const reason =
    ofDrive ??
    (fileSystem !== null && encrypted.test(fileSystem) ? 'locked' : null) ??
    (fileSystem === null ? 'no-file-system' : null) ??
    (limitsOf(fileSystem).known ? null : 'unknown-file-system') ??
    (!device.readOnly && mount?.afterError === true ? 'needs-repair' : null) ??
    (device.readOnly || mount?.readOnly === true ? 'read-only' : null) ??
    (mountPoint === null && !canMount ? 'not-mounted' : null);
  const warnings: Warning[] = [];
  const limits = limitsOf(fileSystem);
  if (limits.maxFileBytes !== null && limits.maxFileBytes < 2 ** 32) warnings.push('four-gigabyte-limit');
  if (limits.foldsCase) warnings.push('folds-case');
  if (!limits.keepsModes) warnings.push('keeps-no-modes');
  if (limits.foreign) warnings.push('foreign-file-system');
  return {
    path: device.path,
    label: device.label === null ? null : cleanLine(device.label, 80),
    fileSystem,
    uuid: device.uuid,
    sizeBytes: device.sizeBytes,
    freeBytes: device.freeBytes,
    mountPoint,
    usable: reason === null,
    reason,
    remedy: reason === null ? null : reasons[reason],
    warnings: fileSystem === null ? [] : warnings,
  };
}

const isVirtual = ({ type, path }: BlockDevice): boolean => virtualTypes.has(type) || virtualNames.test(path);

const isMountOf = (mount: Mount, device: BlockDevice): boolean =>
  mount.deviceNumber === device.deviceNumber || mount.source === device.path;

const order: readonly Reason[] = ['holds-system', 'holds-swap', 'running-from', 'unknown-content'];
const strongest = (found: readonly Reason[]): Reason | null => order.find((reason) => found.includes(reason)) ?? null;

/** Devices the laptop itself lives on or that nobody can vouch for, by path, with the reason. */
function systemDevices(devices: readonly BlockDevice[], circumstances: Circumstances): ReadonlyMap<string, Reason> {
  const { mounts, loopFiles, runningFrom, swapFiles } = circumstances;
  const all = devices.flatMap(withDescendants);
  const belongs = new Map<string, Reason>();
  const mark = (device: BlockDevice, reason: Reason) => {
    const known = belongs.get(device.path);
    belongs.set(device.path, strongest(known === undefined ? [reason] : [known, reason]) ?? reason);
  };
  for (const device of all) {
    const own = ownReason(device, mounts);
    if (own !== null) mark(device, own);
  }
  for (const path of runningFrom) {
    const mount = mountOf(path, mounts);
    if (mount === null) continue;
    for (const device of all) {
      if (isMountOf(mount, device) || device.mountPoints.includes(mount.mountPoint)) mark(device, 'running-from');
    }
  }
  for (const file of swapFiles)
    for (const device of all) if (holdsFile(device, file, mounts)) mark(device, 'holds-swap');
  // A loop device of the system stands on a file: the drive that holds the file is the system's too.
  // A file system over several drives (btrfs) shows its mount on one of them; the others share its id.
  // Either can uncover another, so both are repeated until nothing new is found.
  for (let before = -1; before !== belongs.size; ) {
    before = belongs.size;
    for (const loop of all.filter(({ path }) => belongs.has(path))) {
      const file = loopFiles.get(loop.path);
      if (file === undefined) continue;
      for (const device of all) if (holdsFile(device, file, mounts)) mark(device, 'holds-system');
    }
    for (const device of all.filter(({ path, uuid }) => uuid !== null && belongs.has(path))) {
      const reason = belongs.get(device.path) ?? 'holds-system';
      for (const twin of all) if (twin.uuid === device.uuid && !belongs.has(twin.path)) mark(twin, reason);
    }
  }
  // One file system over several drives: nobody can write to one of them alone, nor pull it.
  const volumes = all.filter(
    ({ children, fileSystem, uuid }) => children.length === 0 && fileSystem === 'btrfs' && uuid,
  );
  for (const device of volumes)
    if (volumes.some(({ uuid, path }) => uuid === device.uuid && path !== device.path)) mark(device, 'unknown-content');
  return belongs;
}

function holdsFile(device: BlockDevice, file: string, mounts: readonly Mount[]): boolean {
  const mount = mountOf(file, mounts);
  if (mount !== null && isMountOf(mount, device)) return true;
  return device.mountPoints.some((point) => point === mount?.mountPoint && isWithin(file, point));
}

function ownReason(device: BlockDevice, mounts: readonly Mount[]): Reason | null {
  const points = [
    ...device.mountPoints,
    ...mounts.filter((mount) => isMountOf(mount, device)).map(({ mountPoint }) => mountPoint),
  ];
  const swap = device.fileSystem?.toLowerCase() === 'swap' || device.mountPoints.includes('[SWAP]');
  if (points.some((point) => point !== '[SWAP]' && !mediaPlaces.some((place) => isWithin(point, place)))) {
    return 'holds-system';
  }
  if (swap) return 'holds-swap';
  // A layer in use shows what stands on it, which is judged by itself; without, nobody can say whose it is.
  if (device.children.length === 0 && device.fileSystem !== null && layered.test(device.fileSystem)) {
    return 'unknown-content';
  }
  return null;
}
