// Seals a medium: reads everything back from it, then signs the list and writes it last. Called by seal-medium's job.
// Until the manifest is in place the medium is what it was before. It must never sign what it has not read back.
import { join } from 'node:path';
import { type Manifest, type ManifestFile, manifestBlockBytes, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Progress } from '../platform/fetch.ts';
import { errnoOf, readTextOrNull } from '../platform/files.ts';
import { writeToMedium } from './copy.ts';
import { checkIdentity, type MediumIdentity } from './identity.ts';
import { fingerprintOf, publicHalf } from './keys.ts';
import { type Put, writeManifest } from './manifest-store.ts';
import { goneProblem } from './medium-problem.ts';
import { readBack } from './read-back.ts';
import { removeLeftovers, type ScannedFile, scanMedium } from './scan.ts';
import { withSignal } from './verify.ts';

export interface SealRequest {
  /** The medium's `fieldkit` folder. */
  readonly root: string;
  readonly site: string;
  /** See `nextGeneration`. */
  readonly generation: number;
  readonly sealedAt: Date;
  /** Name and version of the program. */
  readonly program: string;
  /** Ed25519, PKCS#8 PEM. */
  readonly privateKeyPem: string;
  /** Compared before the first write and again before the manifest. */
  readonly identity?: MediumIdentity;
  /**
   * What the site's lock says must be there. Then nothing else is signed; without it everything found is.
   * The manifest's key and the medium's id are always added.
   */
  readonly expected?: readonly ExpectedFile[];
  /** Over all files. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface ExpectedFile {
  readonly path: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
}

export interface Sealed {
  readonly manifest: Manifest;
  readonly fingerprint: string;
  /** On the medium, but not signed and never used. */
  readonly unlisted: readonly string[];
  /** False when some file could only be read back through the laptop's memory. */
  readonly cacheBypassed: boolean;
}

/**
 * Throws `medium-absent`, `medium-swapped`, `medium-file-missing`, `medium-file-damaged`, `medium-name-unfit` (two names
 * that differ in case alone), `key-missing`, `cancelled`, and what writing throws. How files are put there is replaced in tests.
 */
export async function sealMedium(request: SealRequest, replaced?: Put): Promise<Sealed> {
  const { root, identity } = request;
  const publicKeyPem = publicHalf(request.privateKeyPem);
  const device = identity === undefined ? undefined : (await checkIdentity(identity)).device;
  const put: Put = replaced ?? ((path, data) => writeToMedium(path, data, device));
  // Rewriting the same key would be one more moment to be cut in; another key ends the old manifest, which it must.
  const keyPath = join(root, mediumPaths.manifestKey);
  if ((await readTextOrNull(keyPath)) !== publicKeyPem) await put(keyPath, publicKeyPem);
  await removeLeftovers(root, await scanMedium(root));
  const scan = await scanMedium(root);
  const { files, expected, unlisted } = choose(scan.files, request.expected);
  refuseTwins(files);
  const { listed, cacheBypassed } = await readAll(files, expected, request, device);
  const { site, generation, program } = request;
  const manifest: Manifest = {
    format: 1,
    site,
    generation,
    sealedAt: request.sealedAt.toISOString(),
    program,
    files: listed,
  };
  if (identity !== undefined) await checkIdentity(identity);
  await writeManifest(root, manifest, request.privateKeyPem, put);
  const others = [...unlisted, ...scan.strange].sort();
  return { manifest, fingerprint: fingerprintOf(publicKeyPem), unlisted: others, cacheBypassed };
}

/** A copy of the medium on FAT would keep one of the two, under either name. */
function refuseTwins(files: readonly ScannedFile[]): void {
  const seen = new Set<string>();
  for (const { path } of files) {
    const folded = path.toLowerCase();
    if (seen.has(folded)) throw problem('medium-name-unfit', { file: path, fileSystem: 'FAT' });
    seen.add(folded);
  }
}

type Expectations = ReadonlyMap<string, ExpectedFile>;

function choose(
  found: readonly ScannedFile[],
  asked: readonly ExpectedFile[] | undefined,
): { files: readonly ScannedFile[]; expected: Expectations; unlisted: readonly string[] } {
  const expected = new Map((asked ?? []).map((file) => [file.path, file]));
  const present = new Map(found.map((file) => [file.path, file]));
  for (const [path, { sizeBytes }] of expected) {
    const file = present.get(path);
    if (file === undefined) throw problem('medium-file-missing', { file: path });
    if (sizeBytes !== undefined && sizeBytes !== file.sizeBytes) {
      throw problem('medium-file-damaged', { file: path, offset: Math.min(sizeBytes, file.sizeBytes) });
    }
  }
  if (asked === undefined) return { files: found, expected, unlisted: [] };
  const own = new Set<string>([mediumPaths.manifestKey, mediumPaths.mediumId]);
  const files = found.filter(({ path }) => expected.has(path) || own.has(path));
  const signed = new Set(files.map(({ path }) => path));
  return { files, expected, unlisted: found.map(({ path }) => path).filter((path) => !signed.has(path)) };
}

async function readAll(
  files: readonly ScannedFile[],
  expected: Expectations,
  { root, onProgress, signal }: SealRequest,
  device: number | undefined,
): Promise<{ listed: ManifestFile[]; cacheBypassed: boolean }> {
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const listed: ManifestFile[] = [];
  let doneBytes = 0;
  let cacheBypassed = true;
  for (const { path, sizeBytes } of files) {
    const before = doneBytes;
    const isBlob = path.startsWith(mediumPaths.blob(''));
    const found = await readBack(join(root, path), {
      sha512: isBlob,
      onProgress: (done) => onProgress?.({ doneBytes: before + done, totalBytes }),
      ...withSignal(signal),
    }).catch(async (thrown: unknown) => {
      if (errnoOf(thrown) === '') throw thrown;
      throw (
        (await goneProblem(thrown, join(root, path), device)) ??
        problem('medium-file-damaged', { file: path, offset: 0 }, { cause: thrown })
      );
    });
    const wanted = expected.get(path)?.sha256;
    const wrong = found.sizeBytes !== sizeBytes || (wanted !== undefined && wanted !== found.sha256);
    if (wrong || (isBlob && path !== mediumPaths.blob(found.sha512 ?? ''))) {
      throw problem('medium-file-damaged', { file: path, offset: 0 });
    }
    cacheBypassed &&= found.cacheBypassed;
    const blocks = sizeBytes > manifestBlockBytes ? { blocks: [...found.blocks] } : {};
    listed.push({ path, sizeBytes, sha256: found.sha256, ...blocks });
    doneBytes += sizeBytes;
    onProgress?.({ doneBytes, totalBytes });
  }
  return { listed, cacheBypassed };
}
