// Checks an archive of a software release before it is signed, and hashes it in the same reading.
// Called by the import and archive jobs. It unpacks nothing to disk and changes nothing.
// Formats: what slapgrid's tarfile unpacks: plain tar, gzip, xz, bzip2.
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { Progress } from '../platform/fetch.ts';
import { runLocal, spawnLocal } from '../platform/shell.ts';
import { type ArchiveTally, archiveRules } from './release-archive-rules.ts';
import { TarError } from './tar-header.ts';
import { scanTar, type TarScan } from './tar-scan.ts';

type Compression = 'none' | 'gzip' | 'xz' | 'bzip2';

export interface ReleaseArchive extends ArchiveTally {
  /** Of the archive file as it is. */
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly compression: Compression;
}

export interface ReleaseArchiveRequest {
  readonly path: string;
  /** md5 of the release's URL: the name of the one folder inside. */
  readonly md5: string;
  /** Bytes of the archive file read so far. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

const readBytes = 1024 * 1024;

/**
 * Reads the whole archive once. Throws `release-archive-missing`, `-malformed` (also: cut, or of another compression),
 * `-wrong-folder`, `-unsafe-name`, `-special-file`, `-shared-parts`, `-owner-not-name`, `-incomplete` (no file inside),
 * `program-missing` (bzip2) or `cancelled`.
 */
export async function checkReleaseArchive(request: ReleaseArchiveRequest): Promise<ReleaseArchive> {
  const { path, md5, signal } = request;
  const handle = await openArchive(path, md5);
  try {
    const { size: sizeBytes } = await handle.stat();
    const compression = await compressionOf(handle, path);
    const hash = createHash('sha512');
    const rules = archiveRules(path, md5);
    const scan = scanTar((entry) => rules.check(entry));
    await unpack(compression, blocks(handle, sizeBytes, hash, request), scan, sizeBytes, signal);
    scan.end();
    const tally = rules.tally();
    if (tally.files === 0) throw problem('release-archive-incomplete', { path, missing: md5 });
    return { sha512: hash.digest('hex'), sizeBytes, compression, ...tally };
  } catch (thrown) {
    throw asProblem(thrown, path, signal);
  } finally {
    await handle.close();
  }
}

async function openArchive(path: string, release: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (cause) {
    throw problem('release-archive-missing', { release, path }, { cause });
  }
  throw problem('release-archive-missing', { release, path });
}

/** By the first bytes, never by the file's name. */
async function compressionOf(handle: FileHandle, path: string): Promise<Compression> {
  const start = Buffer.alloc(512);
  await handle.read(start, 0, start.length, 0);
  const hex = start.toString('hex', 0, 6);
  if (hex.startsWith('1f8b')) return 'gzip';
  if (hex === 'fd377a585a00') return 'xz';
  if (hex.startsWith('425a68')) return 'bzip2';
  if (start.toString('latin1', 257, 262) === 'ustar') return 'none';
  throw problem('release-archive-malformed', { path, detail: `starts with ${hex}` });
}

async function* blocks(
  handle: FileHandle,
  totalBytes: number,
  hash: Hash,
  { onProgress }: ReleaseArchiveRequest,
): AsyncGenerator<Buffer> {
  let doneBytes = 0;
  const next = () => handle.read(Buffer.allocUnsafe(readBytes), 0, readBytes, doneBytes);
  let reading = next();
  for (;;) {
    const { bytesRead, buffer } = await reading;
    if (bytesRead === 0) return;
    doneBytes += bytesRead;
    // The disk reads on while this block is hashed and unpacked.
    reading = next();
    reading.catch(() => undefined);
    const block = buffer.subarray(0, bytesRead);
    hash.update(block);
    onProgress?.({ doneBytes, totalBytes });
    yield block;
  }
}

async function unpack(
  compression: Compression,
  source: AsyncGenerator<Buffer>,
  scan: TarScan,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sink = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const chunk of stream) scan.push(chunk);
  };
  const options = signal === undefined ? {} : { signal };
  if (compression === 'none') {
    await pipeline(source, sink, options);
  } else if (compression === 'gzip') {
    const gunzip = createGunzip({ chunkSize: 256 * 1024 });
    await pipeline(source, gunzip, sink, options);
    // zlib stops silently at what follows the last member; Python's gzip does not.
    if (gunzip.bytesWritten !== sizeBytes) throw new TarError('data behind the gzip stream');
  } else if (compression === 'xz' && !(await hasProgram('xz'))) {
    const { XzReadableStream } = await import('xz-decompress');
    const web = new XzReadableStream(Readable.toWeb(Readable.from(source)) as ReadableStream<Uint8Array>);
    await pipeline(Readable.fromWeb(web as Parameters<typeof Readable.fromWeb>[0]), sink, options);
  } else {
    await unpackWith(compression, source, sink, signal);
  }
}

async function unpackWith(
  program: 'xz' | 'bzip2',
  source: AsyncGenerator<Buffer>,
  sink: (stream: AsyncIterable<Uint8Array>) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stdin = Readable.from(source);
  let unreadable: Error | null = null;
  stdin.on('error', (error) => {
    unreadable = error;
  });
  const remedy = `apt-get install ${program === 'xz' ? 'xz-utils' : program}`;
  const running = spawnLocal([program, '-dc'], { stdin, remedy, ...(signal === undefined ? {} : { signal }) });
  try {
    await sink(running.stdout);
  } catch (thrown) {
    running.stop();
    stdin.destroy();
    await running.ended.catch(() => undefined);
    throw thrown;
  }
  const { exit, stderr } = await running.ended;
  if (unreadable !== null) throw unreadable;
  if (exit !== 0) throw new TarError(stderr.trim().slice(0, 200));
}

async function hasProgram(program: string): Promise<boolean> {
  return runLocal([program, '--version']).then(
    ({ exit }) => exit === 0,
    () => false,
  );
}

function asProblem(thrown: unknown, path: string, signal: AbortSignal | undefined): unknown {
  if (thrown instanceof Problem) return thrown;
  if (signal?.aborted) return problem('cancelled', { what: path }, { cause: thrown });
  const error = thrown as NodeJS.ErrnoException;
  const ofFormat = thrown instanceof TarError || /^(Z_|ERR_ZLIB)/.test(error.code ?? '') || /xz/i.test(error.message);
  return ofFormat ? problem('release-archive-malformed', { path, detail: error.message }, { cause: thrown }) : thrown;
}
