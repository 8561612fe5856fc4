// The block devices of a Linux laptop, as lsblk tells them, walked in full: partitions, LUKS, LVM, RAID, loops.
// Called by the drive list and the medium's identity. It only reads. A failed scan is a problem, never an empty list.
// Format: `lsblk --json --bytes` of util-linux 2.27 (0/1 and sizes as text, one mount point) to 2.41.
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import { readTextOrNull } from '../platform/files.ts';
import { runLocal } from '../platform/shell.ts';

export interface BlockDevice {
  /** `/dev/sdb1` */
  readonly path: string;
  /** `disk`, `part`, `crypt`, `lvm`, `raid1`, `loop`, `rom`, … */
  readonly type: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  /** `usb`, `sata`, `nvme`, …; null when the kernel does not say. */
  readonly transport: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  readonly fileSystem: string | null;
  readonly label: string | null;
  readonly uuid: string | null;
  /** `[SWAP]` stands for swap space in use. */
  readonly mountPoints: readonly string[];
  readonly freeBytes: number | null;
  /** `major:minor` */
  readonly deviceNumber: string | null;
  readonly children: readonly BlockDevice[];
}

// Without NAME lsblk gives a flat list, and what stands on what is lost.
const columns =
  'NAME,PATH,TYPE,SIZE,RO,RM,HOTPLUG,TRAN,VENDOR,MODEL,SERIAL,FSTYPE,LABEL,UUID,FSAVAIL,MAJ:MIN,MOUNTPOINTS'.split(',');

/** The question; the recorded layouts are answers to this one. */
export const lsblkCommand: readonly string[] = ['lsblk', '--json', '--bytes', '--output', columns.join(',')];

/** All block devices, top level first. Throws `drives-unreadable`. */
export async function readBlockDevices(signal?: AbortSignal): Promise<readonly BlockDevice[]> {
  const ask = (argv: readonly string[]) =>
    runLocal(argv, {
      limitMs: 20_000,
      remedy: 'apt-get install util-linux',
      ...(signal === undefined ? {} : { signal }),
    });
  let result = await ask(lsblkCommand);
  // Before util-linux 2.37 there is one mount point a device, and PATH only since 2.33.
  if (result.exit !== 0) result = await ask(lsblkCommand.map((word) => word.replace('MOUNTPOINTS', 'MOUNTPOINT')));
  if (result.exit !== 0 && result.stdout.trim() === '') {
    throw problem('drives-unreadable', { detail: `lsblk: ${result.exit}` }, { evidence: result.stderr });
  }
  return parseBlockDevices(result.stdout);
}

const text = z.string().nullish();
const flag = z.union([z.boolean(), z.literal(['0', '1'])]).nullish();
const size = z.union([z.number(), z.string()]).nullish();

interface Raw {
  readonly path: string;
  readonly type?: string | null | undefined;
  readonly size?: number | string | null | undefined;
  readonly ro?: boolean | '0' | '1' | null | undefined;
  readonly rm?: boolean | '0' | '1' | null | undefined;
  readonly hotplug?: boolean | '0' | '1' | null | undefined;
  readonly tran?: string | null | undefined;
  readonly vendor?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly serial?: string | null | undefined;
  readonly fstype?: string | null | undefined;
  readonly label?: string | null | undefined;
  readonly uuid?: string | null | undefined;
  readonly fsavail?: number | string | null | undefined;
  readonly 'maj:min'?: string | null | undefined;
  readonly mountpoint?: string | null | undefined;
  readonly mountpoints?: readonly (string | null)[] | null | undefined;
  readonly children?: readonly Raw[] | null | undefined;
}

const raw: z.ZodType<Raw> = z.lazy(() =>
  z.looseObject({
    path: z.string(),
    type: text,
    size,
    ro: flag,
    rm: flag,
    hotplug: flag,
    tran: text,
    vendor: text,
    model: text,
    serial: text,
    fstype: text,
    label: text,
    uuid: text,
    fsavail: size,
    'maj:min': text,
    mountpoint: text,
    mountpoints: z.array(z.string().nullable()).nullish(),
    children: z.array(raw).nullish(),
  }),
);

const listing = z.looseObject({ blockdevices: z.array(raw) });

/** Reads lsblk's JSON. Throws `drives-unreadable`. */
export function parseBlockDevices(json: string): readonly BlockDevice[] {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (cause) {
    throw problem('drives-unreadable', { detail: 'lsblk: JSON' }, { cause, evidence: json.slice(0, 2000) });
  }
  const result = listing.safeParse(data);
  if (result.success) return result.data.blockdevices.map(deviceOf);
  const [issue] = result.error.issues;
  const detail = `lsblk: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
  throw problem('drives-unreadable', { detail }, { evidence: json.slice(0, 2000) });
}

function deviceOf(device: Raw): BlockDevice {
  const points = device.mountpoints ?? [device.mountpoint ?? null];
  return {
    path: device.path,
    type: device.type ?? '',
    sizeBytes: numberOf(device.size) ?? 0,
    readOnly: isSet(device.ro),
    removable: isSet(device.rm) || isSet(device.hotplug),
    transport: textOf(device.tran),
    vendor: textOf(device.vendor),
    model: textOf(device.model),
    serial: textOf(device.serial),
    fileSystem: textOf(device.fstype),
    label: textOf(device.label),
    uuid: textOf(device.uuid),
    mountPoints: points.filter((point) => point !== null).filter((point) => point !== ''),
    freeBytes: numberOf(device.fsavail),
    deviceNumber: textOf(device['maj:min']),
    children: (device.children ?? []).map(deviceOf),
  };
}

const isSet = (value: boolean | '0' | '1' | null | undefined): boolean => value === true || value === '1';

/** Vendors and models come padded with blanks. */
function textOf(value: string | null | undefined): string | null {
  const trimmed = value?.trim() ?? '';
  return trimmed === '' ? null : trimmed;
}

function numberOf(value: number | string | null | undefined): number | null {
  const number = typeof value === 'string' ? Number(value) : (value ?? null);
  return number === null || !Number.isFinite(number) ? null : number;
}

/** A device and everything on top of it, in full. */
export function withDescendants(device: BlockDevice): readonly BlockDevice[] {
  return [device, ...device.children.flatMap(withDescendants)];
}

/** Files behind loop devices, by the device's path. The kernel tells them; lsblk does not. */
export async function readLoopFiles(devices: readonly BlockDevice[]): Promise<ReadonlyMap<string, string>> {
  const loops = devices.flatMap(withDescendants).filter(({ type }) => type === 'loop');
  const files = new Map<string, string>();
  for (const { path } of loops) {
    const name = path.replace(/^\/dev\//, '');
    const file = await readTextOrNull(`/sys/block/${name}/loop/backing_file`).catch(() => null);
    if (file !== null) files.set(path, file.trim());
  }
  return files;
}
