import { expect, it } from 'vitest';
import { readableParams } from '../../../src-shared/readable.ts';

const given = {
  needed: 9_100_000_000,
  sizeBytes: 1500,
  limit: 240,
  leftMs: 40_000,
  port: 5050,
  count: 1,
  free: '2 GB',
};

it('gives sizes and times their units in the language of the reader', () => {
  expect(readableParams(given, 'en')).toEqual({
    needed: '9.1 GB',
    sizeBytes: '1.5 kB',
    limit: '4 min',
    leftMs: '40 sec',
    port: 5050,
    count: 1,
    free: '2 GB',
  });
  expect(readableParams({ needed: 9_100_000_000 }, 'fr').needed).toMatch(/^9,1\sGo$/);
});

it('says to which side a clock is off', () => {
  expect(readableParams({ awayMs: -10_810_000 }, 'en')).toEqual({ awayMs: '3 hr behind' });
});

it('shows moments as people write them, and a dash where nothing is known', () => {
  const { since, until, owner, version } = readableParams(
    { since: '2026-11-17T14:02:00.000Z', until: '', owner: 'ana@desk', version: '1.11.0' },
    'en',
  );
  expect(since).toContain('2026');
  expect(since).not.toContain('T14');
  expect([until, owner, version]).toEqual(['–', 'ana@desk', '1.11.0']);
});
