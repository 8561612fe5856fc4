import { describe, expect, it } from 'vitest';
import { parseRelease } from '../../../src-main/packages/release.ts';

const hash = 'ab'.repeat(32);
const release = (...lines: string[]) =>
  parseRelease(
    ['Date: Sat, 01 Jun 2024 10:00:00 UTC', 'SHA256:', ` ${hash} 12 ./Packages.gz`, ...lines].join('\n'),
    'url',
  );
const malformed = expect.objectContaining({ code: 'index-malformed' });

describe('a Release', () => {
  it('says when it was made, until when it holds, and what it lists', () => {
    const read = release('Valid-Until: Sat, 08 Jun 2024 10:00:00 UTC', 'Acquire-By-Hash: yes', 'Codename: bookworm');
    expect(read).toMatchObject({ codename: 'bookworm', suite: null, byHash: true });
    expect(read.date.toISOString()).toBe('2024-06-01T10:00:00.000Z');
    expect(read.validUntil?.toISOString()).toBe('2024-06-08T10:00:00.000Z');
    expect([...read.files]).toEqual([['Packages.gz', { sha256: hash, sizeBytes: 12 }]]);
    expect(release().validUntil).toBeNull();
  });

  it.each([
    ['without a date', `SHA256:\n ${hash} 12 Packages`],
    ['with a date that is none', `Date: soon\nSHA256:\n ${hash} 12 Packages`],
    ['without hashes', 'Date: Sat, 01 Jun 2024 10:00:00 UTC'],
    ['with MD5 only', 'Date: Sat, 01 Jun 2024 10:00:00 UTC\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 Packages'],
    ['with a hash that is none', 'Date: Sat, 01 Jun 2024 10:00:00 UTC\nSHA256:\n abc 12 Packages'],
    ['with a size that is none', `Date: Sat, 01 Jun 2024 10:00:00 UTC\nSHA256:\n ${hash} -1 Packages`],
  ])('%s is refused', (_, text) => {
    expect(() => parseRelease(text, 'url')).toThrow(malformed);
  });
});
