// Files encrypted with a passphrase in the age format (age-encryption.org/v1): any age program opens them, with or without us.
// Called by the backups. It must never write what is not encrypted, nor keep the passphrase.
import { Decrypter, Encrypter } from 'age-encryption';
import { problem } from '../../src-shared/problem.ts';

/** 2^17 rounds: about a second on a laptop, and for whoever guesses. */
const workFactor = 17;

export type Bytes = ReadableStream<Uint8Array>;

export async function encryptBytes(source: Bytes, passphrase: string): Promise<Bytes> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(workFactor);
  encrypter.setPassphrase(passphrase.normalize('NFC'));
  return encrypter.encrypt(source);
}

/** Throws `passphrase-wrong`; what is damaged further on ends the stream with an error. */
export async function decryptBytes(source: Bytes, passphrase: string): Promise<Bytes> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase.normalize('NFC'));
  return decrypter.decrypt(source).catch((cause: unknown) => {
    throw problem('passphrase-wrong', {}, { cause });
  });
}
