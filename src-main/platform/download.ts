// One file from the network to the disk, resumable. Called through `Fetch` only.
// Under way it is `NAME.part`, with what the server said about it in `NAME.part.json`; the final name appears only when
// size and hash are right. It must never resume onto bytes of another version of the file.
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolder, errnoOf, hashFile, readBlocks, readTextOrNull, syncFolder, writeAtomic } from './files.ts';
import { get, Passing, type Patience, persist, type Reply, refusal, shownUrl, type Try } from './http.ts';

export interface Progress {
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

export interface DownloadRequest {
  readonly url: string;
  /** Final path; its folder is made when missing. */
  readonly to: string;
  readonly sizeBytes?: number;
  /** Lower-case hex. Give one of the two wherever it is known. */
  readonly sha256?: string;
  readonly sha512?: string;
  /** Default `follow`. */
  readonly redirects?: 'follow' | 'refuse';
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

const memo = z.object({ url: z.string(), validator: z.string().nullable() });

interface Part {
  readonly path: string;
  readonly handle: FileHandle;
  readonly algorithm: 'sha256' | 'sha512';
  hash: Hash;
  doneBytes: number;
  validator: string | null;
}

/**
 * Fetches a file. One that is already there with the right size and hash is left as it is.
 * Throws `download-failed`, `download-stalled`, `download-wrong-size`, `download-wrong-hash`, `cancelled`,
 * `folder-not-writable` (the disk's error is its cause, see `errnoOf`). The part stays for the next try.
 */
export async function download(request: DownloadRequest, patience: Patience): Promise<void> {
  const { url, to, signal } = request;
  await ensureFolder(dirname(to));
  if (await alreadyThere(request)) {
    const { size } = await stat(to);
    request.onProgress?.({ doneBytes: size, totalBytes: size });
    return;
  }
  const part = await openPart(request);
  try {
    const resumed = part.doneBytes > 0;
    try {
      await persist(url, patience, (attempt) => transfer(request, part, patience, attempt), signal);
      await checkHash(request, part);
    } catch (thrown) {
      // A wrong hash after a resume may be the fault of the old bytes: once more, from the start.
      if (!resumed || !(thrown instanceof WrongHash)) throw thrown;
      await restart(part);
      await persist(url, patience, (attempt) => transfer(request, part, patience, attempt), signal);
      await checkHash(request, part);
    }
    await part.handle.sync();
  } catch (thrown) {
    if (!(thrown instanceof WrongHash)) throw thrown;
    await discardPart(to);
    throw problem('download-wrong-hash', { url: shownUrl(url), expected: thrown.expected, found: thrown.found });
  } finally {
    await part.handle.close();
  }
  await rename(`${to}.part`, to);
  await rm(`${to}.part.json`, { force: true });
  await syncFolder(dirname(to));
}

class WrongHash extends Error {
  readonly expected: string;
  readonly found: string;
  constructor(expected: string, found: string) {
    super('wrong hash');
    this.expected = expected;
    this.found = found;
  }
}

const algorithmOf = (request: DownloadRequest): 'sha256' | 'sha512' =>
  request.sha512 === undefined ? 'sha256' : 'sha512';
const expectedHash = (request: DownloadRequest): string | undefined => request.sha512 ?? request.sha256;

async function alreadyThere(request: DownloadRequest): Promise<boolean> {
  const expected = expectedHash(request);
  if (expected === undefined) return false;
  const found = await stat(request.to).catch(() => null);
  if (found === null || !found.isFile()) return false;
  if (request.sizeBytes !== undefined && found.size !== request.sizeBytes) return false;
  const options = request.signal === undefined ? {} : { signal: request.signal };
  return (await hashFile(request.to, algorithmOf(request), options)) === expected;
}

/** Opens the part; what is there counts only if it came from this URL and can be told from another version. */
async function openPart(request: DownloadRequest): Promise<Part> {
  const path = `${request.to}.part`;
  const text = await readTextOrNull(`${path}.json`);
  const parsed = memo.safeParse(parseJson(text));
  const known = parsed.success && parsed.data.url === request.url ? parsed.data : null;
  const flags = constants.O_RDWR | constants.O_CREAT | (known === null ? constants.O_TRUNC : 0);
  const handle = await open(path, flags, 0o644).catch((cause: unknown) => {
    throw unwritten(path, cause);
  });
  const algorithm = algorithmOf(request);
  const validator = known?.validator ?? null;
  const part: Part = { path, handle, algorithm, hash: createHash(algorithm), doneBytes: 0, validator };
  try {
    const sizeBytes = (await handle.stat()).size;
    const resumable = part.validator !== null || expectedHash(request) !== undefined;
    const plausible = request.sizeBytes === undefined || sizeBytes <= request.sizeBytes;
    if (sizeBytes > 0 && resumable && plausible) {
      const options = request.signal === undefined ? {} : { signal: request.signal };
      part.doneBytes = await readBlocks(handle, options, (block) => part.hash.update(block));
    } else if (sizeBytes > 0) {
      await handle.truncate(0);
    }
    return part;
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

async function discardPart(to: string): Promise<void> {
  await rm(`${to}.part`, { force: true });
  await rm(`${to}.part.json`, { force: true });
}

async function restart(part: Part): Promise<void> {
  await part.handle.truncate(0);
  part.hash = createHash(part.algorithm);
  part.doneBytes = 0;
  part.validator = null;
}

async function transfer(request: DownloadRequest, part: Part, patience: Patience, attempt: Try): Promise<void> {
  const { url, sizeBytes, redirects = 'follow' } = request;
  if (sizeBytes !== undefined && part.doneBytes === sizeBytes) return;
  const headers: Record<string, string> = {};
  if (part.doneBytes > 0) {
    headers.range = `bytes=${part.doneBytes}-`;
    if (part.validator !== null) headers['if-range'] = part.validator;
  }
  const reply = await get(url, { headers, redirects }, patience.stallMs, request.signal);
  const totalBytes = await accept(request, part, reply, patience);
  if (sizeBytes !== undefined && totalBytes !== null && totalBytes !== sizeBytes) {
    reply.discard();
    throw problem('download-wrong-size', { url: shownUrl(url), expected: sizeBytes, found: totalBytes });
  }
  const expectedBytes = totalBytes ?? sizeBytes ?? null;
  for await (const block of reply.body) {
    if (sizeBytes !== undefined && part.doneBytes + block.length > sizeBytes) {
      reply.discard();
      const found = part.doneBytes + block.length;
      throw problem('download-wrong-size', { url: shownUrl(url), expected: sizeBytes, found });
    }
    await writeAll(part, block);
    part.hash.update(block);
    part.doneBytes += block.length;
    attempt.gained();
    request.onProgress?.({ doneBytes: part.doneBytes, totalBytes: expectedBytes });
  }
  if (expectedBytes !== null && part.doneBytes < expectedBytes) throw new Passing('connection closed early');
}

/** Decides from status and headers where the body goes; leaves the part ready for it. Returns the whole size when the server tells it. */
async function accept(request: DownloadRequest, part: Part, reply: Reply, patience: Patience): Promise<number | null> {
  const { url, to } = request;
  if (reply.status === 206 && part.doneBytes > 0) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(reply.header('content-range') ?? '');
    if (range !== null && Number(range[1]) === part.doneBytes) return range[3] === '*' ? null : Number(range[3]);
    reply.discard();
    await restart(part);
    throw new Passing('the server sent another range than asked');
  }
  if (reply.status === 416 && part.doneBytes > 0) {
    reply.discard();
    await restart(part);
    throw new Passing('the server refused to resume');
  }
  if (reply.status !== 200) {
    reply.discard();
    throw refusal(url, reply, patience.clock.now());
  }
  if (part.doneBytes > 0) await restart(part);
  const tag = reply.header('etag');
  // Weak tags and dates with one second's grain do not promise equal bytes; a date is the best where there is no tag.
  part.validator = tag?.startsWith('"') ? tag : tag === null ? reply.header('last-modified') : null;
  await writeAtomic(`${to}.part.json`, JSON.stringify({ url, validator: part.validator }));
  const length = reply.header('content-length');
  return length === null ? null : Number(length);
}

async function writeAll(part: Part, block: Uint8Array): Promise<void> {
  let written = 0;
  try {
    while (written < block.length) {
      const position = part.doneBytes + written;
      const { bytesWritten } = await part.handle.write(block, written, block.length - written, position);
      written += bytesWritten;
    }
  } catch (cause) {
    throw unwritten(part.path, cause);
  }
}

/** The disk's failures are problems at once: they must not be taken for the network's and tried again. */
function unwritten(path: string, cause: unknown): Error {
  return problem('folder-not-writable', { path, detail: errnoOf(cause) || String(cause) }, { cause });
}

async function checkHash(request: DownloadRequest, part: Part): Promise<void> {
  if (request.sizeBytes !== undefined && part.doneBytes !== request.sizeBytes) {
    const { url, sizeBytes } = request;
    throw problem('download-wrong-size', { url: shownUrl(url), expected: sizeBytes, found: part.doneBytes });
  }
  const expected = expectedHash(request);
  const found = part.hash.digest('hex');
  if (expected !== undefined && found !== expected) throw new WrongHash(expected, found);
}
