// Our entries, signatures, certificate and server in front of what reads them on a target: openssl, and SlapOS's own
// client library (the release that the newest slapos-node carries).
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CacheKey, makeCacheKey } from '../../../src-main/software/certificate.ts';
import { type ContentServer, contentServer } from '../../../src-main/software/content-server.ts';
import { indexDocument, makeEntry, signEntry, urlKey } from '../../../src-main/software/entry.ts';
import { cached, recipeKey } from '../../lab/host.ts';

const run = promisify(execFile);
const library = 'slapos.libnetworkcache==0.28';
const url = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg';
const blob = randomBytes(3 * 1024 * 1024 + 11);
const sha512 = createHash('sha512').update(blob).digest('hex');
const debian = { multiarch: 'x86_64-linux-gnu', distribution: ['debian', '12', 'bookworm'] as const };
const entry = makeEntry({ sha512, ...debian, softwareUrl: url });

let folder: string;
let ours: CacheKey;
let other: CacheKey;
let packages: string | null = null;
let missing = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-networkcache-'));
  [ours, other] = await Promise.all([makeCacheKey('Ours', new Date()), makeCacheKey('Other', new Date())]);
  packages = await cached(`networkcache-${recipeKey(library)}`, async (path) => {
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', path, library]);
  }).catch((thrown: Error) => {
    const withoutPip = 'python3 has no pip: sudo apt-get install python3-pip';
    missing = /No module named pip/.test(thrown.message)
      ? withoutPip
      : `${library} cannot be installed: ${thrown.message}`;
    return null;
  });
});
afterAll(() => rm(folder, { recursive: true }));

async function saved(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

describe('openssl', () => {
  test('reads the certificate, and finds it in order', async () => {
    const certificate = await saved('certificate.pem', ours.certificatePem);
    const { stdout } = await run('openssl', ['x509', '-in', certificate, '-noout', '-subject', '-text']);
    expect(stdout).toMatch(/subject=CN ?= ?Ours/);
    expect(stdout).toMatch(/Public-Key: \(3072 bit\)/);
    const verified = await run('openssl', ['verify', '-CAfile', certificate, certificate]);
    expect(verified.stdout).toMatch(/: OK/);
  });

  test('verifies the signature as SlapOS asks it to, and gets the same key from both halves', async () => {
    const certificate = await saved('certificate.pem', ours.certificatePem);
    const { stdout: publicKey } = await run('openssl', ['x509', '-in', certificate, '-noout', '-pubkey']);
    const privateKey = await saved('private.pem', ours.privateKeyPem);
    const { stdout: fromPrivate } = await run('openssl', ['rsa', '-in', privateKey, '-pubout']);
    expect(fromPrivate).toBe(publicKey);
    const key = await saved('public.pem', publicKey);
    const signature = await saved('signature', Buffer.from(signEntry(entry, ours.privateKeyPem), 'base64'));
    const good = await run('openssl', ['sha1', '-verify', key, '-signature', signature, await saved('entry', entry)]);
    expect(good.stdout).toMatch(/Verified OK/);
    const altered = await saved('altered', entry.replace('"12"', '"11"'));
    await expect(run('openssl', ['sha1', '-verify', key, '-signature', signature, altered])).rejects.toThrow();
  });
});

/** Asks as slapgrid does: entries under the key that verify, then the blob of the first. Prints what it found as JSON. */
const client = `
import hashlib, json, sys
from slapos.libnetworkcache import NetworkcacheClient
base, key, certificates = sys.argv[1], sys.argv[2], open(sys.argv[3]).read()
nc = NetworkcacheClient({'download-dir-url': base + '/bdir', 'download-cache-url': base + '/bcache',
                         'signature-certificate-list': certificates})
found = list(nc.select(key))
digest, size = hashlib.sha512(), 0
if found:
    stream = nc.download(found[0]['sha512'])
    while True:
        data = stream.read(65536)
        if not data:
            break
        digest.update(data)
        size += len(data)
print(json.dumps({'entries': found, 'sha512': digest.hexdigest(), 'size': size}))
`;

describe('the library on the targets', () => {
  let server: ContentServer;
  let base: string;
  beforeAll(async () => {
    const root = join(folder, 'fieldkit');
    await mkdir(join(root, 'bdir'), { recursive: true });
    await mkdir(join(root, 'bcache'));
    const broken =
      signEntry(entry, ours.privateKeyPem)
        .match(/.{1,76}/g)
        ?.join('\n') ?? '';
    const entries = [
      { entry: entry.replace('"12"', '"11"'), signature: signEntry(entry, ours.privateKeyPem) },
      { entry, signature: signEntry(entry, other.privateKeyPem) },
      { entry, signature: `${broken}\n` },
    ];
    await writeFile(join(root, 'bdir', urlKey(url)), indexDocument(entries));
    await writeFile(join(root, 'bcache', sha512), blob);
    server = contentServer({ root, manifest: null });
    base = `http://127.0.0.1:${await server.listen(0)}`;
  });
  afterAll(() => server.close());

  async function ask(certificates: readonly CacheKey[]): Promise<{ entries: unknown[]; sha512: string; size: number }> {
    const list = await saved('list.pem', certificates.map(({ certificatePem }) => certificatePem).join(''));
    const env = { ...process.env, PYTHONPATH: packages ?? '' };
    const { stdout } = await run('python3', ['-c', client, base, urlKey(url), list], { env });
    return JSON.parse(stdout) as { entries: unknown[]; sha512: string; size: number };
  }

  test('takes the entry our certificate verifies, and the whole blob', async ({ skip }) => {
    if (packages === null) return skip(missing);
    const found = await ask([ours]);
    expect(found.entries).toEqual([JSON.parse(entry)]);
    expect([found.sha512, found.size]).toEqual([sha512, blob.length]);
  });

  test('several certificates, each by its own entry; none by a stranger’s', async ({ skip }) => {
    if (packages === null) return skip(missing);
    expect((await ask([other, ours])).entries).toHaveLength(2);
    const stranger = await makeCacheKey('Stranger', new Date());
    expect((await ask([stranger])).entries).toHaveLength(0);
  });
});
