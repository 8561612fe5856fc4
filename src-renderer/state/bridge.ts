// The only way out of the page: what the preload put on `window.fieldkit`. Answers come in an envelope; a problem in it
// is thrown as the one error of the program.
import type { Bridge, InputOf, OutputOf } from '../../src-shared/api.ts';
import type { ProcedureName } from '../../src-shared/channels.ts';
import { Problem } from '../../src-shared/problem.ts';

declare global {
  interface Window {
    readonly fieldkit: Bridge;
  }
}

/** Asks main. Throws `Problem` with main's own code. */
export async function call<N extends ProcedureName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  const envelope = await window.fieldkit.invoke(name, input);
  if ('problem' in envelope) throw new Problem(envelope.problem);
  return envelope.value;
}
