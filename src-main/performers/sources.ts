// The sources of a site as this laptop reaches them: the way there, and whether each answers. Used by compose and `sources test`.
// A test asks for small things only and keeps nothing.
import { X509Certificate } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { Problem, problem } from '../../src-shared/problem.ts';
import { cacheOf, type SitePlan, sourcesOf, systemsOf } from '../../src-shared/site.ts';
import { releaseAddresses } from '../packages/archive.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fetch } from '../platform/fetch.ts';
import { readTextOrNull } from '../platform/files.ts';
import type { Route } from '../platform/http.ts';
import { urlKey } from '../software/entry.ts';
import { splitCertificates } from '../software/trusted.ts';

/** The way to the network that a plan names. Throws `authority-unusable`. */
export async function routeOf(plan: SitePlan, planFolder: string): Promise<Route> {
  const { proxy = null, ca } = plan.sources;
  return { proxy, authorities: ca === undefined ? null : await authoritiesIn(ca, planFolder) };
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

export interface SourceAnswer {
  /** `vendor debian-12-amd64`, `debian bookworm`, `index`, `archives`. */
  readonly what: string;
  readonly address: string;
  /** Null: it did not answer. */
  readonly tookMs: number | null;
  /** Why not; empty when it did. */
  readonly detail: string;
}

/** Asks every source of a plan once, one after the other. Throws `authority-unusable`, `cancelled`. */
export async function testSources(
  plan: SitePlan,
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Clock },
  signal: AbortSignal,
): Promise<readonly SourceAnswer[]> {
  const answers: SourceAnswer[] = [];
  const ask = async (what: string, address: string, act: () => Promise<unknown>): Promise<void> => {
    const started = clock.monotonicMs();
    try {
      await act();
      answers.push({ what, address, tookMs: Math.round(clock.monotonicMs() - started), detail: '' });
    } catch (thrown) {
      if (!(thrown instanceof Problem) || thrown.code === 'cancelled' || thrown.code === 'authority-unusable')
        throw thrown;
      answers.push({ what, address, tookMs: null, detail: String(thrown.data.params.detail ?? thrown.code) });
    }
  };
  const small = { limitBytes: 32 * 1024 * 1024, signal };
  /** A signed list must be there; an older archive has it in two files. */
  const askArchive = (what: string, base: string) =>
    ask(what, base, async () => {
      if ((await fetch.fetchIfThere(`${base}/InRelease`, small)) === null)
        await fetch.fetchBytes(`${base}/Release`, small);
    });
  for (const system of systemsOf(plan)) {
    const sources = sourcesOf(plan, system);
    if (sources === null) continue;
    await askArchive(`vendor ${system}`, sources.vendor.url.replace(/\/+$/, ''));
    for (const archive of sources.archives)
      for (const { suite, address } of releaseAddresses(archive)) await askArchive(`${archive.name} ${suite}`, address);
  }
  const { index, blobs } = cacheOf(plan);
  // Whether a release is there is another question: that the cache answers at all is enough, also with "not found".
  const [release] = plan.releases;
  if (release !== undefined) {
    await ask('index', index, () =>
      fetch.fetchIfThere(`${index}/${urlKey(release.url)}`, { ...small, redirects: 'refuse' }),
    );
    await ask('archives', blobs, () => fetch.sizeOf(`${blobs}/${'0'.repeat(128)}`, { redirects: 'refuse', signal }));
  }
  return answers;
}
