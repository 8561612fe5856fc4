// More machines into a plan's text: one by its fields, or those of a list. Used by the window and by the command line, so that both
// write the same. Pure: it reads texts and gives one back; whoever calls it checks the whole plan and writes it.
import type { Json } from '../../src-shared/json.ts';
import type { SitePlan } from '../../src-shared/site.ts';
import type { ListedMachine } from './machine-lists.ts';
import { editPlanText } from './plan-file.ts';

/** @param shared fields for every machine that does not say them itself; what nobody says is as on the master, and a node */
export function withMachines(
  text: string,
  plan: SitePlan,
  wanted: readonly ListedMachine[],
  shared: Readonly<Record<string, Json>>,
): string {
  const like = plan.machines.find(({ roles }) => roles.includes('master')) ?? plan.machines[0];
  const usual = {
    roles: ['node'],
    distribution: like?.distribution ?? 'debian',
    release: like?.release ?? '12',
    architecture: like?.architecture ?? 'amd64',
    interface: like?.interface ?? 'eth0',
    ...shared,
  };
  return editPlanText(
    text,
    wanted.map(({ name, fields }, index) => ({
      path: ['machines', plan.machines.length + index],
      value: { name, ...usual, ...fields } as Json,
    })),
  );
}
