// One file from the network to the disk, resumable. Called through `Fetch` only.
// Under way it is a `PartFile`; the final name appears only when size and hash are right.
// It must never resume onto bytes of another version of the file.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { markUsed } from './download-cache.ts';
import { ensureFolder, hashFile } from './files.ts';
import { get, Passing, type Patience, persist, type Reply, refusal, shownUrl, type Try } from './http.ts';
import { type Chunk, PartFile, usualChunkBytes } from './part-file.ts';

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
  /** The server or the line failed in passing, and it is tried again. */
  readonly onTrouble?: () => void;
  readonly signal?: AbortSignal;
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
    await markUsed(to, patience.clock.now());
    request.onProgress?.({ doneBytes: size, totalBytes: size });
    return;
  }
  const part = await PartFile.open(
    {
      to,
      url,
      algorithm: algorithmOf(request),
      chunkBytes: patience.chunkBytes ?? usualChunkBytes,
      hashKnown: expectedHash(request) !== undefined,
      sizeBytes: request.sizeBytes ?? null,
    },
    signal,
  );
  try {
    const resumed = part.doneBytes > 0;
    let found = await fetchInto(part, request, patience);
    // A wrong hash after a resume may be the fault of the old bytes: those in doubt first, then all of them.
    if (resumed && !isWanted(request, found) && part.doubt()) found = await fetchInto(part, request, patience);
    if (resumed && !isWanted(request, found)) {
      await part.restart(null);
      found = await fetchInto(part, request, patience);
    }
    if (!isWanted(request, found)) {
      await part.discard();
      throw problem('download-wrong-hash', { url: shownUrl(url), expected: expectedHash(request) ?? '', found });
    }
  } catch (thrown) {
    await part.keep();
    throw thrown;
  }
  await part.finish();
}

const algorithmOf = (request: DownloadRequest): 'sha256' | 'sha512' =>
  request.sha512 === undefined ? 'sha256' : 'sha512';
const expectedHash = (request: DownloadRequest): string | undefined => request.sha512 ?? request.sha256;
const isWanted = (request: DownloadRequest, found: string): boolean =>
  expectedHash(request) === undefined || expectedHash(request) === found;

async function alreadyThere(request: DownloadRequest): Promise<boolean> {
  const expected = expectedHash(request);
  if (expected === undefined) return false;
  const found = await stat(request.to).catch(() => null);
  if (found === null || !found.isFile()) return false;
  if (request.sizeBytes !== undefined && found.size !== request.sizeBytes) return false;
  const options = request.signal === undefined ? {} : { signal: request.signal };
  return (await hashFile(request.to, algorithmOf(request), options)) === expected;
}

/** Fills the holes, then brings the rest. Returns the digest of the whole. */
async function fetchInto(part: PartFile, request: DownloadRequest, patience: Patience): Promise<string> {
  const { url, sizeBytes, signal } = request;
  const options = { ...(request.onTrouble === undefined ? {} : { onTrouble: request.onTrouble }) };
  const mended = part.holes.length > 0;
  for (const hole of part.holes)
    await persist(url, patience, () => mend(request, part, hole, patience), signal, options);
  if (mended) await part.rehash(signal);
  await persist(url, patience, (attempt) => transfer(request, part, patience, attempt), signal, options);
  if (sizeBytes !== undefined && part.doneBytes !== sizeBytes)
    throw problem('download-wrong-size', { url: shownUrl(url), expected: sizeBytes, found: part.doneBytes });
  return part.digest();
}

const rangeHeaders = (part: PartFile, range: string): Record<string, string> => ({
  range: `bytes=${range}`,
  ...(part.validator === null ? {} : { 'if-range': part.validator }),
});

/** Fetches one damaged chunk again; when the server has another version by now, everything. */
async function mend(request: DownloadRequest, part: PartFile, hole: Chunk, patience: Patience): Promise<void> {
  const { url, redirects = 'follow', signal } = request;
  if (!part.holes.includes(hole)) return;
  const { start, end } = hole;
  const reply = await get(url, { headers: rangeHeaders(part, `${start}-${end - 1}`), redirects }, patience, signal);
  const range = contentRange(reply);
  if (reply.status !== 206 || range?.start !== start || range.end !== end) {
    reply.discard();
    if (reply.status !== 200 && reply.status !== 206 && reply.status !== 416)
      throw refusal(url, reply, patience.clock.now());
    return part.restart(null);
  }
  const blocks: Uint8Array[] = [];
  for await (const block of reply.body) blocks.push(block);
  const bytes = Buffer.concat(blocks);
  if (bytes.length !== end - start) throw new Passing('connection closed early');
  if (!(await part.fill(hole, bytes))) await part.restart(null);
}

async function transfer(request: DownloadRequest, part: PartFile, patience: Patience, attempt: Try): Promise<void> {
  const { url, sizeBytes, redirects = 'follow' } = request;
  if (sizeBytes !== undefined && part.doneBytes === sizeBytes && sizeBytes > 0) return;
  const headers = part.doneBytes > 0 ? rangeHeaders(part, `${part.doneBytes}-`) : {};
  const reply = await get(url, { headers, redirects }, patience, request.signal);
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
    await part.append(block);
    attempt.gained();
    request.onProgress?.({ doneBytes: part.doneBytes, totalBytes: expectedBytes });
  }
  if (expectedBytes !== null && part.doneBytes < expectedBytes) throw new Passing('connection closed early');
}

/** `end` is exclusive; `total` null when the server does not tell it. */
function contentRange(reply: Reply): { start: number; end: number; total: number | null } | null {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(reply.header('content-range') ?? '');
  if (range === null) return null;
  return { start: Number(range[1]), end: Number(range[2]) + 1, total: range[3] === '*' ? null : Number(range[3]) };
}

/** Decides from status and headers where the body goes; leaves the part ready for it. Returns the whole size when the server tells it. */
async function accept(
  request: DownloadRequest,
  part: PartFile,
  reply: Reply,
  patience: Patience,
): Promise<number | null> {
  const { url } = request;
  if (reply.status === 206 && part.doneBytes > 0) {
    const range = contentRange(reply);
    if (range !== null && range.start === part.doneBytes) return range.total;
    reply.discard();
    await part.restart(null);
    throw new Passing('the server sent another range than asked');
  }
  if (reply.status === 416 && part.doneBytes > 0) {
    reply.discard();
    await part.restart(null);
    throw new Passing('the server refused to resume');
  }
  if (reply.status !== 200) {
    reply.discard();
    throw refusal(url, reply, patience.clock.now());
  }
  const tag = reply.header('etag');
  // Weak tags and dates with one second's grain do not promise equal bytes; a date is the best where there is no tag.
  await part.restart(tag?.startsWith('"') ? tag : tag === null ? reply.header('last-modified') : null);
  const length = reply.header('content-length');
  return length === null ? null : Number(length);
}
