// Progress made readable: at most ten times a second, with a smoothed speed and the time left, and never backwards.
// Used by the runner for every command. Pure but for the clock.
import type { Clock } from '../platform/clock.ts';
import type { JobProgress } from './performer.ts';

export interface ShownProgress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: JobProgress['unit'];
  /** Units a second over about the last ten seconds. */
  readonly speed: number | null;
  readonly leftMs: number | null;
  readonly what: string | null;
}

const intervalMs = 100;
/** Weight of the newest interval grows with its length: about ten seconds of memory. */
const memoryMs = 10_000;

/** Returns what to show for a progress, or null when it is too soon after the last. The end is always shown. */
export function progressMeter(clock: Pick<Clock, 'monotonicMs'>): (progress: JobProgress) => ShownProgress | null {
  let shownAt = Number.NEGATIVE_INFINITY;
  let measuredAt: number | null = null;
  let measuredDone = 0;
  let speed: number | null = null;
  let furthest = 0;
  return (progress) => {
    const now = clock.monotonicMs();
    furthest = Math.max(furthest, progress.done);
    if (measuredAt === null) {
      measuredAt = now;
      measuredDone = furthest;
    }
    const atEnd = progress.total !== null && furthest >= progress.total;
    if (now - shownAt < intervalMs && !atEnd) return null;
    shownAt = now;
    const elapsed = now - measuredAt;
    if (elapsed >= 1000) {
      const current = ((furthest - measuredDone) * 1000) / elapsed;
      const weight = Math.min(1, elapsed / memoryMs);
      speed = speed === null ? current : speed + (current - speed) * Math.max(weight, 0.2);
      measuredAt = now;
      measuredDone = furthest;
    }
    const left = progress.total === null ? null : Math.max(0, progress.total - furthest);
    return {
      done: furthest,
      total: progress.total,
      unit: progress.unit,
      speed,
      leftMs: left === null || speed === null || speed <= 0 ? null : Math.round((left * 1000) / speed),
      what: progress.what ?? null,
    };
  };
}
