import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ContentServer, contentServer, type Served } from '../../../src-main/software/content-server.ts';
import type { Manifest } from '../../../src-shared/manifest.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const index = `bdir/${'a'.repeat(32)}`;
const blob = `bcache/${'b'.repeat(128)}`;
const deb = 'debian/debian-12-amd64/a_1%3a2_all.deb';
const big = Buffer.alloc(5 * 1024 * 1024 + 321, 'abcdefghijklmnopqrstuvwxyz');
const contents: Readonly<Record<string, Buffer>> = {
  [index]: Buffer.from('[["{}","AAAA"]]'),
  [blob]: big,
  [deb]: Buffer.from('deb'),
  'debian/debian-12-amd64/Packages': Buffer.alloc(0),
  'site/site.yaml': Buffer.from('private'),
};
const manifest: Manifest = {
  format: 1,
  site: 'test',
  generation: 1,
  sealedAt: '2026-01-01T00:00:00Z',
  program: 'test',
  files: Object.entries(contents).map(([path, bytes]) => ({
    path,
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  })),
};

let root: string;
let server: ContentServer;
let port: number;
let served: Served[];
let problems: string[];

async function start(listed: Manifest | null): Promise<void> {
  server = contentServer({
    root,
    manifest: listed,
    onServed: (one) => served.push(one),
    onError: (thrown) => problems.push((thrown as Problem).code ?? String(thrown)),
  });
  port = await server.listen(0);
}
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fieldkit-content-'));
  for (const [path, bytes] of Object.entries(contents)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  served = [];
  problems = [];
  await start(manifest);
});
afterEach(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

function get(path: string, { method = 'GET', headers = {} }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('error', reject);
      reply.on('end', () =>
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Sends any bytes as the request line, and returns the first line of the answer. */
function raw(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text.split('\r\n')[0] ?? ''));
    socket.end(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1');
  });
}

describe('serving', () => {
  test('an index document and a blob, whole', async () => {
    const document = await get(`/${index}`);
    expect(document.status).toBe(200);
    expect(document.body).toEqual(contents[index]);
    const { body, headers } = await get(`/${blob}`);
    expect(body.equals(big)).toBe(true);
    expect(headers['content-length']).toBe(String(big.length));
    expect(headers['accept-ranges']).toBe('bytes');
    expect(headers.location).toBeUndefined();
  });

  test('a package, however the client writes its colon', async () => {
    for (const name of ['a_1%3a2_all.deb', 'a_1%253a2_all.deb', 'a_1%3A2_all.deb', 'a_1:2_all.deb']) {
      expect((await get(`/debian/debian-12-amd64/${name}`)).body.toString()).toBe('deb');
    }
  });

  test('an empty file', async () => {
    const reply = await get('/debian/debian-12-amd64/Packages');
    expect([reply.status, reply.headers['content-length'], reply.body.length]).toEqual([200, '0', 0]);
  });

  test('HEAD sends the same headers and no body', async () => {
    const head = await get(`/${blob}`, { method: 'HEAD' });
    const whole = await get(`/${blob}`);
    expect(head.body.length).toBe(0);
    for (const name of ['content-length', 'etag', 'last-modified', 'accept-ranges']) {
      expect(head.headers[name]).toBe(whole.headers[name]);
    }
  });

  test('the rest of a file, as slapos and apt resume', async () => {
    const { headers } = await get(`/${blob}`, { method: 'HEAD' });
    const from = 3 * 1024 * 1024 + 7;
    const conditions: Record<string, string>[] = [
      {},
      { 'if-range': String(headers.etag) },
      { 'if-range': String(headers['last-modified']) },
    ];
    for (const condition of conditions) {
      const rest = await get(`/${blob}`, { headers: { range: `bytes=${from}-`, ...condition } });
      expect(rest.status).toBe(206);
      expect(rest.headers['content-range']).toBe(`bytes ${from}-${big.length - 1}/${big.length}`);
      expect(rest.body.equals(big.subarray(from))).toBe(true);
    }
    const other = await get(`/${blob}`, { headers: { range: `bytes=${from}-`, 'if-range': '"other"' } });
    expect([other.status, other.body.length]).toEqual([200, big.length]);
  });

  test('a range behind the end', async () => {
    const reply = await get(`/${blob}`, { headers: { range: `bytes=${big.length}-` } });
    expect([reply.status, reply.headers['content-range']]).toEqual([416, `bytes */${big.length}`]);
  });

  test('over a handed-in stream, several requests on it, without listening', async () => {
    const [ours, theirs] = duplexPair();
    const silent = contentServer({ root, manifest });
    silent.accept(theirs);
    ours.write(`GET /${blob} HTTP/1.1\r\nHost: x\r\n\r\n`);
    ours.write(`GET /${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of ours) chunks.push(chunk as Buffer);
    const answers = Buffer.concat(chunks);
    const first = answers.indexOf('\r\n\r\n') + 4;
    expect(answers.subarray(first, first + big.length).equals(big)).toBe(true);
    expect(answers.subarray(first + big.length).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answers.toString('latin1').endsWith('[["{}","AAAA"]]')).toBe(true);
    const [, still] = duplexPair();
    silent.accept(still);
    await silent.close();
    expect(still.destroyed).toBe(true);
  });

  test('many at once get their own bytes', async () => {
    const ranges = Array.from({ length: 12 }, (_, turn) => turn * 400_000);
    const replies = await Promise.all(ranges.map((from) => get(`/${blob}`, { headers: { range: `bytes=${from}-` } })));
    replies.forEach((reply, turn) => {
      expect(reply.body.equals(big.subarray(ranges[turn]))).toBe(true);
    });
  });

  test('requests and bytes are counted by file', async () => {
    await get(`/${index}`);
    await get(`/${blob}`, { headers: { range: 'bytes=0-99' } });
    await get('/nothing');
    const totals = server.totals();
    expect([totals.requests, totals.sentBytes]).toEqual([3, 15 + 100]);
    expect(totals.byPath.get(blob)).toEqual({ requests: 1, sentBytes: 100 });
    expect(served.at(-1)).toEqual({ path: '', status: 404, sentBytes: 0, whole: true });
  });

  test('a client that leaves early is counted as such, and the next is served', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET /${blob} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await expect.poll(() => served.length).toBe(1);
    expect(served[0]?.status).toBe(200);
    expect((await get(`/${blob}`)).body.equals(big)).toBe(true);
    expect(problems).toEqual([]);
  });
});

describe('refusing', () => {
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s', async (method) => {
    const reply = await get(`/${index}`, { method });
    expect([reply.status, reply.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  test('what is not listed, other folders, folders themselves', async () => {
    const unlisted = `bdir/${'c'.repeat(32)}`;
    await writeFile(join(root, unlisted), 'unlisted');
    for (const path of [unlisted, 'site/site.yaml', 'bdir', 'bdir/', '', 'debian/debian-12-amd64', 'manifest.json']) {
      expect((await get(`/${path}`)).status).toBe(404);
    }
  });

  test('without a manifest the three folders are served, and nothing else', async () => {
    await server.close();
    await start(null);
    expect((await get(`/${index}`)).body).toEqual(contents[index]);
    expect((await get('/site/site.yaml')).status).toBe(404);
    expect((await get('/debian/debian-12-amd64')).status).toBe(404);
  });

  test('links, to a file or through a folder', async () => {
    await server.close();
    await start(null);
    await symlink('../site/site.yaml', join(root, `bdir/${'d'.repeat(32)}`));
    await symlink('../../site', join(root, 'debian/debian-12-amd64/more'));
    await symlink('../site', join(root, 'debian/sister'));
    for (const path of [`bdir/${'d'.repeat(32)}`, 'debian/debian-12-amd64/more/site.yaml', 'debian/sister/site.yaml']) {
      expect((await get(`/${path}`)).status).toBe(404);
    }
  });

  test('a listed file that is missing or of another size is an error, never a short answer', async () => {
    await truncate(join(root, blob), 1000);
    await rm(join(root, index));
    expect((await get(`/${blob}`)).status).toBe(500);
    expect((await get(`/${index}`)).status).toBe(500);
    expect(problems).toEqual(['medium-file-damaged', 'medium-file-missing']);
  });

  test('whatever is asked for, nothing outside is sent', async () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2f',
      '%00',
      '%5c',
      '\\',
      'debian',
      'site',
      'site.yaml',
      '',
      'etc',
    );
    const target = fc
      .array(fc.oneof(piece, fc.string({ unit: 'binary-ascii', maxLength: 6 })), { minLength: 1, maxLength: 7 })
      .map((parts) => `/${parts.join('/').replace(/[\r\n ]/g, '')}`);
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        expect(await raw(`GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 (404|400) /);
      }),
      { numRuns: 200 },
    );
    expect(server.totals().sentBytes).toBe(0);
  });
});
