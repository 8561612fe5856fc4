// Proxies by a configuration script (PAC): which ways lead to an address, in the order in which they are to be tried. Used by the
// sources of a site. The script comes from the network: it runs in `pac-sandbox.ts`, is asked for scheme, host and port alone, and
// gets little time and memory. It must never see a path, a file or a password.
import { lookup } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { Clock } from './clock.ts';
import { makeFetch } from './fetch.ts';
import { type ProxyScript, usualPatience } from './http.ts';

export interface PacQuestion {
  readonly script: string;
  readonly url: string;
  readonly host: string;
  /** The laptop's own address. */
  readonly own: string;
  /** Addresses of names; null where a name has none. */
  readonly names: readonly (readonly [string, string | null])[];
}

/** `asks`: the name that must be resolved first. */
export type PacReply = { readonly answer: string } | { readonly asks: string } | { readonly failed: string };

/** A script is some kilobytes; the largest of large networks some hundreds. */
const longestScriptBytes = 1024 * 1024;
const scriptLimitMs = 10_000;
const nameLimitMs = 2000;
const mostNames = 8;

/**
 * The ways in an answer such as `PROXY a:3128; DIRECT`: addresses of proxies, null for the way without one. What we cannot use is
 * left out. An empty answer means no proxy.
 */
export function waysOf(answer: string): readonly (string | null)[] {
  const parts = answer.split(';').flatMap((part) => (part.trim() === '' ? [] : [part.trim().split(/\s+/)]));
  if (parts.length === 0) return [null];
  return parts.flatMap(([kind = '', where = '']) => {
    if (kind.toUpperCase() === 'DIRECT') return [null];
    const scheme = { PROXY: 'http', HTTP: 'http', HTTPS: 'https' }[kind.toUpperCase()];
    if (scheme === undefined || !/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(where)) return [];
    return URL.canParse(`${scheme}://${where}`) ? [`${scheme}://${where}`] : [];
  });
}

/**
 * What a script says of an address: its answer as it stands. Throws what went wrong in a few words; the script is ended when it takes
 * longer than `limitMs`, whatever it does.
 */
export async function askScript(
  script: string,
  { protocol, host, hostname }: URL,
  {
    limitMs = scriptLimitMs,
    resolve = addressOf,
  }: { readonly limitMs?: number; readonly resolve?: typeof addressOf } = {},
): Promise<string> {
  const { default: sandbox } = await import('./pac-sandbox.ts?bundled');
  const worker = new Worker(sandbox, {
    eval: true,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 64, stackSizeMb: 4 },
  });
  const names: [string, string | null][] = [];
  const own = ownAddress();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes longer than ${limitMs / 1000} s`)), limitMs);
  });
  const ask = (): Promise<PacReply> =>
    new Promise((answered, reject) => {
      worker.removeAllListeners('message').once('message', answered);
      worker.removeAllListeners('error').once('error', reject);
      const question: PacQuestion = { script, url: `${protocol}//${host}/`, host: hostname, own, names };
      worker.postMessage(question);
    });
  const round = async (): Promise<string> => {
    for (;;) {
      const reply = await ask();
      if ('answer' in reply) return reply.answer;
      if ('failed' in reply) throw new Error(reply.failed);
      if (names.length >= mostNames) throw new Error(`it wants more than ${mostNames} names resolved`);
      names.push([reply.asks, await resolve(reply.asks)]);
    }
  };
  try {
    return await Promise.race([round(), late]);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** The IPv4 address of a name; null when it has none, or nobody says so in time. */
async function addressOf(name: string): Promise<string | null> {
  const silent = new AbortController();
  const inTime = new Promise<null>((resolve) => {
    const timer = setTimeout(() => resolve(null), nameLimitMs);
    silent.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  const found = lookup(name, 4).then(
    ({ address }) => address,
    () => null,
  );
  return Promise.race([found, inTime]).finally(() => silent.abort());
}

/** The laptop's first address that is not its own loopback. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** A script that was read; asked once for each origin, which keeps its answer. Throws `proxy-script-failed`, `proxy-kind-unusable`. */
export function proxyScript(address: string, script: string): ProxyScript {
  const known = new Map<string, Promise<readonly (string | null)[]>>();
  /** Ways that failed, in the order in which they did: they go last. */
  const failed: (string | null)[] = [];
  async function find(url: URL): Promise<readonly (string | null)[]> {
    const answer = await askScript(script, url).catch((cause: unknown) => {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw problem('proxy-script-failed', { script: address, url: url.origin, detail }, { cause });
    });
    const ways = waysOf(answer);
    if (ways.length === 0)
      throw problem('proxy-kind-unusable', { script: address, url: url.origin, answer: answer.slice(0, 200) });
    return ways;
  }
  return {
    waysTo: async (address) => {
      const url = new URL(address);
      const ways = known.get(url.origin) ?? find(url);
      known.set(url.origin, ways);
      // A script that failed once may be asked again: it may have wanted a name that is there by now.
      ways.catch(() => known.delete(url.origin));
      return [...(await ways)].sort((one, other) => failed.indexOf(one) - failed.indexOf(other));
    },
    fails: (way) => {
      if (!failed.includes(way)) failed.push(way);
    },
  };
}

/** Whoever sends a script is reached without a proxy. */
const directly: ProxyScript = { waysTo: async () => [null], fails: () => undefined };
const readingLimitMs = 15_000;
const keptMs = 10 * 60_000;

/** The script at an address of http, https or file. Throws `proxy-script-unreachable`. */
export type ProxyScripts = (address: string, authorities: string | null) => Promise<ProxyScript>;

/** Scripts by their address; each is read anew after some minutes, and when it could not be read. */
export function proxyScripts(clock: Clock): ProxyScripts {
  const known = new Map<string, { readonly since: number; readonly script: Promise<ProxyScript> }>();
  async function read(address: string, authorities: string | null): Promise<ProxyScript> {
    const bytes = await (address.startsWith('file:') ? readScriptFile(new URL(address)) : fetched(address)).catch(
      (cause: unknown) => {
        const detail = cause instanceof Problem ? String(cause.data.params.detail ?? cause.code) : String(cause);
        throw problem('proxy-script-unreachable', { script: address, detail }, { cause });
      },
    );
    return proxyScript(address, new TextDecoder().decode(bytes));

    function fetched(url: string): Promise<Uint8Array> {
      const route = async () => ({ proxy: null, script: directly, authorities });
      const signal = AbortSignal.timeout(readingLimitMs);
      const options = { limitBytes: longestScriptBytes, signal };
      return makeFetch({ ...usualPatience, attempts: 2, route })
        .fetchBytes(url, options)
        .catch((thrown: unknown) => {
          throw signal.aborted ? new Error(`no answer in ${readingLimitMs / 1000} s`) : thrown;
        });
    }
  }
  return (address, authorities) => {
    const name = JSON.stringify([address, authorities]);
    const before = known.get(name);
    if (before !== undefined && clock.monotonicMs() - before.since < keptMs) return before.script;
    const script = read(address, authorities);
    known.set(name, { since: clock.monotonicMs(), script });
    script.catch(() => known.delete(name));
    return script;
  };
}

async function readScriptFile(address: URL): Promise<Uint8Array> {
  const found = await stat(address);
  if (!found.isFile()) throw new Error('not a file');
  if (found.size > longestScriptBytes) throw new Error(`longer than ${longestScriptBytes} bytes`);
  return readFile(address);
}
