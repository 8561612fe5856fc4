import { describe, expect, test } from 'vitest';
import { type MountHands, mountVolume, powerOff, unmountVolume } from '../../../src-main/medium/mount.ts';
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
    expect(await mountVolume('/dev/sdb1', hands)).toEqual({ device: '/dev/sdb1', mountPoint: place, ours: true });
    expect(calls).toEqual([['udisksctl', 'mount', '--block-device', '/dev/sdb1', '--no-user-interaction']]);
  });

  test('one that is mounted is left alone, then and later', async () => {
    const { hands, calls } = desktop([mounted('/dev/sdb1', '/mnt/x')]);
    const volume = await mountVolume('/dev/sdb1', hands);
    expect(volume).toEqual({ device: '/dev/sdb1', mountPoint: '/mnt/x', ours: false });
    expect(await unmountVolume(volume, hands)).toBe(false);
    expect(await powerOff(volume, hands)).toBe(false);
    expect(calls).toEqual([]);
  });

  test('a refusal says what the system said', async () => {
    const { hands } = desktop([], { mount: 'Error mounting /dev/sdb1: GDBus.Error: Not authorized\n' });
    expect(await problemOf(mountVolume('/dev/sdb1', hands))).toMatchObject({
      code: 'medium-mount-failed',
      params: { drive: '/dev/sdb1', detail: 'Error mounting /dev/sdb1: GDBus.Error: Not authorized' },
    });
  });

  test('the desktop was quicker: its mount is taken, and is not ours', async () => {
    const { hands, mounts } = desktop([]);
    const quick: MountHands = {
      ...hands,
      run: () => {
        (mounts() as Mount[]).push(mounted('/dev/sdb1', place));
        return Promise.resolve({ exit: 1, stdout: '', stderr: 'already mounted' });
      },
    };
    expect(await mountVolume('/dev/sdb1', quick)).toMatchObject({ mountPoint: place, ours: false });
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

describe('taking it away', () => {
  test('what we mounted is unmounted, then switched off', async () => {
    const { hands, calls } = desktop([]);
    const volume = await mountVolume('/dev/sdb1', hands);
    expect(await unmountVolume(volume, hands)).toBe(true);
    expect(await powerOff(volume, hands)).toBe(true);
    expect(calls.map(([, verb]) => verb)).toEqual(['mount', 'unmount', 'power-off']);
  });

  test('still in use: said, and never switched off', async () => {
    const { hands, calls } = desktop([], { unmount: 'target is busy' });
    const volume = await mountVolume('/dev/sdb1', hands);
    expect(await problemOf(unmountVolume(volume, hands))).toMatchObject({
      code: 'medium-unmount-failed',
      params: { path: place, detail: 'target is busy' },
    });
    expect(await powerOff(volume, hands)).toBe(false);
    expect(calls.some(([, verb]) => verb === 'power-off')).toBe(false);
  });

  test('pulled out already: nothing to unmount', async () => {
    const { hands, calls } = desktop([]);
    expect(await unmountVolume({ device: '/dev/sdb1', mountPoint: place, ours: true }, hands)).toBe(true);
    expect(calls).toEqual([]);
  });

  test('a drive that cannot be switched off is no problem', async () => {
    const { hands } = desktop([], { 'power-off': 'not supported' });
    const volume = await mountVolume('/dev/sdb1', hands);
    await unmountVolume(volume, hands);
    expect(await powerOff(volume, hands)).toBe(false);
  });
});
