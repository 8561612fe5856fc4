// Small file systems in files, mounted as a stick would be. Needs root and loop devices.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { whyWithoutRoot } from '../../unless.ts';

const run = (...argv: readonly [string, ...string[]]): string =>
  execFileSync(argv[0], argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Why loop media cannot be had here, or null. */
export function whyNoLoop(): string | null {
  if (process.platform !== 'linux') return 'not Linux';
  const withoutRoot = whyWithoutRoot('mounting');
  if (withoutRoot !== null) return withoutRoot;
  try {
    run('losetup', '--find');
    run('mkfs.ext4', '-V');
    return null;
  } catch (thrown) {
    return `no loop device or no mkfs.ext4: ${(thrown as Error).message.split('\n')[0]}`;
  }
}

export interface LoopMedium {
  readonly image: string;
  mount(point: string, options?: string): void;
  unmount(point: string): void;
}

/** A folder for images and mount points, taken down after the test. */
export async function workbench(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'fieldkit-loop-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An ext4 image of so many bytes. What is mounted from it is unmounted after the test. */
export function loopMedium(folder: string, name: string, sizeBytes: number): LoopMedium {
  const image = join(folder, `${name}.img`);
  run('truncate', '--size', String(sizeBytes), image);
  run('mkfs.ext4', '-q', '-m', '0', '-F', image);
  const mounted = new Set<string>();
  const unmount = (point: string) => {
    run('umount', point);
    mounted.delete(point);
  };
  onTestFinished(() => {
    for (const point of mounted) unmount(point);
  });
  return {
    image,
    mount: (point, options = 'rw') => {
      run('mount', '-o', `loop,${options}`, image, point);
      mounted.add(point);
    },
    unmount,
  };
}

/** Shows a file to the kernel as a drive, detached after the test; its device, e.g. `/dev/loop3`. */
export async function attachDrive(image: string): Promise<string> {
  const { stdout } = await promisify(execFile)('losetup', ['--find', '--show', image]);
  const device = stdout.trim();
  onTestFinished(() => void run('losetup', '--detach', device));
  return device;
}

/** Changes the mount in place, e.g. to `ro`. */
export const remount = (point: string, options: string): string => run('mount', '-o', `remount,${options}`, point);

/** Where a file's content begins in the image, in bytes, as the kernel says. */
export function firstByte(path: string): number {
  const blockBytes = 1024;
  const listing = run('filefrag', '-v', `-b${blockBytes}`, path);
  const block = /^\s*0:\s+0\.\.\s*\d+:\s+(\d+)\.\./m.exec(listing)?.[1];
  if (block === undefined) throw new Error(`no extent in ${listing}`);
  return Number(block) * blockBytes;
}
