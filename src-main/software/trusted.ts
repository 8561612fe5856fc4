// Whose signatures on cache entries are believed: by us when we mirror, and by a target that follows our lock.
// Called by the mirror jobs, the proof, use-cache and the writer of the medium's small files. It must never fetch a
// certificate: trust comes from the plan, not from the network.
import { X509Certificate } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import type { SiteLock } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import { readTextOrNull } from '../platform/files.ts';
import { certificateFingerprint } from './certificate.ts';

/** PEM texts that a target is to trust, each once, ours first, then every one that signed a mirrored entry. Pure. */
export function trustedCertificates(lock: SiteLock): readonly string[] {
  const all = [
    ...(lock.keys === null ? [] : [lock.keys.cacheCertificate]),
    ...byName(lock.releases).flatMap((release) => release.entries.map((entry) => entry.certificate)),
  ];
  return [...new Set(all.flatMap(splitCertificates))];
}

/** Not in the order they came into the lock: a lock read again from its file has another. */
const byName = <Value>(record: Readonly<Record<string, Value>>): readonly Value[] =>
  Object.entries(record)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value);

/** The PEM blocks in a text, unindented, each trimmed; anything around them is left out. */
export const splitCertificates = (text: string): readonly string[] =>
  [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(([pem]) =>
    pem
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join('\n'),
  );

export interface TrustedCertificate {
  /** As named in the plan. */
  readonly name: string;
  readonly pem: string;
  /** sha256 of the DER, lower-case hex. */
  readonly fingerprint: string;
}

/**
 * Reads certificates by name in the trust folder (`NAME` is `NAME.pem` there) or by the path of a file, which may hold
 * several. A relative path counts from `planFolder`. Throws `cache-certificate-unusable` for what is absent, holds none
 * or a private key, or one whose key is not RSA: slapos can check no other.
 */
export async function readTrustedCertificates(
  names: readonly string[],
  folders: { readonly trustFolder: string; readonly planFolder: string },
): Promise<readonly TrustedCertificate[]> {
  const found: TrustedCertificate[] = [];
  for (const name of names) {
    const text = await readTextOrNull(pathOf(name, folders));
    if (text === null) throw problem('cache-certificate-unusable', { name, detail: 'no such file' });
    if (text.includes('PRIVATE KEY-----'))
      throw problem('cache-certificate-unusable', { name, detail: 'holds a private key' });
    const blocks = splitCertificates(text);
    if (blocks.length === 0) throw problem('cache-certificate-unusable', { name, detail: 'holds no certificate' });
    found.push(...blocks.map((pem) => checked(name, pem)));
  }
  return found.filter(({ pem }, index) => found.findIndex((other) => other.pem === pem) === index);
}

function checked(name: string, pem: string): TrustedCertificate {
  const type = keyTypeOf(pem);
  if (type === 'rsa') return { name, pem, fingerprint: certificateFingerprint(pem) };
  throw problem('cache-certificate-unusable', { name, detail: type === null ? 'cannot be read' : `${type}, not RSA` });
}

function keyTypeOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).publicKey.asymmetricKeyType ?? null;
  } catch {
    return null;
  }
}

function pathOf(name: string, { trustFolder, planFolder }: { trustFolder: string; planFolder: string }): string {
  if (/^[a-z0-9][a-z0-9-]*$/.test(name)) return join(trustFolder, `${name}.pem`);
  return isAbsolute(name) ? name : join(planFolder, name);
}
