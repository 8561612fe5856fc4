// Builds block device trees for the tests, with the fields that matter named and the rest as on an ordinary machine.
import type { BlockDevice } from '../../../src-main/medium/lsblk.ts';
import type { Mount } from '../../../src-main/medium/mounts.ts';

let minor = 0;

export function device(path: string, more: Partial<BlockDevice> = {}): BlockDevice {
  minor += 1;
  return {
    path,
    type: 'disk',
    sizeBytes: 32_000_000_000,
    readOnly: false,
    removable: false,
    transport: null,
    vendor: null,
    model: null,
    serial: null,
    fileSystem: null,
    label: null,
    uuid: null,
    mountPoints: [],
    freeBytes: null,
    deviceNumber: `8:${minor}`,
    children: [],
    ...more,
  };
}

export const part = (path: string, fileSystem: string | null, more: Partial<BlockDevice> = {}): BlockDevice =>
  device(path, { type: 'part', fileSystem, ...more });

/** A stick with one partition. */
export const stick = (
  letter: string,
  volume: Partial<BlockDevice> = {},
  drive: Partial<BlockDevice> = {},
): BlockDevice =>
  device(`/dev/sd${letter}`, {
    transport: 'usb',
    removable: true,
    vendor: 'SanDisk',
    model: 'Ultra',
    serial: `serial-${letter}`,
    children: [part(`/dev/sd${letter}1`, 'vfat', { mountPoints: [`/media/anna/${letter.toUpperCase()}`], ...volume })],
    ...drive,
  });

export const mounted = (source: string, mountPoint: string, more: Partial<Mount> = {}): Mount => ({
  deviceNumber: '0:99',
  root: '/',
  mountPoint,
  fileSystem: 'ext4',
  source,
  readOnly: false,
  afterError: false,
  ...more,
});
