import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rangeOf } from '../../../src-main/software/byte-range.ts';

test.each([
  [undefined, 'whole'],
  ['', 'whole'],
  ['bytes=', 'whole'],
  ['bytes=-', 'whole'],
  ['lines=0-1', 'whole'],
  ['bytes=0-1,4-5', 'whole'],
  ['bytes=5-3', 'whole'],
  ['bytes=-x', 'whole'],
  ['bytes=0-', { start: 0, end: 10 }],
  ['bytes=3-', { start: 3, end: 10 }],
  ['bytes=3-5', { start: 3, end: 6 }],
  ['bytes=3-99', { start: 3, end: 10 }],
  ['bytes=9-9', { start: 9, end: 10 }],
  ['bytes=-4', { start: 6, end: 10 }],
  ['bytes=-99', { start: 0, end: 10 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
])('%s of ten bytes', (header, expected) => {
  expect(rangeOf(header, 10)).toEqual(expected);
});

test('an empty file has no range', () => {
  expect(rangeOf('bytes=0-', 0)).toBe('unsatisfiable');
  expect(rangeOf('bytes=-5', 0)).toBe('unsatisfiable');
});

test('a range never leaves the file, and is never empty', () => {
  const part = fc.oneof(fc.nat(), fc.constant(''));
  fc.assert(
    fc.property(part, part, fc.nat(1000), (first, last, sizeBytes) => {
      const range = rangeOf(`bytes=${first}-${last}`, sizeBytes);
      if (typeof range === 'string') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.start).toBeLessThan(range.end);
      expect(range.end).toBeLessThanOrEqual(sizeBytes);
    }),
  );
});
