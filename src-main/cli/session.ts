// What every command needs: the kit, the texts, where to write, and how to end. Used by the commands.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { settings, technicianLength } from '../../src-shared/api.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { parseJson } from '../../src-shared/json.ts';
import { exitCodeOf, exitCodes, problem, toProblemData } from '../../src-shared/problem.ts';
import type { Kit } from '../compose.ts';
import { compose } from '../compose.ts';
import { type Asker, oneAtATime } from '../runbook/asking.ts';
import type { Bench } from '../runbook/bench.ts';
import { closeBench, openBench } from '../runbook/bench.ts';
import { infoOf } from '../runbook/instances.ts';
import { readSettings, saveSettings } from '../runbook/settings.ts';
import { siteNames } from '../runbook/sites.ts';
import { terminalAsker } from './terminal.ts';
import { makeTexts, type Texts } from './texts.ts';

export interface CommonOptions {
  readonly json?: boolean;
  readonly site?: string;
  readonly answers?: string;
  readonly technician?: string;
  readonly yes?: boolean;
  readonly language?: string;
}

export interface Session {
  readonly kit: Kit;
  readonly texts: Texts;
  readonly json: boolean;
  /** A result on standard output: one JSON line, or lines for people. */
  print(data: unknown, lines: readonly string[]): void;
}

/** Lines for a person. What machines say is in them: no terminal sequence of theirs gets through. */
export const plainLines = (lines: readonly string[]): string => lines.map((line) => `${cleanText(line)}\n`).join('');

async function makeSession(options: CommonOptions): Promise<Session> {
  const texts = await makeTexts(options.language, process.env);
  const json = options.json ?? false;
  return {
    kit: compose({ env: process.env }),
    texts,
    json,
    print: (data, lines) => process.stdout.write(json ? `${JSON.stringify(data)}\n` : plainLines(lines)),
  };
}

/** Does something and gives the exit code, also of what went wrong. Ctrl-C cancels between commands, a second one ends at once. */
export async function withSession(
  options: CommonOptions,
  act: (session: Session, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const session = await makeSession(options);
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodes.cancelled);
    process.stderr.write(`\n${session.texts.say('cli.stopping')}\n`);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await act(session, controller.signal);
  } catch (error) {
    return fail(controller.signal.aborted ? problem('cancelled', { what: 'fieldkit' }) : error, session);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

const answersFile = z.record(z.string(), z.string());

/** Answers by question id from a JSON file; secrets may be in it, so it is read, never copied, and no problem quotes it. */
function readAnswers(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined) return {};
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw problem('usage-wrong', { detail: `${path}: ${(error as NodeJS.ErrnoException).code ?? ''}` });
  }
  const parsed = answersFile.safeParse(parseJson(text));
  if (!parsed.success) throw problem('usage-wrong', { detail: `${path}: {"question id": "answer", …}` });
  return parsed.data;
}

/** The site asked for, or the only one there is. Throws `usage-wrong` when there are none or several. */
export async function chosenSite(kit: Kit, asked: string | undefined): Promise<string> {
  if (asked !== undefined) return asked;
  const names = await siteNames(kit.parts.dataFolder);
  const [only, ...others] = names;
  if (only !== undefined && others.length === 0) return only;
  throw problem('usage-wrong', { detail: `--site NAME (${names.join(', ') || '-'})` });
}

export interface SiteSession extends Session {
  readonly bench: Bench;
  readonly asker: Asker;
  readonly signal: AbortSignal;
}

/**
 * The name given now, which is kept, or the one that was kept before. Throws `usage-wrong` for an option that is too long; of a name
 * that is typed between two questions the beginning is kept, since no run ends over it.
 */
async function technicianOf({ parts }: Kit, { technician }: CommonOptions) {
  const { dataFolder } = parts;
  const keepTechnician = async (name: string): Promise<void> => {
    const kept = name.trim().slice(0, technicianLength).trim();
    await saveSettings(dataFolder, { ...(await readSettings(dataFolder)), technician: kept });
  };
  if (technician !== undefined) {
    if (!settings.shape.technician.safeParse(technician).success)
      throw problem('usage-wrong', { detail: '--technician' });
    await keepTechnician(technician);
  }
  return { technician: technician?.trim() ?? (await readSettings(dataFolder)).technician, keepTechnician };
}

/** Who is asked: the answers file, then the person at the terminal, if there is one. */
export async function askerFor({ kit, texts, json }: Session, options: CommonOptions): Promise<Asker> {
  // Steps of several machines and their connections share one terminal.
  return oneAtATime(
    terminalAsker({
      answers: readAnswers(options.answers),
      interactive: process.stdin.isTTY === true && !json,
      texts,
      infoOf: (instance) => {
        const step = kit.parts.runbook.find(({ id }) => id === instance.split('@')[0]);
        return step === undefined ? undefined : infoOf(step);
      },
      ...(await technicianOf(kit, options)),
    }),
  );
}

/** Opens a site, does something with it, closes it: also after a failure. */
export const withSite = (options: CommonOptions, act: (session: SiteSession) => Promise<number>): Promise<number> =>
  withSession(options, async (session, signal) => {
    const name = await chosenSite(session.kit, options.site);
    const asker = await askerFor(session, options);
    const bench = await openBench(session.kit.parts, name, asker);
    try {
      return await act({ ...session, bench, asker, signal });
    } finally {
      await closeBench(bench);
    }
  });

/** Tells a problem and gives its exit code. With --json it is the last line, beside what `result` holds. */
export function fail(
  error: unknown,
  { texts, json }: Pick<Session, 'texts' | 'json'>,
  result: Readonly<Record<string, unknown>> = {},
): number {
  const data = toProblemData(error);
  if (json) process.stdout.write(`${JSON.stringify({ ...result, problem: data })}\n`);
  else {
    const [title, cause, untouched, next] = texts.problem(data);
    const evidence = data.evidence === '' ? [] : ['', ...data.evidence.split('\n').map((line) => `  | ${line}`)];
    process.stderr.write(
      plainLines(['', `${data.code}: ${title}`, `  ${cause}`, `  ${untouched}`, `  → ${next}`, ...evidence]),
    );
  }
  return exitCodeOf(data.code);
}
