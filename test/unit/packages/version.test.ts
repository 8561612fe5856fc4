import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, isVersion, versionSatisfies } from '../../../src-main/packages/version.ts';

/** Pairs in ascending order, from deb-version(7) and from real archives. */
const ascending: readonly (readonly [string, string])[] = [
  ['1.0~~', '1.0~~a'],
  ['1.0~~a', '1.0~'],
  ['1.0~rc1', '1.0'],
  ['1.0', '1.0a'],
  ['1.0a', '1.0+b1'],
  ['1.0-1', '1.0-1+b1'],
  ['1.0-1', '1.0-1+deb12u1'],
  ['1.0-1~deb12u1', '1.0-1'],
  ['9', '10'],
  ['1.9.9', '1.10'],
  ['2:1.0', '10:0.1'],
  ['99', '1:0'],
  ['1.0-9', '1.0-10'],
  ['1.11.0+1.0.352+1-1', '1.11.0+1.0.352+1-2'],
  ['1.11.0+1.0.352+1-1', '1.11.0+1.0.1000+0-1'],
  ['0.624+slapos1.g0d8cd135c-1', '0.642+slapos1.gabc-1'],
  ['1.0-1-1', '1.0-1-2'],
  ['12345678901234567890123', '12345678901234567890124'],
];

const equal: readonly (readonly [string, string])[] = [
  ['1.0', '1.0-0'],
  ['0:1.0', '1.0'],
  ['1.00', '1.0'],
  ['1.', '1.0'],
];

const version = fc.stringMatching(/^([0-3]:)?[0-9][0-9a-cA-C.+~]{0,6}(-[0-9a-b.+~]{1,4})?$/);

describe('order of versions', () => {
  it.each(ascending)('%s comes before %s', (low, high) => {
    expect(compareVersions(low, high)).toBeLessThan(0);
    expect(compareVersions(high, low)).toBeGreaterThan(0);
  });

  it.each(equal)('%s equals %s', (a, b) => {
    expect(compareVersions(a, b)).toBe(0);
  });

  it('is a total order: antisymmetric and transitive', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        const [low, middle, high] = [a, b, c].sort(compareVersions) as [string, string, string];
        expect(compareVersions(low, middle)).toBeLessThanOrEqual(0);
        expect(compareVersions(middle, high)).toBeLessThanOrEqual(0);
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('puts anything with a tilde added before the text without it', () => {
    fc.assert(
      fc.property(version, (text) => {
        expect(compareVersions(`${text}~`, text)).toBeLessThan(0);
      }),
    );
  });

  it('answers relations', () => {
    expect(versionSatisfies('1.0', '>=', '1.0')).toBe(true);
    expect(versionSatisfies('1.0', '>>', '1.0')).toBe(false);
    expect(versionSatisfies('1.0', '<=', '1.0-0')).toBe(true);
    expect(versionSatisfies('1.0~', '<<', '1.0')).toBe(true);
    expect(versionSatisfies('1:1.0', '=', '1.0')).toBe(false);
  });

  it('knows what is a version', () => {
    for (const good of ['1.0', '1:2-3', '0.0~', '1-2-3', '2:1.0+b-1~']) expect(isVersion(good), good).toBe(true);
    for (const bad of ['', 'a1', '1_0', '1 0', ':1', '1:', '1.0-', 'x:1', '1/2'])
      expect(isVersion(bad), bad).toBe(false);
  });
});
