// The real dpkg is the judge of our order of versions.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, isVersion } from '../../../src-main/packages/version.ts';
import { unless, whyWithout } from '../../unless.ts';

const part = fc.stringMatching(/^[0-9a-cZ.+~]{0,8}$/);
const version = fc
  .tuple(fc.constantFrom('', '0:', '1:', '12:'), part, fc.constantFrom('', '-1', '-0', '-2~a', '-1+b1', '-1-1'))
  .map(([epoch, upstream, revision]) => `${epoch}1${upstream}${revision}`)
  .filter(isVersion);

describe('order of versions, against dpkg', unless(whyWithout('dpkg')), () => {
  it('agrees on random pairs', () => {
    // One dpkg process a comparison is slow: all pairs go through one shell loop, fed on standard input.
    const pairs = fc.sample(fc.tuple(version, version), { numRuns: 400, seed: 20_240_105 });
    const script =
      'while read -r a b; do dpkg --compare-versions "$a" lt "$b" && echo -1 || { dpkg --compare-versions "$a" gt "$b" && echo 1 || echo 0; }; done';
    const run = spawnSync('sh', ['-c', script], {
      input: pairs.map(([a, b]) => `${a} ${b}\n`).join(''),
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    const expected = run.stdout.trim().split('\n');
    expect(expected).toHaveLength(pairs.length);
    const differing = pairs.filter(([a, b], place) => String(Math.sign(compareVersions(a, b))) !== expected[place]);
    expect(differing).toEqual([]);
  });
});
