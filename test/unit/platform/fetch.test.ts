import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src-main/platform/clock.ts';
import { type Fetch, forbiddenFetch, makeFetch, routedFetch } from '../../../src-main/platform/fetch.ts';
import { retryAfterMs, shownUrl } from '../../../src-main/platform/http.ts';
import { runLocal } from '../../../src-main/platform/shell.ts';
import type { Problem } from '../../../src-shared/problem.ts';
import { unless, whyWithout } from '../../unless.ts';

const knowsProxies = unless(
  Number(process.versions.node.split('.')[0]) < 22 ? 'this Node does not take a proxy from the environment' : null,
);

const content = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');
const sha512 = createHash('sha512').update(content).digest('hex');
const chunkBytes = 256 * 1024;

/** Sleeps at once and remembers how long it should have been. */
const sleeps: number[] = [];
const fastClock: Clock = {
  now: () => new Date('2026-03-01T00:00:00Z'),
  monotonicMs: () => performance.now(),
  sleep: async (ms) => {
    sleeps.push(ms);
  },
};
const quick: Fetch = makeFetch({ attempts: 4, firstDelayMs: 100, stallMs: 1000, clock: fastClock, chunkBytes });

let server: Server;
let base: string;
let requests: IncomingMessage[] = [];
let answer: (request: IncomingMessage, response: ServerResponse, turn: number) => void;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-fetch-'));
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  requests = [];
  sleeps.length = 0;
});
let count = 0;
const target = () => join(folder, `file-${++count}`);

/** An ordinary static server: ranges, a tag, and a cut after some bytes when asked. */
function serve(options: { tag?: string; cutAt?: number; bytes?: Buffer; ranges?: boolean } = {}) {
  const { tag = '"one"', bytes = content, ranges = true } = options;
  return (request: IncomingMessage, response: ServerResponse): void => {
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const valid = request.headers['if-range'] === undefined || request.headers['if-range'] === tag;
    const partly = asked !== null && ranges && valid;
    const from = partly ? Number(asked[1]) : 0;
    const end = partly && asked[2] !== '' ? Number(asked[2]) + 1 : bytes.length;
    if (partly)
      response.writeHead(206, {
        'content-range': `bytes ${from}-${end - 1}/${bytes.length}`,
        etag: tag,
        'content-length': end - from,
      });
    else response.writeHead(200, { etag: tag, 'content-length': bytes.length });
    const body = bytes.subarray(from, end);
    if (options.cutAt === undefined || body.length <= options.cutAt) response.end(body);
    else response.write(body.subarray(0, options.cutAt), () => setTimeout(() => response.destroy(), 20));
  };
}

describe('fetchBytes', () => {
  it('gives the bytes, and null only for 404', async () => {
    answer = serve();
    expect(Buffer.from(await quick.fetchBytes(`${base}/x`, { limitBytes: 5_000_000 })).equals(content)).toBe(true);
    answer = (_request, response) => response.writeHead(404).end();
    expect(await quick.fetchIfThere(`${base}/x`, { limitBytes: 10 })).toBeNull();
    await expect(quick.fetchBytes(`${base}/x`, { limitBytes: 10 })).rejects.toMatchObject({
      code: 'download-failed',
      data: { params: { detail: 'HTTP 404' } },
    });
    answer = (_request, response) => response.writeHead(403).end();
    requests = [];
    await expect(quick.fetchIfThere(`${base}/x`, { limitBytes: 10 })).rejects.toMatchObject({
      code: 'download-failed',
    });
    expect(requests).toHaveLength(1);
  });

  it('refuses more than allowed, announced or not', async () => {
    answer = serve();
    await expect(quick.fetchBytes(`${base}/x`, { limitBytes: 1000 })).rejects.toMatchObject({
      code: 'download-failed',
    });
    answer = (_request, response) => {
      response.writeHead(200);
      response.end(content);
    };
    await expect(quick.fetchBytes(`${base}/x`, { limitBytes: 1000 })).rejects.toMatchObject({
      code: 'download-failed',
    });
    expect(requests).toHaveLength(2);
  });

  it('gives bytes as they are stored, whatever encoding a server claims', async () => {
    answer = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    expect(Buffer.from(await quick.fetchBytes(`${base}/x`, { limitBytes: 100 })).toString()).toBe('not gzip');
    expect(requests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('follows a redirect', async () => {
    answer = (request, response) =>
      request.url === '/x' ? response.writeHead(302, { location: '/y' }).end() : response.end(`at ${request.url}`);
    expect(Buffer.from(await quick.fetchBytes(`${base}/x`, { limitBytes: 100 })).toString()).toBe('at /y');
  });

  it('follows none where that is refused, to a file neither', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/y', 'content-length': 0 }).end();
    const failed = { code: 'download-failed', data: { params: { detail: 'HTTP 302' } } };
    const redirects = 'refuse' as const;
    await expect(quick.fetchIfThere(`${base}/x`, { limitBytes: 100, redirects })).rejects.toMatchObject(failed);
    await expect(quick.sizeOf(`${base}/x`, { redirects })).rejects.toMatchObject(failed);
    await expect(quick.download({ url: `${base}/x`, to: target(), sha512, redirects })).rejects.toMatchObject(failed);
    expect(requests.map(({ url }) => url)).toEqual(['/x', '/x', '/x']);
  });

  it('asks for a size without the content', async () => {
    answer = serve();
    expect(await quick.sizeOf(`${base}/x`, {})).toBe(content.length);
    expect(requests.map(({ method }) => method)).toEqual(['HEAD']);
    answer = (_request, response) => response.writeHead(404).end();
    expect(await quick.sizeOf(`${base}/x`, {})).toBe(null);
    answer = (_request, response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end();
    await expect(quick.sizeOf(`${base}/x`, {})).rejects.toMatchObject({
      data: { params: { detail: 'no Content-Length' } },
    });
  });

  it('tries again with growing pauses, keeps to Retry-After, and gives up', async () => {
    answer = (_request, response, turn) =>
      turn < 3 ? response.writeHead(503, turn === 2 ? { 'retry-after': '7' } : {}).end() : response.end('ok');
    expect(Buffer.from(await quick.fetchBytes(`${base}/x`, { limitBytes: 100 })).toString()).toBe('ok');
    expect(sleeps[0]).toBeGreaterThanOrEqual(50);
    expect(sleeps[0]).toBeLessThanOrEqual(100);
    expect(sleeps[1]).toBe(7000);
    requests = [];
    answer = (_request, response) => response.writeHead(500).end();
    await expect(quick.fetchBytes(`${base}/x`, { limitBytes: 100 })).rejects.toMatchObject({
      data: { params: { detail: 'HTTP 500' } },
    });
    expect(requests).toHaveLength(4);
  });

  it('names a stall', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('some');
    };
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock, chunkBytes });
    await expect(once.fetchBytes(`${base}/x`, { limitBytes: 100 })).rejects.toMatchObject({
      code: 'download-stalled',
      data: { params: { seconds: 1 } },
    });
  });

  it('stops on request', async () => {
    const controller = new AbortController();
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('some');
      controller.abort();
    };
    const fetching = quick.fetchBytes(`${base}/x`, { limitBytes: 100, signal: controller.signal });
    await expect(fetching).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('never shows a password of a URL', async () => {
    const url = `http://user:hush@127.0.0.1:1/x`;
    const failed = await quick.fetchBytes(url, { limitBytes: 1 }).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(failed)).not.toContain('hush');
    expect(shownUrl(url)).toBe('http://127.0.0.1:1/x');
    await expect(quick.fetchBytes('file:///etc/passwd', { limitBytes: 9 })).rejects.toMatchObject({
      code: 'download-failed',
    });
  });
});

describe('retryAfterMs', () => {
  it.each([
    ['12', 12_000],
    ['Sun, 01 Mar 2026 00:00:30 GMT', 30_000],
    ['Sun, 01 Mar 2020 00:00:30 GMT', 0],
    ['soon', null],
    [null, null],
  ])('%s', (value, wanted) => {
    expect(retryAfterMs(value, fastClock.now())).toBe(wanted);
  });
});

/** What an interrupted download of `/x` leaves: the bytes, and a line for each chunk and for the unfinished one. */
async function leave(to: string, bytes: Buffer): Promise<void> {
  const lines = [JSON.stringify({ url: `${base}/x`, validator: '"one"', chunkBytes })];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    lines.push(`${at + chunk.length} ${createHash('sha256').update(chunk).digest('hex')}`);
  }
  await writeFile(`${to}.part`, bytes);
  await writeFile(`${to}.part.json`, `${lines.join('\n')}\n`);
}

describe('download', () => {
  it('fetches, checks, renames, tells progress, and does nothing the second time', async () => {
    answer = serve();
    const to = join(folder, 'new/folder/file');
    const progress: number[] = [];
    const request = { url: `${base}/x`, to, sha256, sizeBytes: content.length };
    await quick.download({ ...request, onProgress: ({ doneBytes }) => progress.push(doneBytes) });
    expect((await readFile(to)).equals(content)).toBe(true);
    expect(progress.at(-1)).toBe(content.length);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
    expect([existsSync(`${to}.part`), existsSync(`${to}.part.json`)]).toEqual([false, false]);
    await quick.download(request);
    expect(requests).toHaveLength(1);
    await writeFile(to, 'damaged');
    await quick.download({ url: `${base}/x`, to, sha512 });
    expect((await readFile(to)).equals(content)).toBe(true);
  });

  it('resumes where the line was cut, as often as bytes come', async () => {
    answer = serve({ cutAt: 300_000 });
    const to = target();
    await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
    expect((await readFile(to)).equals(content)).toBe(true);
    expect(requests.length).toBeGreaterThan(6);
    expect(requests[1]?.headers['if-range']).toBe('"one"');
    expect(Number(/\d+/.exec(requests[1]?.headers.range ?? '')?.[0])).toBeGreaterThan(0);
  });

  it('resumes in another run, and starts over when the file on the server is another', async () => {
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock, chunkBytes });
    const to = target();
    answer = serve({ cutAt: 1_000_000 });
    await expect(once.download({ url: `${base}/x`, to, sha256 })).rejects.toMatchObject({ code: 'download-failed' });
    expect(existsSync(to)).toBe(false);
    requests = [];
    answer = serve();
    await once.download({ url: `${base}/x`, to, sha256 });
    const from = Number(/\d+/.exec(requests[0]?.headers.range ?? '')?.[0]);
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(1_000_000);

    const other = randomBytes(2_000_000);
    const second = target();
    answer = serve({ cutAt: 1_000_000 });
    await expect(once.download({ url: `${base}/x`, to: second })).rejects.toMatchObject({ code: 'download-failed' });
    answer = serve({ tag: '"two"', bytes: other });
    await once.download({ url: `${base}/x`, to: second, sha256: createHash('sha256').update(other).digest('hex') });
    expect((await readFile(second)).equals(other)).toBe(true);
  });

  it('never joins parts of two files when nothing tells them apart', async () => {
    const to = target();
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
    };
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock, chunkBytes });
    await expect(once.download({ url: `${base}/x`, to })).rejects.toMatchObject({ code: 'download-failed' });
    requests = [];
    answer = serve();
    await once.download({ url: `${base}/x`, to });
    expect(requests[0]?.headers.range).toBeUndefined();
    expect((await readFile(to)).equals(content)).toBe(true);
  });

  it('starts once more when a resumed file has the wrong hash', async () => {
    const to = target();
    // Bytes of another version that nothing told apart: whole, as they were written, and yet the wrong ones.
    await leave(to, randomBytes(700_000));
    answer = serve();
    await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
    expect((await readFile(to)).equals(content)).toBe(true);
    expect(requests.map(({ headers }) => headers.range)).toEqual(['bytes=700000-', undefined]);
  });

  it('fetches damaged chunks alone, goes on behind them, and does so for every place of damage', async () => {
    const chunks = Math.floor(2_000_000 / chunkBytes);
    for (const damaged of [[0], [chunks - 1], [1, 3], [...Array(chunks).keys()]]) {
      const to = target();
      await leave(to, content.subarray(0, 2_000_000));
      const bytes = Buffer.from(content.subarray(0, 2_000_000));
      for (const index of damaged) bytes[index * chunkBytes + 77] = (bytes[index * chunkBytes + 77] ?? 0) ^ 1;
      await writeFile(`${to}.part`, bytes);
      requests = [];
      answer = serve();
      await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
      expect((await readFile(to)).equals(content)).toBe(true);
      const mended = damaged.map((index) => `bytes=${index * chunkBytes}-${(index + 1) * chunkBytes - 1}`);
      expect(requests.map(({ headers }) => headers.range)).toEqual([...mended, 'bytes=2000000-']);
      expect(new Set(requests.map(({ headers }) => headers['if-range']))).toEqual(new Set(['"one"']));
    }
  });

  it.each([5000, chunkBytes + 5000])(
    'keeps %d bytes without a line, and fetches them again only when they were wrong',
    async (more) => {
      const whole = 7 * chunkBytes;
      for (const right of [true, false]) {
        const to = target();
        await leave(to, content.subarray(0, whole));
        const end = right ? content.subarray(whole, whole + more) : randomBytes(more);
        await writeFile(`${to}.part`, Buffer.concat([content.subarray(0, whole), end]));
        requests = [];
        answer = serve();
        await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
        expect((await readFile(to)).equals(content)).toBe(true);
        const bytes = requests.reduce((sum, { headers }) => {
          const [, from, until] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
          return sum + (until ? Number(until) + 1 : content.length) - Number(from);
        }, 0);
        // Wrong ones cost their chunks a second time, and nothing else.
        const twice = Math.ceil(more / chunkBytes) * chunkBytes;
        expect(bytes).toBeLessThanOrEqual(content.length - whole - more + (right ? 0 : twice));
        expect(requests[0]?.headers.range).toBe(`bytes=${whole + more}-`);
      }
    },
  );

  it('remembers across a second interruption what was in doubt', async () => {
    const to = target();
    const whole = 3 * chunkBytes;
    await leave(to, content.subarray(0, whole));
    await writeFile(`${to}.part`, Buffer.concat([content.subarray(0, whole), randomBytes(9000)]));
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock, chunkBytes });
    answer = serve({ cutAt: 4 * chunkBytes });
    const request = { url: `${base}/x`, to, sha256, sizeBytes: content.length };
    await expect(once.download(request)).rejects.toMatchObject({ code: 'download-failed' });
    requests = [];
    answer = serve();
    await once.download(request);
    expect((await readFile(to)).equals(content)).toBe(true);
    // What the cut connection had not handed over yet is not there.
    const ranges = requests.map(({ headers }) => headers.range);
    expect(Number(/\d+/.exec(ranges[0] ?? '')?.[0])).toBeGreaterThan(whole + 9000);
    expect(ranges.slice(1)).toEqual([`bytes=${whole}-${whole + chunkBytes - 1}`]);
  });

  it('drops a damaged end, and no more than that', async () => {
    const whole = 7 * chunkBytes;
    const cases: readonly (readonly [string, Buffer, number])[] = [
      ['an end that was cut off', content.subarray(0, whole - 10), whole - 10],
      ['nothing but the lines', Buffer.alloc(0), 0],
    ];
    for (const [name, bytes, from] of cases) {
      const to = target();
      await leave(to, content.subarray(0, whole));
      await writeFile(`${to}.part`, bytes);
      requests = [];
      answer = serve();
      await quick.download({ url: `${base}/x`, to, sha512, sizeBytes: content.length });
      expect((await readFile(to)).equals(content), name).toBe(true);
      expect(requests.map(({ headers }) => headers.range)).toEqual([from === 0 ? undefined : `bytes=${from}-`]);
    }
    const to = target();
    await leave(to, content.subarray(0, 2_000_000));
    const damaged = Buffer.from(content.subarray(0, 2_000_000));
    damaged[1_999_999] = (damaged[1_999_999] ?? 0) ^ 1;
    await writeFile(`${to}.part`, damaged);
    requests = [];
    answer = serve();
    await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
    expect(requests.map(({ headers }) => headers.range)).toEqual([`bytes=${7 * chunkBytes}-`]);
  });

  it('starts anew when the server has another version by the time a chunk is to be mended', async () => {
    const to = target();
    const old = randomBytes(2_000_000);
    await leave(to, old);
    const damaged = Buffer.from(old);
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    await writeFile(`${to}.part`, damaged);
    answer = serve({ tag: '"two"' });
    requests = [];
    await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
    expect((await readFile(to)).equals(content)).toBe(true);
    expect(requests.map(({ headers }) => headers.range)).toEqual([`bytes=0-${chunkBytes - 1}`, undefined]);
  });

  it('refuses a wrong hash and keeps nothing of it', async () => {
    const to = target();
    answer = serve();
    await expect(quick.download({ url: `${base}/x`, to, sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'download-wrong-hash',
      data: { params: { expected: '0'.repeat(64), found: sha256 } },
    });
    expect([existsSync(to), existsSync(`${to}.part`), existsSync(`${to}.part.json`)]).toEqual([false, false, false]);
  });

  it('refuses a wrong size before reading it all', async () => {
    const to = target();
    answer = serve();
    await expect(quick.download({ url: `${base}/x`, to, sizeBytes: 10 })).rejects.toMatchObject({
      code: 'download-wrong-size',
      data: { params: { expected: 10, found: content.length } },
    });
    expect(existsSync(to)).toBe(false);
  });

  it('copes with a server that knows no ranges, and with one that refuses them', async () => {
    const to = target();
    await leave(to, content.subarray(0, 300_000));
    answer = serve({ ranges: false });
    await quick.download({ url: `${base}/x`, to, sha256 });
    expect((await readFile(to)).equals(content)).toBe(true);
    const second = target();
    await leave(second, Buffer.concat([content, content]));
    const ordinary = serve();
    answer = (request, response) =>
      request.headers.range === undefined ? ordinary(request, response) : response.writeHead(416).end();
    await quick.download({ url: `${base}/x`, to: second, sha256 });
    expect((await readFile(second)).equals(content)).toBe(true);
  });

  it('says that the disk is the trouble, and does not ask the server again for it', async () => {
    answer = serve();
    const failing = quick.download({ url: `${base}/x`, to: '/dev/full/x' });
    await expect(failing).rejects.toMatchObject({ code: 'folder-not-writable' });
    expect(requests).toHaveLength(0);
  });
});

describe('the offline phase', () => {
  it('names who wanted to leave for the network', async () => {
    const offline = forbiddenFetch('use-cache');
    for (const leaving of [
      offline.fetchBytes(`${base}/x`, { limitBytes: 1 }),
      offline.download({ url: `${base}/x`, to: target() }),
    ]) {
      await expect(leaving).rejects.toMatchObject({
        code: 'leaves-for-network',
        data: { params: { step: 'use-cache' } },
      });
    }
    expect(requests).toHaveLength(0);
  });
});

describe('a proxy', () => {
  let proxy: Server;
  let seen: string[] = [];
  let proxyUrl: string;
  beforeAll(async () => {
    proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end('from the proxy');
    });
    proxy.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      const [host, port] = (request.url ?? '').split(':');
      const onward = connect(Number(port), host);
      socket.write('HTTP/1.1 200 ok\r\n\r\n');
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    proxyUrl = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
  });
  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  afterEach(() => {
    seen = [];
  });

  /** The settings are read when the program starts: a program of its own. */
  const inProgram = async (url: string, env: Record<string, string>) => {
    const code = `
      import { networkFetch } from ${JSON.stringify(new URL('../../../src-main/platform/fetch.ts', import.meta.url).href)};
      const bytes = await networkFetch.fetchBytes(${JSON.stringify(url)}, { limitBytes: 1000 });
      process.stdout.write(bytes);`;
    const argv = [process.execPath, '--experimental-strip-types', '--no-warnings', '--input-type=module', '-e', code];
    return runLocal(argv, { env: { PATH: process.env.PATH, ...env }, limitMs: 15_000 });
  };

  it('is the one that the site plan names, from one request to the next', async () => {
    let proxy: string | null = proxyUrl;
    const routed = routedFetch(async () => ({ proxy, authorities: null }));
    const bytes = await routed.fetchBytes('http://archive.invalid/x', { limitBytes: 100 });
    expect([Buffer.from(bytes).toString(), seen]).toEqual(['from the proxy', ['GET http://archive.invalid/x']]);
    proxy = null;
    answer = (_request, response) => response.end('direct');
    expect(Buffer.from(await routed.fetchBytes(`${base}/x`, { limitBytes: 100 })).toString()).toBe('direct');
    expect(seen).toHaveLength(1);
  });

  it('is logged in at with the name and password of the route, for http and through the tunnel, which tell none of it', async () => {
    const login = { user: 'ada', password: 'p@ss:wörd' };
    const expected = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
    const shown: (string | undefined)[] = [];
    const guard = createServer((request, response) => {
      shown.push(request.headers['proxy-authorization']);
      response.writeHead(request.headers['proxy-authorization'] === expected ? 200 : 407).end('through');
    });
    guard.on('connect', (request, socket) => {
      shown.push(request.headers['proxy-authorization']);
      socket.end(`HTTP/1.1 ${request.headers['proxy-authorization'] === expected ? 502 : 407} no\r\n\r\n`);
    });
    await new Promise<void>((resolve) => guard.listen(0, '127.0.0.1', resolve));
    const once = { attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock };
    const route = { proxy: `http://127.0.0.1:${(guard.address() as { port: number }).port}`, authorities: null };
    const through = (scheme: string, known: typeof login | null) =>
      makeFetch({ ...once, route: async () => ({ ...route, login: known }) })
        .fetchBytes(`${scheme}://archive.invalid/x`, { limitBytes: 100 })
        .then(String, (error: Problem) => error);
    try {
      for (const scheme of ['http', 'https'])
        for (const known of [null, { ...login, password: 'wrong' }]) {
          const refused = await through(scheme, known);
          const { data } = refused as Problem;
          expect(data).toMatchObject({ code: 'proxy-login-refused', params: { url: `${scheme}://archive.invalid/x` } });
          expect(JSON.stringify([String(refused), data])).not.toContain('wrong');
        }
      expect(await through('http', login)).toBe('through');
      expect(shown.at(-1)).toBe(expected);
      expect(await through('https', login)).toMatchObject({ code: 'download-failed' });
      expect(shown.at(-1)).toBe(expected);
    } finally {
      guard.closeAllConnections();
      guard.close();
    }
  });

  it('is used for plain http without a tunnel, and not for what no_proxy names', knowsProxies, async () => {
    const through = await inProgram('http://archive.invalid/x', { http_proxy: proxyUrl });
    expect([through.stdout, through.stderr]).toEqual(['from the proxy', '']);
    expect(seen).toEqual(['GET http://archive.invalid/x']);
    seen = [];
    answer = (_request, response) => response.end('direct');
    const direct = await inProgram(`${base}/x`, { http_proxy: proxyUrl, no_proxy: '127.0.0.1' });
    expect([direct.stdout, seen]).toEqual(['direct', []]);
  });

  it(
    'is tunnelled through for https, and an additional authority is trusted when the environment names it',
    knowsProxies,
    async ({ skip }) => {
      const place = await mkdtemp(join(folder, 'tls-'));
      const [key, cert] = [join(place, 'key.pem'), join(place, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const argv = [
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        key,
        '-out',
        cert,
      ];
      const made = await runLocal([...argv, ...subject]).catch(() => null);
      if (made === null || made.exit !== 0) return skip(whyWithout('openssl') ?? 'openssl makes no certificate here');
      const secure = createSecureServer(
        { key: await readFile(key), cert: await readFile(cert) },
        (_request, response) => response.end('over tls'),
      );
      await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
      const { port } = secure.address() as { port: number };
      const url = `https://localhost:${port}/x`;
      try {
        const strange = await inProgram(url, {});
        expect(strange.stderr).toMatch(/download-failed.*self-signed/);
        const authorities = await readFile(cert, 'utf8');
        const routed = routedFetch(async () => ({ proxy: proxyUrl, authorities }));
        const bytes = await routed.fetchBytes(url, { limitBytes: 1000 });
        expect([Buffer.from(bytes).toString(), seen]).toEqual(['over tls', [`CONNECT localhost:${port}`]]);
        seen = [];
        const trusted = await inProgram(url, { NODE_EXTRA_CA_CERTS: cert, https_proxy: proxyUrl });
        expect([trusted.stdout, trusted.stderr]).toEqual(['over tls', '']);
        expect(seen).toEqual([`CONNECT localhost:${port}`]);
      } finally {
        secure.closeAllConnections();
        secure.close();
      }
      return undefined;
    },
  );
});
