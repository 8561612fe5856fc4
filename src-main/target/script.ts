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

/** `command-failed`, or `target-disk-full` where what the command said is that. */
export function commandFailed(
  params: { readonly command: string; readonly exit: number; readonly machine: string; readonly detail: string },
  evidence: string,
): Problem {
  const [line] = diskFull.exec(evidence) ?? [];
  if (line === undefined) return problem('command-failed', params, { evidence });
  const { machine, command } = params;
  return problem('target-disk-full', { machine, command, detail: cleanLine(line).slice(0, 300) }, { evidence });
}

/** For work that is quick unless the machine is in trouble. */
export const shortMs = 60_000;
