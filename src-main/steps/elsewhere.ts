// What a step asks of a machine other than its own, where it can do without the answer. Used by steps that then leave a gate to a person.
import { Problem, type ProblemCode, problems } from '../../src-shared/problem.ts';

/** What the other machine is in the way of: a line, a login, rights, what it runs. */
const passed: ReadonlySet<string> = new Set(['connection', 'target', 'busy', 'unanswered']);
/** Another machine may stand there, and nothing goes on over that. */
const isPassed = (code: ProblemCode): boolean => code !== 'host-key-changed' && passed.has(problems[code].exit);

/** The answer, null where the machine cannot be asked. Throws what is no such thing: a changed host key, a cancel, a fault of ours. */
export function whereReachable<T>(look: () => Promise<T>): Promise<T | null> {
  return look().catch((error: unknown) => {
    if (error instanceof Problem && isPassed(error.code)) return null;
    throw error;
  });
}
