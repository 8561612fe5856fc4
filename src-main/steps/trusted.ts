// The certificates whose signatures a target is to trust: ours, and every one that signed a mirrored entry. Pure.
// One list for the proof and for use-cache, so that what was proved is what is written.
import type { SiteLock } from '../../src-shared/lock.ts';

/** PEM texts, each once, ours first. */
export function trustedCertificates(lock: SiteLock): readonly string[] {
  const all = [
    ...(lock.keys === null ? [] : [lock.keys.cacheCertificate]),
    ...Object.values(lock.releases).flatMap((release) => release.entries.map((entry) => entry.certificate)),
  ];
  return [...new Set(all.flatMap(splitCertificates))];
}

/** The PEM blocks in a text, unindented, each trimmed; anything around them is left out. */
export const splitCertificates = (text: string): readonly string[] =>
  [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(([pem]) =>
    pem
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join('\n'),
  );
