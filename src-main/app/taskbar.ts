// What the taskbar shows of the work: how far it is, that nobody can say how far, or nothing while it waits for a person or none goes
// on. A fold over the stream. Called by power.ts; pure.
import type { LiveEvent, StreamEvent } from '../../src-shared/api.ts';

/** How far each thing under way is, by what it is: 0 to 1, `unknown`, or `waits` for a person. */
export type Work = ReadonlyMap<string, number | 'unknown' | 'waits'>;

/** As Electron takes it: 0 to 1, above 1 for what has no known end, below 0 for none. */
type Shown = number;
const none: Shown = -1;
const endless: Shown = 2;

/** The work after an event. */
export function reduceWork(work: Work, { site, event }: StreamEvent): Work {
  const set = (instance: string, far: number | 'unknown' | 'waits'): Work =>
    new Map([...work, [`${site} ${instance}`, far]]);
  if ('live' in event) return reduceLive(work, event.live, set);
  const { journal } = event;
  switch (journal.kind) {
    case 'run-started':
    case 'command-started':
    case 'command-ended':
    case 'answered':
    case 'consent':
      return set(journal.instance, 'unknown');
    case 'run-ended':
      return new Map([...work].filter(([key]) => key !== `${site} ${journal.instance}`));
    default:
      return work;
  }
}

function reduceLive(
  work: Work,
  live: LiveEvent,
  set: (instance: string, far: number | 'unknown' | 'waits') => Work,
): Work {
  switch (live.kind) {
    case 'progress':
    case 'rehearsal':
    case 'surveying':
      return set(live.kind === 'progress' ? live.instance : live.kind, part(live.done, live.total));
    case 'verifying':
    case 'cloning':
    case 'restoring':
      return set(live.kind, part(live.doneBytes, live.totalBytes));
    case 'confirm':
    case 'question':
      return set(live.instance, 'waits');
    case 'run-over':
      return new Map();
    default:
      return work;
  }
}

const part = (done: number, total: number | null): number | 'unknown' =>
  total === null || total === 0 ? 'unknown' : Math.min(1, done / total);

/** What is shown of it. Of several at once nobody can say how far they are together. */
export function shownOf(work: Work, busy: boolean): Shown {
  if (!busy) return none;
  const atWork = [...work.values()].filter((far) => far !== 'waits');
  const [far = 'unknown', ...others] = atWork;
  if (work.size > 0 && atWork.length === 0) return none;
  return far === 'unknown' || others.length > 0 ? endless : far;
}
