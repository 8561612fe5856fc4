// The sources of a site as this laptop reaches them: the way there, and whether each answers. Used by compose and `sources test`.
// A test asks for small things only and keeps nothing.
import { X509Certificate } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { type SourceAnswer, sourceLimitMs } from '../../src-shared/api.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { cacheOf, proxyScriptOf, type SitePlan, sourcesOf, systemsOf } from '../../src-shared/site.ts';
import type { Question } from '../../src-shared/step.ts';
import { releaseAddresses, signedListOf, vendorSuites } from '../packages/archive.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fetch, FetchOptions } from '../platform/fetch.ts';
import { readTextOrNull } from '../platform/files.ts';
import type { Route } from '../platform/http.ts';
import type { ProxyScripts } from '../platform/pac.ts';
import { urlKey } from '../software/entry.ts';
import { splitCertificates } from '../software/trusted.ts';

/**
 * The way to the network that a plan names. `secretOf` knows what was answered in this session. Throws `authority-unusable`,
 * `proxy-script-unreachable`.
 */
export async function routeOf(
  plan: SitePlan,
  planFolder: string,
  secretOf: (question: string) => string | undefined,
  scripts: ProxyScripts,
): Promise<Route> {
  const { proxy = null, proxyUser: user, ca } = plan.sources;
  const question = proxyQuestion(plan);
  const password = question === null ? undefined : secretOf(question.id);
  const login = user === undefined || password === undefined ? null : { user, password };
  const authorities = ca === undefined ? null : await authoritiesIn(ca, planFolder);
  const script = proxy === null ? null : proxyScriptOf(proxy);
  if (script === null) return { proxy, login, authorities };
  return { proxy: null, script: await scripts(script, authorities), login, authorities };
}

/** A source and its mirrors: where the same files are. */
const placesOf = ({
  url,
  mirrors = [],
}: {
  readonly url: string;
  readonly mirrors?: readonly string[] | undefined;
}) => [url, ...mirrors];

/** What is asked before something is fetched through a proxy with a login; null when the plan names none. */
export function proxyQuestion({ sources: { proxy, proxyUser: user } }: SitePlan): Question | null {
  if (proxy === undefined || user === undefined) return null;
  const params = { user, proxy };
  const id = `proxy-password:${user}@${new URL(proxy).host || proxy}`;
  return { id, kind: 'secret', key: 'steps.plan-medium.asks.proxyPassword', params, show: [], choices: [] };
}

/** The network, asking for the proxy's password first; one that is refused is forgotten, and asked for anew the next time. */
export function askingFetch(fetch: Fetch, ask: () => Promise<void>, forget: () => void): Fetch {
  const asked = async <T>(act: () => Promise<T>): Promise<T> => {
    await ask();
    try {
      return await act();
    } catch (error) {
      if (error instanceof Problem && error.code === 'proxy-login-refused') forget();
      throw error;
    }
  };
  return {
    fetchBytes: (url, options) => asked(() => fetch.fetchBytes(url, options)),
    fetchIfThere: (url, options) => asked(() => fetch.fetchIfThere(url, options)),
    sizeOf: (url, options) => asked(() => fetch.sizeOf(url, options)),
    download: (request) => asked(() => fetch.download(request)),
  };
}

async function authoritiesIn(name: string, planFolder: string): Promise<string> {
  const path = isAbsolute(name) ? name : join(planFolder, name);
  const text = await readTextOrNull(path);
  if (text === null) throw problem('authority-unusable', { path, detail: 'no such file' });
  const certificates = splitCertificates(text);
  if (certificates.length === 0) throw problem('authority-unusable', { path, detail: 'holds no certificate' });
  for (const pem of certificates) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw problem('authority-unusable', { path, detail: 'holds one that cannot be read' }, { cause });
    }
  }
  return certificates.join('\n');
}

/**
 * Asks every source of a plan once, all at the same time, each for `limitMs` at most. In the plan's order.
 * Throws `authority-unusable`, `cancelled`.
 */
export async function testSources(
  plan: SitePlan,
  {
    fetch,
    clock,
    limitMs = sourceLimitMs,
  }: { readonly fetch: Fetch; readonly clock: Clock; readonly limitMs?: number },
  signal: AbortSignal,
): Promise<readonly SourceAnswer[]> {
  type Asked = Pick<SourceAnswer, 'kind' | 'name' | 'address'>;
  type Options = Required<Pick<FetchOptions, 'limitBytes' | 'signal' | 'onWay'>>;
  const limitBytes = 32 * 1024 * 1024;
  const answers: Promise<SourceAnswer>[] = [];
  const ask = async (asked: Asked, act: (options: Options) => Promise<unknown>): Promise<SourceAnswer> => {
    const started = clock.monotonicMs();
    const tookMs = () => Math.round(clock.monotonicMs() - started);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), limitMs);
    let way: string | null = null;
    const onWay = (by: string | null) => {
      way = by ?? 'direct';
    };
    try {
      await act({ limitBytes, signal: AbortSignal.any([signal, late.signal]), onWay });
      return { ...asked, tookMs: tookMs(), way, problem: null };
    } catch (thrown) {
      const silent = problem('source-silent', { url: asked.address, seconds: limitMs / 1000 });
      const found = late.signal.aborted && !signal.aborted ? silent : thrown;
      if (!(found instanceof Problem) || found.code === 'cancelled' || found.code === 'authority-unusable') throw found;
      return { ...asked, tookMs: tookMs(), way: null, problem: { code: found.code, params: { ...found.data.params } } };
    } finally {
      clearTimeout(timer);
    }
  };
  /** A signed list must be there; an older archive has it in two files. */
  const askArchive = (kind: 'vendor' | 'archive', name: string, address: string) =>
    ask({ kind, name, address }, async (small) => {
      if ((await fetch.fetchIfThere(signedListOf(address), small)) === null)
        await fetch.fetchBytes(`${address}/Release`, small);
    });
  for (const system of systemsOf(plan)) {
    const sources = sourcesOf(plan, system);
    if (sources === null) continue;
    const { vendor, archives } = sources;
    // Each place by itself: a mirror that is down is worth knowing while the first still answers.
    for (const url of placesOf(vendor))
      for (const { address } of releaseAddresses({ url, suites: vendorSuites }))
        answers.push(askArchive('vendor', system, address));
    for (const { suites, name, ...archive } of archives)
      for (const url of placesOf(archive))
        for (const { suite, address } of releaseAddresses({ url, suites }))
          answers.push(askArchive('archive', `${name} ${suite}`, address));
  }
  const { index, blobs } = cacheOf(plan);
  // Whether a release is there is another question: that the cache answers at all is enough, also with "not found".
  const [release] = plan.releases;
  if (release !== undefined) {
    answers.push(
      ask({ kind: 'index', name: '', address: index }, (small) =>
        fetch.fetchIfThere(`${index}/${urlKey(release.url)}`, { ...small, redirects: 'refuse' }),
      ),
      ask({ kind: 'releases', name: '', address: blobs }, ({ limitBytes: _any, ...small }) =>
        fetch.sizeOf(`${blobs}/${'0'.repeat(128)}`, { ...small, redirects: 'refuse' }),
      ),
    );
  }
  return Promise.all(answers);
}
