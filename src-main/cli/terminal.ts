// The terminal as a person to ask: questions on standard error, answers from standard input, secrets without echo.
// An answers file is looked at first. Without a terminal nothing is guessed: the question's id is told and the run ends.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { problem } from '../../src-shared/problem.ts';
import type { Plan, Question } from '../../src-shared/step.ts';
import type { Asker } from '../runbook/asking.ts';
import { planLines } from './show.ts';
import type { Texts } from './texts.ts';

export interface TerminalOptions {
  readonly answers: Readonly<Record<string, string>>;
  /** Perform plans without asking, up to risk `changes`. */
  readonly yes: boolean;
  readonly interactive: boolean;
  readonly texts: Texts;
}

/** Reads one line; `hidden` shows nothing of it. */
async function readLine(prompt: string, hidden: boolean, signal: AbortSignal): Promise<string> {
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: hidden ? silent : process.stderr, terminal: true });
  try {
    return await reader.question('', { signal });
  } finally {
    reader.close();
    if (hidden) process.stderr.write('\n');
  }
}

export function terminalAsker({ answers, yes, interactive, texts }: TerminalOptions): Asker {
  const ask = (prompt: string, hidden: boolean, id: string, signal: AbortSignal): Promise<string> => {
    if (!interactive) throw problem('question-unanswered', { question: id });
    return readLine(prompt, hidden, signal);
  };
  const answerOf = async (question: Question, signal: AbortSignal): Promise<string> => {
    const recorded = answers[question.id];
    if (recorded !== undefined) return recorded;
    const shown = question.show.map(({ label, value }) => `  ${label}: ${value}\n`).join('');
    const hint = texts.say(`${question.key}.hint`, question.params);
    const choices = question.kind === 'confirm' ? ['yes', 'no'] : question.choices;
    const suffix = choices.length > 0 ? ` [${choices.join('/')}]` : '';
    const prompt = `\n${texts.say(`${question.key}.title`, question.params)}\n${shown}${hint}\n${question.id}${suffix}: `;
    for (;;) {
      const value = await ask(prompt, question.kind === 'secret', question.id, signal);
      if (choices.length === 0 || choices.includes(value.trim()))
        return question.kind === 'secret' ? value : value.trim();
    }
  };
  return {
    who: `${process.env.USER ?? 'terminal'}`,
    answer: (_instance, question, signal) => answerOf(question, signal),
    confirm: async (instance, plan: Plan, signal) => {
      if (yes) return true;
      process.stderr.write(`\n${planLines(plan, texts).join('\n')}\n`);
      const value = await ask(
        texts.say('cli.confirm', { count: plan.commands.length, instance }),
        false,
        plan.hash,
        signal,
      );
      return ['y', 'yes', 'o', 'oui'].includes(value.trim().toLowerCase());
    },
  };
}
