// What the pages derive from the view: chapters, what comes next, what an instance still waits for. Pure.
import type { InstanceState, InstanceView, SiteView } from '../../src-shared/journal.ts';
import type { Chapter, StepInfo } from '../../src-shared/step.ts';
import { chapters, subjectKey, subjectName } from '../../src-shared/step.ts';

export interface ChapterView {
  readonly chapter: Chapter;
  readonly instances: readonly InstanceView[];
  readonly done: number;
  readonly state: InstanceState;
}

type Steps = readonly StepInfo[];
type View = Pick<SiteView, 'instances' | 'order'>;

/** Worked out once for a view, which never changes: every page asks again at every event. */
const known = new WeakMap<View['instances'], { order: View['order']; all: readonly InstanceView[] }>();

const inOrder = (view: View): readonly InstanceView[] => {
  const before = known.get(view.instances);
  if (before?.order === view.order) return before.all;
  const all = view.order.map((key) => view.instances[key]).filter((item): item is InstanceView => item !== undefined);
  known.set(view.instances, { order: view.order, all });
  return all;
};

/** The chapters that this site has, in the runbook's order. */
export function chaptersOf(view: View, steps: Steps): readonly ChapterView[] {
  const chapterOf = new Map(steps.map((step) => [step.id, step.chapter]));
  const all = inOrder(view);
  return chapters
    .map((chapter) => {
      const instances = all.filter((item) => (item.chapter ?? chapterOf.get(item.step)) === chapter);
      return { chapter, instances, done: countDone(instances), state: stateOf(instances) };
    })
    .filter((item) => item.instances.length > 0);
}

export const countDone = (instances: readonly InstanceView[]): number =>
  instances.filter((item) => item.state === 'done').length;

/** The heaviest first: what a person should hear of before anything else. */
const weight: readonly InstanceState[] = ['failed', 'interrupted', 'doing', 'blocked', 'waiting', 'unsure'];

/** One state for many instances: all done, something of note, begun, or not begun. */
export function stateOf(instances: readonly InstanceView[]): InstanceState {
  if (instances.length > 0 && instances.every((item) => item.state === 'done')) return 'done';
  const heavy = weight.find((state) => instances.some((item) => item.state === state));
  if (heavy !== undefined) return heavy;
  return instances.some((item) => item.state === 'done') ? 'todo' : 'unread';
}

/** Instances that must be done before this one and are not. */
export function missingBefore(view: View, steps: Steps, key: string): readonly InstanceView[] {
  const instance = view.instances[key];
  const info = steps.find((step) => step.id === instance?.step);
  if (instance === undefined || info === undefined) return [];
  const part = (instance.chapter ?? info.chapter) === 'prepare' ? 'prepare' : 'site';
  const subject = subjectKey(instance.subject);
  return info.after
    .filter(({ at }) => at === undefined || at === part)
    .flatMap(({ step, on }) =>
      inOrder(view).filter(
        (item) => item.step === step && item.state !== 'done' && (on === 'all' || subjectKey(item.subject) === subject),
      ),
    );
}

/** The next act: the first instance not done, and nothing missing before it. Null when all is done. */
export function nextOf(view: View, steps: Steps): InstanceView | null {
  const open = inOrder(view).filter((item) => item.state !== 'done');
  return open.find((item) => missingBefore(view, steps, item.key).length === 0) ?? open[0] ?? null;
}

/** Machines of the site with the instances that are done for each. */
export function machinesOf(
  view: View,
): readonly { readonly name: string; readonly instances: readonly InstanceView[] }[] {
  const byName = new Map<string, InstanceView[]>();
  for (const item of inOrder(view)) {
    if (item.subject.kind !== 'machine') continue;
    const name = subjectName(item.subject);
    byName.set(name, [...(byName.get(name) ?? []), item]);
  }
  return [...byName].map(([name, instances]) => ({ name, instances }));
}

/** The step that shows whether there is a medium. */
const mediumStep = 'choose-medium';
export const mediumOf = (view: View): InstanceView | null =>
  inOrder(view).find((item) => item.step === mediumStep) ?? null;
