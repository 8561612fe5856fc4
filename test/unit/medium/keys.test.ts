import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fingerprintOf, makeSigningKey, publicHalf, signBytes, verifyBytes } from '../../../src-main/medium/keys.ts';
import { groupedFingerprint } from '../../../src-shared/format.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const key = makeSigningKey();
const bytes = Buffer.from('what is signed');
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (thrown) {
    return (thrown as Problem).code;
  }
  return '';
};

describe('the manifest key', () => {
  test('is Ed25519, its fingerprint the sha256 of the public DER', () => {
    const der = createPublicKey(key.publicKeyPem).export({ type: 'spki', format: 'der' });
    expect(createPublicKey(key.publicKeyPem).asymmetricKeyType).toBe('ed25519');
    expect(key.fingerprint).toBe(createHash('sha256').update(der).digest('hex'));
    expect(publicHalf(key.privateKeyPem)).toBe(key.publicKeyPem);
    expect(fingerprintOf(key.publicKeyPem)).toBe(key.fingerprint);
  });

  test('signs exact bytes', () => {
    const signature = signBytes(bytes, key.privateKeyPem);
    expect(verifyBytes(bytes, signature, key.publicKeyPem)).toBe(true);
    expect(verifyBytes(Buffer.from('what is Signed'), signature, key.publicKeyPem)).toBe(false);
    expect(verifyBytes(bytes, signature, makeSigningKey().publicKeyPem)).toBe(false);
  });

  test('a signature has one spelling', () => {
    const signature = signBytes(bytes, key.privateKeyPem);
    for (const other of [
      `${signature} `,
      `\n${signature}`,
      signature.replace(/=+$/, ''),
      signature.slice(1),
      '',
      'AAAA',
    ]) {
      expect(verifyBytes(bytes, other, key.publicKeyPem)).toBe(false);
    }
  });

  test('other keys and other texts are refused', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const rsaPrivate = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const rsaPublic = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(codeOf(() => signBytes(bytes, rsaPrivate))).toBe('key-missing');
    expect(codeOf(() => fingerprintOf(rsaPublic))).toBe('key-missing');
    expect(codeOf(() => publicHalf('no key'))).toBe('key-missing');
    expect(verifyBytes(bytes, signBytes(bytes, key.privateKeyPem), 'no key')).toBe(false);
  });

  test('a fingerprint is shown in groups of four', () => {
    expect(groupedFingerprint('0123456789abcdef')).toBe('0123 4567 89ab cdef');
  });
});
