// Whether a manifest is one to believe: its key's fingerprint is the pinned one, the key signed exactly these bytes, and they
// say what a manifest says. Pure; used by opening a medium here, and by steps for one that is plugged into a machine.
import { type Manifest, manifest as manifestShape, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { fingerprintOf, verifyBytes } from './keys.ts';

export interface OpenedManifest {
  readonly manifest: Manifest;
  /** Of the key that signed it. */
  readonly fingerprint: string;
  /** False: nothing was pinned, and a person must compare the fingerprint with the printed sheet before use. */
  readonly pinned: boolean;
}

export interface ManifestParts {
  /** Where it lies, for sentences. */
  readonly place: string;
  /** Null what is not there. */
  readonly bytes: Uint8Array | null;
  readonly keyPem: string | null;
  /** One signature a line. */
  readonly signatures: string | null;
  /** Fingerprint the site plan holds, null on a laptop that never saw this medium. */
  readonly pinned: string | null;
  /** Refuses an older state of the medium put back in its place. */
  readonly minimumGeneration?: number;
}

/** Throws `medium-unsealed`, `medium-manifest-invalid`, `medium-rolled-back`, `fingerprint-differs`. */
export function checkManifest(parts: ManifestParts): OpenedManifest {
  const { place, bytes, keyPem, signatures, pinned, minimumGeneration = 1 } = parts;
  if (bytes === null) throw problem('medium-unsealed', { path: place });
  const invalid = (detail: string) => problem('medium-manifest-invalid', { path: place, detail });
  const fingerprint = keyPem === null ? null : keyFingerprint(keyPem);
  if (keyPem === null || fingerprint === null) throw invalid(mediumPaths.manifestKey);
  if (pinned !== null && fingerprint !== pinned) {
    throw problem('fingerprint-differs', { what: mediumPaths.manifestKey, expected: pinned, found: fingerprint });
  }
  if (!signatureLines(signatures).some((line) => verifyBytes(bytes, line, keyPem)))
    throw invalid(mediumPaths.manifestSignature);
  const manifest = parseManifest(bytes);
  if (manifest === null) throw invalid(mediumPaths.manifest);
  if (manifest.generation < minimumGeneration)
    throw problem('medium-rolled-back', { path: place, was: minimumGeneration, now: manifest.generation });
  return { manifest, fingerprint, pinned: pinned !== null };
}

function parseManifest(bytes: Uint8Array): Manifest | null {
  try {
    const { data } = manifestShape.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (data === undefined) return null;
    const names = new Set(data.files.map(({ path }) => path.toLowerCase()));
    return names.size === data.files.length ? data : null;
  } catch {
    return null;
  }
}

/** Null for what is no public key. */
export function keyFingerprint(pem: string): string | null {
  try {
    return fingerprintOf(pem);
  } catch {
    return null;
  }
}

/** The signature file's lines. */
export const signatureLines = (text: string | null): readonly string[] =>
  (text ?? '').split('\n').filter((line) => line !== '');
