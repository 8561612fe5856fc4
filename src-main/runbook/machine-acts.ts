// What becomes of a machine of the plan: taken out of it, or installed anew under its name. Used by the window and by the command
// line. Both change the plan and the journal alone: what is to happen on machines and at the master is the steps' affair. A node that the
// master may know goes out of the plan only once it was emptied, or when a person says that it is lost.
import type { MachineOutlook } from '../../src-shared/api.ts';
import { computerIn } from '../../src-shared/computer.ts';
import type { SiteView } from '../../src-shared/journal.ts';
import { problem } from '../../src-shared/problem.ts';
import { machineNamed } from '../../src-shared/site.ts';
import { instanceKey } from '../../src-shared/step.ts';
import type { OpenSite } from './open-site.ts';

type Site = Pick<OpenSite, 'plan' | 'view' | 'append' | 'editPlan'>;

/** `COMP-7`, as the steps of a machine last read it, or as it was called before it was installed anew; null when nobody knows. */
export function knownComputer({ instances }: Pick<SiteView, 'instances'>, machine: string): string | null {
  const own = Object.values(instances).filter(({ subject }) => subject.kind === 'machine' && subject.name === machine);
  const read = own.flatMap(({ facts }) => {
    const read = typeof facts === 'object' && facts !== null ? facts : {};
    const config: unknown = Reflect.get(read, 'config');
    const computer: unknown =
      Reflect.get(read, 'computer') ??
      Reflect.get(read, 'formerly') ??
      (typeof config === 'string' ? computerIn(config) : null);
    return typeof computer === 'string' && computer !== '' ? [computer] : [];
  });
  return read[0] ?? own.find(({ formerly }) => formerly !== null)?.formerly ?? null;
}

export interface Removed {
  /** `leaving`: it stays in the plan until it was emptied. */
  readonly state: 'removed' | 'leaving';
  readonly computer: string | null;
  /** What the master had placed on it was destroyed before, and its configuration set aside. */
  readonly emptied: boolean;
}

/** What is known of a machine, and what taking it out of the plan would come to. Reads the record alone. */
export function outlookOf(site: Pick<Site, 'plan' | 'view'>, name: string): MachineOutlook {
  const found = place(site, name);
  const computer = knownComputer(site.view, name);
  const everDone = (step: string): boolean =>
    site.view.instances[instanceKey(step, { kind: 'machine', name })]?.everDone === true;
  const emptied = found.leaving === true && everDone('take-out-node');
  const known = found.roles.includes('node') && (computer !== null || everDone('connect'));
  // Of one that is leaving, its steps have gone from the record with what they knew.
  const removal = found.leaving === true ? (emptied ? 'removed' : 'waits') : known ? 'leaving' : 'removed';
  return {
    computer,
    emptied,
    removal,
    hostKey: found.hostKey !== undefined,
    baseline: found.baseline !== undefined,
  };
}

/**
 * Takes a machine out of the plan. A node that the master knows, or that was once reached, is marked as leaving first: what is known
 * of it may be gone from the record. `lost`: it is gone, and nothing can be done there. Throws `machine-unknown`, `machine-in-use`
 * while it was not emptied, `site-plan-invalid` when something stands on it.
 */
export async function removeMachine(site: Site, name: string, lost: boolean): Promise<Removed> {
  const { computer, emptied, removal } = outlookOf(site, name);
  if (removal === 'waits' && !lost) throw problem('machine-in-use', { machine: name, computer: computer ?? 'COMP-…' });
  if (removal === 'leaving' && !lost) {
    await site.editPlan((plan) => [{ path: ['machines', indexIn(plan, name), 'leaving'], value: true }]);
    return { state: 'leaving', computer, emptied };
  }
  await site.editPlan((plan) => [{ path: ['machines', indexIn(plan, name)], value: null }]);
  return { state: 'removed', computer, emptied };
}

export interface Renewed {
  readonly computer: string | null;
  /** The plan said what had been installed on it: that is gone with it, and the medium may lack what it left out for it. */
  readonly baseline: boolean;
}

/**
 * The machine was installed anew: its pinned host key, what was surveyed on it and all that is known of it are forgotten, so that it is
 * met as a stranger. Throws `machine-unknown`.
 */
export async function renewMachine(site: Site, name: string, by: string): Promise<Renewed> {
  const { baseline } = place(site, name);
  const computer = knownComputer(site.view, name);
  await site.append({ kind: 'renewed', machine: name, computer, by });
  await site.editPlan((plan) =>
    ['hostKey', 'baseline'].map((field) => ({ path: ['machines', indexIn(plan, name), field], value: null })),
  );
  return { computer, baseline: baseline !== undefined };
}

function place({ plan }: Pick<Site, 'plan'>, name: string) {
  const found = machineNamed(plan, name);
  if (found === undefined)
    throw problem('machine-unknown', { machine: name, known: plan.machines.map((item) => item.name).join(', ') });
  return found;
}

/** Its place in a plan as it is on the disk now, where it may be gone meanwhile. Throws `machine-unknown`. */
export const indexIn = (plan: Site['plan'], name: string): number => plan.machines.indexOf(place({ plan }, name));
