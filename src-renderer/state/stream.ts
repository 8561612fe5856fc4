// The one stream of events: applied strictly by number. What is missing is asked for; when main no longer has it, the
// site is fetched whole. So the page shows the same after a reload in the middle of a long copy.
import type { StreamEvent } from '../../src-shared/api.ts';
import { reduce } from '../../src-shared/journal.ts';
import { rememberOver } from './actions.ts';
import { call, onEvents } from './bridge.ts';
import { reduceLive, settleLive } from './live.ts';
import { addLines } from './log.ts';
import { loadSite } from './sites.ts';
import { type OpenedSite, useStore, type WindowState } from './store.ts';

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
let missedMore = false;

/** Folds what follows on what is shown, and changes the page once. Tells whether something between was missed. */
function applyAll(name: string, events: readonly StreamEvent[]): boolean {
  const { site } = useStore.getState();
  if (site?.name !== name) return false;
  const nowMs = performance.now();
  let now = site;
  let trouble: Partial<Pick<WindowState, 'trouble'>> = {};
  let milestone: Partial<Pick<WindowState, 'milestone'>> = {};
  let missed = false;
  for (const event of events) {
    if (event.site !== name || event.number <= now.number) continue;
    missed = event.number !== now.number + 1;
    if (missed) break;
    now = { ...now, ...applyEvent(now, event, nowMs) };
    if ('live' in event.event) {
      if (event.event.live.kind === 'run-over' && event.event.live.problem !== null)
        trouble = { trouble: event.event.live.problem };
    } else if (event.event.journal.kind === 'run-ended') {
      const { instance, outcome } = event.event.journal;
      milestone = { milestone: { instance, outcome } };
    }
  }
  if (now !== site) useStore.setState({ site: now, ...trouble, ...milestone });
  return missed;
}

export function listenToStream(): void {
  onEvents((events) => {
    const name = useStore.getState().site?.name;
    if (name !== undefined && applyAll(name, events)) void catchUp(name);
  });
}

/** Fetches what was missed. Events that arrive meanwhile are among what is fetched, or start the next round. */
async function catchUp(name: string): Promise<void> {
  missedMore = true;
  if (catchingUp) return;
  catchingUp = true;
  try {
    while (missedMore) {
      missedMore = false;
      const { site } = useStore.getState();
      // Another site is shown by now, which asks for itself: asking for this one would open it again.
      if (site?.name !== name) return;
      const missed = await call('events.since', { site: name, number: site.number });
      if (missed === 'gap') await loadSite(name);
      else applyAll(name, missed);
    }
  } catch {
    // The site was closed meanwhile: there is nothing to catch up with.
  } finally {
    catchingUp = false;
  }
}
