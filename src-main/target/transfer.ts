// Large files between laptop and target, resumable and checked on both sides. Called by connection.ts.
// Under way a file is `NAME.part`; its final name appears only when the hash is right.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import { problem } from '../../src-shared/problem.ts';
import { quoteWord } from '../../src-shared/quote.ts';
import { ensureFolder, fileSize, freeBytes, hashFile, syncFolder } from '../platform/files.ts';
import { runCommand } from './exec.ts';
import type { Link } from './link.ts';
import { runScript, scriptFailed } from './script.ts';
import type { PullOptions, ReceiveRequest, UploadRequest } from './target.ts';

/** Hashing tens of gigabytes on a small board takes long. */
const hashLimitMs = 60 * 60_000;

/** Prints `there` when the right file is in place (its mode set), else the part's size and hash, or `0`. */
const lookScript = [
  'to=$1; sum=$2; mode=$3; size=$4',
  'if [ -f "$to" ] && [ "$(stat -c %s -- "$to")" = "$size" ] && [ "$(sha256sum <"$to")" = "$sum  -" ]; then',
  '  chmod -- "$mode" "$to" && echo there; exit; fi',
  'mkdir -p -- "$(dirname -- "$to")" || exit 1',
  'if [ ! -f "$to.part" ]; then echo 0; exit; fi',
  'have=$(stat -c %s -- "$to.part")',
  'if [ "$have" -gt "$size" ]; then rm -f -- "$to.part"; echo 0; exit; fi',
  'echo "$have $(sha256sum <"$to.part" | cut -c 1-64)"',
].join('\n');

const differsExit = 91;
const finishScript = [
  'to=$1; sum=$2; mode=$3',
  `[ "$(sha256sum <"$to.part")" = "$sum  -" ] || { rm -f -- "$to.part"; exit ${differsExit}; }`,
  'chmod -- "$mode" "$to.part" && sync "$to.part" && mv -f -- "$to.part" "$to" && sync "$(dirname -- "$to")"',
].join('\n');

/**
 * Sends a file as root; one that is already there with the right hash is left. A part that is the beginning of the file is
 * continued. Throws `upload-differs`, `command-failed` (no room, no right), `connection-lost`, `cancelled`.
 */
export async function upload(link: Link, request: UploadRequest): Promise<void> {
  const { to, sha256, sizeBytes, signal } = request;
  const mode = request.mode.toString(8).padStart(4, '0');
  const limits = { limitMs: hashLimitMs, ...(signal === undefined ? {} : { signal }) };
  const looked = await runScript(link, lookScript, [to, sha256, mode, String(sizeBytes)], limits);
  if (looked.exit !== 0) throw scriptFailed(link, `send ${to}`, looked);
  const answer = looked.stdout.trim();
  if (answer === 'there') {
    request.onProgress?.(sizeBytes);
    return;
  }
  const offset = await resumeAt(request.from, answer, signal);
  // Emptied rather than removed: a writer that a lost connection left behind keeps nothing to write into.
  const cleared = offset > 0 ? null : await runScript(link, ': >"$1.part"', [to], limits);
  if (cleared !== null && cleared.exit !== 0) throw scriptFailed(link, `send ${to}`, cleared);
  await append(link, request, offset);
  const finished = await runScript(link, finishScript, [to, sha256, mode], limits);
  if (finished.exit === differsExit) throw problem('upload-differs', { machine: link.machine.name, path: to });
  if (finished.exit !== 0) throw scriptFailed(link, `send ${to}`, finished);
}

async function resumeAt(from: string, answer: string, signal: AbortSignal | undefined): Promise<number> {
  const [size, hash] = answer.split(' ');
  const bytes = Number(size);
  if (!(bytes > 0) || hash === undefined) return 0;
  const own = createHash('sha256');
  await pipeline(createReadStream(from, { end: bytes - 1, highWaterMark: 1024 * 1024 }), own, {
    ...(signal === undefined ? {} : { signal }),
  });
  return own.digest('hex') === hash ? bytes : 0;
}

async function append(link: Link, request: UploadRequest, offset: number): Promise<void> {
  const { from, to, signal } = request;
  let doneBytes = offset;
  let localFailure: unknown = null;
  const errors: Buffer[] = [];
  request.onProgress?.(doneBytes);
  const send = (channel: ClientChannel) => {
    const source = createReadStream(from, { start: offset, highWaterMark: 256 * 1024 });
    source.on('data', (block) => {
      doneBytes += block.length;
      request.onProgress?.(doneBytes);
    });
    // The channel does not report its own end to a writer: the source is stopped by hand.
    channel.on('close', () => source.destroy());
    source.on('error', (error) => {
      localFailure = error;
      channel.close();
    });
    source.pipe(channel);
  };
  const script = `exec cat >>${quoteWord(to)}.part`;
  const exit = await runCommand(link, 'root', ['/bin/sh', '-c', script], {
    stdin: send,
    onStdout: () => undefined,
    onStderr: (bytes) => errors.push(bytes),
    ...(signal === undefined ? {} : { signal }),
  }).catch((thrown: unknown) => {
    throw localFailure ?? thrown;
  });
  if (localFailure !== null) throw localFailure;
  const stderr = Buffer.concat(errors).toString();
  if (exit !== 0) throw scriptFailed(link, `send ${to}`, { exit, stdout: '', stderr });
}

/** Prints the file's size, and the hash of as many of its first bytes as are named. */
const sourceScript = 'stat -Lc %s -- "$1" && head -c "$2" -- "$1" | sha256sum | cut -c 1-64';

/**
 * Fetches a file as root into `to` on the laptop, checked against its hash on the target. What an interrupted try brought is
 * kept as `<to>.part` and gone on with when it is the beginning of the file. Throws as `upload` does, and `laptop-full`.
 */
export async function receive(link: Link, request: ReceiveRequest): Promise<void> {
  const { from, to, signal } = request;
  const part = `${to}.part`;
  const limits = { limitMs: hashLimitMs, ...(signal === undefined ? {} : { signal }) };
  const have = await fileSize(part);
  const looked = await runScript(link, sourceScript, [from, String(have ?? 0)], limits);
  if (looked.exit !== 0) throw scriptFailed(link, `receive ${from}`, looked);
  await ensureFolder(dirname(to));
  const [size = '', hashOfStart = ''] = looked.stdout.trim().split('\n');
  const totalBytes = Number(size);
  const goesOn = have !== null && have <= totalBytes && (await hashFile(part, 'sha256')) === hashOfStart;
  const offset = goesOn ? have : 0;
  const free = await freeBytes(dirname(to));
  if (totalBytes - offset > free)
    throw problem('laptop-full', { path: dirname(to), needed: totalBytes - offset, free });
  await writeOnto(part, offset, (handle) => receiveRest(link, request, offset, totalBytes, handle));
  const hashed = await runScript(link, 'sha256sum <"$1"', [from], limits);
  if (hashed.stdout.slice(0, 64) !== (await hashFile(part, 'sha256'))) {
    await rm(part, { force: true });
    throw problem('upload-differs', { machine: link.machine.name, path: from });
  }
  await rename(part, to);
  await syncFolder(dirname(to));
}

/** Runs a command as root and hands over what it prints. Throws `command-failed`, and what `runCommand` throws. */
export async function pull(link: Link, argv: readonly string[], { take, signal }: PullOptions): Promise<void> {
  const errors: Buffer[] = [];
  const exit = await runCommand(link, 'root', argv, {
    onStdout: take,
    onStderr: (bytes) => errors.push(bytes),
    signal,
  });
  const stderr = Buffer.concat(errors).toString();
  if (exit !== 0) throw scriptFailed(link, `read from ${argv[0] ?? ''}`, { exit, stdout: '', stderr });
}

/** Runs a command as root and feeds it bytes; a source that breaks ends the command and is the reason told. */
export async function push(
  link: Link,
  argv: readonly string[],
  source: AsyncIterable<Uint8Array>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const errors: Buffer[] = [];
  let broken: unknown = null;
  const exit = await runCommand(link, 'root', argv, {
    stdin: (channel) => {
      const reading = Readable.from(source);
      reading.on('error', (error) => {
        broken = error;
        channel.close();
      });
      channel.on('close', () => reading.destroy());
      reading.pipe(channel);
    },
    onStdout: () => undefined,
    onStderr: (bytes) => errors.push(bytes),
    signal,
  }).catch((thrown: unknown) => {
    throw broken ?? thrown;
  });
  if (broken !== null) throw broken;
  const stderr = Buffer.concat(errors).toString();
  if (exit !== 0) throw scriptFailed(link, `feed ${argv[0] ?? ''}`, { exit, stdout: '', stderr });
}

/** Opens the part to be gone on with, or anew, and has on the disk what was written, whatever comes. */
async function writeOnto(part: string, offset: number, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(part, offset > 0 ? 'a' : 'w');
  try {
    await write(handle);
  } finally {
    await handle.sync();
    await handle.close();
  }
}

async function receiveRest(
  link: Link,
  { from, onProgress, signal }: ReceiveRequest,
  offset: number,
  totalBytes: number,
  handle: FileHandle,
): Promise<void> {
  const errors: Buffer[] = [];
  const sink = diskSink(handle, offset, (doneBytes) => onProgress?.(doneBytes, totalBytes));
  const exit = await runCommand(link, 'root', ['tail', '-c', `+${offset + 1}`, '--', from], {
    onStdout: sink.take,
    onStderr: (bytes) => errors.push(bytes),
    ...(signal === undefined ? {} : { signal }),
  }).finally(() => sink.settled());
  sink.check();
  const stderr = Buffer.concat(errors).toString();
  if (exit !== 0) throw scriptFailed(link, `receive ${from}`, { exit, stdout: '', stderr });
}

/** Writes pieces in order from an offset on, holding the sender back while more than a little waits for the disk. */
function diskSink(handle: FileHandle, offset: number, onProgress: (doneBytes: number) => void) {
  let waitingBytes = 0;
  let doneBytes = offset;
  let last: Promise<void> = Promise.resolve();
  let failure: unknown = null;
  return {
    take: (bytes: Buffer, flow: { pause(): unknown; resume(): unknown }) => {
      waitingBytes += bytes.length;
      if (waitingBytes > 8 * 1024 * 1024) flow.pause();
      last = last.then(async () => {
        try {
          if (failure === null) await handle.appendFile(bytes);
        } catch (thrown) {
          failure = thrown;
        }
        waitingBytes -= bytes.length;
        doneBytes += bytes.length;
        onProgress(doneBytes);
        if (waitingBytes === 0) flow.resume();
      });
    },
    settled: () => last,
    /** Throws what stopped the writing. */
    check: () => {
      if (failure !== null) throw failure;
    },
  };
}
