import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BlockDevice, parseBlockDevices } from '../../../src-main/medium/lsblk.ts';
import { type Circumstances, judgeDrives } from '../../../src-main/medium/safety.ts';
import { device, mounted, part, stick } from './layouts.ts';

const nothing: Circumstances = {
  mounts: [],
  loopFiles: new Map(),
  swapFiles: [],
  canMount: false,
  runningFrom: [],
  advanced: false,
};

/** Reason of each drive by its path; `usable` when a volume of it can be written. */
function verdicts(devices: readonly BlockDevice[], more: Partial<Circumstances> = {}): Record<string, string> {
  const drives = judgeDrives(devices, { ...nothing, ...more });
  return Object.fromEntries(drives.map((drive) => [drive.path, drive.usable ? 'usable' : (drive.reason ?? 'volumes')]));
}

const root = (path: string, more: Partial<BlockDevice> = {}) => part(path, 'ext4', { mountPoints: ['/'], ...more });
const laptop = device('/dev/nvme0n1', { transport: 'nvme', children: [root('/dev/nvme0n1p2')] });

describe('layouts', () => {
  const layouts: readonly (readonly [
    string,
    readonly BlockDevice[],
    Partial<Circumstances>,
    Record<string, string>,
  ])[] = [
    ['a laptop and a stick', [laptop, stick('a')], {}, { '/dev/nvme0n1': 'holds-system', '/dev/sda': 'usable' }],
    [
      'LUKS and LVM: the system is three layers down',
      [
        device('/dev/sda', {
          transport: 'usb',
          children: [
            part('/dev/sda1', 'ext4', { mountPoints: ['/boot'] }),
            part('/dev/sda2', 'crypto_LUKS', {
              children: [
                device('/dev/mapper/sda2_crypt', {
                  type: 'crypt',
                  fileSystem: 'LVM2_member',
                  children: [
                    device('/dev/mapper/vg-root', { type: 'lvm', fileSystem: 'ext4', mountPoints: ['/'] }),
                    device('/dev/mapper/vg-swap', { type: 'lvm', fileSystem: 'swap', mountPoints: ['[SWAP]'] }),
                  ],
                }),
              ],
            }),
          ],
        }),
      ],
      {},
      { '/dev/sda': 'holds-system' },
    ],
    [
      'RAID over two disks: both are the system’s',
      ['a', 'b'].map((letter) =>
        device(`/dev/sd${letter}`, {
          transport: 'usb',
          children: [
            part(`/dev/sd${letter}1`, 'linux_raid_member', {
              children: [device('/dev/md0', { type: 'raid1', fileSystem: 'ext4', mountPoints: ['/'] })],
            }),
          ],
        }),
      ),
      {},
      { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system' },
    ],
    [
      'btrfs over two disks: only one shows the mount',
      [
        device('/dev/sda', { transport: 'usb', fileSystem: 'btrfs', uuid: 'same', mountPoints: ['/'] }),
        device('/dev/sdb', { transport: 'usb', fileSystem: 'btrfs', uuid: 'same' }),
        stick('c'),
      ],
      {},
      { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system', '/dev/sdc': 'usable' },
    ],
    [
      'btrfs mounted under a number no device has',
      [device('/dev/sda', { transport: 'usb', fileSystem: 'btrfs' })],
      { mounts: [mounted('/dev/sda', '/home', { fileSystem: 'btrfs' })] },
      { '/dev/sda': 'holds-system' },
    ],
    [
      'a system started from a stick',
      [stick('a', { fileSystem: 'iso9660', mountPoints: ['/run/live/medium'] }), stick('b')],
      {},
      { '/dev/sda': 'holds-system', '/dev/sdb': 'usable' },
    ],
    [
      'swap on a stick, in use and not',
      [
        stick('a', { fileSystem: 'swap', mountPoints: ['[SWAP]'] }),
        stick('b', { fileSystem: 'swap', mountPoints: [] }),
      ],
      {},
      { '/dev/sda': 'holds-swap', '/dev/sdb': 'holds-swap' },
    ],
    [
      'pools and arrays nobody vouches for',
      [
        stick('a', { fileSystem: 'zfs_member', mountPoints: [] }),
        stick('b', { fileSystem: 'LVM2_member', mountPoints: [] }),
        stick('c', { fileSystem: 'linux_raid_member', mountPoints: [] }),
        stick('d', { fileSystem: 'bcache', mountPoints: [] }),
      ],
      {},
      {
        '/dev/sda': 'unknown-content',
        '/dev/sdb': 'unknown-content',
        '/dev/sdc': 'unknown-content',
        '/dev/sdd': 'unknown-content',
      },
    ],
    [
      'mounted at a place that is none for media',
      [stick('a', { mountPoints: ['/srv/backup'] }), stick('b', { mountPoints: ['/media/anna/B', '/var/lib/data'] })],
      {},
      { '/dev/sda': 'holds-system', '/dev/sdb': 'holds-system' },
    ],
    [
      'one partition of several is the system’s',
      [
        device('/dev/sda', {
          transport: 'usb',
          children: [part('/dev/sda1', 'vfat', { mountPoints: ['/media/anna/DATA'] }), root('/dev/sda2')],
        }),
      ],
      {},
      { '/dev/sda': 'holds-system' },
    ],
    [
      'the program runs from a stick',
      [stick('a', { mountPoints: ['/media/anna/TOOLS'] }), stick('b')],
      { mounts: [mounted('/dev/sda1', '/media/anna/TOOLS')], runningFrom: ['/media/anna/TOOLS/fieldkit/app'] },
      { '/dev/sda': 'running-from', '/dev/sdb': 'usable' },
    ],
    [
      'no card, write protection, no USB, memory',
      [
        stick('a', {}, { sizeBytes: 0, children: [] }),
        stick('b', {}, { readOnly: true }),
        device('/dev/sdc', {
          transport: 'sata',
          children: [part('/dev/sdc1', 'ext4', { mountPoints: ['/mnt/data'] })],
        }),
        device('/dev/zram0', { removable: true, sizeBytes: 0 }),
        device('/dev/sr0', { type: 'rom', transport: 'usb', fileSystem: 'iso9660', mountPoints: ['/media/cdrom'] }),
      ],
      {},
      {
        '/dev/sda': 'no-card',
        '/dev/sdb': 'read-only',
        '/dev/sdc': 'not-usb',
        '/dev/zram0': 'virtual',
        '/dev/sr0': 'optical',
      },
    ],
    [
      'advanced: other drives too, never the system’s',
      [
        laptop,
        device('/dev/sdc', {
          transport: 'sata',
          children: [part('/dev/sdc1', 'ext4', { mountPoints: ['/mnt/data'] })],
        }),
      ],
      { advanced: true },
      { '/dev/nvme0n1': 'holds-system', '/dev/sdc': 'usable' },
    ],
  ];

  test.each(layouts)('%s', (_name, devices, more, expected) => {
    expect(verdicts(devices, more)).toEqual(expected);
  });

  test('a system in a file on a stick', () => {
    const loop = device('/dev/loop0', { type: 'loop', fileSystem: 'squashfs', mountPoints: ['/rofs'] });
    const holder = stick('a', { mountPoints: ['/mnt/iso'] });
    const found = verdicts([loop, holder, stick('b')], {
      loopFiles: new Map([['/dev/loop0', '/mnt/iso/live/filesystem.squashfs']]),
      mounts: [mounted('/dev/sda1', '/mnt/iso', { fileSystem: 'vfat' })],
    });
    expect(found).toEqual({ '/dev/loop0': 'holds-system', '/dev/sda': 'holds-system', '/dev/sdb': 'usable' });
  });

  test('recorded machines', async () => {
    const read = async (name: string) =>
      parseBlockDevices(await readFile(new URL(`../../fixtures/drives/${name}.json`, import.meta.url), 'utf8'));
    expect(verdicts(await read('recorded-virtual-machine'))).toEqual({
      '/dev/zram0': 'virtual',
      '/dev/vda': 'holds-system',
    });
    expect(verdicts(await read('old-lsblk'))).toEqual({ '/dev/sda': 'holds-system', '/dev/sdb': 'usable' });
  });
});

describe('volumes', () => {
  const volumeOf = (volume: Partial<BlockDevice>, more: Partial<Circumstances> = {}) =>
    judgeDrives([stick('a', volume)], { ...nothing, ...more })[0]?.volumes[0];

  test.each([
    [{ mountPoints: [] }, 'not-mounted', 'mount-volume'],
    [{ fileSystem: 'crypto_LUKS', mountPoints: [] }, 'locked', 'unlock-volume'],
    [{ fileSystem: 'BitLocker', mountPoints: [] }, 'locked', 'unlock-volume'],
    [{ fileSystem: null, mountPoints: [] }, 'no-file-system', 'format-drive'],
    [{ fileSystem: 'iso9660' }, 'unknown-file-system', 'format-drive'],
    [{ readOnly: true }, 'read-only', 'unlock-write-protection'],
  ])('%j: %s', (volume, reason, remedy) => {
    expect(volumeOf(volume)).toMatchObject({ usable: false, reason, remedy });
  });

  test('mounted read-only by the system', () => {
    const mounts = [mounted('/dev/sda1', '/media/anna/A', { readOnly: true })];
    expect(volumeOf({}, { mounts })).toMatchObject({ usable: false, reason: 'read-only' });
  });

  test('switched to reading by the kernel after an error', () => {
    const mounts = [mounted('/dev/sda1', '/media/anna/A', { readOnly: true, afterError: true })];
    expect(volumeOf({}, { mounts })).toMatchObject({ usable: false, reason: 'needs-repair', remedy: 'repair-volume' });
    // A lock switch is no damage.
    expect(volumeOf({ readOnly: true }, { mounts })).toMatchObject({ reason: 'read-only' });
  });

  test('an opened container is judged by what is inside', () => {
    const inside = device('/dev/mapper/x', { type: 'crypt', fileSystem: 'ext4', mountPoints: ['/media/anna/X'] });
    const drives = judgeDrives(
      [stick('a', { fileSystem: 'crypto_LUKS', mountPoints: [], children: [inside] })],
      nothing,
    );
    expect(drives[0]?.volumes.map(({ path, usable }) => [path, usable])).toEqual([['/dev/mapper/x', true]]);
  });

  test('what the file system cannot do is said', () => {
    expect(volumeOf({ fileSystem: 'vfat' })?.warnings).toEqual(['four-gigabyte-limit', 'folds-case', 'keeps-no-modes']);
    expect(volumeOf({ fileSystem: 'exfat' })?.warnings).toEqual(['folds-case', 'keeps-no-modes']);
    expect(volumeOf({ fileSystem: 'ext4' })?.warnings).toEqual([]);
    expect(volumeOf({ fileSystem: 'ntfs' })?.warnings).toEqual(['folds-case', 'keeps-no-modes', 'foreign-file-system']);
  });

  test('names cannot deceive', () => {
    const drives = judgeDrives(
      [stick('a', { label: 'a\u202Efdp\u001B[31m\nb' }, { vendor: '\u0007Evil', model: 'X\u200BY' })],
      {
        ...nothing,
      },
    );
    expect(drives[0]?.name).toBe('Evil XY');
    expect(drives[0]?.volumes[0]?.label).toBe('afdp b');
  });
});

test('whatever stands on a disk: with a mount that is none of media below it, it is never usable', () => {
  const leaf = fc.record({
    fileSystem: fc.constantFrom('ext4', 'vfat', 'swap', null, 'zfs_member', 'btrfs'),
    mountPoints: fc.subarray(['/', '/boot/efi', '/home', '/media/anna/A', '/mnt/x', '[SWAP]']),
    type: fc.constantFrom('part', 'crypt', 'lvm', 'raid1', 'loop', 'unheard-of'),
  });
  const nodes = (depth: number): fc.Arbitrary<BlockDevice> =>
    fc
      .tuple(leaf, depth === 0 ? fc.constant([]) : fc.array(nodes(depth - 1), { maxLength: 2 }), fc.nat())
      .map(([own, children, number]) => device(`/dev/x${number}`, { ...own, transport: 'usb', children }));
  const tree = nodes(4);
  const mountsOf = (one: BlockDevice): readonly string[] => [...one.mountPoints, ...one.children.flatMap(mountsOf)];
  fc.assert(
    fc.property(tree, fc.boolean(), (drive, advanced) => {
      const [found] = judgeDrives([drive], { ...nothing, advanced });
      if (mountsOf(drive).some((point) => !/^\/(media|mnt)\//.test(point))) expect(found?.usable).toBe(false);
      expect(found?.usable).toBe(found?.volumes.some(({ usable }) => usable));
      for (const volume of found?.volumes ?? []) expect(volume.usable).toBe(volume.reason === null);
    }),
    { numRuns: 500 },
  );
});
