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
import { type Fetch, forbiddenFetch, makeFetch } from '../../../src-main/platform/fetch.ts';
import { retryAfterMs, shownUrl } from '../../../src-main/platform/http.ts';
import { runLocal } from '../../../src-main/platform/shell.ts';

const content = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');
const sha512 = createHash('sha512').update(content).digest('hex');

/** Sleeps at once and remembers how long it should have been. */
const sleeps: number[] = [];
const fastClock: Clock = {
  now: () => new Date('2026-03-01T00:00:00Z'),
  monotonicMs: () => performance.now(),
  sleep: async (ms) => {
    sleeps.push(ms);
  },
};
const quick: Fetch = makeFetch({ attempts: 4, firstDelayMs: 100, stallMs: 1000, clock: fastClock });

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
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const valid = request.headers['if-range'] === undefined || request.headers['if-range'] === tag;
    const from = asked !== null && ranges && valid ? Number(asked[1]) : 0;
    if (from > 0)
      response.writeHead(206, {
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
        etag: tag,
        'content-length': bytes.length - from,
      });
    else response.writeHead(200, { etag: tag, 'content-length': bytes.length });
    const body = bytes.subarray(from);
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
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock });
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
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock });
    const to = target();
    answer = serve({ cutAt: 1_000_000 });
    await expect(once.download({ url: `${base}/x`, to, sha256 })).rejects.toMatchObject({ code: 'download-failed' });
    expect(existsSync(to)).toBe(false);
    requests = [];
    answer = serve();
    await once.download({ url: `${base}/x`, to, sha256 });
    expect(requests[0]?.headers.range).toBe('bytes=1000000-');

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
    const once = makeFetch({ attempts: 1, firstDelayMs: 1, stallMs: 1000, clock: fastClock });
    await expect(once.download({ url: `${base}/x`, to })).rejects.toMatchObject({ code: 'download-failed' });
    requests = [];
    answer = serve();
    await once.download({ url: `${base}/x`, to });
    expect(requests[0]?.headers.range).toBeUndefined();
    expect((await readFile(to)).equals(content)).toBe(true);
  });

  it('starts once more when a resumed file has the wrong hash', async () => {
    const to = target();
    await writeFile(`${to}.part`, randomBytes(700_000));
    await writeFile(`${to}.part.json`, JSON.stringify({ url: `${base}/x`, validator: '"one"' }));
    answer = serve();
    await quick.download({ url: `${base}/x`, to, sha256, sizeBytes: content.length });
    expect((await readFile(to)).equals(content)).toBe(true);
    expect(requests.map(({ headers }) => headers.range)).toEqual(['bytes=700000-', undefined]);
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
    await writeFile(`${to}.part`, content.subarray(0, 1000));
    await writeFile(`${to}.part.json`, JSON.stringify({ url: `${base}/x`, validator: '"one"' }));
    answer = serve({ ranges: false });
    await quick.download({ url: `${base}/x`, to, sha256 });
    expect((await readFile(to)).equals(content)).toBe(true);
    const second = target();
    await writeFile(`${second}.part`, Buffer.concat([content, content]));
    await writeFile(`${second}.part.json`, JSON.stringify({ url: `${base}/x`, validator: '"one"' }));
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

  it.skipIf(Number(process.versions.node.split('.')[0]) < 22)(
    'is used for plain http without a tunnel, and not for what no_proxy names',
    async () => {
      const through = await inProgram('http://archive.invalid/x', { http_proxy: proxyUrl });
      expect([through.stdout, through.stderr]).toEqual(['from the proxy', '']);
      expect(seen).toEqual(['GET http://archive.invalid/x']);
      seen = [];
      answer = (_request, response) => response.end('direct');
      const direct = await inProgram(`${base}/x`, { http_proxy: proxyUrl, no_proxy: '127.0.0.1' });
      expect([direct.stdout, seen]).toEqual(['direct', []]);
    },
  );

  it.skipIf(Number(process.versions.node.split('.')[0]) < 22)(
    'is tunnelled through for https, and an additional authority is trusted when the environment names it',
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
      if (made === null || made.exit !== 0) return skip('openssl is not installed');
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
