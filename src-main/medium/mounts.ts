// What is mounted where, as the kernel tells it. Called by the drive list and the medium's identity.
// It only reads. Format: /proc/self/mountinfo, see proc(5). On systems without it the list is empty.
import { readTextOrNull } from '../platform/files.ts';

export interface Mount {
  /** `major:minor`; for btrfs and others a number that no block device has. */
  readonly deviceNumber: string;
  /** Folder inside the file system that is mounted; `/` as a rule. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** What is mounted: `/dev/sdb1`, `tmpfs`, … */
  readonly source: string;
  readonly readOnly: boolean;
  /** Mounted for writing, and switched to reading by the kernel since: it has met an error in the file system. */
  readonly afterError: boolean;
}

/** Mounts in the order they were made; a later one hides an earlier one at the same place. */
export async function readMounts(): Promise<readonly Mount[]> {
  const text = await readTextOrNull('/proc/self/mountinfo').catch(() => null);
  return Promise.all((text === null ? [] : parseMounts(text)).map(withErrors));
}

/** ext4 of newer kernels refuses writing after an error and leaves its mount as it is; it counts its errors instead. */
async function withErrors(mount: Mount): Promise<Mount> {
  const name = /^ext[234]$/.test(mount.fileSystem) ? /^\/dev\/([^/]+)$/.exec(mount.source)?.[1] : undefined;
  if (name === undefined || mount.afterError) return mount;
  const count = await readTextOrNull(`/sys/fs/ext4/${name}/errors_count`).catch(() => null);
  return { ...mount, afterError: Number(count ?? 0) > 0 };
}

export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ', 2);
    const [, , deviceNumber, root, mountPoint, options] = (left ?? '').split(' ');
    const [fileSystem, source, superOptions] = (right ?? '').split(' ');
    if (deviceNumber === undefined || root === undefined || mountPoint === undefined) return [];
    if (options === undefined || fileSystem === undefined || source === undefined) return [];
    const asked = options.split(',').includes('ro');
    const now = (superOptions ?? '').split(',').includes('ro');
    const mount = { deviceNumber, fileSystem, readOnly: asked || now, afterError: now && !asked };
    return [{ ...mount, root: decode(root), mountPoint: decode(mountPoint), source: decode(source) }];
  });
}

/** The kernel writes blanks, line ends and backslashes as three octal digits. */
function decode(text: string): string {
  if (!text.includes('\\')) return text;
  // The bytes are UTF-8; escapes stand for single ones.
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const plain = bytes.replace(/\\([0-7]{3})/g, (_whole, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, 'latin1').toString('utf8');
}

/** Files (not devices) in use as swap space. Format: /proc/swaps, see proc(5). */
export async function readSwapFiles(): Promise<readonly string[]> {
  return parseSwapFiles((await readTextOrNull('/proc/swaps').catch(() => null)) ?? '');
}

export function parseSwapFiles(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [path, type] = line.split(/\s+/);
    return type === 'file' && path !== undefined ? [decode(path)] : [];
  });
}

/** True when `path` is `folder` or lies below it. Both absolute and normalised. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** The mount that holds a path (absolute, links resolved): the deepest, and of equal ones the last made. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  let found: Mount | null = null;
  for (const mount of mounts) {
    if (!isWithin(path, mount.mountPoint)) continue;
    if (found === null || mount.mountPoint.length >= found.mountPoint.length) found = mount;
  }
  return found;
}
