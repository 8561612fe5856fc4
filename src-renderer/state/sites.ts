// Listing, opening and making sites.
import type { InputOf } from '../../src-shared/api.ts';
import { toProblemData } from '../../src-shared/problem.ts';
import { call } from './bridge.ts';
import { type LiveViews, reduceLive } from './live.ts';
import { addLines, clearLogs } from './log.ts';
import { go } from './route.ts';
import { useStore } from './store.ts';

export async function listSites(): Promise<void> {
  try {
    useStore.setState({ sites: await call('sites.list', {}) });
  } catch (thrown) {
    useStore.setState({ sites: [], trouble: toProblemData(thrown) });
  }
}

/** Fetches a site whole and shows it. */
export async function loadSite(name: string): Promise<void> {
  const snapshot = await call('sites.open', { site: name });
  const nowMs = performance.now();
  const known = useStore.getState().site;
  if (known?.name !== name) {
    clearLogs();
    useStore.setState({ laptop: null });
  }
  let live: LiveViews = {};
  for (const event of snapshot.live) {
    live = reduceLive(live, event, nowMs);
    if (event.kind === 'lines' && known?.name !== name) addLines(event.instance, event.index, event.lines);
  }
  const { view, steps, number, runs, drafts, practice, machines } = snapshot;
  const previews = known?.name === name ? known.previews : {};
  const faults = known?.name === name ? known.faults : [];
  // At once: an event that comes while something else is asked for would find no site to be applied to.
  useStore.setState({
    site: { name, view, steps, number, runs, drafts, practice, machines, live, previews, faults },
    trouble: null,
  });
  if (!practice) return;
  const switched = await call('practice.faults', { site: name, set: null }).catch(() => []);
  useStore.setState(({ site }) => (site?.name === name ? { site: { ...site, faults: switched } } : {}));
}

/** Opens the site the route names; what goes wrong is shown at the start. */
export async function openSite(name: string): Promise<void> {
  if (useStore.getState().site?.name === name) return;
  try {
    await loadSite(name);
    const settings = { ...useStore.getState().settings, lastSite: name };
    useStore.setState({ settings });
    await call('settings.set', settings);
  } catch (thrown) {
    useStore.setState({ site: null, trouble: toProblemData(thrown) });
    go({ page: 'start' });
  }
}

/** Gives the site back, so that another program may open it. Runs under way keep it. */
export async function leaveSite(): Promise<void> {
  const { site } = useStore.getState();
  if (site === null) return;
  useStore.setState({ site: null, laptop: null });
  if (site.runs.length === 0) await call('sites.close', { site: site.name }).catch(() => undefined);
}

/** Makes a site; its name. Throws what main says, for the form to show. */
export async function makeSite(input: InputOf<'sites.create'>): Promise<string> {
  const summary = await call('sites.create', input);
  useStore.setState({ trouble: null });
  return summary.name;
}
