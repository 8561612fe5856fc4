// How many downloads run at once: one more while that brings more, one less when it does not, half after trouble.
// Used by downloadAll. It has no timer: what arrives is what moves it.

const fewest = 2;
const most = 8;
const firstLimit = 4;
/** Bytes are counted this long before the number is judged: shorter, and a line's own unrest decides. */
const windowMs = 2000;
/** Less than this is no difference. */
const worthwhile = 1.05;

/** What was seen in one window. */
export interface Window {
  readonly limit: number;
  readonly rate: number;
  readonly troubled: boolean;
}

/** The next number from the last two windows. Pure. */
export function nextLimit(before: Window | null, now: Window): number {
  const within = (value: number) => Math.min(most, Math.max(fewest, value));
  if (now.troubled) return within(Math.floor(now.limit / 2));
  if (before === null || before.troubled || before.limit === now.limit) return within(now.limit + 1);
  const more = now.limit > before.limit;
  const better = now.rate > before.rate * worthwhile;
  const worse = now.rate * worthwhile < before.rate;
  if (more) return within(better ? now.limit + 1 : before.limit);
  return within(worse ? before.limit : now.limit - (better ? 1 : 0));
}

export class DownloadPace {
  limit = firstLimit;
  readonly #now: () => number;
  #since: number;
  #bytes = 0;
  #troubled = false;
  #before: Window | null = null;
  #wake: () => void = () => undefined;
  #raised: Promise<void> = this.#next();

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Bytes arrived. */
  gained(bytes: number): void {
    this.#bytes += bytes;
    const tookMs = this.#now() - this.#since;
    if (tookMs < windowMs) return;
    const window = { limit: this.limit, rate: this.#bytes / tookMs, troubled: this.#troubled };
    const next = nextLimit(this.#before, window);
    this.#before = window;
    this.#bytes = 0;
    this.#troubled = false;
    this.#since = this.#now();
    const risen = next > this.limit;
    this.limit = next;
    if (!risen) return;
    const wake = this.#wake;
    this.#raised = this.#next();
    wake();
  }

  /** A server or the line failed in passing: at the next look there will be fewer. */
  troubled(): void {
    this.#troubled = true;
  }

  /** Resolves when the limit has risen. */
  raised(): Promise<void> {
    return this.#raised;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
