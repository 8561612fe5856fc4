/** Another signer than last time: refused with both names, asked of a person, and taken only after that. Archives on loopback. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RepositoryKey } from '../../../src-main/packages/signer.ts';
import type { JobContext } from '../../../src-main/performers/jobs.ts';
import { prepareJobs, prepareSights } from '../../../src-main/performers/prepare-jobs.ts';
import { refuseChangedSigners } from '../../../src-main/performers/signers.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { makeCacheKey } from '../../../src-main/software/certificate.ts';
import { acceptSigners } from '../../../src-main/steps/prepare/changed-signers.ts';
import { fetchVendorPackages } from '../../../src-main/steps/prepare/fetch-vendor-packages.ts';
import { planMedium } from '../../../src-main/steps/prepare/plan-medium.ts';
import { solvePackages } from '../../../src-main/steps/prepare/solve-packages.ts';
import { groupedFingerprint } from '../../../src-shared/format.ts';
import { addArchive, type Loopback, serveFiles, testKey } from '../../fakes/loopback-archive.ts';
import { problemOf, scratch } from '../medium/scratch.ts';

const system = 'debian-12-amd64';
const days = (count: number) => new Date(Date.now() - count * 86_400_000);

let server: Loopback;
let site: OpenSite;
let context: JobContext;
let keys: readonly [former: RepositoryKey, later: RepositoryKey];
beforeEach(async () => {
  server = await serveFiles(new Map());
  keys = [await testKey('Former'), await testKey('Later')];
  const folder = join(await scratch(), 'site');
  await mkdir(folder);
  // Both are trusted by the plan: that alone is not enough.
  await writeFile(join(folder, 'keys.asc'), keys.map(({ publicKey }) => publicKey).join('\n'));
  await writeFile(
    join(folder, 'site.yaml'),
    `format: 1
name: somewhere
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }
releases:
  - { name: slapos-master, url: "https://x.example/raw/1/software.cfg" }
sources:
  ${system}:
    vendor: { url: "${server.url}/vendor", key: ./keys.asc }
    archives:
      - { name: debian, url: "${server.url}/debian", suites: [stable], components: [main], key: ./keys.asc }
`,
  );
  site = await OpenSite.open(folder, { program: 'test', practice: false, clock: systemClock });
  const nobody = () => Promise.reject(new Error('not needed'));
  context = {
    site,
    fetch: makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 2000, clock: systemClock }),
    cacheFolder: join(folder, '../cache'),
    vault: nobody,
    world: {} as never,
    onProgress: () => undefined,
    onLine: () => undefined,
    signal: new AbortController().signal,
  };
});
afterEach(async () => {
  await site.close();
  await server.close();
});

/** Both archives as they are on a day, signed by one of the keys; each day with a newer package. */
async function publish(key: RepositoryKey, daysAgo: number): Promise<void> {
  const date = days(daysAgo);
  const stanza = (name: string) => `Package: ${name}\nVersion: 1.${100 - daysAgo}\nArchitecture: amd64`;
  await addArchive(server.files, { root: 'vendor', suite: null, packages: [stanza('slapos-node')], key, date });
  await addArchive(server.files, { root: 'debian', suite: 'stable', packages: [stanza('cron')], key, date });
}
const jobs = prepareJobs({ trustFolder: '/nowhere', program: 'test' });
const work = (job: string, args: object) => jobs[job]?.(args as never, context) ?? Promise.reject(new Error(job));
const solve = async () => {
  await work('resolve-vendor-packages', { system, packages: { 'slapos-node': 'newest' } });
  await work('solve-packages', { system, roots: ['cron'] });
};
const versions = () => site.lock.systems[system]?.packages.map(({ name, version }) => `${name} ${version}`);
/** What a step plans of the signers. */
const asking = () => acceptSigners({ site: site.plan, lock: site.lock, subject: { kind: 'site' } }, 'plan-medium');
/** Does what a step plans, everything it asks answered with that. */
async function answer(value: string): Promise<void> {
  const instance = 'plan-medium@site';
  await site.append({ kind: 'instances', list: [{ step: 'plan-medium', subject: { kind: 'site' } }] });
  for (const command of asking()) {
    if (command.kind === 'ask')
      await site.append({ kind: 'answered', instance, id: command.question.id, value, by: 'test' });
    if (command.kind === 'work') await work(command.job, command.args);
  }
}

it('of an archive is refused with both fingerprints, and taken after a person has compared them', async () => {
  await publish(keys[0], 3);
  await solve();
  expect(versions()).toEqual(['cron 1.97', 'slapos-node 1.97']);
  expect(asking()).toEqual([]);

  await publish(keys[1], 2);
  const before = JSON.stringify(site.lock.systems);
  const vendor = `${server.url}/vendor/InRelease`;
  for (const what of [vendor, `${server.url}/debian/dists/stable/InRelease`]) {
    const change = { what, was: keys[0].fingerprint.toUpperCase(), now: keys[1].fingerprint.toUpperCase() };
    const refused = await problemOf(solve());
    expect(refused).toMatchObject({ code: 'signer-changed', params: change });
    // Again and again, until somebody says so.
    expect((await problemOf(solve())).code).toBe('signer-changed');
    expect(site.lock.offered).toEqual([change]);
    if (what === vendor) expect(JSON.stringify(site.lock.systems)).toBe(before);
    const asked = asking();
    expect(asked).toMatchObject([
      {
        kind: 'ask',
        question: {
          ...{ id: `signer:${what}:${change.now}`, kind: 'choice', choices: ['accept', 'look-again'] },
          show: [{ value: change.was }, { value: change.now }],
        },
      },
      { kind: 'work', job: 'settle-signer' },
    ]);
    await answer('accept');
    expect(asking()).toEqual([]);
  }
  await solve();
  expect(versions()).toEqual(['cron 1.98', 'slapos-node 1.98']);

  // Back to the former one is a change like any other.
  await publish(keys[0], 1);
  expect(await problemOf(solve())).toMatchObject({
    code: 'signer-changed',
    params: { was: keys[1].fingerprint.toUpperCase(), now: keys[0].fingerprint.toUpperCase() },
  });
  await answer('accept');
  expect((await problemOf(solve())).params.what).toContain('/debian/');
  await answer('accept');
  await solve();
  expect(versions()).toEqual(['cron 1.99', 'slapos-node 1.99']);
});

it('that a person does not accept is forgotten, and the former one counts once it is back', async () => {
  await publish(keys[0], 3);
  await solve();
  await publish(keys[1], 2);
  expect((await problemOf(solve())).code).toBe('signer-changed');
  await answer('look-again');
  expect(asking()).toEqual([]);
  expect(site.lock.accepted ?? []).toEqual([]);
  // Still the foreign one: refused and asked about as before.
  expect((await problemOf(solve())).params.was).toBe(keys[0].fingerprint.toUpperCase());
  expect(asking()).toHaveLength(2);
  await answer('look-again');

  await publish(keys[0], 1);
  await solve();
  expect(versions()).toEqual(['cron 1.99', 'slapos-node 1.99']);
  expect(asking()).toEqual([]);
});

it('is accepted by no other word, and by no answer that was given for another signer', async () => {
  const third = await testKey('Third');
  await writeFile(join(site.folder, 'keys.asc'), [...keys, third].map(({ publicKey }) => publicKey).join('\n'));
  await publish(keys[0], 3);
  await solve();
  await publish(keys[1], 2);
  await problemOf(solve());
  const [question] = asking();
  const before = JSON.stringify(site.lock);
  for (const word of ['yes', 'no', '', 'constructor'])
    expect(await problemOf(answer(word))).toMatchObject({
      code: 'not-confirmed',
      params: { step: 'plan-medium@site' },
    });
  expect(JSON.stringify(site.lock)).toBe(before);

  await publish(third, 1);
  await problemOf(solve());
  const [ask, settle] = asking();
  if (question?.kind !== 'ask' || ask?.kind !== 'ask' || settle?.kind !== 'work') throw new Error('nothing is asked');
  expect(ask.question.id).not.toBe(question.question.id);
  const given = { instance: 'plan-medium@site', id: question.question.id, value: 'accept', by: 'test' };
  await site.append({ kind: 'answered', ...given });
  expect((await problemOf(work(settle.job, settle.args))).code).toBe('not-confirmed');
});

it('of a source that the plan no longer names is not asked about', async () => {
  await publish(keys[0], 3);
  await solve();
  await publish(keys[1], 2);
  await problemOf(solve());
  expect(asking()).toHaveLength(2);
  const path = ['sources', system, 'vendor', 'url'];
  await site.editPlan(() => [{ path, value: `${server.url}/elsewhere` }]);
  expect(asking()).toEqual([]);
  await site.editPlan(() => [{ path, value: `${server.url}/vendor/` }]);
  expect(asking()).toHaveLength(2);
});

it('is not accepted when nobody offered it', async () => {
  const made = { what: `${server.url}/vendor/InRelease`, was: 'A', now: 'B', asked: 'plan-medium@site' };
  expect((await problemOf(work('settle-signer', made))).code).toBe('plan-changed');
  expect(site.lock.accepted).toBeUndefined();
});

it('of a release’s entry is refused by its certificate; that of our own key may give way', async () => {
  const [former, later, own] = await Promise.all(
    ['former', 'later', 'own'].map((name) => makeCacheKey(name, new Date())),
  );
  if (former === undefined || later === undefined || own === undefined) throw new Error('no keys');
  const entry = (certificate: string, of = system) => {
    const text = { sha512: 'a'.repeat(128), sizeBytes: 1, entry: '{}', signature: 'x' };
    return { ...text, system: of, certificate };
  };
  const lockWith = (certificate: string) =>
    site.updateLock((lock) => ({
      ...lock,
      keys: {
        ...Object.fromEntries(
          ['cacheFingerprint', 'repositoryKey', 'repositoryFingerprint', 'manifestKey', 'manifestFingerprint'].map(
            (name) => [name, 'x'],
          ),
        ),
        cacheCertificate: own.certificatePem,
      } as never,
      releases: { 'slapos-master': { url: 'https://x.example/1', md5: 'b'.repeat(32), entries: [entry(certificate)] } },
    }));
  await lockWith(former.certificatePem);
  await refuseChangedSigners(site, 'slapos-master', [
    entry(former.certificatePem),
    entry(later.certificatePem, 'debian-13-amd64'),
  ]);
  await refuseChangedSigners(site, 'other', [entry(later.certificatePem)]);
  const params = { what: `slapos-master (${system})`, was: former.fingerprint, now: later.fingerprint };
  const refused = await problemOf(refuseChangedSigners(site, 'slapos-master', [entry(later.certificatePem)]));
  expect(refused).toMatchObject({ code: 'signer-changed', params });
  await answer('accept');
  await refuseChangedSigners(site, 'slapos-master', [entry(later.certificatePem)]);
  await lockWith(own.certificatePem);
  await refuseChangedSigners(site, 'slapos-master', [entry(former.certificatePem)]);
});

/** What a step says of keys, and its verdict, with the site's folder as it lies there. */
async function seen(step: typeof fetchVendorPackages | typeof solvePackages | typeof planMedium) {
  const sights = prepareSights({ vaultPath: '/nowhere', trustFolder: '/nowhere' });
  const told: Record<string, unknown> = {
    'medium-plan': {
      unresolved: { vendor: [system], packages: [system], software: [] },
      ...{ absent: [], items: [], limit: null, large: [], unsized: [], volumes: [], speed: null },
    },
    'packages-at-hand': false,
    'repository-current': false,
    'machine-baselines': { mark: '', machines: [], unusable: null },
  };
  const world = {
    medium: async () => null,
    sight: async (name: string, args: never) => told[name] ?? sights[name]?.(args, context),
  };
  const { plan, lock } = site;
  const subject = step === planMedium ? { kind: 'site' } : { kind: 'system', name: system };
  const asked = { site: plan, lock, subject, input: {}, needs: [], earlier: { skipped: [] } } as never;
  const facts = (await step.read(world as never, asked)) as never;
  const { state, findings } = step.verdict(facts, asked);
  return {
    keys: step.found(facts, asked).filter(({ key }) => /Key$|keyBefore$/.test(key)),
    state,
    codes: findings.map(({ code }) => code),
  };
}

it('shows the fingerprint of every key before the first list is fetched, and says when it is another than before', async () => {
  const [former, later] = keys.map(({ fingerprint }) => groupedFingerprint(fingerprint));
  const vendorKey = (fingerprint: string | undefined) => ({
    key: 'steps.plan-medium.found.vendorKey',
    params: { name: './keys.asc', fingerprint },
  });
  const archiveKey = (fingerprint: string | undefined) => ({
    key: 'steps.plan-medium.found.archiveKey',
    params: { sources: 'debian', name: './keys.asc', fingerprint },
  });
  const both = [vendorKey(former), vendorKey(later), archiveKey(former), archiveKey(later)];
  expect(former).toMatch(/^([0-9A-F]{4} ){9}[0-9A-F]{4}$/);
  expect(await seen(planMedium)).toEqual({ keys: both, state: 'todo', codes: [] });
  expect(await seen(fetchVendorPackages)).toEqual({ keys: both.slice(0, 2), state: 'todo', codes: [] });
  expect(await seen(solvePackages)).toEqual({ keys: both, state: 'todo', codes: [] });

  await publish(keys[0], 2);
  await solve();
  expect((await seen(fetchVendorPackages)).keys).toEqual(both.slice(0, 2));
  const path = join(site.folder, 'keys.asc');
  await writeFile(path, keys[1].publicKey);
  const { keys: changed } = await seen(fetchVendorPackages);
  const before = { source: 'vendor', name: './keys.asc', before: former };
  expect(changed).toEqual([vendorKey(later), { key: 'steps.plan-medium.found.keyBefore', params: before }]);
});

it('asks for a key that is not there before anything is fetched', async () => {
  await rm(join(site.folder, 'keys.asc'));
  for (const step of [planMedium, fetchVendorPackages, solvePackages])
    expect(await seen(step)).toMatchObject({ keys: [], state: 'blocked', codes: ['archive-key-missing'] });
});
