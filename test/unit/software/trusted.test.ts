import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runLocal } from '../../../src-main/platform/shell.ts';
import { type CacheKey, certificateFingerprint, makeCacheKey } from '../../../src-main/software/certificate.ts';
import { readTrustedCertificates, splitCertificates, trustedCertificates } from '../../../src-main/software/trusted.ts';
import { emptyLock, type LockedEntry } from '../../../src-shared/lock.ts';

let folder: string;
let folders: { trustFolder: string; planFolder: string };
let first: CacheKey;
let second: CacheKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-trusted-'));
  folders = { trustFolder: join(folder, 'no-trust'), planFolder: folder };
  [first, second] = await Promise.all([makeCacheKey('one', new Date()), makeCacheKey('two', new Date())]);
  await writeFile(join(folder, 'both.pem'), `# upstream\n${first.certificatePem}\n${second.certificatePem}`);
  await writeFile(join(folder, 'shipped.pem'), second.certificatePem);
  await writeFile(join(folder, 'empty.pem'), 'nothing here\n');
  await writeFile(join(folder, 'secret.pem'), `${first.certificatePem}${first.privateKeyPem}`);
  const body = Buffer.from('no certificate').toString('base64');
  await writeFile(join(folder, 'broken.pem'), `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`);
  const curve = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=curve', '-keyout', '/dev/null'];
  const made = await runLocal(['openssl', 'req', '-x509', '-newkey', ...curve, '-out', join(folder, 'curve.pem')]);
  expect(made.exit).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('readTrustedCertificates', () => {
  it('reads several from one file, each once, beside the plan or in the trust folder', async () => {
    const found = await readTrustedCertificates(['both.pem', join(folder, 'shipped.pem')], folders);
    expect(found.map(({ name, fingerprint }) => [name, fingerprint])).toEqual([
      ['both.pem', first.fingerprint],
      ['both.pem', second.fingerprint],
    ]);
    const shipped = await readTrustedCertificates(['shipped'], { ...folders, trustFolder: folder });
    expect(shipped.map(({ fingerprint }) => fingerprint)).toEqual([second.fingerprint]);
  });

  it.each([
    ['absent.pem', 'no such file'],
    ['shipped', 'no such file'],
    ['empty.pem', 'holds no certificate'],
    ['secret.pem', 'holds a private key'],
    ['broken.pem', 'cannot be read'],
    ['curve.pem', 'ec, not RSA'],
  ])('refuses %s: %s', async (name, detail) => {
    await expect(readTrustedCertificates([name], folders)).rejects.toMatchObject({
      code: 'cache-certificate-unusable',
      data: { params: { name, detail } },
    });
  });
});

describe('trustedCertificates', () => {
  const entry = (certificate: string): LockedEntry => ({
    system: 'debian-12-amd64',
    sha512: 'a'.repeat(128),
    sizeBytes: 1,
    entry: '{}',
    signature: '',
    certificate,
  });
  const release = (...certificates: string[]) => ({ url: 'u', md5: '0'.repeat(32), entries: certificates.map(entry) });

  it('lists each signer once, in an order that does not depend on when it came', () => {
    const one = { 're6st-x': release(second.certificatePem), a: release(first.certificatePem, second.certificatePem) };
    const other = { a: one.a, 're6st-x': one['re6st-x'] };
    const listed = trustedCertificates({ ...emptyLock, releases: one });
    expect(listed.map(certificateFingerprint)).toEqual([first.fingerprint, second.fingerprint]);
    expect(trustedCertificates({ ...emptyLock, releases: other })).toEqual(listed);
  });

  it('finds certificates that are indented, as in slapos.cfg', () => {
    const indented = first.certificatePem.replaceAll('\n', '\n  ');
    expect(splitCertificates(`list =\n  ${indented}`)).toEqual([first.certificatePem.trim()]);
  });
});
