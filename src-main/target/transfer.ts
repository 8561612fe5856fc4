// Large files between laptop and target, resumable and checked on both sides. Called by connection.ts.
// Under way a file is `NAME.part`; its final name appears only when the hash is right.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import { problem } from '../../src-shared/problem.ts';
import { quoteWord } from '../../src-shared/quote.ts';
import { syncFolder } from '../platform/files.ts';
import { runCommand } from './exec.ts';
import type { Link } from './link.ts';
import { runScript, scriptFailed } from './script.ts';
import type { ReceiveRequest, UploadRequest } from './target.ts';

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

/** Fetches a file as root into `to` on the laptop, checked against its hash on the target. Throws as `upload` does. */
export async function receive(link: Link, request: ReceiveRequest): Promise<void> {
  const { from, to, signal } = request;
  const part = `${to}.part`;
  const handle = await open(part, 'w');
  const errors: Buffer[] = [];
  try {
    const sink = diskSink(handle, request.onProgress);
    const exit = await runCommand(link, 'root', ['cat', '--', from], {
      onStdout: sink.take,
      onStderr: (bytes) => errors.push(bytes),
      ...(signal === undefined ? {} : { signal }),
    });
    const found = await sink.end();
    const stderr = Buffer.concat(errors).toString();
    if (exit !== 0) throw scriptFailed(link, `receive ${from}`, { exit, stdout: '', stderr });
    const limits = { limitMs: hashLimitMs, ...(signal === undefined ? {} : { signal }) };
    const hashed = await runScript(link, 'sha256sum <"$1"', [from], limits);
    if (hashed.stdout.slice(0, 64) !== found) {
      throw problem('upload-differs', { machine: link.machine.name, path: from });
    }
    await handle.sync();
  } catch (thrown) {
    await handle.close();
    await rm(part, { force: true });
    throw thrown;
  }
  await handle.close();
  await rename(part, to);
  await syncFolder(to.replace(/[/\\][^/\\]*$/, ''));
}

/** Writes pieces in order, holding the sender back while more than a little waits for the disk. */
function diskSink(handle: FileHandle, onProgress: ((doneBytes: number) => void) | undefined) {
  const hash = createHash('sha256');
  let waitingBytes = 0;
  let doneBytes = 0;
  let last: Promise<void> = Promise.resolve();
  let failure: unknown = null;
  return {
    take: (bytes: Buffer, flow: { pause(): unknown; resume(): unknown }) => {
      waitingBytes += bytes.length;
      if (waitingBytes > 8 * 1024 * 1024) flow.pause();
      last = last.then(async () => {
        try {
          if (failure === null) await handle.appendFile(bytes);
          hash.update(bytes);
        } catch (thrown) {
          failure = thrown;
        }
        waitingBytes -= bytes.length;
        doneBytes += bytes.length;
        onProgress?.(doneBytes);
        if (waitingBytes === 0) flow.resume();
      });
    },
    end: async (): Promise<string> => {
      await last;
      if (failure !== null) throw failure;
      return hash.digest('hex');
    },
  };
}
