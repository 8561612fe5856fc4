// The one stream of events: applied strictly by number. What is missing is asked for; when main no longer has it, the
// site is fetched whole. So the page shows the same after a reload in the middle of a long copy.
import type { StreamEvent } from '../../src-shared/api.ts';
import { reduce } from '../../src-shared/journal.ts';
import { rememberOver } from './actions.ts';
import { call } from './bridge.ts';
import { reduceLive, settleLive } from './live.ts';
import { addLines } from './log.ts';
import { loadSite } from './sites.ts';
import { changeSite, type OpenedSite, useStore } from './store.ts';

/** Applies one event to the mirror. Pure but for log lines, which live beside it. */
export function applyEvent(site: OpenedSite, { number, event }: StreamEvent, nowMs: number): Partial<OpenedSite> {
  if ('journal' in event) {
    const view = reduce(site.view, event.journal);
    const live = settleLive(site.live, event.journal);
    if (event.journal.kind !== 'run-started') return { number, view, live };
    // What was shown before is being performed now; afterwards it is old.
    const { [event.journal.instance]: _old, ...previews } = site.previews;
    return { number, view, live, previews };
  }
  const { live } = event;
  if (live.kind === 'lines') addLines(live.instance, live.index, live.lines);
  if (live.kind === 'run-over') rememberOver(live.run);
  const runs = live.kind === 'run-over' ? site.runs.filter((item) => item.run !== live.run) : site.runs;
  return { number, runs, live: reduceLive(site.live, live, nowMs) };
}

let catchingUp = false;

export function listenToStream(): void {
  window.fieldkit.onEvent((event) => {
    const { site } = useStore.getState();
    if (site === null || site.name !== event.site || event.number <= site.number) return;
    if (event.number !== site.number + 1) return void catchUp(site.name);
    changeSite(site.name, (now) => applyEvent(now, event, performance.now()));
    if ('live' in event.event && event.event.live.kind === 'run-over' && event.event.live.problem !== null) {
      useStore.setState({ trouble: event.event.live.problem });
    }
    if ('journal' in event.event && event.event.journal.kind === 'run-ended') {
      const { instance, outcome } = event.event.journal;
      useStore.setState({ milestone: { instance, outcome } });
    }
  });
}

/** Fetches what was missed. Events that arrive meanwhile are among what is fetched, or start the next round. */
async function catchUp(name: string): Promise<void> {
  if (catchingUp) return;
  catchingUp = true;
  try {
    const from = useStore.getState().site?.number ?? 0;
    const missed = await call('events.since', { site: name, number: from });
    if (missed === 'gap') await loadSite(name);
    else {
      for (const event of missed) {
        changeSite(name, (now) => (event.number === now.number + 1 ? applyEvent(now, event, performance.now()) : {}));
      }
    }
  } catch {
    // The site was closed meanwhile: there is nothing to catch up with.
  } finally {
    catchingUp = false;
  }
}
