// What is true this moment and kept nowhere: progress, what is awaited, questions, log lines. A fold like the
// journal's, over the live half of the stream; a journal event ends what it makes old.
import type { LiveEvent } from '../../src-shared/api.ts';
import type { JournalEvent } from '../../src-shared/journal.ts';

export type LiveOf<K extends LiveEvent['kind']> = Extract<LiveEvent, { kind: K }>;

/** Units a second, at a moment of the page's clock. */
export interface Speed {
  readonly atMs: number;
  readonly speed: number;
}

/** Live state of one instance. */
export interface LiveView {
  readonly reading: boolean;
  readonly progress: LiveOf<'progress'> | null;
  /** Speeds of the command under way, one a second at most, oldest first. */
  readonly speeds: readonly Speed[];
  readonly awaiting: (LiveOf<'awaiting'> & { readonly heardMs: number }) | null;
  readonly confirm: LiveOf<'confirm'> | null;
  readonly question: LiveOf<'question'> | null;
  readonly rehearsal: LiveOf<'rehearsal'> | null;
  readonly verifying: LiveOf<'verifying'> | null;
  readonly cloning: LiveOf<'cloning'> | null;
  readonly restoring: LiveOf<'restoring'> | null;
  readonly repairing: LiveOf<'repairing'> | null;
  readonly surveying: LiveOf<'surveying'> | null;
}

/** Where progress is kept that belongs to no instance. */
export const mediumKey = 'medium';

export const noLive: LiveView = {
  reading: false,
  progress: null,
  speeds: [],
  awaiting: null,
  confirm: null,
  question: null,
  rehearsal: null,
  verifying: null,
  cloning: null,
  restoring: null,
  repairing: null,
  surveying: null,
};
export type LiveViews = Readonly<Record<string, LiveView>>;

const set = (views: LiveViews, instance: string, change: Partial<LiveView>): LiveViews => ({
  ...views,
  [instance]: { ...(views[instance] ?? noLive), ...change },
});

/** Folds a live event. `nowMs`: the page's clock, to count on from what main said. Lines go to the log instead. */
export function reduceLive(views: LiveViews, event: LiveEvent, nowMs: number): LiveViews {
  switch (event.kind) {
    case 'progress':
      return set(views, event.instance, {
        progress: onlyForward(views[event.instance]?.progress ?? null, event),
        speeds: withSpeed(views[event.instance]?.speeds ?? [], event, nowMs),
      });
    case 'awaiting':
      return set(views, event.instance, { awaiting: { ...event, heardMs: nowMs } });
    case 'reading':
      return set(views, event.instance, { reading: true });
    case 'confirm':
      return set(views, event.instance, { confirm: event, reading: false });
    case 'question':
      return set(views, event.instance, { question: event });
    case 'run-over':
      return {};
    case 'rehearsal':
      return set(views, mediumKey, { rehearsal: event });
    case 'verifying':
      return set(views, mediumKey, { verifying: event });
    case 'cloning':
      return set(views, mediumKey, { cloning: event });
    case 'restoring':
      return set(views, mediumKey, { restoring: event });
    case 'repairing':
      return set(views, mediumKey, { repairing: event });
    case 'surveying':
      return set(views, mediumKey, { surveying: event });
    case 'lines':
      return views;
  }
}

const speedsKept = 120;

function withSpeed(speeds: readonly Speed[], { speed }: LiveOf<'progress'>, nowMs: number): readonly Speed[] {
  const last = speeds.at(-1);
  if (speed === null || (last !== undefined && nowMs - last.atMs < 1000)) return speeds;
  return [...speeds, { atMs: nowMs, speed }].slice(-speedsKept);
}

/** Progress of one command never goes backwards. */
function onlyForward(was: LiveOf<'progress'> | null, now: LiveOf<'progress'>): LiveOf<'progress'> {
  if (was === null || was.index !== now.index || was.unit !== now.unit || was.what !== now.what) return now;
  return was.done > now.done && was.total === now.total ? { ...now, done: was.done } : now;
}

/** What a journal event makes old. */
export function settleLive(views: LiveViews, event: JournalEvent): LiveViews {
  if (!('instance' in event) || views[event.instance] === undefined) return views;
  switch (event.kind) {
    case 'facts':
      return set(views, event.instance, { reading: false, question: null });
    case 'consent':
      return set(views, event.instance, { confirm: null });
    case 'answered':
      return set(views, event.instance, { question: null });
    case 'command-started':
    case 'command-ended':
      return set(views, event.instance, { progress: null, speeds: [], awaiting: null, question: null });
    case 'run-started':
    case 'run-ended':
      return set(views, event.instance, noLive);
    default:
      return views;
  }
}
