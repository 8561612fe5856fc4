import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseState, unitName } from '../../../src-main/target/units.ts';

describe('unitName', () => {
  it('is fit for a folder and a unit, and never the same for two ids', () => {
    const ids = fc.oneof(fc.string({ minLength: 1, maxLength: 200 }), fc.stringMatching(/^[a-z@:/._-]{1,20}$/));
    fc.assert(
      fc.property(ids, ids, (first, second) => {
        expect(unitName(first)).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}$/);
        if (first !== second) expect(unitName(first)).not.toBe(unitName(second));
      }),
      { numRuns: 1000 },
    );
    expect(unitName('install-1')).toBe('install-1');
    expect(unitName('..')).not.toContain('..');
  });
});

describe('parseState', () => {
  it.each([
    ['absent\n', { state: 'absent' }],
    ['running\n', { state: 'running' }],
    ['ended 0\n', { state: 'ended', exit: 0 }],
    ['ended 143\n', { state: 'ended', exit: 143 }],
    ['ended\n', { state: 'ended', exit: null }],
  ])('%j', (line, wanted) => {
    expect(parseState(line)).toEqual(wanted);
  });
});
