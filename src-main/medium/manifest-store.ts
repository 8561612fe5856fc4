// The signed manifest on the medium: writing it last, and opening it. Called by sealing and by everything that uses a medium.
// A medium whose manifest does not verify is not used at all.
//
// Two files cannot be replaced at once, so the signature file holds one signature a line and is written twice: first with
// the old manifest's signature and the new one's, then, once the new manifest is in place, with the new one's alone.
// Whatever a cut leaves, the manifest that is there is verified by a line beside it: the old one or the new one, whole.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../src-shared/json.ts';
import { type Manifest, manifest as manifestShape, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf } from '../platform/files.ts';
import { writeToMedium } from './copy.ts';
import { fingerprintOf, signBytes, verifyBytes } from './keys.ts';

export interface OpenedManifest {
  readonly manifest: Manifest;
  /** Of the key that signed it. */
  readonly fingerprint: string;
  /** False: nothing was pinned, and a person must compare the fingerprint with the printed sheet before use. */
  readonly pinned: boolean;
}

/** More than any medium needs; a larger one is not read. */
const manifestLimitBytes = 64 * 1024 * 1024;
const smallLimitBytes = 64 * 1024;

/**
 * Reads a medium's manifest. `root` is the `fieldkit` folder; `pinned` the fingerprint the site plan holds, or null on a
 * laptop that never saw this medium. `minimumGeneration` refuses an older state of the medium put back in its place.
 * `folder` below the root holds a kept generation; its key is the medium's own.
 * Throws `medium-unsealed`, `medium-manifest-invalid`, `fingerprint-differs`.
 */
export async function openManifest(
  root: string,
  pinned: string | null,
  minimumGeneration = 1,
  folder = '',
): Promise<OpenedManifest> {
  const at = (path: string): string => join(root, folder, path);
  const bytes = await readLimited(at(mediumPaths.manifest), manifestLimitBytes);
  if (bytes === null) throw problem('medium-unsealed', { path: root });
  const invalid = (detail: string) => problem('medium-manifest-invalid', { path: root, detail });
  const key = await readLimited(join(root, mediumPaths.manifestKey), smallLimitBytes);
  if (key === null) throw invalid(mediumPaths.manifestKey);
  const keyPem = key.toString('utf8');
  const fingerprint = keyFingerprint(keyPem);
  if (fingerprint === null) throw invalid(mediumPaths.manifestKey);
  if (pinned !== null && fingerprint !== pinned) {
    throw problem('fingerprint-differs', { what: mediumPaths.manifestKey, expected: pinned, found: fingerprint });
  }
  const signatures = await readLimited(at(mediumPaths.manifestSignature), smallLimitBytes);
  if (!linesOf(signatures).some((line) => verifyBytes(bytes, line, keyPem)))
    throw invalid(mediumPaths.manifestSignature);
  const manifest = parseManifest(bytes);
  if (manifest === null) throw invalid(mediumPaths.manifest);
  if (manifest.generation < minimumGeneration) throw invalid(`${manifest.generation} < ${minimumGeneration}`);
  return { manifest, fingerprint, pinned: pinned !== null };
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
  const kept = linesOf(await readLimited(join(root, mediumPaths.manifestSignature), smallLimitBytes)).filter(
    (line) =>
      before !== null && key !== null && !signatures.includes(line) && verifyBytes(before, line, key.toString('utf8')),
  );
  await put(join(root, mediumPaths.manifestSignature), [...kept, ...signatures, ''].join('\n'));
  await put(join(root, mediumPaths.manifest), bytes);
  if (kept.length > 0) await put(join(root, mediumPaths.manifestSignature), [...signatures, ''].join('\n'));
}

function parseManifest(bytes: Buffer): Manifest | null {
  try {
    const { data } = manifestShape.safeParse(JSON.parse(bytes.toString('utf8')));
    if (data === undefined) return null;
    const names = new Set(data.files.map(({ path }) => path.toLowerCase()));
    return names.size === data.files.length ? data : null;
  } catch {
    return null;
  }
}

function keyFingerprint(pem: string): string | null {
  try {
    return fingerprintOf(pem);
  } catch {
    return null;
  }
}

const linesOf = (bytes: Buffer | null): readonly string[] =>
  (bytes?.toString('latin1') ?? '').split('\n').filter((line) => line !== '');

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
