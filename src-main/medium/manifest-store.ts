// The signed manifest on the medium: writing it last, and opening it. Called by sealing and by everything that uses a medium.
// A medium whose manifest does not verify is not used at all.
//
// Two files cannot be replaced at once, so the signature file holds one signature a line and is written twice: first with
// the old manifest's signature and the new one's, then, once the new manifest is in place, with the new one's alone.
// Whatever a cut leaves, the manifest that is there is verified by a line beside it: the old one or the new one, whole.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../src-shared/json.ts';
import { type Manifest, mediumPaths } from '../../src-shared/manifest.ts';
import { errnoOf } from '../platform/files.ts';
import { writeToMedium } from './copy.ts';
import { signBytes, verifyBytes } from './keys.ts';
import { checkManifest, type ManifestParts, type OpenedManifest, signatureLines } from './manifest-check.ts';

/** More than any medium needs; a larger one is not read. */
const manifestLimitBytes = 64 * 1024 * 1024;
const smallLimitBytes = 64 * 1024;

/** What lies on a medium of its manifest, its key and its signatures, before any of it is believed. Null what is not there. */
export async function readManifestParts(
  root: string,
  folder = '',
): Promise<Pick<ManifestParts, 'place' | 'keyPem' | 'signatures'> & { readonly bytes: Buffer | null }> {
  const at = (path: string): string => join(root, folder, path);
  const [bytes, key, signatures] = [
    await readLimited(at(mediumPaths.manifest), manifestLimitBytes),
    await readLimited(join(root, mediumPaths.manifestKey), smallLimitBytes),
    await readLimited(at(mediumPaths.manifestSignature), smallLimitBytes),
  ];
  return {
    place: root,
    bytes,
    keyPem: key?.toString('utf8') ?? null,
    signatures: signatures?.toString('latin1') ?? null,
  };
}

/**
 * Reads a medium's manifest. `root` is the `fieldkit` folder; `pinned` the fingerprint the site plan holds, or null on a
 * laptop that never saw this medium. `minimumGeneration` refuses an older state of the medium put back in its place.
 * `folder` below the root holds a kept generation; its key is the medium's own.
 * Throws `medium-unsealed`, `medium-manifest-invalid`, `medium-rolled-back`, `fingerprint-differs`.
 */
export async function openManifest(
  root: string,
  pinned: string | null,
  minimumGeneration = 1,
  folder = '',
): Promise<OpenedManifest> {
  return checkManifest({ ...(await readManifestParts(root, folder)), pinned, minimumGeneration });
}

/** How a file is put on the medium; replaced in tests that cut the power. */
export type Put = (path: string, data: string | Uint8Array) => Promise<void>;

/** Signs and writes the manifest, after everything it lists is in place. Throws `medium-full`, `medium-read-only`, `medium-write-failed`. */
export async function writeManifest(
  root: string,
  manifest: Manifest,
  privateKeyPem: string,
  put: Put = writeToMedium,
): Promise<void> {
  const bytes = Buffer.from(`${canonicalJson(manifest)}\n`, 'utf8');
  await putManifest(root, bytes, [signBytes(bytes, privateKeyPem)], put);
}

/** Puts a signed manifest in place of the present one. Throws as `writeManifest`. */
export async function putManifest(
  root: string,
  bytes: Buffer,
  signatures: readonly string[],
  put: Put = writeToMedium,
): Promise<void> {
  const key = await readLimited(join(root, mediumPaths.manifestKey), smallLimitBytes);
  const before = await readLimited(join(root, mediumPaths.manifest), manifestLimitBytes);
  const kept = signatureLines(
    (await readLimited(join(root, mediumPaths.manifestSignature), smallLimitBytes))?.toString('latin1') ?? null,
  ).filter(
    (line) =>
      before !== null && key !== null && !signatures.includes(line) && verifyBytes(before, line, key.toString('utf8')),
  );
  await put(join(root, mediumPaths.manifestSignature), [...kept, ...signatures, ''].join('\n'));
  await put(join(root, mediumPaths.manifest), bytes);
  if (kept.length > 0) await put(join(root, mediumPaths.manifestSignature), [...signatures, ''].join('\n'));
}

/** A small file's bytes; null when it is absent, no plain file, or too large to be what it should be. */
async function readLimited(path: string, limitBytes: number): Promise<Buffer | null> {
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'].includes(errnoOf(thrown))) return null;
    throw thrown;
  });
  if (handle === null) return null;
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= limitBytes ? await handle.readFile() : null;
  } finally {
    await handle.close();
  }
}
