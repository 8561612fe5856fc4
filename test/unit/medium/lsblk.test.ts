import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseBlockDevices, readBlockDevices, withDescendants } from '../../../src-main/medium/lsblk.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const fixture = (name: string) => readFile(new URL(`../../fixtures/drives/${name}.json`, import.meta.url), 'utf8');

test('a present lsblk: true numbers and flags, several mount points', async () => {
  const devices = parseBlockDevices(await fixture('recorded-virtual-machine'));
  expect(devices.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
    ['/dev/zram0', 0],
    ['/dev/vda', 274_877_906_944],
  ]);
  expect(devices[1]).toMatchObject({ mountPoints: ['/'], readOnly: false, deviceNumber: '254:0', serial: null });
});

test('an old lsblk: everything as text, one mount point, names padded', async () => {
  const devices = parseBlockDevices(await fixture('old-lsblk'));
  const stick = devices[1];
  expect(stick).toMatchObject({ vendor: 'SanDisk', model: 'Cruzer Blade', removable: true, sizeBytes: 31_457_280_000 });
  expect(stick?.children[0]).toMatchObject({ mountPoints: ['/media/anna/SITE'], freeBytes: 30_000_000_000 });
  expect(devices.flatMap(withDescendants).map(({ path }) => path)).toEqual([
    '/dev/sda',
    '/dev/sda1',
    '/dev/sdb',
    '/dev/sdb1',
  ]);
});

test.each(['', '{', '[]', '{"blockdevices":{}}', '{"blockdevices":[{"path":3}]}', '{"blockdevices":[{}]}'])(
  'a scan that failed is a problem, never an empty list: %s',
  (json) => {
    let code = '';
    try {
      parseBlockDevices(json);
    } catch (thrown) {
      code = (thrown as Problem).code;
    }
    expect(code).toBe('drives-unreadable');
  },
);

test('this machine can be scanned', async ({ skip }) => {
  if (process.platform !== 'linux') return skip('not Linux');
  const devices = await readBlockDevices();
  for (const { path } of devices) expect(path).toMatch(/^\/dev\//);
});
