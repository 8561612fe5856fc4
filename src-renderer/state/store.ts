// The window's state: a mirror of what main told, and where the person is. Nothing here is a second truth: the site's
// view is the journal's own fold, and everything can be fetched again.
import { create } from 'zustand';
import type { OutputOf, Settings, SiteSummary, Snapshot } from '../../src-shared/api.ts';
import type { ProblemData } from '../../src-shared/problem.ts';
import type { Plan } from '../../src-shared/step.ts';
import type { LiveViews } from './live.ts';
import { type Route, routeOf } from './route.ts';

/** A site that is open in the window. */
export interface OpenedSite
  extends Pick<Snapshot, 'view' | 'steps' | 'number' | 'runs' | 'drafts' | 'practice' | 'machines'> {
  readonly name: string;
  readonly live: LiveViews;
  readonly previews: Readonly<Record<string, Preview>>;
  /** Of the practice site; empty on a real one. */
  readonly faults: OutputOf<'practice.faults'>;
}

/** What `steps.plan` answered for an instance, and for which input. */
export type Preview =
  | { readonly state: 'reading' }
  | { readonly state: 'ready'; readonly plan: Plan | null; readonly shell: string; readonly inputKey: string }
  | { readonly state: 'failed'; readonly problem: ProblemData };

export interface WindowState {
  readonly info: OutputOf<'app.info'> | null;
  readonly settings: Settings;
  readonly route: Route;
  /** null until listed. */
  readonly sites: readonly SiteSummary[] | null;
  readonly site: OpenedSite | null;
  /** How the open site's medium and the laptop's battery are now; null until asked. */
  readonly laptop: OutputOf<'laptop.now'> | null;
  /** What went wrong with the page's last act, when it belongs to no step. */
  readonly trouble: ProblemData | null;
  /** The last milestone, for the live region. */
  readonly milestone: { readonly instance: string; readonly outcome: string } | null;
}

export const useStore = create<WindowState>(() => ({
  info: null,
  settings: { theme: 'system', language: 'en', lastSite: null, technician: '' },
  route: routeOf(window.location.hash),
  sites: null,
  site: null,
  laptop: null,
  trouble: null,
  milestone: null,
}));

/** Changes the open site, if it is still this one. */
export function changeSite(name: string, change: (site: OpenedSite) => Partial<OpenedSite>): void {
  useStore.setState(({ site }) => (site?.name === name ? { site: { ...site, ...change(site) } } : {}));
}
