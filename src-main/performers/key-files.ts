// A site's private keys as one encrypted file, for the laptop that is to go on with its medium: written from the vault, read into
// another one. Called by compose for the command line. It must never write a key that is not encrypted, onto a medium,
// over a file that is there, or into the vault of a site whose keys are others.
// Form: age (age-encryption.org/v1) with a passphrase; inside, JSON: format, site, public keys as in site.lock, private halves.
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../src-shared/json.ts';
import { type LockedKeys, lockedKeys } from '../../src-shared/lock.ts';
import { mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { fingerprintOf as manifestFingerprintOf, publicHalf as manifestHalf } from '../medium/keys.ts';
import { fingerprintOf as repositoryFingerprintOf, publicHalf as repositoryHalf } from '../packages/signer.ts';
import { type Bytes, decryptBytes, encryptBytes } from '../platform/age.ts';
import { exists, writeAtomic } from '../platform/files.ts';
import { openVault } from '../platform/vault.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { keyMatchesCertificate } from '../software/certificate.ts';
import { type KeyNames, keyNames } from './site-keys.ts';

const content = z.strictObject({
  format: z.literal(1),
  site: z.string(),
  public: lockedKeys,
  private: z.strictObject({ cache: z.string(), repository: z.string(), manifest: z.string() }),
});
type Content = z.infer<typeof content>;

/** More than any set of keys needs; a larger file is not read. */
const limitBytes = 1024 * 1024;

export interface Passphrases {
  readonly vault: string;
  readonly file: string;
}

const bytesOf = (text: string): Bytes => new Blob([text]).stream();

/**
 * Writes the site's keys to `path`, mode 0600. Throws `key-missing` on a laptop that lacks one, `passphrase-wrong`,
 * `vault-damaged`, `keys-file-unfit` for a path that is taken or lies on a medium.
 */
export async function exportKeys(
  site: Pick<OpenSite, 'name' | 'lock'>,
  vaultPath: string,
  path: string,
  passphrases: Passphrases,
): Promise<{ readonly path: string; readonly fingerprint: string }> {
  const to = resolve(path);
  if (await exists(to)) throw problem('keys-file-unfit', { path: to, detail: 'there is a file already' });
  const medium = await mediumAround(to);
  if (medium !== null) throw problem('keys-file-unfit', { path: to, detail: `${medium} is a medium` });
  const locked = site.lock.keys;
  if (locked === null) throw problem('key-missing', { key: 'manifest' });
  const vault = await openVault(vaultPath, passphrases.vault);
  const halves: Record<string, string> = {};
  for (const [which, name] of Object.entries(keyNames(site.name))) {
    const bytes = await vault.get(name);
    if (bytes === null) throw problem('key-missing', { key: which });
    halves[which] = Buffer.from(bytes).toString('utf8');
  }
  const whole = content.parse({ format: 1, site: site.name, public: locked, private: halves });
  await requireOf(whole, locked, to);
  const cipher = await encryptBytes(bytesOf(JSON.stringify(whole)), passphrases.file);
  await writeAtomic(to, Buffer.from(await new Response(cipher).arrayBuffer()), { mode: 0o600 });
  return { path: to, fingerprint: locked.manifestFingerprint };
}

/**
 * Reads a file of keys into this laptop's vault, and the public halves into the site where it has none. The same keys a second
 * time change nothing; others under the same names are kept beside. Throws `keys-file-unfit`, `keys-of-another-site`,
 * `passphrase-wrong`, `vault-damaged`.
 */
export async function importKeys(
  site: Pick<OpenSite, 'name' | 'lock' | 'plan' | 'clock' | 'updateLock'>,
  vaultPath: string,
  path: string,
  passphrases: Passphrases,
): Promise<{ readonly path: string; readonly fingerprint: string; readonly changed: boolean }> {
  const from = resolve(path);
  const whole = await contentOf(from, passphrases.file);
  const { manifestFingerprint: fingerprint } = whole.public;
  const expected = site.lock.keys?.manifestFingerprint ?? site.plan.trust.manifest ?? fingerprint;
  if (whole.site !== site.name || expected !== fingerprint)
    throw problem('keys-of-another-site', { path: from, site: site.name, expected, found: fingerprint });
  await requireOf(whole, site.lock.keys ?? whole.public, from);
  const vault = await openVault(vaultPath, passphrases.vault);
  let changed = false;
  for (const [which, name] of Object.entries(keyNames(site.name))) {
    const half = Buffer.from(whole.private[which as keyof KeyNames]);
    const have = await vault.get(name);
    if (have !== null && half.equals(have)) continue;
    if (have !== null) await vault.put(`${name} before ${site.clock.now().toISOString()}`, have);
    await vault.put(name, half);
    changed = true;
  }
  if (site.lock.keys === null) await site.updateLock((lock) => ({ ...lock, keys: whole.public }));
  return { path: from, fingerprint, changed };
}

async function contentOf(path: string, passphrase: string): Promise<Content> {
  const unfit = (detail: string, cause?: unknown) => problem('keys-file-unfit', { path, detail }, { cause });
  const bytes = await stat(path).then(
    ({ size }) => (size > limitBytes ? null : readFile(path)),
    (cause: NodeJS.ErrnoException) => {
      throw unfit(cause.code ?? '', cause);
    },
  );
  if (bytes === null || bytes.subarray(0, 21).toString('latin1') !== 'age-encryption.org/v1')
    throw unfit('not a file of keys');
  const plain = await decryptBytes(new Blob([new Uint8Array(bytes)]).stream(), passphrase);
  const text = await new Response(plain).text().catch((cause: unknown) => {
    throw unfit('damaged', cause);
  });
  const parsed = content.safeParse(parseJson(text));
  if (!parsed.success) throw unfit('not a file of keys');
  return parsed.data;
}

/** The private halves belong to these public ones, each of them. */
async function requireOf(whole: Content, locked: LockedKeys, path: string): Promise<void> {
  const { cache, repository, manifest } = whole.private;
  const belongs = async (): Promise<boolean> =>
    keyMatchesCertificate(cache, locked.cacheCertificate) &&
    (await repositoryFingerprintOf(await repositoryHalf(repository))) === locked.repositoryFingerprint &&
    manifestFingerprintOf(manifestHalf(manifest)) === locked.manifestFingerprint;
  // What is no key at all belongs to none.
  if (!(await belongs().catch(() => false)))
    throw problem('keys-file-unfit', { path, detail: 'private and public halves differ' });
}

/**
 * The medium that a file would lie on, at whatever place of it; null when none. A folder is one from when it was chosen, before
 * anything on it is sealed. Whether it is a medium's own tree or beside it makes no difference to who finds the stick.
 */
async function mediumAround(path: string): Promise<string | null> {
  const marks = [mediumPaths.mediumId, mediumPaths.manifest];
  // A folder that is not there is told by writing.
  let folder = await realpath(dirname(path)).catch(() => dirname(path));
  for (;;) {
    for (const mark of marks) if (await exists(join(folder, mediumRoot, mark))) return folder;
    if (folder === dirname(folder)) return null;
    folder = dirname(folder);
  }
}
