// Index entries of the software cache: what says "this archive is that release, for that system, signed by that key".
// Called by the import, mirror, write-index and proof jobs. Format: shadir's, as slapos.libnetworkcache 0.25 to 0.28 reads it.
// An entry is a JSON text kept as a string, because the signature covers its exact bytes: never parse and write one again.
import { createHash, sign, verify, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { sha512 } from '../../src-shared/lock.ts';
import { type Problem, problem } from '../../src-shared/problem.ts';
import {
  type DistributionTriple,
  describeSystem,
  type EntrySystem,
  osMatches,
  type TargetSystem,
} from './compatibility.ts';
import { readTuple } from './python-tuple.ts';

/** Where a release is built and unpacked. Archives hold absolute paths, so both ends must agree. */
const softwareRoot = '/opt/slapgrid';

export interface SignedEntry {
  /** The entry, byte for byte as signed. */
  readonly entry: string;
  /** base64; upstream's older ones hold line breaks. Kept verbatim. */
  readonly signature: string;
}

export interface EntryFields {
  /** Hash of the archive, and its name in the blob store. */
  readonly sha512: string;
  readonly system: EntrySystem;
  readonly softwareUrl: string | null;
  readonly softwareRoot: string | null;
}

/** Key of a release in the index: md5 of the URL's UTF-8 bytes, without a line end. Also the release's folder name. */
export function urlKey(url: string): string {
  return createHash('md5').update(url, 'utf8').digest('hex');
}

/** The text of a new entry. `file` and `urlmd5` are the constants that clients up to slapos.core 1.11 sent and looked for. */
export function makeEntry(release: {
  readonly sha512: string;
  readonly multiarch: string;
  readonly distribution: DistributionTriple;
  readonly softwareUrl: string;
}): string {
  return JSON.stringify({
    file: 'file',
    multiarch: release.multiarch,
    os: release.distribution,
    sha512: release.sha512,
    software_root: softwareRoot,
    software_url: release.softwareUrl,
    urlmd5: 'urlmd5',
  });
}

/** RSA PKCS#1 v1.5 with SHA-1 over the entry's UTF-8 bytes, base64 on one line: the only digest SlapOS verifies. */
export function signEntry(entry: string, privateKeyPem: string): string {
  return sign('sha1', Buffer.from(entry, 'utf8'), privateKeyPem).toString('base64');
}

/**
 * The certificate (of those given, PEM) whose key made the signature, or null when none did.
 * As in SlapOS only the public key counts: dates, names and issuers are not looked at. One that cannot be read is passed over.
 */
export function verifyEntry(signed: SignedEntry, certificates: readonly string[]): string | null {
  const bytes = Buffer.from(signed.entry, 'utf8');
  const signature = Buffer.from(signed.signature, 'base64');
  if (signature.length === 0) return null;
  return certificates.find((certificate) => verifiesWith(certificate, bytes, signature)) ?? null;
}

function verifiesWith(certificate: string, bytes: Buffer, signature: Buffer): boolean {
  try {
    const key = new X509Certificate(certificate).publicKey;
    return key.asymmetricKeyType === 'rsa' && verify('sha1', bytes, key, signature);
  } catch {
    return false;
  }
}

/** At most this much text of an index document is read: real ones are some kilobytes. */
const documentLimitBytes = 16 * 1024 * 1024;

const indexDocumentShape = z.array(z.tuple([z.string(), z.string()]));

/** Reads an index document, `[[entry, signature], …]`. Throws `entry-malformed`; what the entries hold is not looked at. */
export function parseIndexDocument(text: string, url: string): readonly SignedEntry[] {
  if (text.length > documentLimitBytes) throw problem('entry-malformed', { url, detail: `${text.length} characters` });
  const result = indexDocumentShape.safeParse(parseJson(text, url));
  if (!result.success) throw malformed(url, result.error);
  return result.data.map(([entry, signature]) => ({ entry, signature }));
}

/** The text of an index document; entries stay byte for byte, in the order given: slapgrid takes the first that fits. */
export function indexDocument(entries: readonly SignedEntry[]): string {
  return JSON.stringify(entries.map(({ entry, signature }) => [entry, signature]));
}

const entryShape = z.looseObject({
  sha512,
  multiarch: z.string().optional(),
  machine: z.string().optional(),
  os: z.union([z.tuple([z.string(), z.string(), z.string()]), z.string()]).optional(),
  software_url: z.string().optional(),
  software_root: z.string().optional(),
});

/**
 * What an entry says. Both forms: `multiarch` and an `os` list (slapos.core 1.7.2 and later), or `machine` and `os` as
 * the text of a Python tuple, which slapgrid takes for machine x86_64 alone. Throws `entry-malformed`.
 */
export function readEntry(entry: string, url: string): EntryFields {
  const result = entryShape.safeParse(parseJson(entry, url));
  if (!result.success) throw malformed(url, result.error);
  const { data } = result;
  return {
    sha512: data.sha512,
    system: {
      multiarch: multiarchOf(data),
      distribution: typeof data.os === 'string' ? readTuple(data.os) : (data.os ?? null),
    },
    softwareUrl: data.software_url ?? null,
    softwareRoot: data.software_root ?? null,
  };
}

function multiarchOf({
  multiarch,
  machine,
}: {
  multiarch?: string | undefined;
  machine?: string | undefined;
}): string | null {
  if (multiarch !== undefined) return multiarch;
  return machine === 'x86_64' ? 'x86_64-linux-gnu' : null;
}

/**
 * Why an entry is taken or passed over. `chosen`: the one the target takes. `later`: fits as well, but one before it does.
 * `unsigned`: no trusted certificate verifies it. `otherRoot`: built for another folder than ours. The others say it themselves.
 */
export const entryVerdicts = [
  'chosen',
  'later',
  'unsigned',
  'otherRoot',
  'otherSystem',
  'otherRelease',
  'unreadable',
] as const;
export type EntryVerdict = (typeof entryVerdicts)[number];

export interface JudgedEntry extends SignedEntry {
  readonly verdict: EntryVerdict;
  /** What it was compiled on, for people; empty when it cannot be read. */
  readonly built: string;
  /** Null when it cannot be read. */
  readonly fields: EntryFields | null;
  /** PEM of the certificate that verifies it; looked for only where it fits. */
  readonly certificate: string | null;
}

/** Each entry of a release's document, in its order, and what a target makes of it. */
export function judgeEntries(
  entries: readonly SignedEntry[],
  target: TargetSystem,
  certificates: readonly string[],
  url: string,
): readonly JudgedEntry[] {
  let taken = false;
  return entries.map((signed): JudgedEntry => {
    const fields = fieldsOf(signed.entry, url);
    if (fields === null) return { ...signed, verdict: 'unreadable', built: '', fields, certificate: null };
    const judged = { ...signed, fields, built: describeSystem(fields.system), certificate: null };
    if (fields.softwareUrl !== null && fields.softwareUrl !== url) return { ...judged, verdict: 'otherRelease' };
    if (!osMatches(fields.system, target)) return { ...judged, verdict: 'otherSystem' };
    if (fields.softwareRoot !== null && fields.softwareRoot.replace(/\/+$/, '') !== softwareRoot)
      return { ...judged, verdict: 'otherRoot' };
    const certificate = verifyEntry(signed, certificates);
    if (certificate === null) return { ...judged, verdict: 'unsigned' };
    const verdict = taken ? 'later' : 'chosen';
    taken = true;
    return { ...judged, verdict, certificate };
  });
}

export interface UsableEntry extends SignedEntry {
  readonly fields: EntryFields;
  /** PEM of the certificate that verifies it. */
  readonly certificate: string;
}

/**
 * The entry the target would take: the first in the document's order that a certificate verifies, that fits the system,
 * that does not say to be another release, and that was built for our software root. Entries that cannot be read are passed
 * over, as slapgrid does. A signature covers the entry and not the key it is filed under, so whoever answers for the index could
 * offer a genuine entry of another release.
 * Throws `entry-of-another-release` when there are only those, `entry-signature-bad` when only the signatures stand in the way,
 * else `entry-not-for-target`; the evidence says of each entry why not.
 */
export function chooseEntry(
  entries: readonly SignedEntry[],
  target: TargetSystem,
  certificates: readonly string[],
  url: string,
): UsableEntry {
  const judged = judgeEntries(entries, target, certificates, url);
  for (const { verdict, fields, certificate, entry, signature } of judged)
    if (verdict === 'chosen' && fields !== null && certificate !== null)
      return { entry, signature, fields, certificate };
  const evidence = judged.map(({ verdict, built }, at) => `${at + 1}. ${built === '' ? '?' : built}: ${verdict}`);
  const more = { evidence: evidence.join('\n') };
  const withVerdict = (verdict: EntryVerdict) => judged.filter((one) => one.verdict === verdict);
  if (withVerdict('unsigned').length > 0) throw problem('entry-signature-bad', { url }, more);
  const [stranger] = withVerdict('otherRelease');
  if (stranger !== undefined && withVerdict('otherRelease').length === judged.length)
    throw problem('entry-of-another-release', { url, found: stranger.fields?.softwareUrl ?? '' }, more);
  const roots = withVerdict('otherRoot').map(({ fields }) => fields?.softwareRoot ?? softwareRoot);
  const [wanted, there] =
    roots.length > 0
      ? [`${describeSystem(target)}, ${softwareRoot}`, roots]
      : [describeSystem(target), withVerdict('otherSystem').map(({ built }) => built)];
  const found = [...new Set(there)].sort().join('; ');
  throw problem('entry-not-for-target', { url, wanted, found: found === '' ? '-' : found }, more);
}

function fieldsOf(entry: string, url: string): EntryFields | null {
  try {
    return readEntry(entry, url);
  } catch {
    return null;
  }
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw problem('entry-malformed', { url, detail: (cause as Error).message }, { cause });
  }
}

function malformed(url: string, error: z.ZodError): Problem {
  const [issue] = error.issues;
  return problem('entry-malformed', { url, detail: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
}
