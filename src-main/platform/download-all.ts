// The downloads of a preparation: many files, several at once. Called by every job that brings files into the cache.
// How many at once follows what they bring together; it must never take more than four from one host.
import { eachAtOnce } from './at-once.ts';
import { DownloadPace } from './download-pace.ts';
import type { DownloadRequest, Fetch } from './fetch.ts';

export interface Wanted extends Omit<DownloadRequest, 'onProgress' | 'onTrouble' | 'signal'> {
  readonly sizeBytes: number;
  /** For whoever waits. */
  readonly what: string;
  /** Says what a failure of this file means; else it is thrown as it is. */
  readonly failure?: (thrown: unknown) => unknown;
}

export interface AllProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** The file that moved last. */
  readonly what: string;
}

const atOncePerHost = 4;

/**
 * Fetches every file; those that are there and right are only checked. The first failure stops the others, whose parts stay
 * for the next try. Throws what `Fetch.download` throws, or what an item's `failure` makes of it.
 */
export async function downloadAll(
  fetch: Fetch,
  wanted: readonly Wanted[],
  { onProgress }: { readonly onProgress?: (progress: AllProgress) => void } = {},
  signal?: AbortSignal,
): Promise<void> {
  const totalBytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const pace = new DownloadPace(() => performance.now());
  const done = new Map<Wanted, number>();
  let doneBytes = 0;
  const advance = (item: Wanted, bytes: number): void => {
    const more = bytes - (done.get(item) ?? 0);
    done.set(item, bytes);
    doneBytes += more;
    pace.gained(more);
    onProgress?.({ doneBytes, totalBytes, what: item.what });
  };
  const limits = {
    limit: () => pace.limit,
    raised: () => pace.raised(),
    perHost: atOncePerHost,
    hostOf: ({ url }: Wanted) => new URL(url).host,
  };
  const fetchOne = async (item: Wanted, stop: AbortSignal): Promise<void> => {
    const { what: _what, failure, ...request } = item;
    await fetch
      .download({
        ...request,
        onProgress: (progress) => advance(item, progress.doneBytes),
        onTrouble: () => pace.troubled(),
        signal: stop,
      })
      .catch((thrown: unknown) => {
        throw failure === undefined ? thrown : failure(thrown);
      });
    advance(item, item.sizeBytes);
  };
  await eachAtOnce(wanted, limits, fetchOne, signal);
}
