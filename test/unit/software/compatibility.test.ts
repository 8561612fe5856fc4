import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DistributionTriple,
  describeSystem,
  normaliseDistribution,
  osMatches,
} from '../../../src-main/software/compatibility.ts';

const intel = 'x86_64-linux-gnu';

/** What an entry says, what the target says, and whether slapgrid on the target takes it. */
const table: readonly (readonly [DistributionTriple, DistributionTriple, boolean])[] = [
  [['debian', '12.7', 'anything'], ['debian', '12', 'bookworm'], true],
  [['Debian', '12.7', ''], ['debian', '12', 'bookworm'], true],
  [['debian', '12', 'bookworm'], ['debian', '12.7', ''], true],
  [['raspbian', '12', 'bookworm'], ['debian', '12', 'bookworm'], true],
  [['Raspbian', '12.1', ''], ['debian', '12', 'bookworm'], true],
  [['debian', '11', 'bullseye'], ['debian', '12', 'bookworm'], false],
  [['ubuntu', '22.04', 'jammy'], ['ubuntu', '22.04', 'jammy'], true],
  [['Ubuntu', '22.04', 'jammy'], ['ubuntu', '22.04', 'jammy'], true],
  [['ubuntu', '22.04', 'jammy'], ['ubuntu', '22.04', 'Jammy Jellyfish'], false],
  [['ubuntu', '22.04', 'jammy'], ['ubuntu', '24.04', 'noble'], false],
  [['ubuntu', '22.04', 'jammy'], ['linuxmint', '21', 'vanessa'], false],
  [['rocky', '9.3', 'Blue Onyx'], ['rocky', '9.4', 'Blue Onyx'], false],
  [['ubuntu', '22', 'jammy'], ['ubuntu', '22.04', 'jammy'], false],
];

describe('which entries a target takes', () => {
  test.each(table)('%j on %j: %s', (entry, target, expected) => {
    const found = osMatches({ multiarch: intel, distribution: entry }, { multiarch: intel, distribution: target });
    expect(found).toBe(expected);
  });

  test('the architecture must be equal as text', () => {
    const distribution: DistributionTriple = ['debian', '12', 'bookworm'];
    const target = { multiarch: 'aarch64-linux-gnu', distribution };
    expect(osMatches({ multiarch: intel, distribution }, target)).toBe(false);
    expect(osMatches({ multiarch: 'aarch64-linux-gnu', distribution }, target)).toBe(true);
  });

  test('an entry that names no system fits none', () => {
    const target = { multiarch: intel, distribution: ['debian', '12', 'bookworm'] as const };
    expect(osMatches({ multiarch: null, distribution: target.distribution }, target)).toBe(false);
    expect(osMatches({ multiarch: intel, distribution: null }, target)).toBe(false);
  });

  test('matching does not depend on which side is which', () => {
    const name = fc.constantFrom('debian', 'Debian', 'raspbian', 'ubuntu', 'rocky');
    const version = fc.constantFrom('12', '12.7', '22.04', '9.3', '');
    const triple = fc.tuple(name, version, fc.constantFrom('', 'bookworm', 'jammy'));
    fc.assert(
      fc.property(triple, triple, (first, second) => {
        const one = { multiarch: intel, distribution: first };
        const two = { multiarch: intel, distribution: second };
        expect(osMatches(one, two)).toBe(osMatches(two, one));
        expect(osMatches(one, one)).toBe(true);
        expect(normaliseDistribution(normaliseDistribution(first))).toEqual(normaliseDistribution(first));
      }),
    );
  });

  test('a system is described in one line', () => {
    expect(describeSystem({ multiarch: intel, distribution: ['debian', '12', ''] })).toBe(`debian 12, ${intel}`);
    expect(describeSystem({ multiarch: null, distribution: null })).toBe('?, ?');
  });
});
