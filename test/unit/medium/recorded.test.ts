// The rules of which drive may be used, over layouts recorded from real kernels, dm-crypt, LVM, md, btrfs and the like
// (test/lab/usb/record-layouts.ts). Each file says how it was made; here stands what must come out of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseBlockDevices } from '../../../src-main/medium/lsblk.ts';
import { parseMounts, parseSwapFiles } from '../../../src-main/medium/mounts.ts';
import { type Circumstances, judgeDrives } from '../../../src-main/medium/safety.ts';

const folder = join(import.meta.dirname, '../../fixtures/drives/recorded');
const names = readdirSync(folder).map((name) => name.replace(/\.json$/, ''));

interface Recorded {
  readonly made: readonly string[];
  readonly lsblk: unknown;
  readonly mountinfo: readonly string[];
  readonly loopFiles: Readonly<Record<string, string>>;
  readonly swaps?: readonly string[];
}

const recordOf = (name: string): Recorded => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recorded;

/** Each drive and volume by its path, as `usable` or the reason why not; the machine's own disk left out where it is the system's. */
function verdicts(name: string, more: Partial<Circumstances> = {}): Record<string, string> {
  const { lsblk, mountinfo, loopFiles, swaps = [] } = recordOf(name);
  const drives = judgeDrives(parseBlockDevices(JSON.stringify(lsblk)), {
    mounts: parseMounts(mountinfo.join('\n')),
    loopFiles: new Map(Object.entries(loopFiles)),
    swapFiles: parseSwapFiles(swaps.join('\n')),
    canMount: true,
    runningFrom: [],
    advanced: false,
    ...more,
  });
  const told: Record<string, string> = {};
  for (const { path, reason, volumes } of drives) {
    if (reason !== null) told[path] = reason;
    else for (const volume of volumes) told[volume.path] = volume.reason ?? 'usable';
  }
  if (told['/dev/vda'] === 'holds-system') delete told['/dev/vda'];
  return told;
}

const expected: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'card-built-in': { '/dev/mmcblk0': 'not-usb' },
  'card-reader-empty': { '/dev/sda': 'no-card' },
  'disk-large': { '/dev/sda': 'no-file-system' },
  'label-that-deceives': { '/dev/sda1': 'usable' },
  'loop-chain': { '/dev/loop0': 'holds-system', '/dev/loop1': 'holds-system', '/dev/sda': 'holds-system' },
  'loop-of-the-system-on-a-stick': { '/dev/loop0': 'holds-system', '/dev/sda': 'holds-system' },
  'loop-on-the-system-disk': { '/dev/loop0': 'virtual' },
  'mapped-as-var': { '/dev/sda': 'holds-system' },
  'mapped-on-a-stick': { '/dev/mapper/mapped': 'usable' },
  'nothing-plugged': {},
  'optical-drive-empty': { '/dev/sr0': 'optical' },
  'second-disk-nvme': { '/dev/nvme0n1': 'not-usb' },
  'second-disk-sata': { '/dev/sda': 'not-usb', '/dev/sdb1': 'usable' },
  'second-disk-virtio': { '/dev/vdb': 'not-usb' },
  'started-from-a-stick': { '/dev/sda': 'holds-system', '/dev/sdb1': 'usable', '/dev/vda': 'not-usb' },
  'started-from-btrfs': { '/dev/nvme0n1': 'holds-system', '/dev/vda': 'not-usb' },
  'started-from-luks-lvm': { '/dev/nvme0n1': 'holds-system', '/dev/sda1': 'usable', '/dev/vda': 'not-usb' },
  'started-from-lvm': { '/dev/sda': 'holds-system', '/dev/vda': 'not-usb' },
  'started-from-raid': { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system', '/dev/vda': 'not-usb' },
  'started-live': {
    '/dev/loop0': 'holds-system',
    '/dev/sda': 'holds-system',
    '/dev/sdb1': 'usable',
    '/dev/vda': 'not-usb',
  },
  'stick-after-an-error': { '/dev/sda1': 'needs-repair' },
  'stick-also-in-the-system': { '/dev/sda': 'holds-system' },
  'stick-blank': { '/dev/sda': 'no-file-system' },
  'stick-bound-in-media': { '/dev/sda1': 'usable' },
  'stick-bound-into-the-system': { '/dev/sda': 'holds-system' },
  'stick-btrfs-subvolumes': { '/dev/sda': 'usable' },
  'stick-exfat': { '/dev/sda1': 'usable' },
  'stick-ext4-gpt': { '/dev/sda1': 'usable' },
  'stick-locked': { '/dev/sda': 'locked' },
  'stick-lvm-as-home': { '/dev/sda': 'holds-system' },
  'stick-lvm-idle': { '/dev/sda': 'unknown-content' },
  'stick-lvm-in-use': { '/dev/mapper/sticks-data': 'usable' },
  'stick-many-partitions': { '/dev/sda1': 'usable', '/dev/sda2': 'usable', '/dev/sda3': 'usable' },
  'stick-mounted-read-only': { '/dev/sda1': 'read-only' },
  'stick-not-mounted': { '/dev/sda1': 'usable' },
  'stick-ntfs': { '/dev/sda1': 'usable' },
  'stick-shop': { '/dev/sda1': 'usable' },
  'stick-swap-file': { '/dev/sda': 'holds-swap' },
  'stick-swap-idle': { '/dev/sda': 'holds-swap' },
  'stick-swap-in-use': { '/dev/sda': 'holds-swap' },
  'stick-unlocked': { '/dev/mapper/mine': 'usable' },
  'stick-vfat': { '/dev/sda1': 'usable' },
  'stick-whole-disk': { '/dev/sda': 'usable' },
  'stick-without-file-system': { '/dev/sda1': 'no-file-system', '/dev/sda2': 'no-file-system' },
  'stick-write-protected': { '/dev/sda': 'read-only' },
  'sticks-btrfs-in-media': { '/dev/sda': 'unknown-content', '/dev/sdb': 'unknown-content' },
  'sticks-btrfs-multi-mount': { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system' },
  'sticks-lvm-over-two': { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system' },
  'sticks-raid': { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system' },
  'two-sticks': { '/dev/sda1': 'usable', '/dev/sdb1': 'usable' },
  'zram-swap': { '/dev/zram0': 'holds-swap', '/dev/sda1': 'usable' },
};

describe('recorded layouts', () => {
  test('every record has its verdict here, and says how it was made', () => {
    expect(names.toSorted()).toEqual(Object.keys(expected).toSorted());
    expect(names.length).toBeGreaterThanOrEqual(45);
    for (const name of names) expect(recordOf(name).made.length).toBeGreaterThan(0);
  });

  test.each(names)('%s', (name) => {
    expect(verdicts(name)).toEqual(expected[name]);
  });

  test.each(names)('the machine’s own disk is never offered: %s', (name) => {
    const { lsblk } = recordOf(name);
    const root = parseBlockDevices(JSON.stringify(lsblk)).find(({ path }) => path === '/dev/vda');
    expect(root).toBeDefined();
    expect(verdicts(name, { canMount: true })['/dev/vda'] ?? 'holds-system').not.toBe('usable');
  });

  test('where nothing mounts for a user, an unmounted stick is told to be mounted first', () => {
    expect(verdicts('stick-not-mounted', { canMount: false })).toEqual({ '/dev/sda1': 'not-mounted' });
    expect(verdicts('stick-vfat', { canMount: false })).toEqual({ '/dev/sda1': 'usable' });
  });

  test('a program that runs from a stick does not offer it', () => {
    const runningFrom = ['/media/user/STICKVFAT/tools'];
    expect(verdicts('two-sticks', { runningFrom })).toEqual({ '/dev/sda': 'running-from', '/dev/sdb1': 'usable' });
  });
});
