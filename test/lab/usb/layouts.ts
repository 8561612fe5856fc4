/**
 * The layouts of drives that are recorded: what is plugged in, and what root and the user then do with it. Called by
 * record-layouts.ts. Everything here is done by the real tools to a real kernel; nothing of a record is written by hand.
 */
import type { Plug } from './machine.ts';

/** What a layout may do; each act is written into its record. */
export interface Bench {
  /** A shop's stick by kind, or an empty one of so many megabytes; waits until the kernel shows it and returns its name, e.g. `sda`. */
  stick(id: string, from: 'vfat' | 'exfat' | 'ext4' | 'super' | 'ntfs' | number, plug?: Plug): Promise<string>;
  /** Hardware without a file behind it. */
  hardware(
    node: Readonly<Record<string, unknown>> | null,
    ...devices: readonly Readonly<Record<string, unknown>>[]
  ): Promise<void>;
  root(line: string): Promise<void>;
  user(line: string): Promise<void>;
  /**
   * From here the record is read by a process whose root folder is this device, with a small Debian copied onto it; of a live
   * system, an overlay in memory over it.
   */
  startedFrom(device: string, options?: string, live?: boolean): Promise<void>;
}

export interface Layout {
  /** More hardware for a cold start, by file of so many megabytes. */
  readonly disks?: Readonly<Record<string, number>>;
  readonly arguments?: readonly string[];
  readonly make: (bench: Bench) => Promise<void>;
}

const mount = (device: string) => `udisksctl mount --no-user-interaction -b /dev/${device}`;
const luks = 'printf secret | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000';
const open = 'printf secret | cryptsetup open';

const nvme = ['-device', 'nvme,drive=one,serial=NVME0001'];
const sata = (id: string, serial: string) => [
  '-device',
  `ide-hd,drive=${id},bus=ide.${id === 'one' ? 0 : 1},serial=${serial}`,
];

/** As an installer of Debian lays it out: EFI, /boot, and the rest for other layers. */
const installer = (disk: string, separator = '') => `
  udevadm wait /dev/${disk}; printf 'label: gpt\\nsize=32MiB,type=U\\nsize=64MiB,type=L\\ntype=L\\n' | sfdisk -q /dev/${disk}; udevadm settle
  mkfs.vfat /dev/${disk}${separator}1 >/dev/null; mkfs.ext4 -q /dev/${disk}${separator}2`;
const boot = (disk: string, separator = '') =>
  `mount /dev/${disk}${separator}2 /boot; mkdir -p /boot/efi; mount /dev/${disk}${separator}1 /boot/efi`;

export const layouts: Readonly<Record<string, Layout>> = {
  'nothing-plugged': { make: async () => undefined },
  'stick-vfat': { make: async (on) => on.user(mount(`${await on.stick('a', 'vfat')}1`)) },
  'stick-exfat': { make: async (on) => on.user(mount(`${await on.stick('a', 'exfat')}1`)) },
  'stick-ext4-gpt': { make: async (on) => on.user(mount(`${await on.stick('a', 'ext4')}1`)) },
  'stick-ntfs': { make: async (on) => on.user(mount(`${await on.stick('a', 'ntfs')}1`)) },
  'stick-whole-disk': { make: async (on) => on.user(mount(await on.stick('a', 'super'))) },
  'stick-not-mounted': { make: async (on) => void (await on.stick('a', 'vfat')) },
  'stick-blank': { make: async (on) => void (await on.stick('a', 32)) },
  'stick-shop': {
    make: async (on) =>
      on.user(
        mount(`${await on.stick('a', 'exfat', { vendor: 'SanDisk', product: 'Ultra Fit', serial: '4C530001' })}1`),
      ),
  },
  'two-sticks': {
    make: async (on) => {
      await on.user(mount(`${await on.stick('a', 'vfat')}1`));
      await on.user(mount(`${await on.stick('b', 'exfat')}1`));
    },
  },
  'stick-without-file-system': {
    make: async (on) =>
      on.root(`printf 'label: gpt\\nsize=8MiB\\nsize=8MiB\\n' | sfdisk -q /dev/${await on.stick('a', 32)}`),
  },
  'stick-many-partitions': {
    make: async (on) => {
      const name = await on.stick('a', 200);
      await on.root(`printf 'label: gpt\\nsize=40MiB,type=U\\nsize=60MiB,type=L\\nsize=60MiB\\n' | sfdisk -q /dev/${name}; udevadm settle
        mkfs.vfat -n EFI /dev/${name}1; mkfs.ext4 -q -L OTHER /dev/${name}2; mkfs.ntfs -Q -q -L WINDOWS /dev/${name}3; udevadm settle`);
      await on.user(mount(`${name}2`));
    },
  },
  'stick-write-protected': {
    make: async (on) => on.user(mount(`${await on.stick('a', 'vfat', { readOnly: true })}1`)),
  },
  'stick-mounted-read-only': {
    make: async (on) => on.user(`${mount(`${await on.stick('a', 'ext4')}1`)} --options ro`),
  },
  'stick-after-an-error': {
    make: async (on) => {
      const name = `${await on.stick('a', 'vfat')}1`;
      await on.user(mount(name));
      await on.user('head -c 300000 /dev/urandom > /media/user/STICKVFAT/f; sync');
      // The file's chain is broken below the kernel, which finds out when the file is removed.
      await on.root(`dd if=/dev/zero of=/dev/${name} bs=1 seek=$((32*512+16)) count=200 conv=notrunc status=none
        echo 3 > /proc/sys/vm/drop_caches; rm /media/user/STICKVFAT/f || true; grep 'vfat /dev/${name} ro' /proc/self/mountinfo`);
    },
  },
  'stick-locked': { make: async (on) => on.root(`${luks} /dev/${await on.stick('a', 100)} -; udevadm settle`) },
  'stick-unlocked': {
    make: async (on) => {
      const name = await on.stick('a', 100);
      await on.root(
        `${luks} /dev/${name} -; ${open} /dev/${name} mine -; mkfs.ext4 -q -L MINE /dev/mapper/mine; udevadm settle`,
      );
      await on.user(mount('mapper/mine'));
    },
  },
  'stick-lvm-in-use': {
    make: async (on) => {
      const name = await on.stick('a', 100);
      await on.root(
        `pvcreate -q /dev/${name}; vgcreate -q sticks /dev/${name}; lvcreate -q -n data -L 60M sticks; mkfs.ext4 -q -L DATA /dev/sticks/data; udevadm settle`,
      );
      await on.user(mount('sticks/data'));
    },
  },
  'stick-lvm-as-home': {
    make: async (on) => {
      const name = await on.stick('a', 100);
      await on.root(
        `pvcreate -q /dev/${name}; vgcreate -q sticks /dev/${name}; lvcreate -q -n home -L 60M sticks; mkfs.ext4 -q /dev/sticks/home; mount /dev/sticks/home /home`,
      );
    },
  },
  'stick-lvm-idle': {
    make: async (on) => {
      const name = await on.stick('a', 100);
      await on.root(
        `pvcreate -q /dev/${name}; vgcreate -q sticks /dev/${name}; lvcreate -q -n data -L 60M sticks; vgchange -q -a n sticks`,
      );
    },
  },
  'sticks-lvm-over-two': {
    make: async (on) => {
      const [a, b] = [await on.stick('a', 100), await on.stick('b', 100)];
      await on.root(
        `pvcreate -q /dev/${a} /dev/${b}; vgcreate -q sticks /dev/${a} /dev/${b}; lvcreate -q -n data -l 100%FREE sticks; mkfs.ext4 -q /dev/sticks/data; mount /dev/sticks/data /srv`,
      );
    },
  },
  'sticks-raid': {
    make: async (on) => {
      const [a, b] = [await on.stick('a', 100), await on.stick('b', 100)];
      await on.root(
        `modprobe raid1; mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 /dev/${a} /dev/${b} 2>/dev/null; mkfs.ext4 -q /dev/md0; mount /dev/md0 /srv`,
      );
    },
  },
  'sticks-btrfs-multi-mount': {
    make: async (on) => {
      const [a, b] = [await on.stick('a', 200), await on.stick('b', 200)];
      await on.root(
        `modprobe btrfs; mkfs.btrfs -q -L POOL /dev/${a} /dev/${b}; btrfs device scan >/dev/null; mount /dev/${a} /srv; btrfs subvolume create /srv/homes >/dev/null; mount -o subvol=homes /dev/${a} /home`,
      );
    },
  },
  'sticks-btrfs-in-media': {
    make: async (on) => {
      const [a, b] = [await on.stick('a', 200), await on.stick('b', 200)];
      await on.root(
        `modprobe btrfs; mkfs.btrfs -q -L POOL /dev/${a} /dev/${b}; btrfs device scan >/dev/null; udevadm settle`,
      );
      await on.user(mount(a));
    },
  },
  'stick-btrfs-subvolumes': {
    make: async (on) => {
      const a = await on.stick('a', 200);
      await on.root(
        `modprobe btrfs; mkfs.btrfs -q -L ONE /dev/${a}; mkdir -p /media/user/ONE /media/user/PART; mount /dev/${a} /media/user/ONE; btrfs subvolume create /media/user/ONE/part >/dev/null; mount -o subvol=part /dev/${a} /media/user/PART`,
      );
    },
  },
  'stick-also-in-the-system': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.user(mount(`${name}1`));
      await on.root(`mkdir -p /var/lib/data; mount /dev/${name}1 /var/lib/data`);
    },
  },
  'stick-bound-into-the-system': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.user(mount(`${name}1`));
      await on.root('mkdir /media/user/STICKEXT4/data /opt/data; mount --bind /media/user/STICKEXT4/data /opt/data');
    },
  },
  'stick-bound-in-media': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.user(mount(`${name}1`));
      await on.root('mkdir /media/user/STICKEXT4/data /mnt/data; mount --bind /media/user/STICKEXT4/data /mnt/data');
    },
  },
  'stick-swap-in-use': {
    make: async (on) => {
      const name = await on.stick('a', 64);
      await on.root(`mkswap -q /dev/${name}; swapon /dev/${name}`);
    },
  },
  'stick-swap-idle': { make: async (on) => on.root(`mkswap -q /dev/${await on.stick('a', 64)}; udevadm settle`) },
  'zram-swap': {
    make: async (on) => {
      await on.root('modprobe zram; echo 64M > /sys/block/zram0/disksize; mkswap -q /dev/zram0; swapon /dev/zram0');
      await on.user(mount(`${await on.stick('a', 'vfat')}1`));
    },
  },
  'stick-swap-file': {
    make: async (on) => {
      await on.user(mount(`${await on.stick('a', 'ext4')}1`));
      await on.root(
        'dd if=/dev/zero of=/media/user/STICKEXT4/swap bs=1M count=16 status=none; chmod 600 /media/user/STICKEXT4/swap; mkswap -q /media/user/STICKEXT4/swap; swapon /media/user/STICKEXT4/swap',
      );
    },
  },
  'loop-of-the-system-on-a-stick': {
    make: async (on) => {
      await on.user(mount(`${await on.stick('a', 'ext4')}1`));
      await on.root(
        'modprobe loop; truncate -s 64M /media/user/STICKEXT4/disk.img; mkfs.ext4 -q /media/user/STICKEXT4/disk.img; mkdir -p /opt/app; mount -o loop /media/user/STICKEXT4/disk.img /opt/app',
      );
    },
  },
  'loop-on-the-system-disk': {
    make: async (on) =>
      on.root(
        'modprobe loop; truncate -s 64M /var/tmp/disk.img; mkfs.ext4 -q /var/tmp/disk.img; mount -o loop /var/tmp/disk.img /mnt',
      ),
  },
  'loop-chain': {
    make: async (on) => {
      await on.user(mount(`${await on.stick('a', 'ext4')}1`));
      await on.root(
        'modprobe loop; truncate -s 100M /media/user/STICKEXT4/outer.img; mkfs.ext4 -q /media/user/STICKEXT4/outer.img; mkdir /mnt/outer; mount -o loop /media/user/STICKEXT4/outer.img /mnt/outer; truncate -s 50M /mnt/outer/inner.img; mkfs.ext4 -q /mnt/outer/inner.img; mount -o loop /mnt/outer/inner.img /opt',
      );
    },
  },
  'mapped-on-a-stick': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.root(
        `echo "0 $(blockdev --getsz /dev/${name}1) linear /dev/${name}1 0" | dmsetup create mapped; udevadm settle`,
      );
      await on.user(mount('mapper/mapped'));
    },
  },
  'mapped-as-var': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.root(
        `echo "0 $(blockdev --getsz /dev/${name}1) linear /dev/${name}1 0" | dmsetup create mapped; mount /dev/mapper/mapped /srv`,
      );
    },
  },
  'label-that-deceives': {
    make: async (on) => {
      const name = await on.stick('a', 'ext4');
      await on.root(
        `e2label /dev/${name}1 "$(printf '\\033[2J\\342\\200\\256KCITS')"; udevadm trigger --settle /dev/${name}1`,
      );
    },
  },
  'card-reader-empty': {
    make: (on) =>
      on.hardware(
        { driver: 'null-co', 'node-name': 'empty', size: 0 },
        { driver: 'usb-storage', id: 'reader', bus: 'xhci.0', drive: 'empty', removable: true, serial: 'READER01' },
      ),
  },
  'optical-drive-empty': {
    make: (on) =>
      on.hardware(
        null,
        { driver: 'usb-bot', id: 'optical', bus: 'xhci.0', serial: 'OPTICAL1' },
        { driver: 'scsi-cd', bus: 'optical.0' },
      ),
  },
  'disk-large': {
    make: async (on) => void (await on.stick('a', 2_000_000, { vendor: 'WD', product: 'My Passport', serial: 'WX11' })),
  },
  'second-disk-nvme': {
    disks: { one: 200 },
    arguments: nvme,
    make: async (on) => {
      await on.root(
        'mkfs.ext4 -q -L DATA /dev/nvme0n1; mkdir -p /media/user/DATA; mount /dev/nvme0n1 /media/user/DATA',
      );
    },
  },
  'second-disk-virtio': {
    disks: { one: 200 },
    arguments: ['-device', 'virtio-blk-pci,drive=one,serial=VIRT0001'],
    make: (on) => on.root('mkfs.ext4 -q -L DATA /dev/vdb; mkdir -p /media/user/DATA; mount /dev/vdb /media/user/DATA'),
  },
  'second-disk-sata': {
    disks: { one: 200 },
    arguments: sata('one', 'SATA0001'),
    make: async (on) => {
      await on.root(
        'udevadm wait /dev/sda; mkfs.ext4 -q -L DATA /dev/sda; mkdir -p /media/user/DATA; mount /dev/sda /media/user/DATA',
      );
      await on.user(mount(`${await on.stick('a', 'vfat')}1`));
    },
  },
  'card-built-in': {
    disks: { one: 256 },
    arguments: ['-device', 'sdhci-pci', '-device', 'sd-card,drive=one'],
    make: async (on) => {
      await on.root(`mkfs.vfat -I -n CARD /dev/mmcblk0 >/dev/null; udevadm settle
        until udisksctl info -b /dev/mmcblk0 | grep -q Filesystem; do udevadm trigger -c change /dev/mmcblk0; udevadm settle; done`);
      await on.user(mount('mmcblk0'));
    },
  },
  'started-from-luks-lvm': {
    disks: { one: 700 },
    arguments: nvme,
    make: async (on) => {
      await on.root(`${installer('nvme0n1', 'p')}; ${luks} /dev/nvme0n1p3 -; ${open} /dev/nvme0n1p3 crypt -
        pvcreate -q /dev/mapper/crypt; vgcreate -q laptop /dev/mapper/crypt; lvcreate -q -n swap -L 32M laptop; lvcreate -q -n root -l 100%FREE laptop
        mkfs.ext4 -q /dev/laptop/root; mkswap -q /dev/laptop/swap; swapon /dev/laptop/swap; ${boot('nvme0n1', 'p')}`);
      await on.user(mount(`${await on.stick('a', 'vfat')}1`));
      await on.startedFrom('/dev/laptop/root');
    },
  },
  'started-from-lvm': {
    disks: { one: 700 },
    arguments: sata('one', 'SATA0001'),
    make: async (on) => {
      await on.root(
        `${installer('sda')}; pvcreate -q /dev/sda3; vgcreate -q laptop /dev/sda3; lvcreate -q -n root -l 100%FREE laptop; mkfs.ext4 -q /dev/laptop/root; ${boot('sda')}`,
      );
      await on.startedFrom('/dev/laptop/root');
    },
  },
  'started-from-raid': {
    disks: { one: 600, two: 600 },
    arguments: [...sata('one', 'SATA0001'), ...sata('two', 'SATA0002')],
    make: async (on) => {
      await on.root(
        'udevadm wait /dev/sda /dev/sdb; modprobe raid1; mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --assume-clean --metadata=1.2 /dev/sda /dev/sdb 2>/dev/null; mkfs.ext4 -q /dev/md0',
      );
      await on.startedFrom('/dev/md0');
    },
  },
  'started-from-btrfs': {
    disks: { one: 900 },
    arguments: nvme,
    make: async (on) => {
      await on.root(
        'modprobe btrfs; mkfs.btrfs -q /dev/nvme0n1; mount /dev/nvme0n1 /mnt; btrfs subvolume create /mnt/@ >/dev/null; btrfs subvolume create /mnt/@home >/dev/null; umount /mnt; mount -o subvol=@home /dev/nvme0n1 /home',
      );
      await on.startedFrom('/dev/nvme0n1', 'subvol=@');
    },
  },
  'started-from-a-stick': {
    make: async (on) => {
      const name = await on.stick('a', 600);
      await on.root(`${installer(name)}; mkfs.ext4 -q /dev/${name}3; ${boot(name)}`);
      await on.user(mount(`${await on.stick('b', 'vfat')}1`));
      await on.startedFrom(`/dev/${name}3`);
    },
  },
  'started-live': {
    make: async (on) => {
      const name = await on.stick('a', 700);
      await on.stick('b', 'vfat');
      await on.root(`printf 'start=2048,type=83\\n' | sfdisk -q /dev/${name}; udevadm settle; mkfs.ext4 -q -L LIVE /dev/${name}1
        mkdir -p /run/live/medium; mount /dev/${name}1 /run/live/medium; mkdir /run/live/medium/live
        modprobe loop; modprobe overlay; truncate -s 500M /run/live/medium/live/filesystem.ext4; mkfs.ext4 -q /run/live/medium/live/filesystem.ext4
        losetup /dev/loop0 /run/live/medium/live/filesystem.ext4`);
      await on.startedFrom('/dev/loop0', 'defaults', true);
    },
  },
};
