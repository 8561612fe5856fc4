// What the exit codes mean, for `fieldkit --help` and its manual. The numbers are those of src-shared/problem.ts and stay.
import { type ExitName, exitCodes } from '../../src-shared/problem.ts';

const meanings: Readonly<Record<ExitName, string>> = {
  done: 'everything asked for is done',
  internal: 'the program itself failed',
  usage: 'the command line makes no sense',
  input: 'the site plan, a file or a given value is wrong',
  blocked: 'a step is blocked, waits or is not done; check and plan end so too',
  connection: 'a machine cannot be reached or refuses the login',
  target: 'a machine refused or failed what was asked of it',
  medium: 'the medium is absent, full, damaged or incomplete',
  trust: 'a key, signature, fingerprint or hash is not the expected one',
  busy: 'the site is open elsewhere',
  unanswered: 'a question or a plan was not answered',
  cancelled: 'stopped by a person',
  network: 'the network failed while something was fetched',
};

/** Each code with its meaning, by number. */
export const exitCodeMeanings: readonly { readonly code: number; readonly says: string }[] = Object.entries(
  exitCodes,
).map(([name, code]) => ({ code, says: meanings[name as ExitName] }));

/** One line a code. */
export const exitCodeLines = (): readonly string[] =>
  exitCodeMeanings.map(({ code, says }) => `  ${String(code).padStart(2)}  ${says}`);
