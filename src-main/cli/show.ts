// Plans, verdicts and states as lines of text. Pure but for the texts; used by the commands.

import { diffLines } from '../../src-shared/diff.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { problems } from '../../src-shared/problem.ts';
import type { Command, Plan, StepInfo } from '../../src-shared/step.ts';
import { bySeverity, planLasts, stepOf, subjectNameOf } from '../../src-shared/step.ts';
import { lineOf } from '../runbook/explain.ts';
import type { Texts } from './texts.ts';

const marks: Readonly<Record<InstanceView['state'], string>> = {
  unread: '·',
  done: '✓',
  todo: '○',
  doing: '◐',
  waiting: '⧗',
  blocked: '⯃',
  unsure: '?',
  failed: '✕',
  interrupted: '!',
};

export const titleOf = (key: string, texts: Texts): string => {
  const subject = subjectNameOf(key);
  return `${texts.say(`steps.${stepOf(key)}.title`)}${subject === '' ? '' : ` (${subject})`}`;
};

/** One line an instance: mark, state in a word, key, title. */
export const stateLine = (view: InstanceView, texts: Texts): string =>
  `${marks[view.state]} ${texts.say(`cli.state.${view.state}`).padEnd(11)} ${view.key.padEnd(44)} ${titleOf(view.key, texts)}`;

/** What was found, what stops, what is awaited. */
export function verdictLines(view: InstanceView, texts: Texts): string[] {
  const findings = bySeverity(view.verdict?.findings ?? []);
  return [
    ...view.found.map((told) => `    ${texts.told(told)}`),
    ...(view.verdict?.state === 'waiting' ? [`    ⧗ ${texts.told(view.verdict.for)}`] : []),
    ...findings.flatMap(({ code, params }) => {
      const [title, cause, , next] = texts.problem({ code, params });
      return [
        `    ${problems[code].severity === 'warning' ? '!' : '⯃'} ${code}: ${title}`,
        `      ${cause}`,
        `      → ${next}`,
      ];
    }),
  ];
}

/** A plan, numbered, with exact commands and the changes to files. */
/** @param info of the plan's step: what cannot be undone is said first */
export function planLines(plan: Plan, texts: Texts, info: StepInfo | undefined): string[] {
  const lasts = info !== undefined && planLasts(info, plan.commands) ? [`  ${texts.say('ui.step.lasts')}`] : [];
  const commands = plan.commands.flatMap((command, index) => [
    `  ${String(index + 1).padStart(2)}  ${texts.say(`cli.command.${command.kind}`).padEnd(8)} ${lineOf(command)}`,
    ...noteLines(command, texts),
    ...changeLines(command),
  ]);
  return [...lasts, ...commands];
}

const noteLines = (command: Command, texts: Texts): string[] => {
  const note = command.kind === 'until' ? command.awaited : 'note' in command ? command.note : undefined;
  return note === undefined ? [] : [`      ${texts.told(note)}`];
};

function changeLines(command: Command): string[] {
  if (command.kind === 'guard')
    return command.commands.flatMap((inner) => [`      - ${lineOf(inner)}`, ...changeLines(inner)]);
  if (command.kind !== 'write' || typeof command.text !== 'string') return [];
  return diffLines(command.before, command.text)
    .filter((line) => line.kind !== 'same')
    .map((line) => `      ${line.kind === 'added' ? '+' : '-'} ${line.text}`);
}
