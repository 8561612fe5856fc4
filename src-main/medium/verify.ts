// Compares what is on a medium with what it should hold, byte by byte, read from the medium itself.
// Called by sealing, by `medium verify`, and before a medium is used. It only reads.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, type ManifestFile, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Progress } from '../platform/fetch.ts';
import { errnoOf } from '../platform/files.ts';
import { sealedPath } from './generations.ts';
import { goneProblem } from './medium-problem.ts';
import { firstDamage, type ReadBack, readBack } from './read-back.ts';
import { type Scan, scanMedium } from './scan.ts';

type Finding =
  | { readonly code: 'medium-file-missing'; readonly file: string }
  /** There, and not listed: never used, only told. */
  | { readonly code: 'medium-file-unlisted'; readonly file: string }
  | {
      readonly code: 'medium-file-damaged';
      readonly file: string;
      /** First byte of the first block that differs; 0 when blocks are not known. */
      readonly offset: number;
      /** False: a second reading gave the right bytes, so the medium or its contact is unreliable. */
      readonly lasting: boolean;
    };

export interface Verification {
  readonly findings: readonly Finding[];
  readonly readBytes: number;
  /** False when some file could only be read through the laptop's memory: reading then proves less. */
  readonly cacheBypassed: boolean;
}

export interface VerifyOptions {
  /** Over all files. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Reads every listed file whole. Throws `cancelled`, `medium-absent`; damage is a finding, not an error. */
export async function verifyMedium(
  root: string,
  manifest: Manifest,
  options: VerifyOptions = {},
): Promise<Verification> {
  const totalBytes = manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  options.onProgress?.({ doneBytes: 0, totalBytes });
  const scan = await scanMedium(root, options.signal);
  const findings: Finding[] = unlisted(scan, manifest);
  const present = new Map(scan.files.map((file) => [file.path, file.sizeBytes]));
  const device = (await stat(root)).dev;
  let doneBytes = 0;
  let cacheBypassed = true;
  for (const file of manifest.files) {
    if (options.signal?.aborted) throw problem('cancelled', { what: 'read' });
    const place = await sealedPath(root, manifest, file.path);
    if (place === join(root, file.path) && !present.has(file.path)) {
      findings.push({ code: 'medium-file-missing', file: file.path });
    } else {
      const before = doneBytes;
      const onProgress = (done: number) => options.onProgress?.({ doneBytes: before + done, totalBytes });
      const found = await verifyFile(place, file, { device, onProgress, ...withSignal(options.signal) });
      cacheBypassed &&= found.cacheBypassed;
      if (found.finding !== null) findings.push(found.finding);
    }
    doneBytes += file.sizeBytes;
    options.onProgress?.({ doneBytes, totalBytes });
  }
  return { findings, readBytes: doneBytes, cacheBypassed };
}

function unlisted({ files, strange, leftovers }: Scan, manifest: Manifest): Finding[] {
  const listed = new Set(manifest.files.map(({ path }) => path));
  const others = files.map(({ path }) => path).filter((path) => !listed.has(path));
  return [...others, ...strange, ...leftovers].sort().map((file) => ({ code: 'medium-file-unlisted', file }));
}

interface FileVerdict {
  readonly finding: Finding | null;
  readonly cacheBypassed: boolean;
}

type FileOptions = {
  readonly device: number;
  readonly onProgress?: (doneBytes: number) => void;
  readonly signal?: AbortSignal;
};

/** Reads one file, and a second time when it differs: that tells a lasting damage from a passing one. */
async function verifyFile(place: string, file: ManifestFile, options: FileOptions): Promise<FileVerdict> {
  const first = await readOnce(place, file, options);
  if (first !== null && isRight(first, file)) return { finding: null, cacheBypassed: first.cacheBypassed };
  const second = await readOnce(place, file, options);
  const lasting = second === null || !isRight(second, file);
  const wrong = first ?? second;
  const offset = wrong === null || isRight(wrong, file) ? 0 : firstDamage(wrong, file.blocks, file.sizeBytes);
  const finding = { code: 'medium-file-damaged', file: file.path, offset, lasting } as const;
  return { finding, cacheBypassed: (first ?? second)?.cacheBypassed ?? true };
}

/** Null when the medium could not give the file. */
async function readOnce(place: string, file: ManifestFile, options: FileOptions): Promise<ReadBack | null> {
  try {
    return await readBack(place, { ...options, sha512: isBlob(file.path) });
  } catch (thrown) {
    if (errnoOf(thrown) === '') throw thrown;
    const gone = await goneProblem(thrown, place, options.device);
    if (gone !== null) throw gone;
    return null;
  }
}

const isBlob = (path: string): boolean => path.startsWith(mediumPaths.blob(''));

/** A blob's name is its sha512 and must be right as well: it is what targets ask for. */
function isRight(found: ReadBack, file: ManifestFile): boolean {
  if (found.sizeBytes !== file.sizeBytes || found.sha256 !== file.sha256) return false;
  return !isBlob(file.path) || file.path === mediumPaths.blob(found.sha512 ?? '');
}

export const withSignal = (signal: AbortSignal | undefined): { readonly signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };
