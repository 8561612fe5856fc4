// Public keys that archives are believed by: those shipped with the program, and files the site plan names.
// Called before an archive is opened. It must never fetch a key: trust comes from the plan, not from the network.
import { isAbsolute, join } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { readTextOrNull } from '../platform/files.ts';
import { readPublicKeys } from './signed-text.ts';

export interface TrustedKey {
  /** ASCII-armored; may hold several keys. */
  readonly armored: string;
  /** Of the primary keys, upper-case hex, in the order of the file. */
  readonly fingerprints: readonly string[];
}

/**
 * Reads a key by its name in the trust folder (`debian-archive-12`) or by the path of an .asc file.
 * A relative path counts from `planFolder`. Throws `archive-key-missing` for what is absent, no key, or a private key.
 */
export async function readTrustedKey(
  key: string,
  folders: { readonly trustFolder: string; readonly planFolder: string },
): Promise<TrustedKey> {
  const path = pathOf(key, folders);
  const armored = await readTextOrNull(path);
  if (armored === null) throw problem('archive-key-missing', { name: key });
  const keys = await readPublicKeys(armored).catch((cause: unknown) => {
    throw problem('archive-key-missing', { name: key }, { cause });
  });
  if (keys.length === 0 || keys.some((one) => one.isPrivate())) throw problem('archive-key-missing', { name: key });
  return { armored, fingerprints: keys.map((one) => one.getFingerprint().toUpperCase()) };
}

function pathOf(key: string, folders: { readonly trustFolder: string; readonly planFolder: string }): string {
  if (/^[a-z0-9][a-z0-9.-]*$/.test(key) && !key.endsWith('.asc')) return join(folders.trustFolder, `${key}.asc`);
  return isAbsolute(key) ? key : join(folders.planFolder, key);
}
