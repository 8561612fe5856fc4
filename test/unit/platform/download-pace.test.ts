import { describe, expect, it } from 'vitest';
import { DownloadPace, nextLimit } from '../../../src-main/platform/download-pace.ts';

describe('how many downloads run at once', () => {
  it.each([
    ['tries one more first', null, { limit: 4, rate: 1, troubled: false }, 5],
    ['goes on while it brings more', { limit: 4, rate: 1 }, { limit: 5, rate: 1.2 }, 6],
    ['goes back when it brings no more', { limit: 5, rate: 1.2 }, { limit: 6, rate: 1.2 }, 5],
    ['never more than eight', { limit: 7, rate: 1 }, { limit: 8, rate: 2 }, 8],
    ['goes back up when fewer bring less', { limit: 5, rate: 1.2 }, { limit: 4, rate: 1 }, 5],
    ['stays with fewer when they bring as much', { limit: 5, rate: 1 }, { limit: 4, rate: 1 }, 4],
    ['halves after trouble', { limit: 6, rate: 1 }, { limit: 7, rate: 2, troubled: true }, 3],
    ['never fewer than two', null, { limit: 2, rate: 0, troubled: true }, 2],
  ])('%s', (_name, before, now, wanted) => {
    const quiet = { troubled: false };
    expect(nextLimit(before === null ? null : { ...quiet, ...before }, { ...quiet, ...now })).toBe(wanted);
  });

  it('finds the number at which a line is full, and stays beside it', () => {
    let now = 0;
    const pace = new DownloadPace(() => now);
    const seen: number[] = [];
    for (let turn = 0; turn < 400; turn += 1) {
      now += 100;
      // A line on which six connections bring all there is.
      pace.gained(Math.min(pace.limit, 6) * 100_000);
      seen.push(pace.limit);
    }
    expect(Math.min(...seen.slice(100))).toBeGreaterThanOrEqual(5);
    expect(Math.max(...seen)).toBeLessThanOrEqual(8);
  });

  it('wakes who waits for more room', async () => {
    let now = 0;
    const pace = new DownloadPace(() => now);
    const woken = pace.raised();
    now = 3000;
    pace.gained(1);
    await woken;
    expect(pace.limit).toBe(5);
  });
});
