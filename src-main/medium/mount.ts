// Mounting a volume, unmounting it, and switching its drive off, through UDisks2: no password on a desktop, never root.
// Called by choose-medium and seal-medium. It unmounts only what it mounted itself, and it formats nothing.
import { problem } from '../../src-shared/problem.ts';
import { type LocalResult, runLocal } from '../platform/shell.ts';
import { type Mount, readMounts } from './mounts.ts';

export interface MountedVolume {
  /** `/dev/sdb1` */
  readonly device: string;
  /** Where the system really mounted it, as the kernel says. */
  readonly mountPoint: string;
  /** False: it was mounted before, and stays so. */
  readonly ours: boolean;
}

/** The laptop's hands; replaced in tests. */
export interface MountHands {
  readonly run: (argv: readonly string[], signal?: AbortSignal) => Promise<LocalResult>;
  readonly mounts: () => Promise<readonly Mount[]>;
}

const limitMs = 5 * 60_000;

const systemHands: MountHands = {
  run: (argv, signal) =>
    runLocal(argv, { limitMs, remedy: 'apt-get install udisks2', ...(signal === undefined ? {} : { signal }) }),
  mounts: readMounts,
};

const devicePath = /^\/dev\/[A-Za-z0-9][A-Za-z0-9/._-]*$/;

/** Mounts a volume, or finds where it is mounted. Throws `program-missing`, `medium-mount-failed`, `cancelled`. */
export async function mountVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<MountedVolume> {
  if (!devicePath.test(device)) throw problem('medium-mount-failed', { drive: device, detail: '-' });
  const before = placeOf(device, await hands.mounts());
  if (before !== null) return { device, mountPoint: before, ours: false };
  const result = await hands.run(['udisksctl', 'mount', '--block-device', device, '--no-user-interaction'], signal);
  // A desktop that mounts by itself may have been quicker: what counts is what is mounted now.
  const mountPoint = placeOf(device, await hands.mounts());
  if (mountPoint !== null) return { device, mountPoint, ours: result.exit === 0 };
  throw problem('medium-mount-failed', { drive: device, detail: shortened(result) }, { evidence: result.stderr });
}

/**
 * Flushes and unmounts a volume we mounted; one that was mounted before us is left as it is, and false is returned.
 * Throws `medium-unmount-failed`, `program-missing`, `cancelled`.
 */
export async function unmountVolume(
  volume: MountedVolume,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!volume.ours) return false;
  if (placeOf(volume.device, await hands.mounts()) === null) return true;
  const argv = ['udisksctl', 'unmount', '--block-device', volume.device, '--no-user-interaction'];
  const result = await hands.run(argv, signal);
  if (placeOf(volume.device, await hands.mounts()) === null) return true;
  const params = { path: volume.mountPoint, detail: shortened(result) };
  throw problem('medium-unmount-failed', params, { evidence: result.stderr });
}

/** Switches off the drive of a volume we mounted and unmounted. Some drives cannot; that is no problem: false. */
export async function powerOff(
  volume: MountedVolume,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!volume.ours || placeOf(volume.device, await hands.mounts()) !== null) return false;
  const argv = ['udisksctl', 'power-off', '--block-device', volume.device, '--no-user-interaction'];
  const { exit } = await hands.run(argv, signal);
  return exit === 0;
}

function placeOf(device: string, mounts: readonly Mount[]): string | null {
  return mounts.findLast(({ source }) => source === device)?.mountPoint ?? null;
}

/** The last thing the tool said, without its own prefix. */
function shortened({ exit, stderr }: LocalResult): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return line.replace(/^Error [a-z ]+: /i, '').slice(0, 200) || `udisksctl: ${exit}`;
}
