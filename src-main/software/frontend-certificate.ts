// Whether a certificate and its key can stand for a frontend's domain: the pair, the chain, the names, the dates.
// Called by the frontend's sight before anything is sent. Pure: it reads no file, and the key goes nowhere from here.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ProblemData } from '../../src-shared/problem.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import { certificateFingerprint, keyMatchesCertificate } from './certificate.ts';
import { splitCertificates } from './trusted.ts';

export interface FrontendPair {
  /** PEM text: the certificate first, then its chain. Null where there is no such file. */
  readonly certificate: string | null;
  /** PEM text of the private key, unprotected. Null where there is no such file. */
  readonly key: string | null;
  /** Where they were read from, for sentences. */
  readonly certificatePath: string;
  readonly keyPath: string;
}

export interface JudgedPair {
  /** Why it cannot be used, null when it can. */
  readonly fault: ProblemData | null;
  /** The certificates alone, in order, each ended by a newline; empty when it cannot be read. */
  readonly chain: string;
  /** sha256 of the first certificate's DER, lower-case hex; empty when it cannot be read. */
  readonly fingerprint: string;
  /** ISO 8601, the first end in the chain; empty when it cannot be read. */
  readonly until: string;
}

/**
 * What a frontend is told, always all of it: a request makes the master forget what it leaves out. `key` may be a mark that
 * stands for the key.
 */
export const frontendParameters = (domain: string, chain: string, key: string): Readonly<Record<string, string>> => ({
  domain,
  'apache-certificate': chain,
  'apache-key': key,
});

/** A name below the domain that nobody has: what the certificate must cover, and what the proof asks for. */
export const proofName = (domain: string): string => `fieldkit-check.${domain}`;

/** What the machine that will show the certificate holds for the time: its users compare dates with the site's clock. */
export interface SiteClock {
  readonly machine: string;
  readonly now: Date;
}

/**
 * Judges a pair for a domain at a time, on this laptop and, once it can be known, on the site. Problems:
 * `frontend-certificate-unusable`, `-key`, `-domain`, `-dates`, `-clock`.
 */
export function judgeFrontendPair(
  pair: FrontendPair,
  domain: string,
  now: Date,
  site: SiteClock | null = null,
): JudgedPair {
  const unusable = (path: string, detail: string) => problem('frontend-certificate-unusable', { path, detail });
  const blocks = splitCertificates(pair.certificate ?? '');
  const read = certificatesIn(blocks);
  const [first] = read ?? [];
  const known = {
    chain: read === null ? '' : blocks.map((block) => `${block}\n`).join(''),
    fingerprint: read === null || blocks[0] === undefined ? '' : certificateFingerprint(blocks[0]),
    until: (read ?? []).map(({ validTo }) => new Date(validTo).toISOString()).sort()[0] ?? '',
  };
  const faulty = (of: Error): JudgedPair => ({ ...known, fault: toProblemData(of) });

  if (pair.certificate === null) return faulty(unusable(pair.certificatePath, 'no such file'));
  if (pair.key === null) return faulty(unusable(pair.keyPath, 'no such file'));
  if (first === undefined || read === null)
    return faulty(
      unusable(pair.certificatePath, blocks.length === 0 ? 'holds no certificate' : 'holds one that cannot be read'),
    );
  const broken = read.findIndex((one, index) => index > 0 && !read[index - 1]?.checkIssued(one));
  if (broken > 0)
    return faulty(unusable(pair.certificatePath, `certificate ${broken + 1} did not issue certificate ${broken}`));
  if (!isKey(pair.key))
    return faulty(unusable(pair.keyPath, 'holds no private key that can be read without a passphrase'));
  if (!keyMatchesCertificate(pair.key, blocks[0] ?? ''))
    return faulty(problem('frontend-certificate-key', { certificate: pair.certificatePath, key: pair.keyPath }));
  if (first.checkHost(proofName(domain)) === undefined)
    return faulty(
      problem('frontend-certificate-domain', {
        path: pair.certificatePath,
        domain,
        names: first.subjectAltName?.replaceAll('DNS:', '') ?? first.subject.replaceAll('\n', ', '),
      }),
    );
  const datesAt = (moment: Date) => {
    const out = read.find((one) => moment < new Date(one.validFrom) || moment > new Date(one.validTo));
    if (out === undefined) return null;
    const day = (text: string | Date): string => new Date(text).toISOString().slice(0, 10);
    return { path: pair.certificatePath, from: day(out.validFrom), until: day(out.validTo), now: day(moment) };
  };
  const here = datesAt(now);
  if (here !== null) return faulty(problem('frontend-certificate-dates', here));
  const there = site === null ? null : datesAt(site.now);
  if (site !== null && there !== null)
    return faulty(problem('frontend-certificate-clock', { machine: site.machine, ...there }));
  return { ...known, fault: null };
}

function certificatesIn(blocks: readonly string[]): readonly X509Certificate[] | null {
  try {
    return blocks.length === 0 ? null : blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

function isKey(text: string): boolean {
  try {
    createPrivateKey(text);
    return true;
  } catch {
    return false;
  }
}
