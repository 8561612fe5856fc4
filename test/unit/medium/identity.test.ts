import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  bindMedium,
  checkIdentity,
  type MediumIdentity,
  type PlaceFacts,
  readIdentity,
  refuseSystemFolder,
  sameMedium,
} from '../../../src-main/medium/identity.ts';
import type { BlockDevice } from '../../../src-main/medium/lsblk.ts';
import type { Problem } from '../../../src-shared/problem.ts';
import { device, mounted, part, stick } from './layouts.ts';
import { problemOf, put, scratch } from './scratch.ts';

/** A laptop on which `volume` of `drive` is mounted at `mountPoint`; null: nothing is, and the path is on the root disk. */
function laptop(mountPoint: string, drive: BlockDevice | null): PlaceFacts {
  const root = device('/dev/sdz', { serial: 'root', children: [part('/dev/sdz1', 'ext4', { uuid: 'root-uuid' })] });
  const mounts = [mounted('/dev/sdz1', '/')];
  if (drive !== null) mounts.push(mounted(drive.children[0]?.path ?? '', mountPoint, { fileSystem: 'vfat' }));
  return {
    mounts: () => Promise.resolve(mounts),
    devices: () => Promise.resolve(drive === null ? [root] : [root, drive]),
  };
}
const ours = stick('a', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 });

describe('binding', () => {
  test('a stick: serial of the drive, id and size of the volume, and a marker', async () => {
    const folder = await scratch();
    const found = await bindMedium(folder, laptop(folder, ours));
    expect(found).toMatchObject({
      path: folder,
      mountPoint: folder,
      fileSystem: 'vfat',
      volumeUuid: '1A2B-3C4D',
      serial: 'serial-a',
      sizeBytes: 31_000_000,
    });
    expect(await readFile(join(folder, 'fieldkit/medium-id'), 'utf8')).toBe(`${found.mediumId}\n`);
    expect(found.mediumId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('a second binding keeps the marker', async () => {
    const folder = await scratch();
    const first = await bindMedium(folder, laptop(folder, ours));
    expect(await bindMedium(folder, laptop(folder, ours))).toEqual(first);
  });

  test('a folder without any facts has its marker', async () => {
    const folder = await scratch();
    const bare: PlaceFacts = { mounts: () => Promise.resolve([]), devices: () => Promise.resolve([]) };
    const found = await bindMedium(folder, bare);
    expect((await checkIdentity(found, bare)).root).toBe(join(folder, 'fieldkit'));
  });

  test('links are resolved, and what is no folder is absent', async () => {
    const folder = await scratch();
    await mkdir(join(folder, 'real'));
    await symlink('real', join(folder, 'link'));
    expect((await readIdentity(join(folder, 'link'))).path).toBe(join(folder, 'real'));
    const file = await put(join(folder, 'file'), '');
    expect((await problemOf(readIdentity(file))).code).toBe('medium-absent');
    expect((await problemOf(readIdentity(join(folder, 'nowhere')))).code).toBe('medium-absent');
  });

  test('reading writes nothing', async () => {
    const folder = await scratch();
    expect((await readIdentity(folder)).mediumId).toBeNull();
    expect((await problemOf(readIdentity(join(folder, 'fieldkit')))).code).toBe('medium-absent');
  });
});

describe('checking before a write', () => {
  test('the same medium: the root and its device', async () => {
    const folder = await scratch();
    const bound = await bindMedium(folder, laptop(folder, ours));
    // Plugged in again it is another sdX; only what it says of itself counts.
    const again = stick('q', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 }, { serial: 'serial-a' });
    const place = await checkIdentity(bound, laptop(folder, again));
    expect(place.root).toBe(join(folder, 'fieldkit'));
    expect(place.device).toBeGreaterThan(0);
  });

  test('unplugged: the bare mount point is never taken for it', async () => {
    const folder = await scratch();
    const bound = await bindMedium(folder, laptop(folder, ours));
    expect((await problemOf(checkIdentity(bound, laptop(folder, null)))).code).toBe('medium-absent');
    await rm(folder, { recursive: true });
    expect((await problemOf(checkIdentity(bound, laptop(folder, null)))).code).toBe('medium-absent');
  });

  test.each([
    ['another stick with another marker', stick('b', { uuid: 'other' }), 'f'.repeat(32)],
    ['a clone of it on another stick', stick('b', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 }), null],
    ['formatted anew', stick('a', { uuid: 'new', sizeBytes: 31_000_000 }), null],
    ['of another size', stick('a', { uuid: '1A2B-3C4D', sizeBytes: 5 }), null],
    ['an empty stick', stick('b', { uuid: 'other' }), ''],
  ])('%s is refused', async (_name, drive, marker) => {
    const folder = await scratch();
    const bound = await bindMedium(folder, laptop(folder, ours));
    if (marker === '') await rm(join(folder, 'fieldkit'), { recursive: true });
    else if (marker !== null) await writeFile(join(folder, 'fieldkit/medium-id'), `${marker}\n`);
    const found = await problemOf(checkIdentity(bound, laptop(folder, drive)));
    expect(found).toMatchObject({ code: 'medium-swapped', params: { path: folder } });
    expect(found.params.expected).not.toBe(found.params.found);
  });

  test('emptied in the meantime is absent', async () => {
    const folder = await scratch();
    const bound = await bindMedium(folder, laptop(folder, ours));
    await rm(join(folder, 'fieldkit'), { recursive: true });
    expect((await problemOf(checkIdentity(bound, laptop(folder, ours)))).code).toBe('medium-absent');
  });
});

describe('sameness', () => {
  const one: MediumIdentity = {
    path: '/a',
    mountPoint: '/a',
    fileSystem: 'vfat',
    volumeUuid: 'u',
    serial: 's',
    sizeBytes: 1,
    mediumId: 'm',
  };
  test('paths do not count, unknown does not differ, nothing known is not the same', () => {
    expect(sameMedium(one, { ...one, path: '/b', mountPoint: '/b' })).toBe(true);
    expect(sameMedium(one, { ...one, serial: null })).toBe(true);
    expect(sameMedium(one, { ...one, serial: 'other' })).toBe(false);
    expect(sameMedium(one, { ...one, mediumId: 'other' })).toBe(false);
    const unknown = { ...one, volumeUuid: null, serial: null, sizeBytes: null, mediumId: null };
    expect(sameMedium(one, unknown)).toBe(false);
  });
});

test.each([
  ['/', true],
  ['/etc', true],
  ['/usr/share/x', true],
  ['/run/media/anna/STICK', false],
  ['/run/user/1000', true],
  ['/home/anna/medium', false],
  ['/media/anna/STICK', false],
  ['/etcetera', false],
])('%s is the system’s: %s', (path, refused) => {
  let code = '';
  try {
    refuseSystemFolder(path);
  } catch (thrown) {
    code = (thrown as Problem).code;
  }
  expect(code).toBe(refused ? 'medium-is-system' : '');
});
