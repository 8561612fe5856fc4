// The network of the office, as a hand that the offline phase takes away. Called by the packages and software rooms.
// It must never return content that was cut short or is longer than allowed.
import { problem } from '../../src-shared/problem.ts';
import { type DownloadRequest, download } from './download.ts';
import { get, noSuchFile, type Patience, persist, type Route, refusal, shownUrl, usualPatience } from './http.ts';

export type { DownloadRequest, Progress } from './download.ts';

export interface FetchOptions {
  /** Longer content is refused before it is read to its end. */
  readonly limitBytes: number;
  /** Default `follow`; `refuse` where whoever is to trust the content would not follow either. */
  readonly redirects?: 'follow' | 'refuse';
  /** Told by which way the answer came, where a script says which ways there are: a proxy's address, or null. */
  readonly onWay?: (way: string | null) => void;
  readonly signal?: AbortSignal;
}

export interface Fetch {
  /** The content at a URL. Throws `download-failed` (also for 404), `download-stalled`, `cancelled`. */
  fetchBytes(url: string, options: FetchOptions): Promise<Uint8Array>;
  /** The same, and null where the server answers 404. */
  fetchIfThere(url: string, options: FetchOptions): Promise<Uint8Array | null>;
  /** Size of the content in bytes, without fetching it; null where the server answers 404. Throws as `fetchBytes`. */
  sizeOf(url: string, options: Omit<FetchOptions, 'limitBytes'>): Promise<number | null>;
  /** To a file: see `download`. */
  download(request: DownloadRequest): Promise<void>;
}

/** Fetch with a given patience; `networkFetch` is the usual one. */
export function makeFetch(patience: Patience = usualPatience): Fetch {
  const fetchIfThere = (url: string, options: FetchOptions): Promise<Uint8Array | null> =>
    persist(url, patience, () => once(url, options, patience), options.signal);
  return {
    fetchIfThere,
    fetchBytes: async (url, options) => {
      const bytes = await fetchIfThere(url, options);
      if (bytes === null) throw noSuchFile(url);
      return bytes;
    },
    sizeOf: (url, options) => persist(url, patience, () => askSize(url, options, patience), options.signal),
    download: (request) => download(request, patience),
  };
}

export const networkFetch: Fetch = makeFetch();

/** The network as a site plan says it is reached. `route` is asked before each request: the plan may change under way. */
export const routedFetch = (route: () => Promise<Route>): Fetch => makeFetch({ ...usualPatience, route });

/** The offline phase: whatever leaves for a network is a fault of the step, and is named. */
export function forbiddenFetch(step: string): Fetch {
  const refuse = async (url: string): Promise<never> => {
    throw problem('leaves-for-network', { step, url: shownUrl(url) });
  };
  return { fetchBytes: refuse, fetchIfThere: refuse, sizeOf: refuse, download: ({ url }) => refuse(url) };
}

async function askSize(
  url: string,
  { signal, ...asked }: Omit<FetchOptions, 'limitBytes'>,
  patience: Patience,
): Promise<number | null> {
  const reply = await get(url, { method: 'HEAD', ...asked }, patience, signal);
  reply.discard();
  if (reply.status === 404) return null;
  if (reply.status !== 200) throw refusal(url, reply, patience.clock.now());
  const length = reply.header('content-length');
  if (length === null || !/^\d+$/.test(length))
    throw problem('download-failed', { url: shownUrl(url), detail: 'no Content-Length' });
  return Number(length);
}

async function once(url: string, options: FetchOptions, patience: Patience): Promise<Uint8Array | null> {
  const { limitBytes, signal, ...asked } = options;
  const reply = await get(url, asked, patience, signal);
  if (reply.status !== 200) {
    reply.discard();
    if (reply.status === 404) return null;
    throw refusal(url, reply, patience.clock.now());
  }
  const tooLong = () => problem('download-failed', { url: shownUrl(url), detail: `longer than ${limitBytes} bytes` });
  if (Number(reply.header('content-length') ?? 0) > limitBytes) {
    reply.discard();
    throw tooLong();
  }
  const parts: Uint8Array[] = [];
  let doneBytes = 0;
  for await (const part of reply.body) {
    doneBytes += part.length;
    if (doneBytes > limitBytes) {
      reply.discard();
      throw tooLong();
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}
