import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitsOf, neededBytes, readRoom, roomProblem } from '../../../src-main/medium/file-system.ts';

const room = (fileSystem: string | null, freeBytes = 2 ** 40) => ({ fileSystem, freeBytes, blockBytes: 4096 });
const file = (path: string, sizeBytes = 10) => ({ path, sizeBytes });
const four = 2 ** 32;

describe('what a file system can hold', () => {
  test.each([
    ['vfat', four, 'medium-file-too-large'],
    ['vfat', four - 1, null],
    ['VFAT', four, 'medium-file-too-large'],
    ['msdos', four, 'medium-file-too-large'],
    ['exfat', four, null],
    ['ntfs', four, null],
    ['ext4', four, null],
    ['btrfs', four, null],
    ['unheard-of', four, null],
  ])('a file on %s of %d bytes: %s', (fileSystem, sizeBytes, code) => {
    expect(roomProblem([file('bcache/x', sizeBytes)], room(fileSystem), '/m')?.code ?? null).toBe(code);
  });

  test.each([
    ['exfat', 'debian/a:b', 'medium-name-unfit'],
    ['exfat', 'debian/a%3ab', null],
    ['vfat', 'debian/aux.deb', 'medium-name-unfit'],
    ['vfat', 'debian/a.', 'medium-name-unfit'],
    ['ext4', 'debian/a:b', null],
    ['unheard-of', 'debian/a:b', 'medium-name-unfit'],
    ['ext4', `debian/${'x'.repeat(256)}`, 'medium-name-unfit'],
    ['ext4', `debian/${'é'.repeat(128)}`, 'medium-name-unfit'],
  ])('on %s the name %s: %s', (fileSystem, path, code) => {
    expect(roomProblem([file(path)], room(fileSystem), '/m')?.code ?? null).toBe(code);
  });

  test('names that fall together where case is folded', () => {
    const files = [file('debian/Release'), file('debian/release')];
    expect(roomProblem(files, room('exfat'), '/m')?.code).toBe('medium-name-unfit');
    expect(roomProblem(files, room('ext4'), '/m')).toBeNull();
  });

  test('types that are not in the table are known as such', () => {
    expect(limitsOf('unheard-of').known).toBe(false);
    expect(limitsOf(null).known).toBe(false);
  });
});

describe('room', () => {
  test('says what is needed and what is free', () => {
    const found = roomProblem([file('a', 2 ** 30)], room('ext4', 2 ** 20), '/m');
    expect(found?.data).toMatchObject({ code: 'medium-full', params: { path: '/m', free: 2 ** 20 } });
    expect(Number(found?.data.params.needed)).toBeGreaterThan(2 ** 30);
  });

  test('enough by one byte or short by one', () => {
    const files = [file('a/b', 5000), file('a/c', 1)];
    const needed = neededBytes(files, 4096);
    expect(roomProblem(files, room('ext4', needed), '/m')).toBeNull();
    expect(roomProblem(files, room('ext4', needed - 1), '/m')?.code).toBe('medium-full');
  });

  test('many small files take whole blocks', () => {
    const many = Array.from({ length: 1000 }, (_, index) => file(`d/${index}`, 1));
    expect(neededBytes(many, 32_768) - neededBytes([], 32_768)).toBe(1001 * 32_768);
  });

  test('the estimate is never below the content, and at most one block a file and folder above', () => {
    const files = fc.uniqueArray(
      fc.record({ path: fc.stringMatching(/^[a-z]{1,3}(\/[a-z]{1,3}){0,2}$/), sizeBytes: fc.nat(10 ** 9) }),
      {
        selector: ({ path }) => path,
      },
    );
    fc.assert(
      fc.property(files, fc.constantFrom(512, 4096, 32_768), (planned, blockBytes) => {
        const content = planned.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        const over = neededBytes(planned, blockBytes) - neededBytes([], blockBytes) - content;
        expect(over).toBeGreaterThanOrEqual(0);
        expect(over).toBeLessThanOrEqual(planned.length * 4 * Math.max(blockBytes, 4096));
      }),
    );
  });

  test('of this machine', async () => {
    const found = await readRoom(process.cwd());
    expect(found.freeBytes).toBeGreaterThan(0);
    expect(found.blockBytes).toBeGreaterThan(0);
  });
});
