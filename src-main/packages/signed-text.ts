// OpenPGP signatures of archive indexes, checked against pinned keys only. Called by the archive reader.
// It must never hand out text that no pinned key has signed: what it returns is exactly what the signature covers.
// The clearsigned frame (RFC 9580, section 7) is taken apart here, strictly: libraries are lenient about text around it.
import type { PublicKey } from 'openpgp';
import { problem } from '../../src-shared/problem.ts';

/** Read in at its first use: no start of the program waits for it. */
export const openpgp = () => import('openpgp');

export interface Verified {
  readonly text: string;
  /** Fingerprint of the pinned primary key, upper-case hex. */
  readonly signedBy: string;
}

export interface SignatureRules {
  /** Where the text comes from, for the errors. */
  readonly url: string;
  /** ASCII-armored public keys; each text may hold several. */
  readonly keys: readonly string[];
  /** Signatures dated later than this are refused, and so are keys that have expired by then. */
  readonly now: Date;
  /** Then a key need only have been good when it signed. For archives that are no longer maintained. */
  readonly tolerateExpired?: boolean;
  /** Who signed it before, among several good signatures the one that is told. */
  readonly before?: string | null;
}

/**
 * Text of a clearsigned file (InRelease). One good signature of a pinned key is enough; those of other keys are ignored.
 * Throws `release-unsigned` (no signature at all), `release-signature-bad`, `release-key-unknown`.
 */
export async function verifyClearsigned(bytes: Uint8Array, rules: SignatureRules): Promise<Verified> {
  const { text, signature } = takeApart(decode(bytes, rules), rules);
  return { text, signedBy: await verifyText(text, signature, rules) };
}

/** Text of a file with its signature beside it (Release and Release.gpg). Throws as `verifyClearsigned`. */
export async function verifyDetached(
  bytes: Uint8Array,
  signature: Uint8Array,
  rules: SignatureRules,
): Promise<Verified> {
  const text = decode(bytes, rules);
  return { text, signedBy: await verifyText(text, decode(signature, rules), rules) };
}

async function verifyText(text: string, armored: string, rules: SignatureRules): Promise<string> {
  const keys = await pinnedKeys(rules);
  const { createMessage, readSignature, verify } = await openpgp();
  const signature = await readSignature({ armoredSignature: armored }).catch((cause: unknown) => {
    throw bad(rules, cause instanceof Error ? cause.message : 'unreadable signature');
  });
  if (signature.packets.length === 0) throw problem('release-unsigned', { url: rules.url });
  const { signatures } = await verify({
    // As bytes: given text, the library would turn line ends about before it looks at the signature.
    message: await createMessage({ binary: new TextEncoder().encode(text) }),
    signature,
    verificationKeys: [...keys],
    date: rules.now,
  });
  const good: string[] = [];
  const refusals: string[] = [];
  const unknown: string[] = [];
  for (const { keyID, verified } of signatures) {
    const key = keys.find((candidate) => candidate.getKeys(keyID).length > 0);
    // The library asks whether the key was good when it signed; whether it still is, is asked here, as apt does.
    const outcome = await verified
      .then(() => (rules.tolerateExpired === true ? null : key?.getSigningKey(keyID, rules.now)))
      .then(
        () => null,
        (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
      );
    if (key === undefined) unknown.push(keyID.toHex().toUpperCase());
    else if (outcome === null) good.push(key.getFingerprint().toUpperCase());
    else refusals.push(`${keyID.toHex().toUpperCase()}: ${outcome}`);
  }
  const told = good.find((one) => one === rules.before) ?? good[0];
  if (told !== undefined) return told;
  if (refusals.length > 0) throw bad(rules, refusals.join('; '));
  throw problem('release-key-unknown', { url: rules.url, key: unknown.join(', ') });
}

async function pinnedKeys(rules: SignatureRules): Promise<readonly PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const armored of rules.keys) keys.push(...(await readPublicKeys(armored)));
  return keys;
}

const keyBlocks = /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----[\s\S]*?-----END PGP \1 KEY BLOCK-----/g;

/** Public keys of an ASCII-armored text; files put one after the other count each. Throws `archive-key-missing`, named by the text's first line, when it holds none. */
export async function readPublicKeys(armored: string): Promise<readonly PublicKey[]> {
  const blocks = armored.match(keyBlocks) ?? [armored];
  const { readKeys } = await openpgp();
  const keys = await Promise.all(blocks.map((block) => readKeys({ armoredKeys: block }))).catch((cause: unknown) => {
    throw problem('archive-key-missing', { name: armored.slice(0, 40).split('\n')[0] ?? '' }, { cause });
  });
  return keys.flat();
}

function decode(bytes: Uint8Array, rules: SignatureRules): string {
  try {
    // Fatal, so that encoding the text again gives the very bytes; a byte order mark is kept for the same reason.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw problem('release-signature-bad', { url: rules.url, detail: 'not UTF-8' }, { cause });
  }
}

const opening = '-----BEGIN PGP SIGNED MESSAGE-----';
const between = '-----BEGIN PGP SIGNATURE-----';
const closing = '-----END PGP SIGNATURE-----';

/** Parts the signed text from its signature and refuses everything that stands outside the frame. */
function takeApart(file: string, rules: SignatureRules): { readonly text: string; readonly signature: string } {
  const lines = file.split('\n').map((line) => line.replace(/[ \t\r]+$/, ''));
  while (lines.at(-1) === '') lines.pop();
  if (!lines.includes(opening)) throw problem('release-unsigned', { url: rules.url });
  const middle = lines.indexOf(between);
  const blank = lines.indexOf('');
  const framed = lines[0] === opening && lines.at(-1) === closing && blank > 0 && blank < middle;
  const once = lines.filter((line) => line === opening || line === between || line === closing).length === 3;
  const headers = lines.slice(1, blank).every((line) => /^Hash: [A-Z0-9, ]+$/.test(line));
  if (!framed || !once || !headers) throw bad(rules, 'text outside the signed part');
  const text = lines.slice(blank + 1, middle).map((line) => {
    if (!line.startsWith('-')) return line;
    if (!line.startsWith('- ')) throw bad(rules, 'unescaped dash in the signed part');
    return line.slice(2);
  });
  return { text: text.join('\n'), signature: `${lines.slice(middle).join('\n')}\n` };
}

const bad = ({ url }: SignatureRules, detail: string) => problem('release-signature-bad', { url, detail });
