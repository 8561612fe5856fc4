// The manifest's key: Ed25519, made once on the laptop. Called by make-keys, sealing and opening.
// It writes no file: the private half goes from here to the vault.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { problem } from '../../src-shared/problem.ts';
import { sha256Of } from '../platform/files.ts';

export interface SigningKey {
  /** PKCS#8 PEM. Secret. */
  readonly privateKeyPem: string;
  /** SPKI PEM. */
  readonly publicKeyPem: string;
  /** sha256 of the public half's SPKI DER, lower-case hex. */
  readonly fingerprint: string;
}

export function makeSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKeyPem,
    fingerprint: fingerprintOf(publicKeyPem),
  };
}

/** The public half (SPKI PEM) of a private key. Throws `key-missing`. */
export function publicHalf(privateKeyPem: string): string {
  const key = readKey(() => createPublicKey(createPrivateKey(privateKeyPem)));
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/** sha256 of the key's SPKI DER, lower-case hex. Throws `key-missing` when the text is no Ed25519 public key. */
export function fingerprintOf(publicKeyPem: string): string {
  const der = readKey(() => createPublicKey(publicKeyPem)).export({ type: 'spki', format: 'der' });
  return sha256Of(der);
}

/** base64 Ed25519 signature of the bytes. Throws `key-missing`. */
export function signBytes(bytes: Uint8Array, privateKeyPem: string): string {
  return sign(
    null,
    bytes,
    readKey(() => createPrivateKey(privateKeyPem)),
  ).toString('base64');
}

/** True when the signature is the key's over exactly these bytes. Anything malformed is false. */
export function verifyBytes(bytes: Uint8Array, signature: string, publicKeyPem: string): boolean {
  // Node's base64 reader passes over what it does not know; a signature has one spelling only.
  const raw = Buffer.from(signature, 'base64');
  if (raw.length !== 64 || raw.toString('base64') !== signature) return false;
  try {
    const key = createPublicKey(publicKeyPem);
    return key.asymmetricKeyType === 'ed25519' && verify(null, bytes, key, raw);
  } catch {
    return false;
  }
}

function readKey(read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw problem('key-missing', { key: 'manifest' }, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw problem('key-missing', { key: 'manifest' });
  return key;
}
