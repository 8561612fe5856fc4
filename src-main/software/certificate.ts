// The cache key: an RSA-3072 key pair and the self-signed certificate that carries its public half into slapos.cfg.
// Called by the make-keys job. It writes no file: the private half goes from here to the vault, and nowhere else.
// Format: X.509 version 3, RFC 5280. SlapOS uses nothing of it but the public key.
import { createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { problem } from '../../src-shared/problem.ts';

const keyBits = 3072;
const lifetimeYears = 10;

export interface CacheKey {
  /** PKCS#8 PEM. Secret. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** sha256 of the certificate's DER, lower-case hex. */
  readonly fingerprint: string;
}

/**
 * Makes a cache key valid for ten years from a day before `now` (clocks on a site may be behind). Takes about a second.
 * @param dnsNames of a server that is to show the certificate; a cache key has none
 */
export async function makeCacheKey(commonName: string, now: Date, dnsNames: readonly string[] = []): Promise<CacheKey> {
  // x509 needs the metadata polyfill first; both are loaded only when a key is made, because they are slow to load.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const parameters = { ...algorithm, modulusLength: keyBits, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await webcrypto.subtle.generateKey(parameters, true, ['sign', 'verify']);
  const notBefore = new Date(now.getTime() - 24 * 60 * 60 * 1000);
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + lifetimeYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...(dnsNames.length === 0
          ? []
          : [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns' as const, value })))]),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const certificatePem = `${certificate.toString('pem').trim()}\n`;
  return {
    privateKeyPem: pem('PRIVATE KEY', Buffer.from(privateKey)),
    certificatePem,
    fingerprint: certificateFingerprint(certificatePem),
  };
}

/** sha256 of a certificate's DER, lower-case hex. Throws `key-missing` when the text is no certificate. */
export function certificateFingerprint(certificatePem: string): string {
  try {
    return new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    throw problem('key-missing', { key: 'certificate' }, { cause });
  }
}

/** True when the private key is the one whose public half the certificate carries. */
export function keyMatchesCertificate(privateKeyPem: string, certificatePem: string): boolean {
  const ours = createPublicKey(createPrivateKey(privateKeyPem)).export({ type: 'spki', format: 'der' });
  return new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' }).equals(ours);
}

/** 16 random bytes, positive and without a leading zero byte, as RFC 5280 asks. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
