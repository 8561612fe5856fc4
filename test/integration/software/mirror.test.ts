// Releases from a software cache on loopback: what is chosen, what is refused, and the command line as built, killed in the
// middle of a download, which goes on where it was.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textsOf } from '../../../src-main/performers/expected-files.ts';
import { withEntries } from '../../../src-main/performers/locked-entries.ts';
import { makeFetch } from '../../../src-main/platform/fetch.ts';
import { hashFile } from '../../../src-main/platform/files.ts';
import { certificateFingerprint, makeCacheKey } from '../../../src-main/software/certificate.ts';
import { targetOf } from '../../../src-main/software/compatibility.ts';
import { chooseEntry, makeEntry, parseIndexDocument, signEntry } from '../../../src-main/software/entry.ts';
import { cachedBlob, downloadBlobs, lookUpRelease } from '../../../src-main/software/mirror.ts';
import { splitCertificates, trustedCertificates } from '../../../src-main/software/trusted.ts';
import { emptyLock, siteLock } from '../../../src-shared/lock.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { exitCodes } from '../../../src-shared/problem.ts';
import { md5Of, type Signer, sha512Of, startUpstream, type Upstream } from '../../fakes/upstream-cache.ts';

const url = 'https://example.org/raw/1.0.358/software/slapos-master/software.cfg';
const systems = ['debian-12-amd64', 'debian-12-arm64'] as const;
const fetch = makeFetch({
  attempts: 2,
  firstDelayMs: 1,
  stallMs: 2000,
  clock: { now: () => new Date(), monotonicMs: () => performance.now(), sleep: async () => undefined },
});

let work: string;
let upstream: Upstream;
let first: Signer;
let second: Signer;
const blobs = { 'debian-12-amd64': randomBytes(300_000), 'debian-12-arm64': randomBytes(200_000) };

/** As upstream writes it: another order of fields than ours, blanks, and one of the current kind without dummies. */
const upstreamEntry = (sha512: string, system: string, softwareUrl = url): string => {
  const { multiarch, distribution } = targetOf(system);
  const fields = { sha512, multiarch, software_url: softwareUrl, software_root: '/opt/slapgrid', os: distribution };
  return JSON.stringify(fields, null, 1);
};

type Pair = readonly [entry: string, signature: string];
const signed = async (signer: Signer, entry: string): Promise<Pair> => [entry, await signer.sign(entry)];
const publish = (pairs: readonly Pair[], address = url): void => {
  upstream.files.set(`shadir/${md5Of(address)}`, Buffer.from(JSON.stringify(pairs)));
};
let sound: readonly Pair[];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'fieldkit-mirror-'));
  upstream = await startUpstream();
  first = await upstream.newSigner('first');
  second = await upstream.newSigner('second');
  sound = [
    await signed(first, upstreamEntry('d'.repeat(128), 'debian-11-amd64')),
    await signed(first, upstreamEntry(sha512Of(blobs['debian-12-amd64']), 'debian-12-amd64')),
    await signed(second, upstreamEntry(sha512Of(blobs['debian-12-arm64']), 'debian-12-arm64')),
  ];
});
afterAll(async () => {
  await upstream.close();
  await rm(work, { recursive: true, force: true });
});
beforeEach(() => {
  upstream.files.clear();
  upstream.redirects.clear();
  upstream.asked.length = 0;
  for (const bytes of Object.values(blobs)) upstream.files.set(`shacache/${sha512Of(bytes)}`, bytes);
  publish(sound);
});

const signal = new AbortController().signal;
const lookUp = (certificates: readonly string[], wanted: readonly string[] = systems) =>
  lookUpRelease({ source: upstream, certificates, url, systems: wanted, cacheFolder: work }, { fetch, signal });
const both = () => [first.certificatePem, second.certificatePem];

describe('looking a release up', () => {
  it('takes the entry of each system byte for byte, with who signed it and its size, and no archive yet', async () => {
    const entries = await lookUp(both());
    expect(entries).toEqual([
      {
        system: 'debian-12-amd64',
        sha512: sha512Of(blobs['debian-12-amd64']),
        sizeBytes: 300_000,
        entry: sound[1]?.[0],
        signature: sound[1]?.[1],
        certificate: first.certificatePem,
      },
      {
        system: 'debian-12-arm64',
        sha512: sha512Of(blobs['debian-12-arm64']),
        sizeBytes: 200_000,
        entry: sound[2]?.[0],
        signature: sound[2]?.[1],
        certificate: second.certificatePem,
      },
    ]);
    expect(entries[0]?.signature.trim()).toContain('\n');
    expect(upstream.asked.map((line) => line.split('/')[0])).toEqual(['GET shadir', 'HEAD shacache', 'HEAD shacache']);
  });

  it('stands beside an entry of our own on the medium, neither hiding the other, every certificate carried', async () => {
    const key = await makeCacheKey('ours', new Date());
    const own = makeEntry({ sha512: 'e'.repeat(128), ...targetOf('debian-13-amd64'), softwareUrl: url });
    const signature = signEntry(own, key.privateKeyPem);
    const common = { sizeBytes: 1, certificate: key.certificatePem };
    const ours = { system: 'debian-13-amd64', sha512: 'e'.repeat(128), entry: own, signature, ...common };
    const release = { name: 'slapos-master', url };
    const lock = siteLock.parse(withEntries(withEntries(emptyLock, release, await lookUp(both())), release, [ours]));
    const document = textsOf(lock, 'somewhere')[mediumPaths.index(md5Of(url))] ?? '';
    expect(JSON.parse(document)).toEqual([sound[1], sound[2], [own, signature]]);
    const carried = trustedCertificates(lock);
    expect(carried).toEqual([...both(), key.certificatePem].flatMap(splitCertificates));
    const read = parseIndexDocument(document, url);
    const taken = [...systems, 'debian-13-amd64'].map(
      (system) => chooseEntry(read, targetOf(system), carried, url).entry,
    );
    expect(taken).toEqual([sound[1]?.[0], sound[2]?.[0], own]);
  });

  it.each<[string, () => unknown, object]>([
    [
      'an entry altered by one character',
      () => publish([[sound[1]?.[0].replace('"os"', '"oS"') ?? '', sound[1]?.[1] ?? '']]),
      { code: 'entry-not-for-target' },
    ],
    [
      'an entry that names another archive than was signed',
      () => publish([[upstreamEntry('f'.repeat(128), 'debian-12-amd64'), sound[1]?.[1] ?? '']]),
      { code: 'entry-signature-bad' },
    ],
    [
      'a release that is there for other systems only',
      () => publish(sound.slice(0, 1)),
      {
        code: 'entry-not-for-target',
        data: {
          params: {
            url,
            wanted: 'debian 12 bookworm, x86_64-linux-gnu',
            found: 'debian 11 bullseye, x86_64-linux-gnu',
          },
        },
      },
    ],
    [
      'a release that is not there',
      () => upstream.files.delete(`shadir/${md5Of(url)}`),
      { code: 'release-not-in-cache' },
    ],
    [
      'an archive that is not there',
      () => upstream.files.delete(`shacache/${sha512Of(blobs['debian-12-amd64'])}`),
      { code: 'release-not-in-cache' },
    ],
    [
      'an index that is elsewhere',
      () => {
        upstream.files.set('shadir/elsewhere', upstream.files.get(`shadir/${md5Of(url)}`) ?? Buffer.of());
        upstream.redirects.set(`shadir/${md5Of(url)}`, '/shadir/elsewhere');
      },
      { code: 'download-failed', data: { params: { detail: 'HTTP 302' } } },
    ],
    [
      'what is no index',
      () => upstream.files.set(`shadir/${md5Of(url)}`, Buffer.from('<html>')),
      { code: 'entry-malformed' },
    ],
  ])('refuses %s', async (_what, arrange, wanted) => {
    arrange();
    await expect(lookUp(both(), ['debian-12-amd64'])).rejects.toMatchObject(wanted);
    expect(upstream.asked.filter((line) => line.startsWith('GET shacache'))).toEqual([]);
  });

  it('refuses entries that another certificate signed', async () => {
    await expect(lookUp([second.certificatePem])).rejects.toMatchObject({ code: 'entry-signature-bad' });
  });

  it('refuses a genuine entry of another release, filed under this one', async () => {
    const other = url.replace('1.0.358', '1.0.349');
    publish([await signed(first, upstreamEntry(sha512Of(blobs['debian-12-amd64']), 'debian-12-amd64', other))]);
    await expect(lookUp(both(), ['debian-12-amd64'])).rejects.toMatchObject({
      code: 'entry-of-another-release',
      data: { params: { url, found: other } },
    });
  });
});

describe('downloading an archive', () => {
  it('refuses one that is not what was signed for, and leaves nothing under its name', async () => {
    const [entry] = await lookUp(both());
    if (entry === undefined) throw new Error('no entry');
    const tampered = Buffer.from(blobs['debian-12-amd64']);
    tampered[1000] = (tampered[1000] ?? 0) ^ 1;
    upstream.files.set(`shacache/${entry.sha512}`, tampered);
    const means = { fetch, signal, onProgress: () => undefined };
    await expect(downloadBlobs({ source: upstream, entries: [entry], cacheFolder: work }, means)).rejects.toMatchObject(
      {
        code: 'download-wrong-hash',
      },
    );
    expect(existsSync(cachedBlob(work, entry.sha512))).toBe(false);
    upstream.files.set(`shacache/${entry.sha512}`, tampered.subarray(1));
    await expect(downloadBlobs({ source: upstream, entries: [entry], cacheFolder: work }, means)).rejects.toMatchObject(
      {
        code: 'download-wrong-size',
      },
    );
    upstream.files.set(`shacache/${entry.sha512}`, blobs['debian-12-amd64']);
    await downloadBlobs({ source: upstream, entries: [entry], cacheFolder: work }, means);
    expect(await hashFile(cachedBlob(work, entry.sha512), 'sha512')).toBe(entry.sha512);
  });
});

describe('the program', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const out = join(root, 'out', 'cli-of-mirror-test');
  const large = randomBytes(64 * 1024 * 1024);
  let home: string;

  beforeAll(async () => {
    await build({ configFile: join(root, 'cli.vite.config.ts'), root, logLevel: 'error', build: { outDir: out } });
    home = join(work, 'home');
    for (const stick of ['stick', 'other-stick']) await mkdir(join(work, stick));
    await mkdir(home);
    await writeFile(join(work, 'upstream.pem'), both().join(''));
    await writeFile(
      join(work, 'plan.yaml'),
      `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: "fd00::1", release: "12", interface: eth0 }
releases:
  - { name: slapos-master, url: ${url} }
sources:
  cache: { index: ${upstream.index}/, blobs: ${upstream.blobs}, certificates: [${join(work, 'upstream.pem')}] }
`,
    );
  });
  afterAll(() => rm(out, { recursive: true, force: true }));
  beforeEach(async () => {
    upstream.files.set(`shacache/${sha512Of(large)}`, large);
    publish([await signed(second, upstreamEntry(sha512Of(large), 'debian-12-amd64'))]);
    upstream.sentBytes = 0;
  });

  const start = (words: readonly string[]) =>
    spawn(process.execPath, [join(out, 'fieldkit.mjs'), ...words, '--json'], {
      env: { ...process.env, FIELDKIT_HOME: home, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const ended = async (child: ReturnType<typeof start>) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, said };
  };
  const mirror = (stick: string) => [
    ...['run', 'describe-site', 'choose-medium', 'mirror-software', '--site', 'office', '--yes'],
    ...['--input', `choose-medium@site.path=${join(work, stick)}`],
  ];
  const onStick = (stick: string) => readFile(join(work, stick, 'fieldkit', mediumPaths.blob(sha512Of(large))));

  it('is killed three times in the middle of a download, and fetches next to nothing twice', async () => {
    expect((await ended(start(['sites', 'create', join(work, 'plan.yaml')]))).code).toBe(0);
    upstream.pauseMs = 2;
    for (const share of [0.2, 0.45, 0.8]) {
      const child = start(mirror('stick'));
      const over = ended(child);
      upstream.onSent = () => {
        if (upstream.sentBytes <= share * large.length) return true;
        child.kill('SIGKILL');
        return false;
      };
      expect((await over).code).toBe(null);
    }
    upstream.onSent = null;
    upstream.pauseMs = 0;
    const last = await ended(start(mirror('stick')));
    expect([last.code, last.said]).toEqual([0, expect.stringContaining('mirror-software')]);
    expect((await onStick('stick')).equals(large)).toBe(true);
    expect(upstream.sentBytes).toBeGreaterThanOrEqual(large.length);
    // What was on its way at each kill is lost, at most one chunk; what was written is not.
    expect(upstream.sentBytes).toBeLessThanOrEqual(large.length + 3 * 8 * 1024 * 1024);
  });

  it('fills a second medium without a network', async () => {
    const before = upstream.asked.length;
    const second = await ended(start(mirror('other-stick')));
    expect([second.code, second.said]).toEqual([0, expect.stringContaining('mirror-software')]);
    expect((await onStick('other-stick')).equals(large)).toBe(true);
    expect(upstream.asked.slice(before)).toEqual([]);
  });

  it('takes the next version from another signer only after a person has compared the two certificates', async () => {
    const next = url.replace(/raw\/[^/]+/, 'raw/2.0.0');
    expect(next).not.toBe(url);
    publish([await signed(first, upstreamEntry(sha512Of(large), 'debian-12-amd64', next))], next);
    const plan = join(home, 'data/sites/office/site.yaml');
    await writeFile(plan, (await readFile(plan, 'utf8')).replace(url, next));
    const refused = await ended(start(mirror('stick')));
    expect(refused.code).toBe(exitCodes.trust);
    expect(refused.said).toContain('"code":"signer-changed"');
    for (const { certificatePem } of [first, second])
      expect(refused.said).toContain(certificateFingerprint(certificatePem));
    // A yes to everything that changes something is no answer to this.
    const asked = await ended(start(mirror('stick')));
    expect(asked.code).toBe(exitCodes.unanswered);
    const answers = join(work, 'answers.json');
    const question = (now: string) => `signer:slapos-master (debian-12-amd64):${now}`;
    // Nor is one that was given to another signer.
    const former = certificateFingerprint(second.certificatePem);
    await writeFile(answers, JSON.stringify({ [question(former)]: 'accept' }));
    expect((await ended(start([...mirror('stick'), '--answers', answers]))).code).toBe(exitCodes.unanswered);
    const named = question(certificateFingerprint(first.certificatePem));
    expect(asked.said).toContain(named);
    await writeFile(answers, JSON.stringify({ [named]: 'look-again' }));
    const looked = await ended(start([...mirror('stick'), '--answers', answers]));
    expect([looked.code, looked.said]).toEqual([exitCodes.trust, expect.stringContaining('"code":"signer-changed"')]);
    await writeFile(answers, JSON.stringify({ [named]: 'accept' }));
    const taken = await ended(start([...mirror('stick'), '--answers', answers]));
    expect([taken.code, taken.said]).toEqual([0, expect.stringContaining('"job":"settle-signer"')]);
    const document = await readFile(join(home, 'data/sites/office/site.lock'), 'utf8');
    expect(JSON.parse(document).accepted).toEqual([
      {
        what: 'slapos-master (debian-12-amd64)',
        was: certificateFingerprint(second.certificatePem),
        now: certificateFingerprint(first.certificatePem),
      },
    ]);
  });
});
