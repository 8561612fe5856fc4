// The repository's own key and its signatures. Called by make-keys and by the repository writer.
// The private half passes through as text: the caller keeps it in the vault. It must never be written to a disk here.
//
// The key is Ed25519 in its older form (OpenPGP version 4, algorithm 22): gpgv 2.2, which apt of Debian 12 runs, refuses
// the newer algorithm 27, and Sequoia's sqv, which apt of Debian 13 runs, takes both.
import { problem } from '../../src-shared/problem.ts';
import { openpgp, readPublicKeys } from './signed-text.ts';

export interface RepositoryKey {
  /** ASCII-armored. */
  readonly publicKey: string;
  /** ASCII-armored, not encrypted: for the vault only. */
  readonly privateKey: string;
  /** Upper-case hex, 40 digits. */
  readonly fingerprint: string;
}

/** Makes a key that only signs and never expires: the medium may be used years later. `created` must not lie in the future. */
export async function makeRepositoryKey(name: string, created: Date): Promise<RepositoryKey> {
  const { generateKey } = await openpgp();
  const { publicKey, privateKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name }],
    subkeys: [],
    date: created,
    format: 'armored',
  });
  return { publicKey, privateKey, fingerprint: await fingerprintOf(publicKey) };
}

/** Fingerprint of the first key in an ASCII-armored text, upper-case hex. Throws `archive-key-missing`. */
export async function fingerprintOf(publicKey: string): Promise<string> {
  const [key] = await readPublicKeys(publicKey);
  if (key === undefined) throw problem('archive-key-missing', { name: '' });
  return key.getFingerprint().toUpperCase();
}

/** The public half of a private key, ASCII-armored. Throws `key-missing`. */
export async function publicHalf(privateKey: string): Promise<string> {
  return (await openPrivate(privateKey)).toPublic().armor();
}

export interface SignedRelease {
  /** The text clearsigned. */
  readonly inRelease: string;
  /** ASCII-armored signature of the exact bytes of the text. */
  readonly releaseGpg: string;
}

/** Signs a Release text, which ends in one line feed. Equal input gives equal bytes. Throws `key-missing`. */
export async function signRelease(text: string, privateKey: string, date: Date): Promise<SignedRelease> {
  const { createCleartextMessage, createMessage, sign } = await openpgp();
  const signingKeys = await openPrivate(privateKey);
  // Without this the library salts each signature, and the same repository would never be written twice alike.
  const config = { nonDeterministicSignaturesViaNotation: false };
  // The line feed before the signature belongs to the frame, not to the text.
  const framed = await createCleartextMessage({ text: text.replace(/\n$/, '') });
  const inRelease = await sign({ message: framed, signingKeys, date, config });
  const bytes = await createMessage({ binary: new TextEncoder().encode(text) });
  const releaseGpg = await sign({ message: bytes, signingKeys, date, config, detached: true, format: 'armored' });
  return { inRelease: ending(inRelease), releaseGpg: ending(releaseGpg) };
}

/** One line feed at the end and none of the carriage returns some versions of the library put there. */
const ending = (armored: string): string => `${armored.replaceAll('\r', '').trimEnd()}\n`;

async function openPrivate(privateKey: string) {
  const { readPrivateKey } = await openpgp();
  try {
    return await readPrivateKey({ armoredKey: privateKey });
  } catch (cause) {
    throw problem('key-missing', { key: 'repository' }, { cause });
  }
}
