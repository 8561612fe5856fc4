// Programs on the laptop. The only module that starts processes; called by every room of the main process.
// It takes argument lists and never a shell line, and puts no secret on a command line: secrets go through standard input.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf } from './files.ts';

export interface LocalOptions {
  readonly stdin?: string | Uint8Array | Readable;
  /** The whole environment of the program when given; else this process's own. `LC_ALL=C.UTF-8` is set unless it says otherwise. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly limitMs?: number;
  readonly onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
  /** What to do when the program is not installed, e.g. `apt-get install xz-utils`. */
  readonly remedy?: string;
  readonly signal?: AbortSignal;
}

export interface LocalResult {
  /** 128 + signal number when a signal ended it. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Text of one stream kept at most, so that a runaway program cannot fill the memory. */
const keptBytes = 64 * 1024 * 1024;

/**
 * Runs a program to its end. Any exit code is a result, not an error.
 * Throws `program-missing`, `command-timed-out`, `cancelled`; in the last two its whole process group has been ended.
 */
export async function runLocal(argv: readonly string[], options: LocalOptions = {}): Promise<LocalResult> {
  const started = start(argv, options);
  const stdout = collect(started.child.stdout as Readable, (line) => options.onLine?.('stdout', line));
  const stderr = collect(started.child.stderr as Readable, (line) => options.onLine?.('stderr', line));
  const exit = await started.ended;
  return { exit, stdout: stdout(), stderr: stderr() };
}

export interface LocalStream {
  /** The program's standard output as it comes; read it to its end. */
  readonly stdout: Readable;
  /** Settles when the program has ended; throws as `runLocal` does. Always await it. */
  readonly ended: Promise<{ readonly exit: number; readonly stderr: string }>;
  stop(): void;
}

/** Runs a program whose output is consumed as a stream (a decompressor, an archive reader). */
export function spawnLocal(argv: readonly string[], options: Omit<LocalOptions, 'onLine'> = {}): LocalStream {
  const started = start(argv, options);
  const stderr = collect(started.child.stderr as Readable, () => undefined);
  const ended = started.ended.then((exit) => ({ exit, stderr: stderr() }));
  ended.catch(() => undefined);
  return { stdout: started.child.stdout as Readable, ended, stop: () => endGroup(started.child, 'SIGTERM') };
}

function start(argv: readonly string[], options: LocalOptions): { child: ChildProcess; ended: Promise<number> } {
  const [program, ...rest] = argv;
  if (program === undefined) throw problem('internal', { detail: 'empty command' });
  if (options.signal?.aborted) throw problem('cancelled', { what: program });
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { LC_ALL: 'C.UTF-8', ...(options.env ?? { ...process.env, LC_ALL: 'C.UTF-8' }) },
    stdio: 'pipe',
    windowsHide: true,
    // A group of its own, so that a stop reaches the program's children too.
    detached: process.platform !== 'win32',
  });
  const ended = new Promise<number>((resolve, reject) => {
    let why: Error | null = null;
    let killer: NodeJS.Timeout | undefined;
    const stop = (reason: Error) => {
      why ??= reason;
      endGroup(child, 'SIGTERM');
      killer ??= setTimeout(() => endGroup(child, 'SIGKILL'), 3000);
    };
    const onAbort = () => stop(problem('cancelled', { what: program }));
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const { limitMs } = options;
    const limit =
      limitMs === undefined
        ? undefined
        : setTimeout(() => {
            const seconds = Math.round(limitMs / 1000);
            stop(problem('command-timed-out', { command: program, machine: 'localhost', limit: `${seconds} s` }));
          }, limitMs);
    const settle = () => {
      clearTimeout(limit);
      clearTimeout(killer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (cause) => {
      settle();
      const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'EACCES';
      reject(missing ? problem('program-missing', { program, remedy: options.remedy ?? '' }, { cause }) : cause);
    });
    child.once('close', (code, signal) => {
      settle();
      if (why !== null) reject(why);
      // It may have taken the broken source for an end, and left before our signal came.
      else if (source.broken && code === 0) resolve(128 + constants.signals.SIGTERM);
      else resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  ended.catch(() => undefined);
  const source = feed(child, options.stdin);
  return { child, ended };
}

/** A program may end before it has read its input; the broken pipe that follows says nothing its exit code does not. */
function feed(child: ChildProcess, stdin: LocalOptions['stdin']): { readonly broken: boolean } {
  const input = child.stdin;
  const source = { broken: false };
  if (input === null) return source;
  input.on('error', () => undefined);
  if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array) {
    input.end(stdin ?? '');
    return source;
  }
  pipeline(stdin, input).catch((thrown: unknown) => {
    // A source that fails must not look like an input that ended.
    if (errnoOf(thrown) === 'EPIPE') return;
    source.broken = true;
    endGroup(child, 'SIGTERM');
  });
  return source;
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-pid, signal);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ESRCH') throw thrown;
  }
}

/** Gathers a stream's text and hands out its whole lines; the result may be read once the stream has closed. */
function collect(stream: Readable, onLine: (line: string) => void): () => string {
  const parts: string[] = [];
  let kept = 0;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    if (kept < keptBytes) parts.push(text);
    kept += text.length;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r$/, ''));
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
    rest = '';
  });
  return () => parts.join('');
}
