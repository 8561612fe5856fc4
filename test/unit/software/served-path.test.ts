import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { servedPaths } from '../../../src-main/software/served-path.ts';

const md5 = 'a'.repeat(32);
const sha512 = 'b'.repeat(128);

test.each([
  [`/bdir/${md5}`, [`bdir/${md5}`]],
  [`/bcache/${sha512}`, [`bcache/${sha512}`]],
  [`/bcache/${sha512}?x=1`, [`bcache/${sha512}`]],
  ['/debian/debian-12-amd64/InRelease', ['debian/debian-12-amd64/InRelease']],
  ['/debian/debian-12-amd64/./InRelease', ['debian/debian-12-amd64/InRelease']],
  ['/debian/s/by-hash/SHA256/aa', ['debian/s/by-hash/SHA256/aa']],
  ['/debian/s/a_1%3a2-1_all.deb', ['debian/s/a_1%3a2-1_all.deb']],
  ['/debian/s/a_1%3A2-1_all.deb', ['debian/s/a_1%3a2-1_all.deb']],
  ['/debian/s/a_1%253a2-1_all.deb', ['debian/s/a_1%3a2-1_all.deb']],
  ['/debian/s/a_1:2-1_all.deb', ['debian/s/a_1%3a2-1_all.deb']],
  // A name spelt so, not a way up: targets are decoded once.
  ['/debian/s/%252e%252e/x', ['debian/s/%2e%2e/x']],
  ['/debian/s/g%2b%2b_1~rc1_all.deb', ['debian/s/g++_1~rc1_all.deb']],
])('%s', (target, expected) => {
  expect(servedPaths(target)).toEqual(expected);
});

test.each([
  '/',
  '',
  '/bdir',
  '/bdir/',
  `/bdir/${md5.toUpperCase()}`,
  `/bdir/${md5}/`,
  `/bdir//${md5}`,
  `/bdir/${md5}x`,
  '/manifest.json',
  '/site/site.yaml',
  '/trust/manifest-key.pem',
  '/debian/s',
  '/debian/s/',
  '/debian/../site/site.yaml',
  '/debian/s/../../site/site.yaml',
  '/debian/s/%2e%2e/%2e%2e/site/site.yaml',
  '/debian/s/..%2f..%2fsite/site.yaml',
  '/debian/s/.hidden',
  '/debian/s/a%00.deb',
  '/debian/s/a%5c..%5cb',
  '/debian/s/a%zz',
  '//etc/passwd',
  'http://elsewhere/bdir/x',
  `/${'a/'.repeat(2000)}`,
])('means nothing: %s', (target) => {
  expect(servedPaths(target)).toEqual([]);
});

test('no target leaves the three folders', () => {
  const piece = fc.constantFrom(
    'debian',
    'bdir',
    's',
    '..',
    '.',
    '%2e%2e',
    '%2f',
    '%00',
    '\\',
    '%5c',
    '',
    ':',
    '%3a',
    md5,
  );
  const target = fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(target, (text) => {
      for (const path of servedPaths(text)) {
        expect(posix.normalize(path)).toBe(path);
        expect(path).toMatch(/^(?:bdir|bcache|debian)\//);
        expect(path).not.toMatch(/\.\.\/|\0|\\|:/);
      }
    }),
    { numRuns: 2000 },
  );
});
