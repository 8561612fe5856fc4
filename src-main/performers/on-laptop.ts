// Performs the commands that act on the laptop itself. Called by the hands; knows no machine and no step.
import { problem } from '../../src-shared/problem.ts';
import type { Command } from '../../src-shared/step.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { runLocal } from '../platform/shell.ts';
import { lineOf } from '../runbook/explain.ts';
import type { Performed, Performing } from '../runbook/performer.ts';
import { commandFailed } from '../target/script.ts';

/** Runs a program or writes a file on the laptop. Throws what `commandFailed` makes, `file-changed-meanwhile`. */
export async function performOnLaptop(command: Command, context: Performing): Promise<Performed> {
  switch (command.kind) {
    case 'run': {
      const argv = command.argv.map((word) => (typeof word === 'string' ? word : context.captured(word.captured)));
      const stdin = command.stdin === undefined ? {} : { stdin: await context.resolve(command.stdin) };
      const result = await runLocal(argv, {
        ...stdin,
        limitMs: command.limitMs,
        onLine: (_stream, line) => context.onLine(line),
        signal: context.signal,
      });
      if (!(command.expect ?? [0]).includes(result.exit))
        throw commandFailed(
          {
            command: lineOf(command),
            exit: result.exit,
            machine: 'laptop',
            detail: result.stderr.trim().slice(-300),
          },
          result.stderr.slice(-16_384),
        );
      return {
        exit: result.exit,
        output: command.capture === undefined ? `${result.stdout}${result.stderr}` : result.stdout,
      };
    }
    case 'write': {
      if ((await readTextOrNull(command.path)) !== command.before)
        throw problem('file-changed-meanwhile', { path: command.path, machine: 'laptop' });
      await writeAtomic(command.path, await context.resolve(command.text), { mode: command.mode });
      return { exit: null, output: '' };
    }
    default:
      throw problem('internal', { detail: `${command.kind} on the laptop` });
  }
}
