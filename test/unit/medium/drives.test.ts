import type { Drive as ListedDrive } from 'drivelist';
import { describe, expect, test } from 'vitest';
import { fromListed, listDrives, requireUsable } from '../../../src-main/medium/drives.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const listed: ListedDrive = {
  blockSize: 512,
  busType: 'USB',
  busVersion: null,
  description: 'SanDisk Ultra',
  device: '\\\\.\\PhysicalDrive2',
  devicePath: null,
  enumerator: 'USBSTOR',
  error: null,
  isCard: null,
  isReadOnly: false,
  isRemovable: true,
  isSCSI: false,
  isSystem: false,
  isUAS: null,
  isUSB: true,
  isVirtual: false,
  logicalBlockSize: 512,
  mountpoints: [{ path: 'E:\\', label: 'SITE' }],
  partitionTableType: 'mbr',
  raw: '\\\\.\\PhysicalDrive2',
  size: 32_000_000_000,
};

describe('drives of other systems', () => {
  const query = { runningFrom: ['C:\\Program Files\\Field Kit'] };

  test.each([
    [{}, null],
    [{ isSystem: true }, 'holds-system'],
    [{ isReadOnly: true }, 'read-only'],
    [{ isVirtual: true }, 'virtual'],
    [{ isUSB: false }, 'not-usb'],
    [{ isUSB: null }, 'not-usb'],
    [{ size: 0 }, 'no-card'],
    [{ size: null }, 'no-card'],
    [{ mountpoints: [{ path: 'c:\\', label: null }] }, 'running-from'],
  ])('%j: %s', (more, reason) => {
    expect(fromListed({ ...listed, ...more }, query)).toMatchObject({ reason, usable: reason === null });
  });

  test('unknown counts as the system', () => {
    const unknown = { ...listed, isSystem: null } as unknown as ListedDrive;
    expect(fromListed(unknown, query).reason).toBe('holds-system');
  });
});

test('the drives of this machine: none is left out, and its own is never usable', async ({ skip }) => {
  if (process.platform !== 'linux') return skip('not Linux');
  const drives = await listDrives({ runningFrom: [process.cwd()], advanced: true });
  for (const drive of drives) {
    expect(drive.reason === null || drive.remedy !== null).toBe(true);
    if (drive.volumes.some(({ mountPoint }) => mountPoint === '/')) expect(drive.usable).toBe(false);
  }
});

test('a refused volume is named with its reason', () => {
  const drive = fromListed({ ...listed, isReadOnly: true }, { runningFrom: [] });
  let found: Problem | null = null;
  try {
    for (const volume of drive.volumes) requireUsable(drive, volume);
  } catch (thrown) {
    found = thrown as Problem;
  }
  expect(found?.data).toMatchObject({
    code: 'medium-drive-unusable',
    params: { drive: 'SanDisk Ultra, SITE', reason: 'read-only' },
  });
});
