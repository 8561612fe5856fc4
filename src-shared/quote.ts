// An argument list as one line for a POSIX shell. Used by the connection (ssh has no argument lists), and wherever a command is shown.
// There is no second quoting function: what is shown is what is sent.
import { problem } from './problem.ts';

/** Needs no quotes anywhere on a line. `=` is safe only after the first word, where it would be an assignment. */
const plain = /^[A-Za-z0-9_@%+:,./-]+$/;
const plainAfterFirst = /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=-]*$/;

/** One word. Throws `internal` for a NUL byte, which no program can receive. */
export function quoteWord(word: string, first = true): string {
  if (word.includes('\0')) throw problem('internal', { detail: 'NUL byte in an argument' });
  if ((first ? plain : plainAfterFirst).test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The whole list: a POSIX shell that reads the result runs exactly these words. */
export const quoteArgv = (argv: readonly string[]): string =>
  argv.map((word, index) => quoteWord(word, index === 0)).join(' ');
