// A preparation of more than a gigabyte, killed again and again at points that a seed decides, then updated and killed again:
// what was fetched is fetched once, and at every moment the medium is an old valid one or a new valid one.
// FIELDKIT_KILLS says how often (12), FIELDKIT_SEED where; `npm run lab -- kills` does a hundred.
import { spawn } from 'node:child_process';
import { createCipheriv, createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { verifyMedium } from '../../../src-main/medium/verify.ts';
import { hashFile } from '../../../src-main/platform/files.ts';
import { keyPath, practiceHosts, servedFolder, writeArchives } from '../../../src-main/practice/archives.ts';
import { makeCacheKey } from '../../../src-main/software/certificate.ts';
import { indexDocument, makeEntry, signEntry, urlKey } from '../../../src-main/software/entry.ts';
import { exitCodes } from '../../../src-shared/problem.ts';
import { unless } from '../../unless.ts';

const kills = Number(process.env.FIELDKIT_KILLS ?? 12);
const seed = Number(process.env.FIELDKIT_SEED ?? 20_261_122);
const chunkBytes = 8 * 1024 * 1024;
/** At most so many downloads are open at one host. */
const openDownloads = 4;

/** Upstream, cache and medium hold the content once each; to that comes what is published anew between the kills. */
const roomBytes = 4e9 + kills * 60e6;
const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
};
/** Where Debian 13 keeps /tmp in memory, /var/tmp is on the disk. */
const places = [process.env.TMPDIR ?? '/var/tmp', tmpdir()];
const place = places.find((path) => freeBytes(path) > roomBytes);
const noRoom = `${(roomBytes / 1e9).toFixed(1)} GB are needed in ${places.join(' or ')}: free some, or name a folder with TMPDIR`;

/** Mulberry32: the same numbers for the same seed. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const out = join(root, 'out', 'cli-of-kills-test');
const random = randomOf(seed);
let work: string;
let upstream: string;
let server: Server;
let base: string;
/** Bytes of content that clients took, by path. */
const sent = new Map<string, number>();

const releaseUrl = (version: string) => `https://example.invalid/raw/${version}/software/slapos-master/software.cfg`;

beforeAll(async () => {
  work = await mkdtemp(join(place ?? tmpdir(), 'fieldkit-kills-'));
  upstream = join(work, 'upstream');
  await build({ configFile: join(root, 'cli.vite.config.ts'), root, logLevel: 'error', build: { outDir: out } });
  await writeArchives(upstream, new Date());
  server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 300_000);
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(work, { recursive: true, force: true });
  await rm(out, { recursive: true, force: true });
});

/** Files below `upstream/network`, with ranges, tags and conditions as a static server has them. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = decodeURIComponent((request.url ?? '/').slice(1));
  const file = join(upstream, 'network', path);
  const found = await stat(file).catch(() => null);
  if (found?.isFile() !== true) return void response.writeHead(404).end();
  const etag = `"${found.size}-${path.length}"`;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'] ?? etag;
  const partly = range !== null && condition === etag;
  const start = partly ? Number(range[1]) : 0;
  const end = partly && range[2] ? Number(range[2]) + 1 : found.size;
  const part = partly ? { 'content-range': `bytes ${start}-${end - 1}/${found.size}` } : {};
  response.writeHead(partly ? 206 : 200, { 'content-length': end - start, etag, ...part });
  if (request.method === 'HEAD' || start >= end) return void response.end();
  const reading = createReadStream(file, { start, end: end - 1, highWaterMark: 64 * 1024 });
  for await (const piece of reading) {
    if (response.destroyed) return;
    sent.set(path, (sent.get(path) ?? 0) + (piece as Buffer).length);
    // What a killed client never took is still in the kernel's hands, a few megabytes at most.
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const over = () => {
      response.off('drain', over).off('close', over);
      resolve();
    };
    response.on('drain', over).on('close', over);
  });

/** An archive of the software cache: bytes that do not compress, as many as asked, under their sha512. */
async function addArchive(name: string, sizeBytes: number): Promise<string> {
  const folder = servedFolder(upstream, practiceHosts.blobs);
  await mkdir(folder, { recursive: true });
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(name).digest(), Buffer.alloc(16));
  const hash: Hash = createHash('sha512');
  const writing = createWriteStream(join(folder, name));
  for (let done = 0; done < sizeBytes; done += 4 * 1024 * 1024) {
    const block = cipher.update(Buffer.alloc(Math.min(4 * 1024 * 1024, sizeBytes - done)));
    hash.update(block);
    if (!writing.write(block)) await once(writing, 'drain');
  }
  writing.end();
  await finished(writing);
  const sha512 = hash.digest('hex');
  await rename(join(folder, name), join(folder, sha512));
  return sha512;
}

const systems = ['debian-12-amd64', 'debian-12-arm64'] as const;
const multiarch = { 'debian-12-amd64': 'x86_64-linux-gnu', 'debian-12-arm64': 'aarch64-linux-gnu' } as const;

async function publish(url: string, key: string, archives: readonly string[]): Promise<void> {
  const entries = systems.slice(0, archives.length).map((system, index) => {
    const entry = makeEntry({
      sha512: archives[index] ?? '',
      multiarch: multiarch[system],
      distribution: ['debian', '12', 'bookworm'],
      softwareUrl: url,
    });
    return { entry, signature: signEntry(entry, key) };
  });
  const folder = servedFolder(upstream, practiceHosts.index);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, urlKey(url)), indexDocument(entries));
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Runs the program; killed for good after `killAfterMs`, unless it ends before. */
function fieldkit(words: readonly string[], killAfterMs?: number): Promise<Ended> {
  const child = spawn(process.execPath, [join(out, 'fieldkit.mjs'), ...words, '--json'], {
    env: { ...process.env, FIELDKIT_HOME: join(work, 'home'), LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += String(piece)));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, said: said.slice(-3000) });
    }),
  );
}

const planOf = (version: string): string => `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: "fd00::1", release: "12", interface: eth0 }
releases:
  - { name: slapos-master, url: ${releaseUrl(version)} }
  - { name: re6stnet, url: ${releaseUrl('mesh')} }
  - { name: rapid-cdn, url: ${releaseUrl('cdn')} }
sources:
  cache:
    index: ${base}/${practiceHosts.index}
    blobs: ${base}/${practiceHosts.blobs}
    certificates: [${join(work, 'upstream.pem')}]
  debian-12-amd64:
    vendor: { url: ${base}/${practiceHosts.vendor}/Debian_12, key: ${keyPath(upstream, 'vendor')} }
    archives:
      - name: debian
        url: ${base}/${practiceHosts.archive}/debian
        suites: [bookworm]
        components: [main]
        key: ${keyPath(upstream, 'archive')}
`;

describe('a preparation that is killed', unless(place === undefined ? noRoom : null), () => {
  it(`${kills} times fetches nothing twice, and never leaves a torn medium`, { timeout: 60 * 60_000 }, async () => {
    const key = await makeCacheKey('Upstream of a test', new Date());
    await writeFile(join(work, 'upstream.pem'), key.certificatePem);
    const stick = join(work, 'stick');
    await mkdir(stick);
    const mega = 1024 * 1024;
    const blobs = [
      await addArchive('first', 420 * mega),
      await addArchive('mesh', 330 * mega),
      await addArchive('cdn', 280 * mega),
    ];
    await publish(releaseUrl('1'), key.privateKeyPem, blobs.slice(0, 1));
    await publish(releaseUrl('mesh'), key.privateKeyPem, blobs.slice(1, 2));
    await publish(releaseUrl('cdn'), key.privateKeyPem, blobs.slice(2, 3));
    await writeFile(join(work, 'plan.yaml'), planOf('1'));
    await writeFile(join(work, 'answers.json'), JSON.stringify({ passphrase: 'a passphrase for kills' }));
    const site = join(work, 'home/data/sites/office');
    expect(await fieldkit(['sites', 'create', join(work, 'plan.yaml')])).toMatchObject({ code: 0 });
    const prepare = ['run', 'prepare', '--site', 'office', '--yes', '--answers', join(work, 'answers.json')];
    prepare.push('--input', `choose-medium@site.path=${stick}`);

    const medium = join(stick, 'fieldkit');
    /** Number of the generation that stands, everything it lists read back; 0 while none was ever sealed. */
    const standing = async (): Promise<number> => {
      const opened = await openManifest(medium, null).catch((thrown: { code?: string }) => {
        if (thrown.code === 'medium-unsealed' || thrown.code === 'medium-absent') return null;
        throw thrown;
      });
      if (opened === null) return 0;
      const { findings } = await verifyMedium(medium, opened.manifest);
      expect(findings.filter(({ code }) => code !== 'medium-file-unlisted')).toEqual([]);
      return opened.manifest.generation;
    };

    let [killed, sealed, version] = [0, 0, 1];
    let wantedBytes = 1030 * mega;
    // As long as a whole one takes at most: learnt from those that ended by themselves.
    let spanMs = 25_000;
    while (killed < kills || sealed === 0) {
      const started = Date.now();
      const ended = await fieldkit(prepare, killed < kills ? 300 + random() * spanMs : undefined);
      const now = await standing();
      // The one that stood, or the next: never none, never a mixture.
      expect([sealed, sealed + 1], ended.said).toContain(now);
      if (ended.code === null) {
        killed += 1;
        sealed = now;
        continue;
      }
      expect(ended.code, ended.said).toBe(exitCodes.done);
      expect(now).toBeGreaterThan(0);
      spanMs = Math.max(4000, Math.min(spanMs, (Date.now() - started) * 1.2));
      sealed = now;
      // Done before its turn to die: the next version of one release is wanted.
      version += 1;
      await publish(releaseUrl(String(version)), key.privateKeyPem, [await addArchive(`again ${version}`, 40 * mega)]);
      wantedBytes += 40 * mega;
      const path = join(site, 'site.yaml');
      await writeFile(path, (await readFile(path, 'utf8')).replace(/raw\/\d+\//, `raw/${version}/`));
    }
    const last = await fieldkit(prepare);
    expect(last.code, last.said).toBe(exitCodes.done);
    expect(await standing()).toBeGreaterThan(0);

    // The content is what upstream has, byte for byte.
    for (const sha512 of blobs.slice(1)) expect(await hashFile(join(medium, 'bcache', sha512), 'sha512')).toBe(sha512);
    // And nothing is fetched that was fetched: all but what was on its way at each kill.
    const isContent = (path: string): boolean => path.startsWith(practiceHosts.blobs);
    const sentBytes = [...sent].filter(([path]) => isContent(path)).reduce((sum, [, bytes]) => sum + bytes, 0);
    const most = wantedBytes * 1.02 + killed * openDownloads * chunkBytes;
    console.log(
      `kills: ${killed} with seed ${seed}, ${sealed} generations sealed; ${wantedBytes} bytes wanted, ${sentBytes} sent, ratio ${(sentBytes / wantedBytes).toFixed(4)}`,
    );
    expect(sentBytes).toBeLessThanOrEqual(most);
  });
});
