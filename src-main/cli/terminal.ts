// The terminal as a person to ask: questions on standard error, answers from standard input, secrets without echo.
// An answers file is looked at first: answers by question id, and `yes` by the hash of a plan that was shown before.
// Without a terminal nothing is guessed: the question's id is told and the run ends.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { technicianLength } from '../../src-shared/api.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Plan, Question, StepInfo } from '../../src-shared/step.ts';
import type { Asker } from '../runbook/asking.ts';
import { planLines } from './show.ts';
import type { Texts } from './texts.ts';

export interface TerminalOptions {
  readonly answers: Readonly<Record<string, string>>;
  readonly interactive: boolean;
  readonly texts: Texts;
  /** The step of an instance. */
  readonly infoOf: (instance: string) => StepInfo | undefined;
  /** Who answers, as typed before; empty when nobody said. */
  readonly technician: string;
  /** Keeps a name that was typed now. */
  readonly keepTechnician: (name: string) => Promise<void>;
}

/** Reads one line; `hidden` shows nothing of it. Throws `question-unanswered` when the terminal is closed. */
export async function readLine(prompt: string, hidden: boolean, id: string, signal: AbortSignal): Promise<string> {
  // The line editor draws the line that it stands in anew, and with it what was there before: it must know of it.
  const line = hidden ? '' : prompt.slice(prompt.lastIndexOf('\n') + 1);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: hidden ? silent : process.stderr, terminal: true });
  // Only now: whoever types as soon as a secret is asked for is not echoed any more.
  process.stderr.write(prompt.slice(0, prompt.length - line.length));
  const closed = new AbortController();
  reader.once('close', () => closed.abort());
  // The line editor takes Ctrl-C for itself.
  reader.once('SIGINT', () => process.emit('SIGINT'));
  try {
    return await reader.question(line, { signal: AbortSignal.any([signal, closed.signal]) });
  } catch (error) {
    if (closed.signal.aborted && !signal.aborted) throw problem('question-unanswered', { question: id });
    throw error;
  } finally {
    reader.close();
    if (hidden) process.stderr.write('\n');
  }
}

const yesWords = ['y', 'yes', 'o', 'oui'];

export function terminalAsker(options: TerminalOptions): Asker {
  const { answers, interactive, texts } = options;
  let technician = options.technician;
  let nameAsked = technician !== '';
  /** Once, before the first answer that a person gives for others to read. An empty line says nothing. */
  const askName = async (id: string, signal: AbortSignal): Promise<void> => {
    if (nameAsked) return;
    nameAsked = true;
    const said = cleanText(await readLine(`${texts.say('cli.technician')} `, false, id, signal));
    technician = said.trim().slice(0, technicianLength).trim();
    if (technician !== '') await options.keepTechnician(technician);
  };
  const recorded = (id: string): string | undefined => (Object.hasOwn(answers, id) ? answers[id] : undefined);
  const answerOf = async (question: Question, signal: AbortSignal): Promise<string> => {
    const given = recorded(question.id);
    if (given !== undefined) return given;
    if (!interactive) throw problem('question-unanswered', { question: question.id });
    const hidden = question.kind === 'secret';
    if (!hidden) await askName(question.id, signal);
    const choices = question.kind === 'confirm' ? ['yes', 'no'] : question.choices;
    const suffix = choices.length > 0 ? ` [${choices.join('/')}]` : '';
    const prompt = cleanText(
      [
        '',
        texts.say(`${question.key}.title`, question.params),
        ...question.show.flatMap(({ label, value }) => shownLines(texts.label(label), value)),
        texts.say(`${question.key}.hint`, question.params),
        `${question.id}${suffix}: `,
      ].join('\n'),
    );
    for (;;) {
      const value = await readLine(prompt, hidden, question.id, signal);
      if (hidden && question.twice === true) {
        const again = await readLine(`${texts.say('cli.again')} `, true, question.id, signal);
        if (again === value) return value;
        process.stderr.write(`${texts.say('cli.differ')}\n`);
        continue;
      }
      if (hidden) return value;
      if (choices.length === 0 || choices.includes(value.trim())) return value.trim();
    }
  };
  return {
    get who() {
      return technician || (process.env.USER ?? 'terminal');
    },
    answer: (_instance, question, signal) => answerOf(question, signal),
    confirm: async (instance, plan: Plan, signal) => {
      const given = recorded(plan.hash);
      if (given !== undefined) return given === 'yes';
      if (!interactive) throw problem('not-confirmed', { step: instance });
      process.stderr.write(`\n${cleanText(planLines(plan, texts, options.infoOf(instance)).join('\n'))}\n`);
      const prompt = texts.say('cli.confirm', { count: plan.commands.length, instance });
      return yesWords.includes((await readLine(prompt, false, plan.hash, signal)).trim().toLowerCase());
    },
  };
}

/** One line, or below its name what is drawn of several. */
const shownLines = (label: string, value: string): string[] =>
  value.includes('\n') ? [`  ${label}:`, ...value.split('\n').map((line) => `    ${line}`)] : [`  ${label}: ${value}`];
