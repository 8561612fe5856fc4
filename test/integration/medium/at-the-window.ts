// The desk as the window asks it: the same procedures, checked on both sides, and questions answered as they come.
import { readFile } from 'node:fs/promises';
import { answerCall } from '../../../src-main/app/envelope.ts';
import { compose } from '../../../src-main/compose.ts';
import { makeDesk } from '../../../src-main/runbook/desk.ts';
import { createSite } from '../../../src-main/runbook/sites.ts';
import type { InputOf, OutputOf } from '../../../src-shared/api.ts';
import type { ProcedureName } from '../../../src-shared/channels.ts';
import type { JournalEvent } from '../../../src-shared/journal.ts';
import { problemFrom } from '../../../src-shared/problem.ts';
import type { Plan, Question } from '../../../src-shared/step.ts';
import { windowHandlers } from '../../fakes/window-handlers.ts';

/** What a run waits for: an answer to a question, or a yes to a plan. */
export type Asked =
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'confirm'; readonly plan: Plan };

export interface Run {
  readonly outcome: string | null;
  /** Code of what ended it, null when nothing went wrong. */
  readonly code: string | null;
}

export interface AtTheWindow {
  call<N extends ProcedureName>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
  /** Runs instances, answers what is asked, and waits for the end; what came of the last of them. `null` cancels the run. */
  run(
    input: Omit<InputOf<'steps.run'>, 'consent' | 'agreed' | 'skip'>,
    answer: (asked: Asked) => Promise<string | null>,
  ): Promise<Run>;
  close(): Promise<void>;
}

/** @param home the program's data folder; `plan`: of a site to begin with. */
export async function atTheWindow(home: string, begin: { readonly plan?: string } = {}): Promise<AtTheWindow> {
  const kit = compose({ env: { FIELDKIT_HOME: home } });
  if (begin.plan !== undefined)
    await createSite(kit.parts.dataFolder, await readFile(begin.plan, 'utf8'), { practice: false });
  const desk = makeDesk(kit.parts);
  const handlers = windowHandlers(desk, home, home);
  const call = async <N extends ProcedureName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> => {
    const envelope = await answerCall(handlers, name, JSON.parse(JSON.stringify(input)), { checkOutput: true });
    if ('problem' in envelope) throw problemFrom(envelope.problem);
    return envelope.value as OutputOf<N>;
  };
  return {
    call,
    run: async ({ site, instances, inputs }, answer) => {
      let ended: Extract<JournalEvent, { kind: 'run-ended' }> | null = null;
      let under = '';
      let resolve: () => void = () => undefined;
      let reject: (error: unknown) => void = () => undefined;
      const over = new Promise<void>((one, other) => {
        [resolve, reject] = [one, other];
      });
      const give = async (run: string, asked: Asked) => {
        const value = await answer(asked);
        if (value === null) return void (await call('run.cancel', { site, run }));
        const id = asked.kind === 'question' ? asked.question.id : asked.plan.hash;
        await call('questions.answer', { site, run, id, value });
      };
      const stop = desk.onEvent(({ event }) => {
        if ('journal' in event) {
          if (event.journal.kind === 'run-ended') ended = event.journal;
          return;
        }
        const { live } = event;
        if (live.kind === 'question' || live.kind === 'confirm') give(live.run, live).catch(reject);
        if (live.kind === 'run-over' && (under === '' || live.run === under)) resolve();
      });
      try {
        const asked = { site, instances, consent: 'each' as const, agreed: [], skip: [], inputs };
        ({ run: under } = await call('steps.run', asked));
        await over;
      } finally {
        stop();
      }
      const last = ended as Extract<JournalEvent, { kind: 'run-ended' }> | null;
      return { outcome: last?.outcome ?? null, code: last?.problem?.code ?? null };
    },
    close: () => desk.close(),
  };
}
