// The only way out of the page: what the preload put on `window.fieldkit`. Answers come in an envelope; a problem in it
// is thrown as the one error of the program. Events are handed on in bunches: a run can say a hundred things while a page is drawn once.
import type { Bridge, InputOf, OutputOf, StreamEvent } from '../../src-shared/api.ts';
import type { ProcedureName } from '../../src-shared/channels.ts';
import { Problem } from '../../src-shared/problem.ts';

declare global {
  interface Window {
    readonly fieldkit: Bridge;
  }
}

/** A window that is not shown draws nothing: then it is handed on after this time. */
const hiddenMs = 200;

let waiting: StreamEvent[] = [];
let handOn: () => void = () => undefined;

/** Hears of events in their order, at most once for each time the page is drawn. */
export function onEvents(listener: (events: readonly StreamEvent[]) => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame = 0;
  handOn = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    if (waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    listener(events);
  };
  window.fieldkit.onEvent((event) => {
    waiting.push(event);
    if (waiting.length > 1) return;
    frame = requestAnimationFrame(handOn);
    timer = setTimeout(handOn, hiddenMs);
  });
}

/** Asks main. What main said before it answered is told before the answer. Throws `Problem` with main's own code. */
export async function call<N extends ProcedureName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  const envelope = await window.fieldkit.invoke(name, input);
  handOn();
  if ('problem' in envelope) throw new Problem(envelope.problem);
  return envelope.value;
}
