import { describe, expect, test } from 'vitest';
import { isWithin, mountOf, parseMounts, readMounts } from '../../../src-main/medium/mounts.ts';

const text = [
  '22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro',
  '40 22 8:17 / /media/anna/My\\040stick\\303\\251 rw,nosuid,nodev shared:5 master:2 - vfat /dev/sdb1 rw,utf8',
  '41 22 8:18 / /mnt/locked ro,relatime - ext4 /dev/sdb2 ro',
  '42 22 0:50 /@home /home rw - btrfs /dev/sdc1 rw,subvol=/@home',
  '43 22 8:19 / /mnt/locked rw,relatime - xfs /dev/sdd1 ro',
  '',
  'nonsense',
].join('\n');

describe('mountinfo', () => {
  const mounts = parseMounts(text);

  test('is read with its escapes, and lines that are none are passed over', () => {
    expect(mounts).toHaveLength(5);
    expect(mounts[1]).toEqual({
      deviceNumber: '8:17',
      root: '/',
      mountPoint: '/media/anna/My stické',
      fileSystem: 'vfat',
      source: '/dev/sdb1',
      readOnly: false,
      afterError: false,
    });
    expect(mounts[3]?.root).toBe('/@home');
  });

  test('read-only counts from either side', () => {
    expect(mounts[2]?.readOnly).toBe(true);
    expect(mounts[4]?.readOnly).toBe(true);
  });

  test('a file system that went read-only under a mount for writing has met an error', () => {
    expect(mounts.map(({ afterError }) => afterError)).toEqual([false, false, false, false, true]);
  });

  test('the deepest mount holds a path, and the last one made there', () => {
    expect(mountOf('/media/anna/My stické/fieldkit', mounts)?.source).toBe('/dev/sdb1');
    expect(mountOf('/media/anna/other', mounts)?.source).toBe('/dev/sda2');
    expect(mountOf('/mnt/locked', mounts)?.source).toBe('/dev/sdd1');
    expect(mountOf('/mnt/lockedness', mounts)?.source).toBe('/dev/sda2');
    expect(mountOf('/mnt', [])).toBeNull();
  });

  test('this machine has a root', async ({ skip }) => {
    if (process.platform !== 'linux') return skip('not Linux');
    expect(mountOf('/', await readMounts())?.mountPoint).toBe('/');
  });
});

test.each([
  ['/a/b', '/a', true],
  ['/a', '/a', true],
  ['/ab', '/a', false],
  ['/a', '/', true],
  ['/', '/', true],
])('%s within %s: %s', (path, folder, expected) => {
  expect(isWithin(path, folder)).toBe(expected);
});
