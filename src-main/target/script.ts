// Small shell programs on the target, with arguments kept apart from their text. Called by the files of this room.
import { cleanLine } from '../../src-shared/clean.ts';
import { type Problem, problem } from '../../src-shared/problem.ts';
import { exec } from './exec.ts';
import type { Link } from './link.ts';
import type { ExecOptions, ExecResult } from './target.ts';

/** Runs POSIX shell text as root (unless told otherwise) with positional arguments from $1 on. Any exit code is a result. */
export const runScript = (
  link: Link,
  script: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> => exec(link, ['/bin/sh', '-c', script, 'sh', ...args], options);

/** The problem of a script that failed in a way that has no code of its own. */
export function scriptFailed(link: Link, what: string, result: ExecResult): Problem {
  const detail = cleanLine(result.stderr || result.stdout);
  const params = { command: what, exit: result.exit, machine: link.machine.name, detail };
  return commandFailed(params, result.stderr);
}

/** What programs say when a file system is full; apt looks before it begins. */
const diskFull = /^.*(?:No space left on device|Disk quota exceeded|You don't have enough free space in).*$/m;

/**
 * What became of a command that did not end as it should: `target-disk-full` where it said so, `command-cut-off` without an exit code,
 * `command-killed` where the code is a signal's (128 and its number, as shells say it), else `command-failed`.
 */
export function commandFailed(
  { exit, ...params }: Readonly<Record<'command' | 'machine' | 'detail', string>> & { readonly exit: number | null },
  evidence: string,
): Problem {
  const [line] = diskFull.exec(evidence) ?? [];
  if (line !== undefined)
    return problem('target-disk-full', { ...params, detail: cleanLine(line).slice(0, 300) }, { evidence });
  if (exit === null) return problem('command-cut-off', params, { evidence });
  const signal = exit - 128;
  return signal > 0 && signal <= lastSignal
    ? problem('command-killed', { ...params, signal }, { evidence })
    : problem('command-failed', { ...params, exit }, { evidence });
}
/** Of those that have a name; real-time signals end no program of ours. */
const lastSignal = 31;

/** For work that is quick unless the machine is in trouble. */
export const shortMs = 60_000;
