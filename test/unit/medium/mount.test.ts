import { describe, expect, test } from 'vitest';
import { type MountHands, mountVolume, releaseDrive } from '../../../src-main/medium/mount.ts';
import type { Mount } from '../../../src-main/medium/mounts.ts';
import { runLocal } from '../../../src-main/platform/shell.ts';
import { mounted } from './layouts.ts';
import { problemOf } from './scratch.ts';

const place = '/media/anna/SITE';

/** A desktop whose udisksctl does what it is told, or fails with a text. */
function desktop(start: readonly Mount[], fails: Partial<Record<'mount' | 'unmount' | 'power-off', string>> = {}) {
  let mounts = [...start];
  const calls: (readonly string[])[] = [];
  const hands: MountHands = {
    mounts: () => Promise.resolve(mounts),
    run: (argv) => {
      calls.push(argv);
      const verb = argv[1] as 'mount' | 'unmount' | 'power-off';
      const stderr = fails[verb];
      if (stderr !== undefined) return Promise.resolve({ exit: 1, stdout: '', stderr });
      const device = argv[3] ?? '';
      if (verb === 'mount') mounts.push(mounted(device, place));
      if (verb === 'unmount') mounts = mounts.filter(({ source }) => source !== device);
      return Promise.resolve({ exit: 0, stdout: '', stderr: '' });
    },
  };
  return { hands, calls, mounts: () => mounts };
}

describe('mounting', () => {
  test('a volume is mounted without asking anybody, and the kernel says where', async () => {
    const { hands, calls } = desktop([]);
    expect(await mountVolume('/dev/sdb1', hands)).toEqual({ device: '/dev/sdb1', mountPoint: place });
    expect(calls).toEqual([['udisksctl', 'mount', '--block-device', '/dev/sdb1', '--no-user-interaction']]);
  });

  test('one that is mounted is left alone', async () => {
    const { hands, calls } = desktop([mounted('/dev/sdb1', '/mnt/x')]);
    const volume = await mountVolume('/dev/sdb1', hands);
    expect(volume).toEqual({ device: '/dev/sdb1', mountPoint: '/mnt/x' });
    expect(calls).toEqual([]);
  });

  test('a refusal says what the system said', async () => {
    const { hands } = desktop([], { mount: 'Error mounting /dev/sdb1: GDBus.Error: Not authorized\n' });
    expect(await problemOf(mountVolume('/dev/sdb1', hands))).toMatchObject({
      code: 'medium-mount-failed',
      params: { drive: '/dev/sdb1', detail: 'Error mounting /dev/sdb1: GDBus.Error: Not authorized' },
    });
  });

  test('the desktop was quicker: its mount is taken', async () => {
    const { hands, mounts } = desktop([]);
    const quick: MountHands = {
      ...hands,
      run: () => {
        (mounts() as Mount[]).push(mounted('/dev/sdb1', place));
        return Promise.resolve({ exit: 1, stdout: '', stderr: 'already mounted' });
      },
    };
    expect(await mountVolume('/dev/sdb1', quick)).toMatchObject({ mountPoint: place });
  });

  test.each(['sdb1', '/dev/../etc/passwd x', '/dev/sd b', '--help', '/etc/passwd'])('no device: %s', async (device) => {
    const { hands, calls } = desktop([]);
    expect((await problemOf(mountVolume(device, hands))).code).toBe('medium-mount-failed');
    expect(calls).toEqual([]);
  });

  test('a laptop without the tool is told what to install', async () => {
    const run: MountHands['run'] = (argv) =>
      runLocal(argv, { env: { PATH: '/nonexistent' }, remedy: 'apt-get install udisks2' });
    const found = await problemOf(mountVolume('/dev/sdb1', { run, mounts: () => Promise.resolve([]) }));
    expect(found).toMatchObject({
      code: 'program-missing',
      params: { program: 'udisksctl', remedy: 'apt-get install udisks2' },
    });
  });
});

describe('letting it go', () => {
  const drive = { device: '/dev/sdb', mounted: ['/dev/sdb1'] };

  test('every place is unmounted, then the drive is switched off', async () => {
    const { hands, calls } = desktop([mounted('/dev/sdb1', place)]);
    expect(await releaseDrive(drive, hands)).toEqual({ poweredOff: true });
    expect(calls.map(([, verb, , device]) => `${verb} ${device}`)).toEqual(['unmount /dev/sdb1', 'power-off /dev/sdb']);
  });

  test('still in use: said, and never switched off', async () => {
    const { hands, calls } = desktop([mounted('/dev/sdb1', place)], { unmount: 'target is busy' });
    expect(await problemOf(releaseDrive(drive, hands))).toMatchObject({
      code: 'medium-unmount-failed',
      params: { path: place, detail: 'target is busy' },
    });
    expect(calls.some(([, verb]) => verb === 'power-off')).toBe(false);
  });

  test('a drive that cannot be switched off is unmounted all the same', async () => {
    const { hands } = desktop([mounted('/dev/sdb1', place)], { 'power-off': 'not supported' });
    expect(await releaseDrive(drive, hands)).toEqual({ poweredOff: false });
  });
});
