// A laptop of five drives, told to the program by a lister that stands in for lsblk and UDisks2 at the rim: behind each there
// is a real file system in a file, really mounted, so that a byte that goes astray is there to be found. Needs root and loops.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalResult } from '../../../src-main/platform/shell.ts';

const run = (...argv: readonly [string, ...string[]]): string =>
  execFileSync(argv[0], argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

export type DriveName = 'ours' | 'other' | 'system' | 'secret' | 'data';
export const decoys = ['other', 'system', 'secret', 'data'] as const;

interface Drive {
  readonly name: DriveName;
  /** As the kernel calls the whole of it. */
  path: string;
  readonly transport: 'usb' | 'nvme' | 'sata';
  readonly serial: string;
  /** Below what lies the volume: an encrypted container with a volume group, or a partition table. */
  readonly layers: 'plain' | 'encrypted';
  readonly image: string;
  label: string;
  uuid: string;
  fileSystem: string;
  device: string | null;
  point: string | null;
}

const sizeBytes = 32 * 1024 * 1024;

export interface Laptop {
  readonly drives: Readonly<Record<DriveName, Drive>>;
  /** What lsblk, udisksctl and busctl say and do; null for every other program. */
  readonly answer: (argv: readonly string[]) => LocalResult | null;
  /** False when it cannot be plugged in yet: the kernel still holds what was pulled. */
  readonly plug: (name: 'ours' | 'other') => boolean;
  readonly unplug: (name: 'ours' | 'other') => void;
  /** As a desktop mounts what is plugged in: by its label, with a number where that is taken. */
  readonly mount: (name: 'ours' | 'other') => void;
  /** What is on the decoys and in the bare folders where sticks are mounted. */
  readonly seen: () => Promise<Readonly<Record<string, string>>>;
  readonly close: () => Promise<void>;
}

/** Every name below a folder with its size and content. */
async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const { size, mode } = await stat(join(folder, name));
    hash.update(`${name} ${mode} ${size}\n`);
    if ((mode & 0o170000) === 0o100000) hash.update(await readFile(join(folder, name)));
  }
  return hash.digest('hex');
}

/** @param folder where the images lie */
export async function laptopOfFive(folder: string): Promise<Laptop> {
  const work = await mkdtemp(join(folder, 'laptop-'));
  const media = await mkdtemp('/mnt/fieldkit-laptop-');
  const all: Drive[] = [];
  /** The first letter that is free, as the kernel names them: another stick gets the name of the one that was pulled. */
  const nextPath = (): string => {
    const taken = new Set(all.filter(({ device }) => device !== null).map(({ path }) => path));
    return ['b', 'c', 'd', 'e', 'f'].map((letter) => `/dev/sd${letter}`).find((path) => !taken.has(path)) ?? '';
  };
  const make = (name: DriveName, more: Pick<Drive, 'transport' | 'layers' | 'label'> & { path?: string }): Drive => {
    const image = join(work, `${name}.img`);
    run('truncate', '--size', String(sizeBytes), image);
    run('mkfs.ext4', '-q', '-m', '0', '-F', image);
    const rest = { uuid: `uuid-${name}`, fileSystem: 'ext4', device: null, point: null };
    const drive = { name, image, serial: `serial-${name}`, path: '', ...rest, ...more };
    all.push(drive);
    return drive;
  };
  const drives: Readonly<Record<DriveName, Drive>> = {
    ours: make('ours', { transport: 'usb', layers: 'plain', label: 'FIELD' }),
    other: make('other', { transport: 'usb', layers: 'plain', label: 'FIELD' }),
    system: make('system', { transport: 'nvme', layers: 'plain', label: 'root', path: '/dev/nvme0n1' }),
    secret: make('secret', { transport: 'usb', layers: 'encrypted', label: 'home' }),
    data: make('data', { transport: 'sata', layers: 'plain', label: 'DATA' }),
  };
  const attach = (drive: Drive): void => {
    const script = 'test -n "$(losetup --associated "$1")" || losetup --find --show "$1"';
    drive.device = run('sh', '-c', script, 'sh', drive.image) || null;
  };
  const mountAt = (drive: Drive, point: string): void => {
    if (drive.device === null) return;
    mkdirSync(point, { recursive: true });
    run('mount', drive.device, point);
    drive.point = point;
  };
  const release = (drive: Drive): void => {
    if (drive.point !== null) run('umount', '--lazy', drive.point);
    drive.point = null;
  };
  const detach = (drive: Drive): void => {
    if (drive.device === null) return;
    const unmount = drive.point === null ? '' : 'umount --lazy "$2";';
    run('sh', '-c', `${unmount} losetup --detach "$1"`, 'sh', drive.device, drive.point ?? '');
    drive.device = null;
    drive.point = null;
  };
  const placeFor = ({ label }: Drive): string => {
    const taken = new Set(all.map(({ point }) => point));
    for (let number = 0; ; number += 1) {
      const point = join(media, number === 0 ? label : `${label}${number}`);
      if (!taken.has(point)) return point;
    }
  };
  const mount = (drive: Drive): void => {
    if (drive.device !== null && drive.point === null) mountAt(drive, placeFor(drive));
  };

  for (const drive of all) {
    drive.path ||= nextPath();
    attach(drive);
    const point = join(drive.transport === 'usb' && drive.layers === 'plain' ? media : work, `first-${drive.name}`);
    mountAt(drive, drive.name === 'data' ? join(media, 'DATA') : point);
    const place = drive.point ?? '';
    if (drive.name === 'ours') await writeFile(join(place, 'holiday.jpg'), 'mine');
    else {
      await mkdir(join(place, 'photos'));
      await writeFile(join(place, 'photos', 'one.jpg'), `${drive.name} one`);
      await writeFile(join(place, 'taxes.ods'), `${drive.name} two`);
      // It carries another site: whoever looks no closer takes it for a medium.
      await mkdir(join(place, 'fieldkit/bcache'), { recursive: true });
      await writeFile(join(place, 'fieldkit/medium-id'), `${'e'.repeat(32)}\n`);
    }
    if (drive.transport === 'usb' && drive.layers === 'plain') detach(drive);
  }

  const volumeOf = (drive: Drive) => ({
    ...{ path: drive.device, type: drive.layers === 'plain' ? 'part' : 'lvm', size: sizeBytes, ro: false, rm: false },
    ...{ fstype: drive.fileSystem, label: drive.label, uuid: drive.uuid, fsavail: sizeBytes / 2 },
    ...{ 'maj:min': `7:${/\d+$/.exec(drive.device ?? '')?.[0]}`, mountpoints: [drive.point] },
  });
  const layersOf = (drive: Drive) =>
    drive.layers === 'plain'
      ? [volumeOf(drive)]
      : [
          {
            ...{ path: `${drive.path}1`, type: 'part', size: sizeBytes, fstype: 'crypto_LUKS', 'maj:min': '8:99' },
            children: [
              {
                ...{ path: '/dev/mapper/vault', type: 'crypt', size: sizeBytes, fstype: 'LVM2_member' },
                ...{ 'maj:min': '253:0', children: [volumeOf(drive)] },
              },
            ],
          },
        ];
  const lsblk = (): string =>
    JSON.stringify({
      blockdevices: all
        .filter(({ device }) => device !== null)
        .map((drive) => ({
          ...{ path: drive.path, type: 'disk', size: sizeBytes, ro: false, rm: drive.transport === 'usb' },
          ...{ tran: drive.transport, vendor: 'Acme', model: 'Disk', serial: drive.serial, 'maj:min': '8:0' },
          children: layersOf(drive),
        })),
    });

  const said = (stdout: string): LocalResult => ({ exit: 0, stdout, stderr: '' });
  const refused = (stderr: string): LocalResult => ({ exit: 1, stdout: '', stderr });
  const named = (device: string | undefined): Drive | undefined =>
    all.find((drive) => drive.device !== null && (drive.device === device || drive.path === device));
  const udisksctl = ([verb, , device]: readonly string[]): LocalResult => {
    const drive = named(device);
    if (drive === undefined) return refused(`Error looking up object for device ${device}`);
    if (verb === 'mount') mount(drive);
    else if (verb === 'unmount') release(drive);
    else detach(drive);
    return said('');
  };
  /** It erases what it is told to erase: that nobody tells it to is what is tried. */
  const busctl = (words: readonly string[]): LocalResult => {
    const at = words.indexOf('org.freedesktop.UDisks2');
    const [object = '', , method, , ...rest] = words.slice(at + 1);
    if (method === 'ResolveDevice') {
      const found = rest.map((word) => named(word)).find((drive) => drive !== undefined);
      return said(JSON.stringify({ data: [found === undefined ? [] : [found.path]] }));
    }
    const drive = named(object);
    if (drive === undefined) return refused('Call failed: no such object');
    if (method === 'Check') return said('{"data":[true]}');
    if (method === 'Format') {
      release(drive);
      try {
        run('mkfs.ext4', '-q', '-m', '0', '-F', drive.device ?? '');
      } catch {
        return refused('Call failed: the device is busy');
      }
      drive.uuid = `${drive.uuid}+`;
      return said('{"data":[]}');
    }
    const label = rest[rest.indexOf('label') + 2];
    drive.label = label ?? drive.label;
    drive.fileSystem = 'ext4';
    return said('{"data":["/made"]}');
  };

  return {
    drives,
    answer: (argv) => {
      const [program, ...words] = argv;
      if (program === 'lsblk') return said(lsblk());
      if (program === 'udisksctl') return udisksctl(words);
      return program === 'busctl' ? busctl(words) : null;
    },
    plug: (name) => {
      const drive = drives[name];
      if (drive.device !== null) return true;
      drive.path = nextPath();
      attach(drive);
      return drive.device !== null;
    },
    unplug: (name) => detach(drives[name]),
    mount: (name) => mount(drives[name]),
    seen: async () => {
      run('sync', '--file-system', work, ...all.flatMap(({ point }) => point ?? []));
      const seen: Record<string, string> = {};
      for (const name of decoys) {
        const drive = drives[name];
        if (drive.point !== null) {
          seen[name] = await hashOf(drive.point);
          continue;
        }
        const look = join(work, 'look');
        await mkdir(look, { recursive: true });
        // Another namespace may still hold what was pulled: a copy is looked at.
        run('cp', '--sparse=always', drive.image, `${look}.img`);
        run('mount', '-o', 'loop', `${look}.img`, look);
        seen[name] = await hashOf(look);
        run('umount', look);
      }
      const points = new Set(all.map(({ point }) => point));
      for (const name of await readdir(media)) {
        const bare = join(media, name);
        if (!points.has(bare)) seen[`bare ${name}`] = (await readdir(bare)).join();
      }
      return Object.fromEntries(Object.entries(seen).filter(([name, value]) => !name.startsWith('bare') || value));
    },
    close: async () => {
      for (const drive of all) detach(drive);
      await rm(media, { recursive: true, force: true });
      await rm(work, { recursive: true, force: true });
    },
  };
}
