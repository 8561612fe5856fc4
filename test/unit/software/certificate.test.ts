import { createPublicKey, X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import {
  type CacheKey,
  certificateFingerprint,
  keyMatchesCertificate,
  makeCacheKey,
} from '../../../src-main/software/certificate.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const now = new Date('2026-03-01T12:00:00Z');
let key: CacheKey;
beforeAll(async () => {
  key = await makeCacheKey('ShaCache Signing Cert', now);
}, 60_000);

test('RSA 3072, self-signed, named as asked, ten years from yesterday', () => {
  const certificate = new X509Certificate(key.certificatePem);
  expect(certificate.subject).toBe('CN=ShaCache Signing Cert');
  expect(certificate.issuer).toBe('CN=ShaCache Signing Cert');
  expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(new Date(certificate.validFrom).toISOString()).toBe('2026-02-28T12:00:00.000Z');
  expect(new Date(certificate.validTo).toISOString()).toBe('2036-02-28T12:00:00.000Z');
});

test('the private half belongs to it and is PKCS#8', () => {
  expect(key.privateKeyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(createPublicKey(key.privateKeyPem).asymmetricKeyType).toBe('rsa');
  expect(keyMatchesCertificate(key.privateKeyPem, key.certificatePem)).toBe(true);
});

test('two keys differ, and their fingerprints with them', async () => {
  const second = await makeCacheKey('ShaCache Signing Cert', now);
  expect(second.fingerprint).not.toBe(key.fingerprint);
  expect(keyMatchesCertificate(second.privateKeyPem, key.certificatePem)).toBe(false);
}, 60_000);

test('the fingerprint is 64 hex digits; a text that is no certificate is refused', () => {
  expect(key.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(certificateFingerprint(key.certificatePem)).toBe(key.fingerprint);
  let code = '';
  try {
    certificateFingerprint('no certificate');
  } catch (thrown) {
    code = (thrown as Problem).code;
  }
  expect(code).toBe('key-missing');
});
