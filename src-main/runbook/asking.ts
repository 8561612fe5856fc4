// Asking a person: questions wait here until the window, the terminal or an answers file answers. Never guesses.
// Used by the runner (ask commands, consent) and the hands (passwords, passphrases).
import { problem } from '../../src-shared/problem.ts';
import type { Plan, Question } from '../../src-shared/step.ts';

/** Who can be asked: the window, a terminal, an answers file, the practice site. */
export interface Asker {
  /** The answer; throws `question-unanswered` when nobody can answer, or the signal's reason. */
  answer(instance: string, question: Question, signal: AbortSignal): Promise<string>;
  /** Whether to perform exactly this plan. */
  confirm(instance: string, plan: Plan, signal: AbortSignal): Promise<boolean>;
  /** Name of who answers, for the record: as typed, else what is known of them. It may become known with an answer. */
  readonly who: string;
}

/** Questions that wait for `give`; what the window uses. One answer serves all who wait for the same. */
export class WaitingRoom {
  readonly #open = new Map<string, Set<(value: string) => void>>();

  /** Waits for an answer to `id`. Throws the signal's reason when aborted. */
  wait(id: string, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waiting = this.#open.get(id) ?? new Set();
      const leave = () => {
        signal.removeEventListener('abort', abort);
        waiting.delete(take);
        if (waiting.size === 0) this.#open.delete(id);
      };
      const take = (value: string) => {
        leave();
        resolve(value);
      };
      const abort = () => {
        leave();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#open.set(id, waiting.add(take));
    });
  }

  /** Hands in an answer; false when nobody waits for it. */
  give(id: string, value: string): boolean {
    const waiting = [...(this.#open.get(id) ?? [])];
    for (const take of waiting) take(value);
    return waiting.length > 0;
  }
}

/** Asks one thing after the other, whoever asks: a person reads one question at a time. */
export function oneAtATime(asker: Asker): Asker {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(ask: () => Promise<T>): Promise<T> => {
    const asked = last.then(ask);
    last = asked.catch(() => undefined);
    return asked;
  };
  return {
    get who() {
      return asker.who;
    },
    answer: (...question) => inTurn(() => asker.answer(...question)),
    confirm: (...plan) => inTurn(() => asker.confirm(...plan)),
  };
}

/** Answers from a record of ids; confirms plans only when told to. Used with answers files and by the practice site. */
export const recordedAsker = (
  answers: Readonly<Record<string, string>>,
  options: { readonly yes: boolean; readonly who: string },
): Asker => ({
  who: options.who,
  answer: async (_instance, question) => {
    const value = answers[question.id];
    if (value === undefined) throw problem('question-unanswered', { question: question.id });
    return value;
  },
  confirm: async () => options.yes,
});
