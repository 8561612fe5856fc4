/** What lies at the place of the chosen medium instead of it, told by what a person can compare. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { anotherMediumAt, anotherQuestion } from '../../../src-main/medium/another-medium.ts';
import { bindMedium, type PlaceFacts } from '../../../src-main/medium/identity.ts';
import type { BlockDevice } from '../../../src-main/medium/lsblk.ts';
import { device, mounted, part, stick } from './layouts.ts';
import { scratch } from './scratch.ts';

/** A laptop on which these are mounted, beside its own root disk. */
function laptop(...places: readonly (readonly [string, BlockDevice])[]): PlaceFacts {
  const root = device('/dev/sdz', { serial: 'root', children: [part('/dev/sdz1', 'ext4', { uuid: 'root-uuid' })] });
  const mounts = places.map(([point, drive]) => mounted(drive.children[0]?.path ?? '', point));
  return {
    mounts: () => Promise.resolve([mounted('/dev/sdz1', '/'), ...mounts]),
    devices: () => Promise.resolve([root, ...places.map(([, drive]) => drive)]),
  };
}
const ours = stick('a', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 });
const was = { serial: 'serial-a', sizeBytes: 31_000_000, volumeUuid: '1A2B-3C4D' };
const mark = 'f'.repeat(32);

test.each([
  ['another stick', stick('b', { uuid: 'B', sizeBytes: 8 }), mark, ['serial-b', 8, 'B', mark], `serial-b:8:B:${mark}`],
  ['an empty one', stick('b', { uuid: 'B', sizeBytes: 8 }), null, ['serial-b', 8, 'B', null], 'serial-b:8:B:-'],
  ['a clone', stick('b', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 }), 'own', ['serial-b'], 'serial-b'],
  ['formatted since', stick('a', { uuid: 'N', sizeBytes: 31_000_000 }), null, [null, null, 'N', null], 'N:-'],
  ['emptied since', ours, null, [null, null, null, null], '-'],
  ['with an empty marker', ours, '', [null, null, null, null], '-'],
])('%s is told, and asked about by what differs', async (_name, drive, marker, is, id) => {
  const folder = await scratch();
  const chosen = await bindMedium(folder, laptop([folder, ours]));
  if (marker === null) await rm(join(folder, 'fieldkit'), { recursive: true });
  else if (marker !== 'own') await writeFile(join(folder, 'fieldkit/medium-id'), marker);
  const found = await anotherMediumAt(chosen, folder, laptop([folder, drive]));
  const before = { ...was, mediumId: chosen.mediumId };
  const [serial, sizeBytes, volumeUuid] = is;
  expect(found).toEqual({
    was: before,
    is: {
      serial: serial ?? before.serial,
      sizeBytes: sizeBytes ?? before.sizeBytes,
      volumeUuid: volumeUuid ?? before.volumeUuid,
      mediumId: marker === 'own' ? before.mediumId : marker || null,
    },
  });
  expect(found === null ? null : anotherQuestion(found)).toBe(`medium:${id}`);
});

test('the chosen one, wherever it was plugged in, is no other', async () => {
  const folder = await scratch();
  const chosen = await bindMedium(folder, laptop([folder, ours]));
  const again = stick('q', { uuid: '1A2B-3C4D', sizeBytes: 31_000_000 }, { serial: 'serial-a' });
  expect(await anotherMediumAt(chosen, folder, laptop([folder, again]))).toBeNull();
});

test('the folder below a stick that is gone is no medium, and another place is no question', async () => {
  const folder = await scratch();
  const chosen = await bindMedium(folder, laptop([folder, ours]));
  await rm(join(folder, 'fieldkit'), { recursive: true });
  expect(await anotherMediumAt(chosen, folder, laptop())).toBeNull();
  await mkdir(join(folder, 'elsewhere'));
  expect(await anotherMediumAt(chosen, join(folder, 'elsewhere'), laptop([folder, ours]))).toBeNull();
});

test('a stick mounted over a chosen folder of the laptop is another', async () => {
  const folder = await scratch();
  const chosen = await bindMedium(folder, laptop());
  await rm(join(folder, 'fieldkit'), { recursive: true });
  expect((await anotherMediumAt(chosen, folder, laptop([folder, ours])))?.is.serial).toBe('serial-a');
});
