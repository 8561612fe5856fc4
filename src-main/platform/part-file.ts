// A file under way from the network: `NAME.part`, and beside it `NAME.part.json`, which says where it comes from and, a line a
// chunk, what has reached the disk. Used by download only. What a line vouches for is never fetched again; what was damaged
// since is found by its hash and fetched alone. Bytes at the end that no line vouches for are those that were on their way
// when the program was killed. They are kept in doubt: when the whole turns out wrong, they are the first to be fetched again.
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf, type HashName, readTextOrNull, syncFolder, writeAtomic } from './files.ts';

/** What is recorded, repaired and at most fetched twice. */
export const usualChunkBytes = 8 * 1024 * 1024;
/** So much is collected before it is written: network pieces are small, and what is collected is lost by a kill. */
const writeBytes = 256 * 1024;

const memo = z.object({ url: z.string(), validator: z.string().nullable(), chunkBytes: z.int().positive() });

export interface PartRequest {
  /** The final path. */
  readonly to: string;
  readonly url: string;
  /** Of the whole file. */
  readonly algorithm: HashName;
  readonly chunkBytes: number;
  /** False where nothing would tell bytes of another version: then only a validator allows to go on. */
  readonly hashKnown: boolean;
  readonly sizeBytes: number | null;
}

/** A chunk, or the beginning of the last one, as it was when it reached the disk. */
export interface Chunk {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Empty for a hole that any bytes may fill: nothing vouches for what should be there. */
  readonly sha256: string;
  /** It holds bytes that were found on the disk without a line. */
  readonly inDoubt: boolean;
}

export class PartFile {
  /** Bytes from the start that are there and right, the holes apart. */
  doneBytes = 0;
  /** What the server said that tells this version from another: a strong tag, else a date. */
  validator: string | null = null;
  readonly path: string;
  readonly #request: PartRequest;
  readonly #handle: FileHandle;
  #hash: Hash;
  #chunk: Hash = createHash('sha256');
  #records: Chunk[] = [];
  #holes: Chunk[] = [];
  /** Bytes without a line, as found when the part was opened. */
  #doubtful: { readonly start: number; readonly end: number } = { start: 0, end: 0 };
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #recording: Promise<void> = Promise.resolve();
  #side: FileHandle | null = null;

  private constructor(request: PartRequest, handle: FileHandle) {
    this.#request = request;
    this.#handle = handle;
    this.path = `${request.to}.part`;
    this.#hash = createHash(request.algorithm);
  }

  /** Opens what an earlier try left, or begins. Throws `folder-not-writable`, `cancelled`. */
  static async open(request: PartRequest, signal?: AbortSignal): Promise<PartFile> {
    const path = `${request.to}.part`;
    const [head = '', ...lines] = ((await readTextOrNull(`${path}.json`)) ?? '').split('\n');
    const parsed = memo.safeParse(parseJson(head));
    const known =
      parsed.success &&
      parsed.data.url === request.url &&
      parsed.data.chunkBytes === request.chunkBytes &&
      (parsed.data.validator !== null || request.hashKnown);
    const flags = constants.O_RDWR | constants.O_CREAT | (known ? 0 : constants.O_TRUNC);
    const handle = await open(path, flags, 0o644).catch((cause: unknown) => {
      throw unwritten(path, cause);
    });
    const part = new PartFile(request, handle);
    try {
      if (!known) return part;
      part.validator = parsed.data.validator;
      part.#records = recordsIn(lines, request);
      await part.#survey(signal);
      await handle.truncate(part.doneBytes);
      return part;
    } catch (thrown) {
      await part.close();
      throw thrown;
    }
  }

  /** Chunks that are not what they were when they were written. To be filled before anything is appended. */
  get holes(): readonly Chunk[] {
    return this.#holes;
  }

  /** Begins a new version of the file: nothing of what is there counts. */
  async restart(validator: string | null): Promise<void> {
    await this.#settle();
    await this.#side?.close();
    this.#side = null;
    await this.#handle.truncate(0);
    this.#hash = createHash(this.#request.algorithm);
    this.#chunk = createHash('sha256');
    this.#records = [];
    this.#holes = [];
    this.#doubtful = { start: 0, end: 0 };
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writtenBytes = 0;
    this.doneBytes = 0;
    this.validator = validator;
    const { url, chunkBytes, sizeBytes } = this.#request;
    // One that fits into a chunk is not worth a record: it is fetched again.
    if (sizeBytes !== null && sizeBytes <= chunkBytes) return rm(`${this.path}.json`, { force: true });
    await writeAtomic(`${this.path}.json`, `${JSON.stringify({ url, validator, chunkBytes })}\n`);
    this.#side = await open(`${this.path}.json`, 'a');
  }

  /** Takes the next bytes; they are written and recorded while later ones arrive. Throws `folder-not-writable`. */
  async append(block: Uint8Array): Promise<void> {
    this.#hash.update(block);
    let rest = block;
    while (rest.length > 0) {
      const { chunkBytes } = this.#request;
      const room = chunkBytes - (this.doneBytes % chunkBytes);
      const piece = rest.subarray(0, room);
      rest = rest.subarray(piece.length);
      if (this.#side !== null) this.#chunk.update(piece);
      this.#pending.push(piece);
      this.#pendingBytes += piece.length;
      this.doneBytes += piece.length;
      const full = this.doneBytes % chunkBytes === 0;
      if (full || this.#pendingBytes >= writeBytes) await this.#write();
      if (full) this.#record();
    }
  }

  /** Puts a chunk fetched again into its hole. False when the server has other bytes there now. */
  async fill(hole: Chunk, bytes: Uint8Array): Promise<boolean> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (hole.sha256 !== '' && sha256 !== hole.sha256) return false;
    await writeAll(this.#handle, [bytes], hole.start, this.path);
    this.#holes = this.#holes.filter((other) => other !== hole);
    this.#records = this.#records.map((record) =>
      record.start === hole.start && record.end === hole.end ? { ...record, sha256, inDoubt: false } : record,
    );
    return true;
  }

  /** The whole is wrong: makes holes of what is in doubt. False when nothing is. */
  doubt(): boolean {
    const inDoubt = this.#records.filter((record) => record.inDoubt);
    const { start, end } = this.#doubtful;
    const recorded = this.#records.at(-1)?.end ?? 0;
    const rest = end > recorded ? [{ start: Math.max(start, recorded), end, sha256: '', inDoubt: true }] : [];
    this.#holes = [...inDoubt.map((record) => ({ ...record, sha256: '' })), ...rest];
    this.#doubtful = { start: 0, end: 0 };
    return this.#holes.length > 0;
  }

  /** Hashes from the start again, once the holes are filled. */
  async rehash(signal?: AbortSignal): Promise<void> {
    await this.#survey(signal);
  }

  /** Digest of the whole, with everything on the disk. No byte may be appended afterwards. */
  async digest(): Promise<string> {
    await this.#settle();
    await this.#handle.sync();
    return this.#hash.digest('hex');
  }

  /** Gives the file its final name. */
  async finish(): Promise<void> {
    await this.close();
    await rename(this.path, this.#request.to);
    await rm(`${this.path}.json`, { force: true });
    await syncFolder(dirname(this.#request.to));
  }

  /** Keeps what has arrived for the next try. */
  async keep(): Promise<void> {
    const unrecorded = this.#side !== null && this.doneBytes % this.#request.chunkBytes !== 0;
    await this.#write().catch(() => undefined);
    if (unrecorded) this.#record();
    await this.close();
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await rm(`${this.path}.json`, { force: true });
  }

  async close(): Promise<void> {
    await this.#settle().catch(() => undefined);
    await this.#side?.close().catch(() => undefined);
    this.#side = null;
    await this.#handle.close().catch(() => undefined);
  }

  async #settle(): Promise<void> {
    await this.#write();
    await this.#writing;
    await this.#recording;
  }

  /** Starts writing what has been collected, once the last has been written. */
  async #write(): Promise<void> {
    await this.#writing;
    if (this.#pendingBytes === 0) return;
    const [blocks, at] = [this.#pending, this.#writtenBytes];
    this.#pending = [];
    this.#writtenBytes += this.#pendingBytes;
    this.#pendingBytes = 0;
    this.#writing = observed(writeAll(this.#handle, blocks, at, this.path));
  }

  /** A line for what was written since the last one, once it is on the disk. */
  #record(): void {
    const side = this.#side;
    if (side === null) return;
    const { chunkBytes } = this.#request;
    const end = this.doneBytes;
    const full = end % chunkBytes === 0;
    const digest = full ? this.#chunk : this.#chunk.copy();
    if (full) this.#chunk = createHash('sha256');
    const start = Math.floor((end - 1) / chunkBytes) * chunkBytes;
    const before = this.#records.at(-1);
    const touched = start < this.#doubtful.end && end > this.#doubtful.start;
    const inDoubt = touched || (before?.start === start && before.inDoubt);
    const record: Chunk = { start, end, sha256: digest.digest('hex'), inDoubt };
    this.#records = [...this.#records.filter((other) => other.start !== start), record];
    const line = lineOf(record);
    const [writing, recording] = [this.#writing, this.#recording];
    this.#recording = observed(
      Promise.all([writing, recording]).then(async () => {
        await this.#handle.datasync();
        await side.appendFile(line);
      }),
    );
  }

  /** Reads a stretch of the part through the hash of the whole. */
  async #readThrough(
    start: number,
    end: number,
    buffer: Buffer,
    take: (block: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let at = start; at < end; ) {
      if (signal?.aborted) throw problem('cancelled', { what: this.path });
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytesRead === 0) return;
      const block = buffer.subarray(0, bytesRead);
      take(block);
      this.#hash.update(block);
      at += bytesRead;
    }
  }

  /** Reads everything recorded: finds what is damaged, and brings the hashes to where the next byte goes. */
  async #survey(signal?: AbortSignal): Promise<void> {
    const { chunkBytes, algorithm, hashKnown, sizeBytes } = this.#request;
    this.#hash = createHash(algorithm);
    this.#chunk = createHash('sha256');
    this.#holes = [];
    const size = (await this.#handle.stat()).size;
    const buffer = Buffer.allocUnsafe(Math.min(writeBytes, chunkBytes));
    let end = 0;
    let endDamaged = false;
    for (const record of this.#records) {
      // A file that lost its end lost these chunks; those before are as good as ever.
      if (record.end > size) break;
      const unfinished = record.end - record.start < chunkBytes;
      const hashBefore = unfinished ? this.#hash.copy() : this.#hash;
      const chunk = createHash('sha256');
      await this.#readThrough(record.start, record.end, buffer, (block) => chunk.update(block), signal);
      end = record.end;
      if (unfinished) this.#chunk = chunk.copy();
      if (chunk.digest('hex') === record.sha256) continue;
      if (!unfinished) this.#holes.push(record);
      else {
        // The unfinished end is dropped: it is less than a chunk.
        end = record.start;
        endDamaged = true;
        this.#hash = hashBefore;
        this.#chunk = createHash('sha256');
        this.#records = this.#records.filter((other) => other !== record);
      }
    }
    this.#records = this.#records.filter((record) => record.end <= end);
    if (
      size > end &&
      !endDamaged &&
      hashKnown &&
      this.#holes.length === 0 &&
      (sizeBytes === null || size <= sizeBytes)
    ) {
      if (this.#doubtful.end === 0) this.#doubtful = { start: end, end: size };
      for (let at = end; at < size; ) {
        const next = Math.min(size, (Math.floor(at / chunkBytes) + 1) * chunkBytes);
        if (at % chunkBytes === 0) this.#chunk = createHash('sha256');
        await this.#readThrough(at, next, buffer, (block) => this.#chunk.update(block), signal);
        at = next;
        if (at % chunkBytes !== 0) continue;
        const sha256 = this.#chunk.digest('hex');
        this.#records = this.#records.filter((record) => record.start !== at - chunkBytes);
        this.#records.push({ start: at - chunkBytes, end: at, sha256, inDoubt: true });
        this.#chunk = createHash('sha256');
      }
      end = size;
    }
    this.doneBytes = end;
    this.#writtenBytes = end;
    if (this.#side === null) {
      const { url } = this.#request;
      const head = JSON.stringify({ url, validator: this.validator, chunkBytes });
      await writeAtomic(`${this.path}.json`, `${head}\n${this.#records.map(lineOf).join('')}`);
      this.#side = await open(`${this.path}.json`, 'a');
    }
  }
}

const lineOf = ({ end, sha256, inDoubt }: Chunk): string => `${end} ${sha256}${inDoubt ? ' ?' : ''}\n`;

/** Records from the start without a gap; of two for one chunk the later counts. A line cut short by a crash ends them. */
function recordsIn(lines: readonly string[], { chunkBytes, sizeBytes }: PartRequest): Chunk[] {
  const byChunk = new Map<number, Chunk>();
  for (const line of lines) {
    const match = /^(\d{1,15}) ([0-9a-f]{64})( \?)?$/.exec(line);
    if (match?.[2] === undefined) break;
    const end = Number(match[1]);
    const start = Math.floor((end - 1) / chunkBytes) * chunkBytes;
    if (end > 0 && (sizeBytes === null || end <= sizeBytes))
      byChunk.set(start, { start, end, sha256: match[2], inDoubt: match[3] !== undefined });
  }
  const records: Chunk[] = [];
  for (let start = 0; ; start += chunkBytes) {
    const record = byChunk.get(start);
    if (record === undefined) return records;
    records.push(record);
    if (record.end !== start + chunkBytes) return records;
  }
}

async function writeAll(handle: FileHandle, blocks: readonly Uint8Array[], at: number, path: string): Promise<void> {
  const bytes = blocks.length === 1 ? (blocks[0] as Uint8Array) : Buffer.concat(blocks);
  try {
    for (let done = 0; done < bytes.length; )
      done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  } catch (cause) {
    throw unwritten(path, cause);
  }
}

/** The disk's failures are problems at once: they must not be taken for the network's and tried again. */
function unwritten(path: string, cause: unknown): Error {
  return problem('folder-not-writable', { path, detail: errnoOf(cause) || String(cause) }, { cause });
}

/** A promise that is awaited later; its failure must not count as unhandled until then. */
function observed(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
