// Time, as a hand that tests can replace. Called by whatever waits or stamps.
import { problem } from '../../src-shared/problem.ts';

export interface Clock {
  now(): Date;
  /** Milliseconds since some fixed moment; never jumps when the wall clock is set. */
  monotonicMs(): number;
  /** Resolves after `ms`; throws `cancelled` as soon as the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(problem('cancelled', { what: 'wait' }));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms);
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    }),
};
