// One request over the network with this laptop's proxy settings, and the rule for trying again. Called by fetch and download only.
// Proxies come from http_proxy, https_proxy and no_proxy, additional certificates from NODE_EXTRA_CA_CERTS, which Node reads
// itself; a route that the site plan names goes before both.
// It must never undo a content encoding: what is hashed is what the server stores.
import tls from 'node:tls';
import type { EnvHttpProxyAgent } from 'undici';
import { Problem, problem } from '../../src-shared/problem.ts';
import { type Clock, systemClock } from './clock.ts';

const connectLimitMs = 30_000;
const headersLimitMs = 30_000;
/** No byte for this long, and the transfer counts as stalled. */
const stallLimitMs = 15_000;

export interface Patience {
  /** Tries in a row that bring no new byte before giving up. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly stallMs: number;
  readonly clock: Clock;
  /** Default: what the environment says. */
  readonly route?: () => Promise<Route>;
  /** What a download records, repairs and fetches twice at most; default `usualChunkBytes`. */
  readonly chunkBytes?: number;
}

/** Who says by which ways an address is reached: a proxy's address, or null for the way without one. */
export interface ProxyScript {
  /** In the order in which they are to be tried. */
  waysTo(url: string): Promise<readonly (string | null)[]>;
  /** This way did not answer: it goes last from now on. */
  fails(way: string | null): void;
}

/** How requests leave the laptop. */
export interface Route {
  /** Address of a proxy for http and https; null: as the environment says. What no_proxy names goes past it. */
  readonly proxy: string | null;
  /** Takes the place of `proxy` and of the environment, for each address. */
  readonly script?: ProxyScript;
  /** How one logs in at that proxy; in memory alone. */
  readonly login?: { readonly user: string; readonly password: string } | null;
  /** PEM of authorities to trust besides the system's. */
  readonly authorities: string | null;
}

export const usualPatience: Patience = { attempts: 5, firstDelayMs: 500, stallMs: stallLimitMs, clock: systemClock };
const longestDelayMs = 30_000;
/** A server that asks for a longer pause than this is as good as absent. */
const longestRetryAfterMs = 120_000;

type Redirects = 'follow' | 'refuse';
const mostRedirects = 5;
const environment: Route = { proxy: null, authorities: null };
const made = new Map<string, EnvHttpProxyAgent>();

/** Read in at the first request: no start of the program waits for it. */
const undici = () => import('undici');
type Undici = Awaited<ReturnType<typeof undici>>;

/** `way`: what a script said, past the environment; undefined where there is no script. */
function dispatcher(library: Undici, route: Route, way: string | null | undefined): EnvHttpProxyAgent {
  const { login = null, authorities } = route;
  const address = way === undefined ? route.proxy : way;
  const proxy = address === null || login === null ? address : withLogin(address, login);
  const name = JSON.stringify([proxy, way === undefined, authorities]);
  const known = made.get(name) ?? dispatcherOf(library, { proxy, authorities, alone: way !== undefined });
  made.set(name, known);
  return known;
}

/** `alone`: whatever the environment says does not count. */
function dispatcherOf(
  { EnvHttpProxyAgent }: Undici,
  { proxy, authorities, alone }: Pick<Route, 'proxy' | 'authorities'> & { readonly alone: boolean },
): EnvHttpProxyAgent {
  const trust = authorities === null ? {} : { ca: [...systemAuthorities(), authorities] };
  const proxies = proxy === null ? {} : { httpProxy: proxy, httpsProxy: proxy };
  return new EnvHttpProxyAgent({
    connect: { timeout: connectLimitMs, ...trust },
    requestTls: trust,
    proxyTls: trust,
    // Plain http goes through the proxy as plain http: many proxies refuse to tunnel to port 80.
    proxyTunnel: false,
    ...(alone ? { httpProxy: '', httpsProxy: '', noProxy: '' } : {}),
    ...proxies,
  });
}

function withLogin(address: string, { user, password }: { readonly user: string; readonly password: string }): string {
  const url = new URL(address);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** Naming authorities of one's own takes the place of Node's list, so both are given. Older Nodes know only the built-in one. */
function systemAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { readonly getCACertificates?: (kind: 'default') => readonly string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}

/** What may be shown and logged of a URL: no user name, no password. */
export function shownUrl(url: string): string {
  try {
    const parsed = new URL(url);
    parsed.username = '';
    parsed.password = '';
    return parsed.href;
  } catch {
    return url;
  }
}

export interface Reply {
  readonly status: number;
  header(name: string): string | null;
  /** Must be read or discarded. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

export interface Question {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `follow`; refused, a redirect is a reply like any other that is not 200. */
  readonly redirects?: Redirects;
  /** Told by which way the answer came, where a script says which ways there are. */
  readonly onWay?: (way: string | null) => void;
}

/** Sends one request, and those that its answer leads to. Errors are raw: `persist` turns them into problems. */
export async function get(
  url: string,
  question: Question,
  { stallMs, route }: Pick<Patience, 'stallMs' | 'route'>,
  signal?: AbortSignal,
): Promise<Reply> {
  const { redirects = 'follow' } = question;
  const path = route === undefined ? environment : await route();
  let at = url;
  for (let left = redirects === 'follow' ? mostRedirects : 0; ; left -= 1) {
    const reply = await byAnyWay(at, question, { stallMs, route: path }, signal);
    const onward = [301, 302, 303, 307, 308].includes(reply.status) ? reply.header('location') : null;
    if (onward === null || left === 0) return reply;
    reply.discard();
    at = new URL(onward, at).href;
  }
}

interface Means {
  readonly stallMs: number;
  readonly route: Route;
}

/** The first way that leads to an answer, whatever it is; else the failure of the first. */
async function byAnyWay(url: string, question: Question, means: Means, signal?: AbortSignal): Promise<Reply> {
  const { script } = means.route;
  if (script === undefined) return once(url, question, means, undefined, signal);
  const ways = await script.waysTo(url);
  const failures: unknown[] = [];
  for (const way of ways) {
    try {
      const reply = await once(url, question, means, way, signal);
      question.onWay?.(way);
      return reply;
    } catch (thrown) {
      if (signal?.aborted || refusesLogin(thrown)) throw thrown;
      failures.push(thrown);
      if (ways.length > 1) script.fails(way);
    }
  }
  throw failures[0];
}

async function once(
  url: string,
  { method = 'GET', headers = {} }: Question,
  { stallMs, route }: Means,
  way: string | null | undefined,
  signal?: AbortSignal,
): Promise<Reply> {
  const library = await undici();
  const response = await library.request(url, {
    method,
    dispatcher: dispatcher(library, route, way),
    headers: { 'accept-encoding': 'identity', 'user-agent': 'slapos-field-kit', ...headers },
    headersTimeout: headersLimitMs,
    bodyTimeout: stallMs,
    signal: signal ?? null,
  });
  const { body } = response;
  return {
    status: response.statusCode,
    header: (name) => {
      const value = response.headers[name];
      return (Array.isArray(value) ? value[0] : value) ?? null;
    },
    body,
    discard: () => {
      body.on('error', () => undefined);
      body.destroy();
    },
  };
}

/** What the proxy itself answered is in the sentence alone, in the tunnel for https and beside it. */
const refusesLogin = (thrown: unknown): boolean =>
  thrown instanceof Error && /Proxy (response|Authentication Required) \(407\)/.test(thrown.message);

/** A failure that another try may heal, with the pause the server asked for. */
export class Passing extends Error {
  readonly retryAfterMs: number | null;
  readonly stalled: boolean;
  constructor(detail: string, options: { retryAfterMs?: number | null; stalled?: boolean; cause?: unknown } = {}) {
    super(detail, { cause: options.cause });
    this.name = 'Passing';
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.stalled = options.stalled ?? false;
  }
}

const statusDetail = (status: number): string => `HTTP ${status}`;

/** The server is up and has no such file. */
export const noSuchFile = (url: string): Problem =>
  problem('download-failed', { url: shownUrl(url), detail: statusDetail(404) });

export const isNoSuchFile = ({ code, data: { params } }: Problem): boolean =>
  code === 'download-failed' && params.detail === statusDetail(404);

/** The failure of a reply whose status is not the wanted one: passing for 408, 425, 429 and 5xx, else final. */
export function refusal(url: string, reply: Reply, now: Date): Error {
  const { status } = reply;
  const detail = statusDetail(status);
  if (status === 407) return problem('proxy-login-refused', { url: shownUrl(url) });
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new Passing(detail, { retryAfterMs: retryAfterMs(reply.header('retry-after'), now) });
  }
  return problem('download-failed', { url: shownUrl(url), detail });
}

/** Retry-After is seconds or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(value: string | null, now: Date): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now.getTime());
}

const passingCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EPIPE',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** Sorts a transport's error: passing, or for good (an unknown name, a certificate that does not verify). */
function transportFailure(url: string, thrown: unknown): unknown {
  if (thrown instanceof Problem || thrown instanceof Passing) return thrown;
  if (!(thrown instanceof Error)) return thrown;
  if (refusesLogin(thrown)) return problem('proxy-login-refused', { url: shownUrl(url) }, { cause: thrown });
  const first = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const code = String((first as NodeJS.ErrnoException | undefined)?.code ?? '');
  const detail = code === '' ? thrown.message : `${code} ${(first as Error).message}`.trim();
  if (passingCodes.has(code)) {
    const stalled = code === 'UND_ERR_BODY_TIMEOUT';
    return new Passing(detail, { stalled, cause: thrown });
  }
  return problem('download-failed', { url: shownUrl(url), detail }, { cause: thrown });
}

export interface Try {
  /** Tells the rule that bytes came: the count of fruitless tries starts again. */
  gained(): void;
}

/**
 * Runs `once` until it succeeds, fails for good, or fails in passing too often in a row.
 * Pauses double, with half of each left to chance so that many laptops do not come back at the same moment.
 * Throws `download-failed`, `download-stalled`, `cancelled`, and whatever `once` throws for good.
 */
export async function persist<T>(
  url: string,
  patience: Patience,
  once: (attempt: Try) => Promise<T>,
  signal?: AbortSignal,
  { onTrouble }: { readonly onTrouble?: () => void } = {},
): Promise<T> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  if (scheme !== 'http:' && scheme !== 'https:') {
    throw problem('download-failed', { url, detail: 'not an http or https address' });
  }
  let fruitless = 0;
  for (;;) {
    if (signal?.aborted) throw problem('cancelled', { what: shownUrl(url) });
    try {
      return await once({
        gained: () => {
          fruitless = 0;
        },
      });
    } catch (thrown) {
      if (signal?.aborted) throw problem('cancelled', { what: shownUrl(url) }, { cause: thrown });
      const failure = transportFailure(url, thrown);
      if (!(failure instanceof Passing)) throw failure;
      fruitless += 1;
      onTrouble?.();
      const asked = failure.retryAfterMs;
      if (fruitless >= patience.attempts || (asked !== null && asked > longestRetryAfterMs)) {
        throw failure.stalled
          ? problem('download-stalled', { url: shownUrl(url), seconds: patience.stallMs / 1000 }, { cause: failure })
          : problem('download-failed', { url: shownUrl(url), detail: failure.message }, { cause: failure });
      }
      const doubled = Math.min(longestDelayMs, patience.firstDelayMs * 2 ** (fruitless - 1));
      await patience.clock.sleep(Math.max(asked ?? 0, doubled * (0.5 + Math.random() / 2)), signal);
    }
  }
}
