// A command on the target: argument list in, exit code and output out. Called by connection.ts and its neighbours in this room.
// It must never put a secret on a command line, and never use a terminal: output stays as the program wrote it.
//
// What is sent is a small launcher in front of the command. It prints a random mark on both outputs, then becomes the command:
// whatever a login shell's start files print before it is dropped, the command's process id is known, and standard input is
// sent only after the mark, so that it can never be read by sudo as a password.
import { randomBytes } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import type { ClientChannel } from 'ssh2';
import { cleanLine, cleanText } from '../../src-shared/clean.ts';
import { type Problem, problem } from '../../src-shared/problem.ts';
import { quoteArgv } from '../../src-shared/quote.ts';
import { type Places, places } from '../platform/at-once.ts';
import { openChannel } from './channel.ts';
import { HoldLost, holdPath } from './hold.ts';
import type { Link } from './link.ts';
import { identityFor } from './rights.ts';
import type { ExecOptions, ExecResult } from './target.ts';

// Under a hold it first looks whose the machine is, so that a change needs no round trip for that, and none is begun in between.
const launcher = 'm=$1; shift; printf "%s\\n" "$m"; printf "%s %s\\n" "$m" "$$" >&2; exec "$@"';
const heldLauncher = `m=$1; w=; { read -r w <${holdPath}; } 2>/dev/null; if [ "$w" != "$2" ]; then printf "%s lost\\n" "$m" >&2; exit 1; fi; shift 2; set -- "$m" "$@"; ${launcher}`;
const keptBytes = 64 * 1024 * 1024;
/** Characters of a line that is handed on while a command runs. */
const longestLine = 1024 * 1024;
/** sshd allows ten sessions on one connection unless told otherwise; two are left for stopping what runs. */
const sessionsAtOnce = 8;
/** After `timeout` on the target should have ended a command, wait this long for the news. */
const graceMs = 15_000;
/** Told to end, a command is killed after this long unless it asked for longer. */
const usualEndMs = 5000;
const sudoLimitMs = 20_000;

interface Flow {
  pause(): unknown;
  resume(): unknown;
}

export interface CommandHooks {
  readonly stdin?: (channel: ClientChannel) => void;
  /** `flow` holds the sender back while a slow reader (a disk) catches up. */
  readonly onStdout: (bytes: Buffer, flow: Flow) => void;
  readonly onStderr: (bytes: Buffer) => void;
  readonly limitMs?: number;
  readonly endsWithinMs?: number;
  readonly heldBy?: string;
  readonly signal?: AbortSignal;
}

const sessionsOf = new WeakMap<Link, Places>();

function takeSession(link: Link): Promise<() => void> {
  const sessions = sessionsOf.get(link) ?? places(sessionsAtOnce);
  sessionsOf.set(link, sessions);
  return sessions();
}

/**
 * Runs a command and returns its exit code; any code is a result.
 * Throws `connection-lost`, `command-timed-out`, `cancelled` (the command has been ended on the target in both),
 * `sudo-missing`, `sudo-refused`, `login-refused` (the account runs no commands), `command-failed` (no such user), `HoldLost`.
 */
export async function runCommand(
  link: Link,
  as: string,
  argv: readonly string[],
  hooks: CommandHooks,
): Promise<number> {
  const identity = await identityFor(link, as);
  const giveBack = await takeSession(link);
  try {
    const mark = `fieldkit-${randomBytes(9).toString('hex')}`;
    const seconds = hooks.limitMs === undefined ? 0 : Math.max(1, Math.ceil(hooks.limitMs / 1000));
    const line = quoteArgv([
      ...identity.prefix,
      ...(hooks.heldBy === undefined
        ? ['/bin/sh', '-c', launcher, 'sh', mark]
        : ['/bin/sh', '-c', heldLauncher, 'sh', mark, hooks.heldBy]),
      ...['env', 'LC_ALL=C.UTF-8', 'timeout', '-k', String(endSecondsOf(hooks)), String(seconds)],
      ...argv,
    ]);
    return await new Command(link, as, argv[0] ?? '', mark, hooks).run(line, identity.firstLine);
  } finally {
    giveBack();
  }
}

const endSecondsOf = ({ endsWithinMs = usualEndMs }: CommandHooks): number => Math.ceil(endsWithinMs / 1000);

/** One running command; lives from the opening of its channel to its close. */
class Command {
  readonly #link: Link;
  readonly #as: string;
  readonly #name: string;
  readonly #mark: string;
  readonly #hooks: CommandHooks;
  #pid: number | null = null;
  #lost = false;
  #why: Problem | null = null;
  #channel: ClientChannel | null = null;

  constructor(link: Link, as: string, name: string, mark: string, hooks: CommandHooks) {
    this.#link = link;
    this.#as = as;
    this.#name = name;
    this.#mark = mark;
    this.#hooks = hooks;
  }

  async run(line: string, firstLine: string | null): Promise<number> {
    const { signal, limitMs } = this.#hooks;
    const { name } = this.#link.machine;
    if (signal?.aborted) throw problem('cancelled', { what: this.#name });
    const { channel, ended } = await openChannel(this.#link, line);
    this.#channel = channel;
    const onAbort = () => this.#stop(problem('cancelled', { what: this.#name }));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timedOut = () => {
      const limit = `${Math.round((limitMs ?? 0) / 1000)} s`;
      return problem('command-timed-out', { command: this.#name, machine: name, limit });
    };
    const limit = limitMs === undefined ? undefined : setTimeout(() => this.#stop(timedOut()), limitMs + graceMs);
    const startedMs = performance.now();
    try {
      const outcome = await this.#consume(channel, ended, firstLine);
      if (this.#why !== null) throw this.#why;
      if (this.#lost) throw new HoldLost(name);
      if (outcome.exit === null) throw await this.#lossOf();
      if (this.#pid === null) throw this.#neverStarted(outcome.exit, outcome.before);
      const ranMs = performance.now() - startedMs;
      if (limitMs !== undefined && (outcome.exit === 124 || outcome.exit === 137) && ranMs >= limitMs) throw timedOut();
      return outcome.exit;
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #consume(
    channel: ClientChannel,
    ended: Promise<number | null>,
    firstLine: string | null,
  ): Promise<{ exit: number | null; before: string }> {
    const before: Buffer[] = [];
    const keep = (bytes: Buffer) => {
      if (before.length < 64) before.push(bytes);
    };
    channel.on(
      'data',
      afterMark(
        this.#mark,
        keep,
        () => undefined,
        (bytes) => this.#hooks.onStdout(bytes, channel),
      ),
    );
    const started = (rest: string) => {
      this.#lost = rest.trim() === 'lost';
      if (this.#lost) return void channel.end();
      this.#pid = Number(rest.trim());
      if (this.#why !== null) this.#kill();
      else if (this.#hooks.stdin === undefined) channel.end();
      else this.#hooks.stdin(channel);
    };
    channel.stderr.on('data', afterMark(this.#mark, keep, started, this.#hooks.onStderr));
    // A password that is no longer right makes sudo ask again: the end of its input ends that.
    const asking = setTimeout(() => this.#pid === null && firstLine !== null && channel.end(), sudoLimitMs);
    if (firstLine !== null) channel.write(`${firstLine}\n`);
    const exit = await ended;
    clearTimeout(asking);
    return { exit, before: cleanText(Buffer.concat(before).toString()) };
  }

  /** Ends the command on the target; closing the channel alone would leave it running there. */
  #stop(why: Problem): void {
    if (this.#why !== null) return;
    this.#why = why;
    if (this.#pid !== null) this.#kill();
    // By then `timeout` has killed it.
    setTimeout(() => this.#channel?.close(), (endSecondsOf(this.#hooks) + 3) * 1000).unref();
  }

  #kill(): void {
    const line = ['kill', '-TERM', String(this.#pid)];
    // It runs as the same user; `timeout` passes the signal to the command's whole group.
    identityFor(this.#link, this.#as)
      .then(async ({ prefix, firstLine }) => {
        const { channel } = await openChannel(this.#link, quoteArgv([...prefix, ...line]));
        channel.resume();
        channel.stderr.resume();
        channel.end(firstLine === null ? '' : `${firstLine}\n`);
      })
      .catch(() => this.#channel?.close());
  }

  async #lossOf(): Promise<Problem> {
    const soon = new Promise<null>((resolve) => setTimeout(resolve, 500, null));
    const gone = this.#link.gone() ?? (await Promise.race([this.#link.closed, soon]));
    return (
      gone ??
      problem('connection-lost', { machine: this.#link.machine.name, detail: 'the command ended without an exit code' })
    );
  }

  #neverStarted(exit: number, before: string): Problem {
    const { name: machine, user } = this.#link.machine;
    const evidence = before.trim();
    if (this.#as !== 'login' && this.#as !== 'root') {
      const detail = cleanLine(evidence);
      return problem('command-failed', { command: this.#name, exit, machine, detail }, { evidence });
    }
    if (this.#as === 'root' && user !== 'root') return problem('sudo-refused', { machine, user }, { evidence });
    return problem('login-refused', { machine, user }, { evidence });
  }
}

/** Splits a stream at the line that begins with the mark: noise before it, the rest of that line, then the real output. */
function afterMark(
  mark: string,
  onNoise: (bytes: Buffer) => void,
  onMark: (rest: string) => void,
  onBytes: (bytes: Buffer) => void,
): (bytes: Buffer) => void {
  let head: Buffer | null = Buffer.alloc(0);
  return (bytes) => {
    if (head === null) {
      onBytes(bytes);
      return;
    }
    head = Buffer.concat([head, bytes]);
    const at = head.indexOf(mark);
    const end = at < 0 ? -1 : head.indexOf(10, at);
    if (end < 0) {
      onNoise(bytes);
      // Only the end can hold the beginning of the mark's line, and that line is short.
      if (head.length > 65_536) head = head.subarray(head.length - 256);
      return;
    }
    const rest = head.toString('latin1', at + mark.length, end);
    const after = head.subarray(end + 1);
    head = null;
    onMark(rest);
    if (after.length > 0) onBytes(after);
  };
}

/** Runs a command and gathers its output as text. See `runCommand` for what it throws. */
export async function exec(link: Link, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const stdout = gather((line) => options.onLine?.('stdout', line));
  const stderr = gather((line) => options.onLine?.('stderr', line));
  const { stdin, limitMs, endsWithinMs, heldBy, signal } = options;
  const exit = await runCommand(link, options.as ?? 'root', argv, {
    onStdout: stdout.take,
    onStderr: stderr.take,
    ...(stdin === undefined ? {} : { stdin: (channel: ClientChannel) => void channel.end(Buffer.from(stdin)) }),
    ...(limitMs === undefined ? {} : { limitMs }),
    ...(endsWithinMs === undefined ? {} : { endsWithinMs }),
    ...(heldBy === undefined ? {} : { heldBy }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { exit, stdout: stdout.end(), stderr: stderr.end() };
}

function gather(onLine: (line: string) => void): { take: (bytes: Buffer) => void; end: () => string } {
  const decoder = new StringDecoder('utf8');
  const parts: string[] = [];
  let kept = 0;
  let rest = '';
  const takeText = (text: string) => {
    if (kept < keptBytes) parts.push(text);
    kept += text.length;
    const lines = (rest + text).split('\n');
    // Of a line that does not end the beginning is kept: it must not fill the memory, nor be read through again with each packet.
    rest = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) onLine(line.replace(/\r$/, '').slice(0, longestLine));
  };
  return {
    take: (bytes) => takeText(decoder.write(bytes)),
    end: () => {
      takeText(decoder.end());
      if (rest !== '') onLine(rest);
      rest = '';
      return parts.join('');
    },
  };
}
