import { describe, expect, it } from 'vitest';
import { formatAway, formatBytes, formatDuration } from '../../../src-shared/format.ts';

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

describe('formatBytes', () => {
  it.each([
    [0, '0 bytes', '0 octet'],
    [999, '999 bytes', '999 octets'],
    [9_100_000_000, '9.1 GB', '9,1 Go'],
    [999_600, '1 MB', '1 Mo'],
    [62_000_000, '62 MB', '62 Mo'],
    [164_400_000, '164 MB', '164 Mo'],
  ])('%d', (bytes, english, french) => {
    expect(plain(formatBytes(bytes, 'en'))).toBe(english);
    expect(plain(formatBytes(bytes, 'fr'))).toBe(french);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '1 sec', '1 s'],
    [40_000, '40 sec', '40 s'],
    [240_000, '4 min', '4 min'],
    [4_200_000, '1 hr 10 min', '1 h 10 min'],
    [3_599_000, '1 hr', '1 h'],
    [47 * 3_600_000, '47 hr', '47 h'],
    [400 * 86_400_000, '400 days', '400 j'],
  ])('%d ms', (durationMs, english, french) => {
    expect(plain(formatDuration(durationMs, 'en'))).toBe(english);
    expect(plain(formatDuration(durationMs, 'fr'))).toBe(french);
  });
});

describe('formatAway', () => {
  it.each([
    [-10_810_000, '3 hr behind', '3 h de retard'],
    [-10_500_000, '2 hr 55 min behind', '2 h 55 min de retard'],
    [600_000, '10 min ahead', '10 min d’avance'],
    [400 * 86_400_000, '400 days ahead', '400 j d’avance'],
  ])('%d ms', (awayMs, english, french) => {
    expect(plain(formatAway(awayMs, 'en'))).toBe(english);
    expect(plain(formatAway(awayMs, 'fr'))).toBe(french);
  });
});
