// Mounting a volume, unmounting it, and switching its drive off, through UDisks2: no password on a desktop, never root.
// Called by choose-medium, seal-medium, the repair and the format act. It unmounts only the drive it is told to.
import { join } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { exists } from '../platform/files.ts';
import { type LocalResult, runLocal } from '../platform/shell.ts';
import { type Mount, readMounts } from './mounts.ts';

export interface MountedVolume {
  /** `/dev/sdb1` */
  readonly device: string;
  /** Where the system really mounted it, as the kernel says. */
  readonly mountPoint: string;
}

/** The laptop's hands; replaced in tests. */
export interface MountHands {
  readonly run: (argv: readonly string[], signal?: AbortSignal) => Promise<LocalResult>;
  readonly mounts: () => Promise<readonly Mount[]>;
}

const limitMs = 5 * 60_000;
/** What UDisks2 is asked for over the bus takes longer, and has a limit of its own (udisks.ts). */
const busLimitMs = 65 * 60_000;
const limitOf = ([program]: readonly string[]): number => (program === 'busctl' ? busLimitMs : limitMs);

export const systemHands: MountHands = {
  run: (argv, signal) =>
    runLocal(argv, {
      limitMs: limitOf(argv),
      remedy: 'apt-get install udisks2',
      ...(signal === undefined ? {} : { signal }),
    }),
  mounts: readMounts,
};

/** True where an ordinary user may have volumes mounted: udisksctl is there. Whether the session may use it shows only then. */
export async function canMountVolumes(path = process.env.PATH ?? ''): Promise<boolean> {
  const found = await Promise.all(path.split(':').map((folder) => folder !== '' && exists(join(folder, 'udisksctl'))));
  return found.includes(true);
}

const devicePath = /^\/dev\/[A-Za-z0-9][A-Za-z0-9/._-]*$/;

/** Mounts a volume, or finds where it is mounted. Throws `program-missing`, `medium-mount-failed`, `cancelled`. */
export async function mountVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<MountedVolume> {
  if (!devicePath.test(device)) throw problem('medium-mount-failed', { drive: device, detail: '-' });
  const before = placeOf(device, await hands.mounts());
  if (before !== null) return { device, mountPoint: before };
  const result = await hands.run(['udisksctl', 'mount', '--block-device', device, '--no-user-interaction'], signal);
  // A desktop that mounts by itself may have been quicker: what counts is what is mounted now.
  const mountPoint = placeOf(device, await hands.mounts());
  if (mountPoint !== null) return { device, mountPoint };
  throw problem('medium-mount-failed', { drive: device, detail: shortened(result) }, { evidence: result.stderr });
}

/**
 * Unmounts every mounted volume of a drive and switches it off: what a file manager's "eject" does. Asked for by a person.
 * Nothing of the drive is mounted when it returns, so it may be pulled; `poweredOff` false: the drive cannot be switched off.
 * Throws `medium-unmount-failed`, `program-missing`, `cancelled`.
 */
export async function releaseDrive(
  drive: { readonly device: string; readonly mounted: readonly string[] },
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<{ readonly poweredOff: boolean }> {
  for (const device of drive.mounted) await unmountVolume(device, hands, signal);
  const argv = ['udisksctl', 'power-off', '--block-device', drive.device, '--no-user-interaction'];
  return { poweredOff: (await hands.run(argv, signal)).exit === 0 };
}

/** Unmounts a volume wherever it is mounted. Throws `medium-unmount-failed`, `program-missing`, `cancelled`. */
export async function unmountVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<void> {
  // A volume may be mounted several times; each call takes one away.
  for (let place = placeOf(device, await hands.mounts()); place !== null; ) {
    const argv = ['udisksctl', 'unmount', '--block-device', device, '--no-user-interaction'];
    const result = await hands.run(argv, signal);
    const left = placeOf(device, await hands.mounts());
    if (left !== null && result.exit !== 0) {
      throw problem('medium-unmount-failed', { path: left, detail: shortened(result) }, { evidence: result.stderr });
    }
    place = left;
  }
}

function placeOf(device: string, mounts: readonly Mount[]): string | null {
  return mounts.findLast(({ source }) => source === device)?.mountPoint ?? null;
}

/** The last thing the tool said, without its own prefix. */
function shortened({ exit, stderr }: LocalResult): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return line.replace(/^Error [a-z ]+: /i, '').slice(0, 200) || `udisksctl: ${exit}`;
}
