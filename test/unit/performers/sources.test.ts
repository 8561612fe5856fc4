import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxyQuestion, routeOf, testSources } from '../../../src-main/performers/sources.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import { proxyScripts } from '../../../src-main/platform/pac.ts';
import { makeCacheKey } from '../../../src-main/software/certificate.ts';
import { problem } from '../../../src-shared/problem.ts';
import { type SitePlan, sitePlan } from '../../../src-shared/site.ts';
import { type Files, type Loopback, serveFiles } from '../../fakes/loopback-archive.ts';

const files: Files = new Map();
let served: Loopback;
let folder: string;
const fetch = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock });
const signal = new AbortController().signal;
const nobody = () => undefined;
const scripts = proxyScripts(systemClock);

beforeAll(async () => {
  served = await serveFiles(files);
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-sources-'));
});
afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

const plan = (sources: object = {}): SitePlan =>
  sitePlan.parse({
    format: 1,
    name: 'site',
    machines: [{ name: 'one', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
    releases: [{ name: 'slapos-master', url: 'http://127.0.0.1/software.cfg' }],
    sources: {
      cache: { index: `${served.url}/shadir`, blobs: `${served.url}/shacache` },
      'debian-12-amd64': {
        vendor: { url: `${served.url}/vendor/`, key: 'k' },
        archives: [
          { name: 'debian', url: `${served.url}/debian`, suites: ['bookworm'], components: ['main'], key: 'k' },
        ],
      },
      ...sources,
    },
  });

describe('whether the sources answer', () => {
  it('says of each that it does, or why not', async () => {
    files.set('vendor/InRelease', Buffer.from('signed'));
    files.set('debian/dists/bookworm/Release', Buffer.from('an older archive'));
    const answers = await testSources(plan(), { fetch, clock: systemClock }, signal);
    expect(answers.map(({ kind, name, problem }) => [kind, name, problem])).toEqual([
      ['vendor', 'debian-12-amd64', null],
      ['archive', 'debian bookworm', null],
      ['index', '', null],
      ['releases', '', null],
    ]);
    // A mirror is a line of its own: it may be down while the first place answers.
    const archive = { name: 'debian', url: `${served.url}/debian`, mirrors: ['http://127.0.0.1:1/debian'] };
    const mirrored = { ...archive, suites: ['bookworm'], components: ['main'], key: 'k' };
    const sources = { vendor: { url: `${served.url}/vendor/`, key: 'k' }, archives: [mirrored] };
    const both = await testSources(plan({ 'debian-12-amd64': sources }), { fetch, clock: systemClock }, signal);
    expect(both.map(({ address, problem }) => [new URL(address).port === '1', problem === null])).toEqual([
      [false, true],
      [false, true],
      [true, false],
      [false, true],
      [false, true],
    ]);
    files.delete('vendor/InRelease');
    const cache = { index: 'http://127.0.0.1:1', blobs: `${served.url}/shacache` };
    const worse = await testSources(plan({ cache }), { fetch, clock: systemClock }, signal);
    expect(worse.map(({ problem }) => problem === null)).toEqual([false, true, false, true]);
    expect(worse[0]?.problem).toMatchObject({ code: 'download-failed', params: { detail: 'HTTP 404' } });
    expect(worse[2]?.problem).toMatchObject({
      code: 'download-failed',
      params: { detail: expect.stringContaining('ECONNREFUSED') },
    });
  });

  it('asks them side by side, waits for a silent one no longer than was said, and stops when told', async () => {
    const asked: string[] = [];
    /** Says nothing, until it is no longer listened to. */
    const silence = (url: string, { signal: until }: { readonly signal?: AbortSignal }) => {
      asked.push(url);
      return new Promise<never>((_resolve, reject) =>
        until?.addEventListener('abort', () => reject(problem('cancelled', { what: url }))),
      );
    };
    const quiet = { ...fetch, fetchIfThere: silence, fetchBytes: silence, sizeOf: silence };
    const answering = { ...quiet, fetchIfThere: async () => Buffer.from('signed') };
    const answers = await testSources(plan(), { fetch: answering, clock: systemClock, limitMs: 50 }, signal);
    expect(answers.map(({ problem: why }) => why?.code ?? null)).toEqual([null, null, null, 'source-silent']);
    expect(answers[3]?.problem?.params).toEqual({ url: `${served.url}/shacache`, seconds: 0.05 });
    asked.length = 0;
    const stop = new AbortController();
    const going = testSources(plan(), { fetch: quiet, clock: systemClock, limitMs: 60_000 }, stop.signal);
    expect(asked).toHaveLength(4);
    stop.abort();
    await expect(going).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('keeps to the route of the plan, and refuses an authority that is none', async () => {
    const { certificatePem } = await makeCacheKey('An authority', new Date());
    await writeFile(join(folder, 'office.pem'), `Our authority:\n${certificatePem}`);
    const route = await routeOf(
      plan({ ca: 'office.pem', proxy: 'http://proxy.example:3128' }),
      folder,
      nobody,
      scripts,
    );
    expect(route.proxy).toBe('http://proxy.example:3128');
    expect(route.authorities?.trim()).toBe(certificatePem.trim());
    expect(await routeOf(plan(), folder, nobody, scripts)).toEqual({ proxy: null, login: null, authorities: null });
    const known = plan({ proxy: 'http://proxy.example:3128', proxyUser: 'ada' });
    const asked = proxyQuestion(known);
    expect(asked).toMatchObject({ id: 'proxy-password:ada@proxy.example:3128', kind: 'secret' });
    expect((await routeOf(known, folder, nobody, scripts)).login).toBeNull();
    const knows = (id: string) => (id === asked?.id ? 'word' : undefined);
    expect((await routeOf(known, folder, knows, scripts)).login).toEqual({ user: 'ada', password: 'word' });
    await writeFile(join(folder, 'none.pem'), 'nothing');
    await writeFile(join(folder, 'torn.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    for (const ca of ['none.pem', 'torn.pem', 'missing.pem'])
      await expect(routeOf(plan({ ca }), folder, nobody, scripts)).rejects.toMatchObject({
        code: 'authority-unusable',
      });
    const taken = (sources: object) => sitePlan.safeParse({ ...plan(), sources }).success;
    for (const proxy of ['pac+https://wpad.example/proxy.pac', 'pac+http://wpad/p', 'pac+file:///etc/proxy.pac'])
      expect(taken({ proxy }), proxy).toBe(true);
    for (const proxy of [
      'http://me:secret@proxy',
      'pac+https://me:secret@wpad/p',
      'pac+ftp://wpad/p',
      'pac+file://p',
      'pac+p',
    ])
      expect(taken({ proxy }), proxy).toBe(false);
  });
});
