// Where a person is in the guided first run, from the view and the faults. Pure, but for `setFault`.
import type { InputOf } from '../../src-shared/api.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { type Lesson, lessons } from '../../src-shared/lessons.ts';
import { call } from './bridge.ts';
import { missingBefore } from './progress.ts';
import { changeSite, type OpenedSite } from './store.ts';

/**
 * `ahead`: steps come first. `ready`: may be begun. `armed`: the fault is on, the step not tried. `met`: the program noticed it.
 * `again`: put right, the step not done since. `learned`: met, put right, and done.
 */
export type LessonState = 'ahead' | 'ready' | 'armed' | 'met' | 'again' | 'learned';

export interface LessonView extends Lesson {
  readonly state: LessonState;
  readonly step: InstanceView;
}

type Seen = Pick<OpenedSite, 'view' | 'steps' | 'faults' | 'previews'>;

/** All lessons whose step the site has, in order. */
export function lessonsOf(site: Seen): readonly LessonView[] {
  return lessons.flatMap((lesson) => {
    const step = site.view.instances[lesson.instance];
    const fault = site.faults.find(({ id }) => id === lesson.fault);
    if (step === undefined || fault === undefined) return [];
    const early = missingBefore(site.view, site.steps, step.key).length > 0;
    const state: LessonState = fault.on
      ? fault.met
        ? 'met'
        : 'armed'
      : fault.met
        ? step.state === 'done'
          ? 'learned'
          : 'again'
        : early
          ? 'ahead'
          : 'ready';
    return [{ ...lesson, state, step }];
  });
}

/** The lesson under way, else the first that may be begun. Null when all are learned, or the next one is still ahead. */
export const lessonNow = (all: readonly LessonView[]): LessonView | null =>
  all.find(({ state }) => state === 'armed' || state === 'met' || state === 'again') ??
  all.find(({ state }) => state === 'ready') ??
  null;

/** Whether the program says now, at the lesson's step or any other, what the lesson is about. */
export function noticed({ view, previews }: Pick<Seen, 'view' | 'previews'>, { code }: Lesson): boolean {
  return (
    Object.values(previews).some((shown) => shown.state === 'failed' && shown.problem.code === code) ||
    Object.values(view.instances).some(
      ({ problem, verdict, state }) =>
        (state === 'failed' && problem?.code === code) || verdict?.findings.some((item) => item.code === code) === true,
    )
  );
}

/** Switches a fault of the practice site; what main says then is what is shown. */
export async function setFault(site: string, set: NonNullable<InputOf<'practice.faults'>['set']>): Promise<void> {
  const faults = await call('practice.faults', { site, set });
  changeSite(site, () => ({ faults }));
}
