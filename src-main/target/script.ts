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
  return problem('command-failed', params, { evidence: result.stderr });
}

/** For work that is quick unless the machine is in trouble. */
export const shortMs = 60_000;
