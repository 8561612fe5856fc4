// What taking back a step means: the plan of it, what stays in place, and who builds on it. Used by the runner. Pure but for the
// reading that it is given.
import type { InstanceView, SiteView } from '../../src-shared/journal.ts';
import type { Json } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Told } from '../../src-shared/step.ts';
import type { AnyContext, Command, Step } from './define.ts';
import { before, type Instance } from './instances.ts';

export interface Undoing {
  readonly commands: readonly Command[];
  /** What is not taken back, said before anything is done. */
  readonly stays: readonly Told[];
  /** Steps that were done after this one and build on it; they cannot be undone, and stay. */
  readonly standing: readonly string[];
}

/** The instances that build on one, directly or not, in the runbook's order. */
function buildingOn(instance: Instance, all: readonly Instance[]): readonly Instance[] {
  const reached = new Set([instance.key]);
  for (const item of all) if (before(item, all).some(({ key }) => reached.has(key))) reached.add(item.key);
  return all.filter(({ key }) => key !== instance.key && reached.has(key));
}

/** Done once, or begun at least where the way back exists from the first change on. */
export const canGoBack = ({ undo }: Step, { everDone, before }: Pick<InstanceView, 'everDone' | 'before'>): boolean =>
  (undo !== undefined && everDone) || (undo?.halfway === true && before !== null);

/**
 * What undoing an instance would do, from facts as they are now and as they were before it first ran.
 * Throws `undo-impossible` for a step that cannot be undone or was never done, `undo-others-first` while a step that builds on
 * it, and could be undone, stands.
 */
export function undoing(
  instance: Instance,
  all: readonly Instance[],
  view: SiteView,
  facts: Json,
  context: AnyContext,
): Undoing {
  const { undo } = instance.step;
  const record = view.instances[instance.key];
  if (undo === undefined || record === undefined || !canGoBack(instance.step, record))
    throw problem('undo-impossible', { step: instance.key });
  const later = buildingOn(instance, all);
  const done = later.filter(({ key }) => view.instances[key]?.everDone === true);
  const first = later
    .filter(({ key, step }) => {
      const stands = view.instances[key];
      return stands !== undefined && canGoBack(step, stands);
    })
    .map(({ key }) => key);
  if (first.length > 0)
    throw problem('undo-others-first', { step: instance.key, others: first.toReversed().join(', ') });
  const was = instance.step.facts.safeParse(record.before);
  const known = was.success ? was.data : null;
  return {
    commands: undo.plan(facts, context, known),
    stays: undo.stays(facts, context, known),
    standing: done.filter(({ step }) => step.risk !== 'reads').map(({ key }) => key),
  };
}
