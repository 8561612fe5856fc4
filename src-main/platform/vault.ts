// The laptop's private keys in one file, encrypted with a passphrase. Called by compose for the key steps.
// It must never write a private key unencrypted, log one, or keep the passphrase after the key is derived.
// Form: JSON { format, kdf, salt, check, nonce, tag, data }. scrypt makes 64 bytes: the first half is the AES-256-GCM
// key, the hash of the second half tells a wrong passphrase from a damaged file.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from './files.ts';
import { waitForOwnerLock } from './owner-lock.ts';

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const vaultFile = z.strictObject({
  format: z.literal(1),
  // The bounds keep a tampered file from taking all memory.
  kdf: z.strictObject({
    cost: z
      .int()
      .min(1 << 14)
      .max(1 << 18),
    blockSize: z.int().min(8).max(16),
    parallel: z.int().min(1).max(4),
  }),
  salt: base64,
  check: base64,
  nonce: base64,
  tag: base64,
  data: base64,
});
type VaultFile = z.infer<typeof vaultFile>;
const entriesOf = z.record(z.string(), base64);
type Entries = Record<string, string>;

const kdf = { cost: 1 << 17, blockSize: 8, parallel: 1 };
const context = Buffer.from('slapos-field-kit vault 1');
const derive = promisify<Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Not `__proto__`, which an object would swallow. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9 ._:@/-]{0,199}$/;

export interface Vault {
  /** Null when there is no such key. */
  get(name: string): Promise<Uint8Array | null>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

interface Lock {
  readonly kdf: VaultFile['kdf'];
  readonly salt: Buffer;
  readonly key: Buffer;
  readonly check: Buffer;
}

/** Changes queue up by the file they are made to: two at once, though of two sites, cannot lose one of them. */
const changing = new Map<string, Promise<unknown>>();
/** A change takes milliseconds; another program of ours (window and terminal) that makes one is waited for. */
const longestChangeMs = 10_000;

/**
 * Opens the vault at `path`, or a new empty one that is written with the first `put` (mode 0600, atomic).
 * Throws `passphrase-wrong`, `vault-damaged`; a change also `vault-in-use`.
 */
export async function openVault(path: string, passphrase: string): Promise<Vault> {
  const stored = await readVault(path);
  const lock = await makeLock(
    passphrase,
    stored?.kdf ?? kdf,
    stored ? Buffer.from(stored.salt, 'base64') : randomBytes(16),
  );
  if (stored !== null) {
    const check = Buffer.from(stored.check, 'base64');
    if (check.length !== lock.check.length || !timingSafeEqual(check, lock.check))
      throw problem('passphrase-wrong', {});
    decrypt(path, stored, lock);
  }
  const read = async (): Promise<Entries> => {
    const now = await readVault(path);
    return now === null ? {} : decrypt(path, now, lock);
  };
  const change = (edit: (entries: Entries) => Entries): Promise<void> => {
    const next = (changing.get(path) ?? Promise.resolve()).then(async () => {
      await ensureFolder(dirname(path), 0o700);
      const turn = await waitForOwnerLock(`${path}.lock`, longestChangeMs);
      if ('held' in turn) throw problem('vault-in-use', { path, owner: turn.held?.pid ?? '?' });
      try {
        const entries = edit(await read());
        await writeAtomic(path, `${JSON.stringify(encrypt(entries, lock))}\n`, { mode: 0o600 });
      } finally {
        await turn.release();
      }
    });
    changing.set(
      path,
      next.catch(() => undefined),
    );
    return next;
  };
  return {
    get: async (name) => {
      const value = new Map(Object.entries(await read())).get(name);
      return value === undefined ? null : Buffer.from(value, 'base64');
    },
    put: (name, bytes) => {
      if (!plainName.test(name)) throw problem('internal', { detail: `not a name for a key: ${name}` });
      return change((entries) => ({ ...entries, [name]: Buffer.from(bytes).toString('base64') }));
    },
    remove: (name) => change((entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name))),
    names: async () => Object.keys(await read()).sort(),
  };
}

async function readVault(path: string): Promise<VaultFile | null> {
  const text = await readTextOrNull(path);
  if (text === null) return null;
  try {
    return vaultFile.parse(JSON.parse(text));
  } catch (cause) {
    throw problem('vault-damaged', { path }, { cause });
  }
}

async function makeLock(passphrase: string, costs: VaultFile['kdf'], salt: Buffer): Promise<Lock> {
  const { cost, blockSize, parallel } = costs;
  // The same passphrase typed on another system may come in another Unicode form.
  const bytes = await derive(Buffer.from(passphrase.normalize('NFC')), salt, 64, {
    cost,
    blockSize,
    parallelization: parallel,
    maxmem: 256 * cost * blockSize,
  });
  const check = createHash('sha256').update(bytes.subarray(32)).digest();
  return { kdf: costs, salt, key: bytes.subarray(0, 32), check };
}

function encrypt(entries: Entries, lock: Lock): VaultFile {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', lock.key, nonce).setAAD(context);
  const data = Buffer.concat([cipher.update(JSON.stringify(entries), 'utf8'), cipher.final()]);
  const text = (bytes: Buffer) => bytes.toString('base64');
  return {
    format: 1,
    kdf: lock.kdf,
    salt: text(lock.salt),
    check: text(lock.check),
    nonce: text(nonce),
    tag: text(cipher.getAuthTag()),
    data: text(data),
  };
}

function decrypt(path: string, stored: VaultFile, lock: Lock): Entries {
  try {
    const decipher = createDecipheriv('aes-256-gcm', lock.key, Buffer.from(stored.nonce, 'base64'), {
      authTagLength: 16,
    })
      .setAAD(context)
      .setAuthTag(Buffer.from(stored.tag, 'base64'));
    const plain = Buffer.concat([decipher.update(Buffer.from(stored.data, 'base64')), decipher.final()]);
    return entriesOf.parse(JSON.parse(plain.toString('utf8')));
  } catch (cause) {
    throw problem('vault-damaged', { path }, { cause });
  }
}
