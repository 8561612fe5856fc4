// Several things at once, but not too many, and fewer yet from one host. Called by `downloadAll`, and wherever machines are asked.
// It must never leave work running behind an error: the others are stopped and waited for.

export interface Limits<T> {
  /** Asked before each start. */
  readonly limit: () => number;
  /** Resolves when the limit has risen. */
  readonly raised?: () => Promise<void>;
  readonly perHost: number;
  readonly hostOf: (item: T) => string;
}

/**
 * Runs `work` for every item, at most `limit` at a time and at most `perHost` of one host.
 * The first error stops the rest through the signal `work` is given, and is thrown when all have ended.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  limits: Limits<T>,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = [...items];
  const busy = new Map<string, number>();
  const running = new Set<Promise<void>>();
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  if (signal?.aborted) stop.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const failures: unknown[] = [];
  const count = (host: string, change: number) => busy.set(host, (busy.get(host) ?? 0) + change);
  const start = (item: T): void => {
    const host = limits.hostOf(item);
    count(host, 1);
    const task: Promise<void> = work(item, stop.signal)
      .catch((thrown: unknown) => {
        failures.push(thrown);
        stop.abort();
      })
      .finally(() => {
        count(host, -1);
        running.delete(task);
      });
    running.add(task);
  };
  try {
    while (failures.length === 0 && (waiting.length > 0 || running.size > 0)) {
      const place = waiting.findIndex((item) => (busy.get(limits.hostOf(item)) ?? 0) < limits.perHost);
      const [next] = running.size < limits.limit() && place >= 0 ? waiting.splice(place, 1) : [];
      if (next !== undefined) start(next);
      else await Promise.race([...running, ...(limits.raised === undefined ? [] : [limits.raised()])]);
    }
    await Promise.all(running);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  if (failures.length > 0) throw failures[0];
}

/** Takes a place, and waits for one where none is free; gives back how it is left again, which may be called more than once. */
export type Places = (signal?: AbortSignal) => Promise<() => void>;

/** So many places, first come, first served. Who stops waiting, by the signal's reason, leaves the queue. */
export function places(count: number): Places {
  let free = count;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return async (signal) => {
    signal?.throwIfAborted();
    if (free > 0) free -= 1;
    else
      await new Promise<void>((resolve, reject) => {
        const stop = (): void => {
          waiting.splice(waiting.indexOf(take), 1);
          reject(signal?.reason);
        };
        const take = (): void => {
          signal?.removeEventListener('abort', stop);
          resolve();
        };
        signal?.addEventListener('abort', stop, { once: true });
        waiting.push(take);
      });
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
}
