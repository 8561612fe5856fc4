// One call of the window: input checked, handler called, answer wrapped. Errors cross as data, because a thrown error
// loses its code on the way. Called by engine.ts and by the tests' transports; knows nothing of Electron.
import { api, type Envelope, type Handlers, type InputOf, type OutputOf } from '../../src-shared/api.ts';
import { type ProcedureName, procedures } from '../../src-shared/channels.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import { beyondLimits } from './input-limits.ts';

const isProcedure = (name: string): name is ProcedureName => (procedures as readonly string[]).includes(name);

export interface AnswerOptions {
  /** Checks what handlers return as well: in development and tests. */
  readonly checkOutput: boolean;
}

/** Answers one call. Never throws: what goes wrong is in the envelope, `usage-wrong` for a call that makes no sense. */
export async function answerCall(
  handlers: Handlers,
  name: string,
  input: unknown,
  options: AnswerOptions,
): Promise<Envelope<unknown>> {
  try {
    if (!isProcedure(name)) throw refusal(`no procedure ${name}`);
    return { value: await call(handlers, name, input, options) };
  } catch (thrown) {
    return { problem: toProblemData(thrown) };
  }
}

/** What is wrong, in few words: it may quote what was sent. */
const refusal = (detail: string) => problem('usage-wrong', { detail: detail.slice(0, 300) });

async function call<N extends ProcedureName>(
  handlers: Handlers,
  name: N,
  input: unknown,
  options: AnswerOptions,
): Promise<OutputOf<N>> {
  const beyond = beyondLimits(input);
  if (beyond !== null) throw refusal(`${name}: ${beyond}`);
  const asked = api[name].input.safeParse(input);
  if (!asked.success) {
    const first = asked.error.issues[0];
    throw refusal(`${name}: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`);
  }
  const handler = handlers[name] as (input: InputOf<N>) => Promise<OutputOf<N>>;
  const output = await handler(asked.data as InputOf<N>);
  if (options.checkOutput) api[name].output.parse(output);
  return output;
}
