// fieldkit medium rehearse: every step of a site on simulated machines, from its sealed medium alone. Nothing is changed, and
// nothing is recorded but what it came to.
import { resolve } from 'node:path';
import { formatBytes } from '../../../src-shared/format.ts';
import { exitCodes } from '../../../src-shared/problem.ts';
import {
  passed,
  type Rehearsal,
  type RehearsalProgress,
  type RehearsedStep,
  summaryOf,
} from '../../../src-shared/rehearsal.ts';
import { type CommonOptions, chosenSite, plainLines, type Session, withSession } from '../session.ts';
import { titleOf } from '../show.ts';
import type { Texts } from '../texts.ts';

export const rehearseMedium = (folder: string | undefined, options: CommonOptions): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print, json } = session;
    const site = await chosenSite(kit, options.site);
    const onProgress = ({ done, total, step }: RehearsalProgress) => {
      const place = { index: done + 1, total, title: titleOf(step, texts) };
      if (!json) process.stderr.write(plainLines([texts.say('rehearsal.step', place)]));
    };
    const came = await kit.rehearse(site, folder === undefined ? null : resolve(folder), onProgress, signal);
    print(came, linesOf(came, session));
    return passed(came) ? exitCodes.done : exitCodes.medium;
  });

const marks: Readonly<Record<RehearsedStep['outcome'], string>> = { done: '✓', asked: '○', failed: '✕' };

function linesOf(came: Rehearsal, { texts }: Session): string[] {
  const count = (outcome: RehearsedStep['outcome']): number =>
    came.steps.filter((step) => step.outcome === outcome).length;
  const { generation, unasked, tookMs } = came;
  return [
    ...came.steps.flatMap((step) => stepLines(step, texts)),
    ...(unasked.length === 0 ? [] : [`✕ ${texts.say('rehearsal.unasked')}`]),
    ...unasked.map(({ path, code }) => `    ⯃ ${texts.say(`rehearsal.lacking.${code}`, { path })}`),
    texts.say(`rehearsal.${summaryOf(came)}`, {
      generation,
      tookMs,
      done: count('done'),
      asked: count('asked'),
      count: count('failed'),
    }),
    texts.say('rehearsal.cannotKnow'),
  ];
}

function stepLines(step: RehearsedStep, texts: Texts): string[] {
  const { instance, outcome, notRun, problem, files, sizeBytes, packages, releases, lacking } = step;
  const size = formatBytes(sizeBytes, texts.language);
  const [first, next] = problem === null || lacking.length > 0 ? [] : pick(texts.problem(problem));
  return [
    `${marks[outcome]} ${titleOf(instance, texts)}`,
    ...(notRun === null ? [] : [`    ${texts.say(`rehearsal.notRun.${notRun}`)}`]),
    ...(files === 0 ? [] : [`    ${texts.say('rehearsal.took', { count: files, size })}`]),
    ...(packages.length === 0 ? [] : [`    ${texts.say('rehearsal.packages', { names: packages.join(', ') })}`]),
    ...(releases.length === 0 ? [] : [`    ${texts.say('rehearsal.releases', { names: releases.join(', ') })}`]),
    ...lacking.map(({ path, code }) => `    ⯃ ${texts.say(`rehearsal.lacking.${code}`, { path })}`),
    ...(first === undefined ? [] : [`    ⯃ ${first}`, `      → ${next}`]),
  ];
}

const pick = ([title = '', , , next = '']: readonly string[]): readonly [string, string] => [title, next];
