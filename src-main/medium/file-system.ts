// What the medium's file system can hold: sizes, names, room. Called by the drive list, choose-medium and every copy.
// Pure but for the reading of free space. Sources: the kernel's documentation of each file system; Microsoft's of FAT.
import { statfs } from 'node:fs/promises';
import { type Problem, problem } from '../../src-shared/problem.ts';
import { mountOf, readMounts } from './mounts.ts';

export interface FileSystemLimits {
  /** A type this table knows. */
  readonly known: boolean;
  /** Largest file; null: larger than anything carried here. */
  readonly maxFileBytes: number | null;
  /** `Readme` and `README` are one file. */
  readonly foldsCase: boolean;
  readonly forbidsNames: boolean;
  readonly keepsModes: boolean;
  /** Of another system: works, but is written by this one with less care. */
  readonly foreign: boolean;
}

const unix: FileSystemLimits = {
  known: true,
  maxFileBytes: null,
  foldsCase: false,
  forbidsNames: false,
  keepsModes: true,
  foreign: false,
};
const windows: FileSystemLimits = { ...unix, foldsCase: true, forbidsNames: true, keepsModes: false };
const fat: FileSystemLimits = { ...windows, maxFileBytes: 2 ** 32 - 1 };

const table: Readonly<Record<string, FileSystemLimits>> = {
  ext2: unix,
  ext3: unix,
  ext4: unix,
  btrfs: unix,
  xfs: unix,
  f2fs: unix,
  zfs: unix,
  tmpfs: unix,
  overlay: unix,
  vfat: fat,
  msdos: fat,
  fat32: fat,
  exfat: windows,
  ntfs: { ...windows, foreign: true },
  ntfs3: { ...windows, foreign: true },
  fuseblk: { ...windows, foreign: true },
  hfsplus: { ...unix, foldsCase: true, foreign: true },
};

/** Limits of a type as the kernel or lsblk names it. An unknown type gets the strict names and no size limit. */
export function limitsOf(fileSystem: string | null): FileSystemLimits {
  return table[(fileSystem ?? '').toLowerCase()] ?? { ...windows, known: false };
}

export interface PlannedFile {
  /** Relative to the medium's root. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Room {
  readonly fileSystem: string | null;
  readonly freeBytes: number;
  /** Files take whole blocks of it. */
  readonly blockBytes: number;
}

/** Kept free beside the files: folders, the manifest, a file system's own records. */
const reserveBytes = 16 * 1024 * 1024;

/** Bytes that files take on a medium with such blocks, folders and reserve included. */
export function neededBytes(files: readonly PlannedFile[], blockBytes: number): number {
  const block = Math.max(blockBytes, 4096);
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  const ofFiles = files.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / block) * block, 0);
  return ofFiles + folders.size * block + reserveBytes;
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** The first reason why the files do not fit, or null: `medium-file-too-large`, `medium-name-unfit`, `medium-full`. */
export function roomProblem(files: readonly PlannedFile[], room: Room, path: string): Problem | null {
  const limits = limitsOf(room.fileSystem);
  const fileSystem = room.fileSystem ?? '?';
  const { maxFileBytes } = limits;
  const large = maxFileBytes === null ? undefined : files.find(({ sizeBytes }) => sizeBytes > maxFileBytes);
  if (large !== undefined) {
    return problem('medium-file-too-large', { path, fileSystem, file: large.path, size: large.sizeBytes });
  }
  const unfit = unfitName(files, limits);
  if (unfit !== null) return problem('medium-name-unfit', { file: unfit, fileSystem });
  const needed = neededBytes(files, room.blockBytes);
  return needed > room.freeBytes ? problem('medium-full', { path, needed, free: room.freeBytes }) : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: FAT forbids exactly these.
const forbidden = /[\x00-\x1f"*:<>?\\|]|[. ]$/;
const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A path with a name the file system cannot hold, or that falls together with an earlier one. */
function unfitName(files: readonly PlannedFile[], limits: FileSystemLimits): string | null {
  const seen = new Map<string, string>();
  for (const { path } of files) {
    const parts = path.split('/');
    if (parts.some((part) => Buffer.byteLength(part) > 255)) return path;
    if (limits.forbidsNames && parts.some((part) => forbidden.test(part) || reserved.test(part))) return path;
    if (!limits.foldsCase) continue;
    const other = seen.get(path.toLowerCase());
    if (other !== undefined && other !== path) return path;
    seen.set(path.toLowerCase(), path);
  }
  return null;
}

/** Room at a folder as it is now. */
export async function readRoom(folder: string): Promise<Room> {
  const { bavail, bsize } = await statfs(folder);
  const mount = mountOf(folder, await readMounts());
  return { fileSystem: mount?.fileSystem ?? null, freeBytes: bavail * bsize, blockBytes: bsize };
}
