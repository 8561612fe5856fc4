import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lastHand, relationOf } from '../../../src-main/runbook/history.ts';

const line = (kind: string, more: object = {}) =>
  `${JSON.stringify({ kind, at: '2026-05-01T10:00:00.000Z', ...more })}\n`;
const opened = line('opened', { who: 'ada', laptop: 'bench-1' });
const work = (what: number) => line('command-started', { what });

it('takes a journal that another only looked at for the older one', () => {
  const base = opened + work(1);
  const looked = base + line('opened', { who: 'grace', laptop: 'bench-2' }) + line('facts');
  expect(relationOf(base + work(2), looked)).toBe('ahead');
  expect(relationOf(looked, base + work(2))).toBe('behind');
  expect(relationOf(looked, base)).toBe('ahead');
});

it('is antisymmetric, and knows a common beginning from its end', () => {
  const lines = fc.array(fc.oneof(fc.constant(opened), fc.integer({ min: 0, max: 3 }).map(work)), { maxLength: 6 });
  fc.assert(
    fc.property(lines, lines, lines, (common, mine, theirs) => {
      const first = [...common, ...mine].join('');
      const second = [...common, ...theirs].join('');
      const other = { same: 'same', ahead: 'behind', behind: 'ahead', diverged: 'diverged' } as const;
      if (first !== second && relationOf(first, second) !== 'ahead')
        expect(relationOf(second, first)).toBe(other[relationOf(first, second)]);
      expect(relationOf(first, first)).toBe('same');
      if (mine.some((text) => text !== opened)) expect(relationOf(first, common.join(''))).toBe('ahead');
    }),
  );
});

it('says that both went on when each did something the other does not know', () => {
  expect(relationOf(opened + work(1), opened + work(2))).toBe('diverged');
});

it('does not count a line that is not whole', () => {
  expect(relationOf(opened, opened + work(1).slice(0, 9))).toBe('same');
});

it('names who wrote last', () => {
  expect(lastHand(opened + line('opened', { who: 'grace', laptop: 'bench-2' }) + work(1))).toEqual({
    owner: 'grace@bench-2',
    at: '2026-05-01T10:00:00.000Z',
  });
  expect(lastHand('no journal\n')).toEqual({ owner: '', at: '' });
});
