// What every command needs: the kit, the texts, where to write, and how to end. Used by the commands.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { exitCodeOf, problem, toProblemData } from '../../src-shared/problem.ts';
import type { Kit } from '../compose.ts';
import { compose } from '../compose.ts';
import type { Bench } from '../runbook/desk.ts';
import { closeBench, openBench } from '../runbook/desk.ts';
import { siteNames } from '../runbook/sites.ts';
import { terminalAsker } from './terminal.ts';
import { makeTexts, type Texts } from './texts.ts';

export interface CommonOptions {
  readonly json?: boolean;
  readonly site?: string;
  readonly answers?: string;
  readonly yes?: boolean;
  readonly language?: string;
}

export interface Session {
  readonly kit: Kit;
  readonly texts: Texts;
  readonly json: boolean;
  /** A result: one JSON line, or lines for people. */
  print(data: unknown, lines: readonly string[]): void;
}

export async function makeSession(options: CommonOptions): Promise<Session> {
  const texts = await makeTexts(options.language, process.env);
  const json = options.json ?? false;
  return {
    kit: compose({ env: process.env }),
    texts,
    json,
    print: (data, lines) =>
      process.stdout.write(json ? `${JSON.stringify(data)}\n` : lines.map((line) => `${line}\n`).join('')),
  };
}

const answersFile = z.record(z.string(), z.string());

/** Answers by question id from a JSON file; secrets may be in it, so it is read and never copied. */
export function readAnswers(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined) return {};
  try {
    return answersFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw problem('usage-wrong', { detail: `${path}: ${error instanceof Error ? error.message.slice(0, 200) : ''}` });
  }
}

/** The site asked for, or the only one there is. */
async function siteName(kit: Kit, asked: string | undefined): Promise<string> {
  if (asked !== undefined) return asked;
  const names = await siteNames(kit.parts.dataFolder);
  const [only, ...others] = names;
  if (only !== undefined && others.length === 0) return only;
  throw problem('usage-wrong', { detail: `--site NAME (${names.join(', ') || '-'})` });
}

/** Opens a site, does something with it, closes it: also after a failure. Ctrl-C cancels between commands. */
export async function withSite(
  options: CommonOptions,
  act: (bench: Bench, session: Session, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const session = await makeSession(options);
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const name = await siteName(session.kit, options.site);
    const interactive = process.stdin.isTTY === true && !session.json;
    const asker = terminalAsker({
      answers: readAnswers(options.answers),
      yes: options.yes ?? false,
      interactive,
      texts: session.texts,
    });
    const bench = await openBench(session.kit.parts, name, asker);
    askers.set(bench, asker);
    try {
      return await act(bench, session, controller.signal);
    } finally {
      await closeBench(bench);
    }
  } catch (error) {
    return fail(error, session);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

const askers = new WeakMap<Bench, ReturnType<typeof terminalAsker>>();

export function askerOf(bench: Bench): ReturnType<typeof terminalAsker> {
  const found = askers.get(bench);
  if (found === undefined) throw new RangeError('a bench of another session');
  return found;
}

/** Tells a problem and gives its exit code. */
export function fail(error: unknown, { texts, json }: Pick<Session, 'texts' | 'json'>): number {
  const data = toProblemData(error);
  if (json) process.stdout.write(`${JSON.stringify({ problem: data })}\n`);
  else {
    const [title, cause, untouched, next] = texts.problem(data);
    process.stderr.write(`\n${data.code}: ${title}\n  ${cause}\n  ${untouched}\n  → ${next}\n`);
    if (data.evidence !== '')
      process.stderr.write(
        `\n${data.evidence
          .split('\n')
          .map((line) => `  | ${line}`)
          .join('\n')}\n`,
      );
  }
  return exitCodeOf(data.code);
}
