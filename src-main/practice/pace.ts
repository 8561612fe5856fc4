// How fast practice goes: as on a real site, or at once (tests). Used by everything simulated that takes time.
import { problem } from '../../src-shared/problem.ts';
import type { Clock } from '../platform/clock.ts';

export interface PracticeOptions {
  readonly clock: Clock;
  /** 1: with the waits that make practice feel real. 0: everything at once. */
  readonly pace: number;
  /** Told of what a machine was asked to do and does not know: then a step meets something that no real machine would show. */
  readonly onUnknown?: (machine: string, what: string) => void;
}

/** Waits as long as a thing would take. Throws `cancelled`. */
export async function take({ clock, pace }: PracticeOptions, durationMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) throw problem('cancelled', { what: 'practice' });
  if (durationMs * pace > 0) await clock.sleep(durationMs * pace, signal);
}
