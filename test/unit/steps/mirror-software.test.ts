import { beforeAll, describe, expect, it } from 'vitest';
import type { Context, World } from '../../../src-main/runbook/define.ts';
import { instancesOf } from '../../../src-main/runbook/instances.ts';
import { type CacheKey, makeCacheKey } from '../../../src-main/software/certificate.ts';
import { targetOf } from '../../../src-main/software/compatibility.ts';
import { makeEntry, signEntry, urlKey } from '../../../src-main/software/entry.ts';
import { importSoftware } from '../../../src-main/steps/prepare/import-software.ts';
import { mirrorSoftware } from '../../../src-main/steps/prepare/mirror-software.ts';
import type { Json } from '../../../src-shared/json.ts';
import { emptyLock, type LockedEntry, type SiteLock } from '../../../src-shared/lock.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const url = 'https://example.org/raw/1.0.499/software/slapos-master/software.cfg';
const hash = 'a'.repeat(128);
const planWith = (release: object) =>
  sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [
      { name: 'm', roles: ['master'], address: 'fd00::1', release: '12', interface: 'eth0' },
      { name: 'n', roles: ['node'], address: 'fd00::2', release: '13', interface: 'eth0' },
    ],
    releases: [{ name: 'slapos-master', url, ...release }],
  });
const mixed = { archives: { 'debian-13-amd64': '/archive' } };
const subject = { kind: 'release', name: 'slapos-master' } as const;

let upstream: CacheKey;
let entry: LockedEntry;
beforeAll(async () => {
  upstream = await makeCacheKey('upstream', new Date());
  const text = makeEntry({ sha512: hash, ...targetOf('debian-12-amd64'), softwareUrl: url });
  const signature = signEntry(text, upstream.privateKeyPem);
  const common = { sha512: hash, sizeBytes: 5000, certificate: upstream.certificatePem };
  entry = { system: 'debian-12-amd64', entry: text, signature, ...common };
});

const contextOf = (lock: SiteLock): Context<Readonly<Record<string, Json>>> => ({
  site: planWith(mixed),
  lock,
  subject,
  input: {},
  needs: [],
  earlier: { answers: {}, skipped: [], everDone: false, formerly: null, commands: [] },
  record: () => undefined,
});
const lockOf = (...entries: LockedEntry[]): SiteLock => ({
  ...emptyLock,
  releases: { 'slapos-master': { url, md5: urlKey(url), entries } },
});

type Certificates = {
  trusted: { name: string; fingerprint: string }[];
  unusable: null | { name: string; detail: string };
};
const trusting = (...fingerprints: string[]): Certificates => ({
  trusted: fingerprints.map((fingerprint) => ({ name: 'upstream.pem', fingerprint })),
  unusable: null,
});

type Offered = readonly { readonly built: string; readonly verdict: string }[];

async function lookAt(
  certificates: Certificates,
  lock: SiteLock,
  files: Record<string, number> = {},
  offered: Offered = [],
) {
  const world = {
    medium: async () => ({ root: '/m', label: 'm', freeBytes: 1, fileSystem: 'ext4', files }),
    sight: async (name: string) => (name === 'software-entries' ? offered : certificates),
  } as unknown as World;
  const context = contextOf(lock);
  const facts = await mirrorSoftware.read(world, context);
  const verdict = mirrorSoftware.verdict(facts, context);
  const commands = verdict.state === 'todo' ? mirrorSoftware.plan(facts, context) : [];
  return {
    state: verdict.state,
    codes: verdict.findings.map(({ code }) => code),
    found: mirrorSoftware.found(facts, context).map(({ key }) => key.replace('steps.mirror-software.', '')),
    jobs: commands.map((command) => (command.kind === 'work' ? [command.job, command.args.systems] : [])),
    noted: commands.map((command) => ('note' in command ? command.note?.params : undefined)),
  };
}

describe('mirror-software', () => {
  it('says why each other entry of the index is not taken', async () => {
    const offered = [
      { built: 'debian 11 bullseye, x86_64-linux-gnu', verdict: 'otherSystem' },
      { built: 'debian 12 bookworm, x86_64-linux-gnu', verdict: 'unsigned' },
      { built: 'debian 12 bookworm, x86_64-linux-gnu', verdict: 'chosen' },
    ];
    const { found } = await lookAt(trusting('AA'), emptyLock, {}, offered);
    expect(found).toEqual(['found.certificate', 'found.unknown', 'found.otherSystem', 'found.unsigned']);
  });

  it('asks for nothing before the plan names whom to believe', async () => {
    expect(await lookAt(trusting(), emptyLock)).toMatchObject({
      state: 'blocked',
      codes: ['cache-certificate-unnamed'],
    });
    const unusable = { name: 'x.pem', detail: 'no such file' };
    expect(await lookAt({ trusted: [], unusable }, lockOf(entry), { [mediumPaths.blob(hash)]: 5000 })).toMatchObject({
      state: 'blocked',
      codes: ['cache-certificate-unusable'],
    });
  });

  it('looks up first, for the systems that no archive is named for, then shows the size, then is done', async () => {
    const trusted = trusting(upstream.fingerprint);
    expect(await lookAt(trusted, emptyLock)).toMatchObject({
      state: 'todo',
      found: ['found.certificate', 'found.unknown'],
      jobs: [['look-up-software', ['debian-12-amd64']]],
      noted: [{ index: `http://shadir.nxdcdn.com/${urlKey(url)}`, systems: 'debian-12-amd64' }],
    });
    expect(await lookAt(trusted, lockOf(entry))).toMatchObject({
      state: 'todo',
      found: ['found.certificate', 'found.chosen'],
      jobs: [['mirror-software', ['debian-12-amd64']]],
      noted: [{ sizeBytes: 5000 }],
    });
    expect(await lookAt(trusted, lockOf(entry), { [mediumPaths.blob(hash)]: 5000 })).toMatchObject({
      state: 'done',
      found: ['found.certificate', 'found.onMedium'],
    });
  });

  it('looks up again what a certificate signed that is trusted no more, and what was for another address', async () => {
    const files = { [mediumPaths.blob(hash)]: 5000 };
    const again = { state: 'todo', jobs: [['look-up-software', ['debian-12-amd64']]] };
    expect(await lookAt(trusting('0'.repeat(64)), lockOf(entry), files)).toMatchObject(again);
    const other = lockOf(entry);
    const moved = { ...other, releases: { 'slapos-master': { url: `${url}x`, md5: urlKey(url), entries: [entry] } } };
    expect(await lookAt(trusting(upstream.fingerprint), moved, files)).toMatchObject(again);
  });

  it('has an instance only for a release that comes from the cache, as import-software for one from a file', () => {
    const runbook = [importSoftware, mirrorSoftware];
    const keys = (release: object) => instancesOf(runbook, planWith(release)).map(({ step }) => step.id);
    expect(keys(mixed)).toEqual(['import-software', 'mirror-software']);
    expect(keys({})).toEqual(['mirror-software']);
    expect(keys({ from: 'file' })).toEqual(['import-software']);
  });
});
