// Which of the services on a leaving node may be destroyed: the site's client owns them, as the master tells the client, they stand
// there, and their names mean nothing else. Used by the step that takes the node out. The master finds a service by its name and by who
// asks alone, so what cannot be told counts as another's. Must never rest on what the leaving node says.
import { z } from 'zod';
import { computerIn } from '../../../src-shared/computer.ts';
import type { SitePlan } from '../../../src-shared/site.ts';
import type { AnyContext, World } from '../../runbook/define.ts';
import { computerState, computerStateArgv, parseComputerState } from '../../target/computer.ts';
import { ownService, ownServicesArgv, parseOwnServices } from '../../target/own-services.ts';
import type { Client } from '../client.ts';
import { registryInstance } from '../re6st/install-re6st-registry.ts';
import { slaposPaths } from '../slapos.ts';

/** What the leaving node says that the master placed on it. */
export const instance = computerState.shape.partitions.element.pick({
  partition: true,
  title: true,
  root: true,
  type: true,
  release: true,
  requestedState: true,
});
export type Instance = z.infer<typeof instance>;

export const owned = z.strictObject({
  /** Why it could not be told, and by which machine; null when it was, or nothing was to be asked. */
  trouble: z.strictObject({ machine: z.string(), detail: z.string() }).nullable(),
  partitions: z.array(ownService),
  /** Names of what stands on the site's other nodes; asked for only where the master's pages have no search. */
  elsewhere: z.array(z.string()),
});
export type Owned = z.infer<typeof owned>;
export const nothingAsked: Owned = { trouble: null, partitions: [], elsewhere: [] };

/** The roots of what stands there: what hangs on one goes with it. */
export const rootsToDestroy = (instances: readonly Instance[]): readonly Instance[] =>
  instances.filter(({ title, root, requestedState }) => title === root && requestedState !== 'destroyed');

/** Asks the master, as the client, what stands on the partitions. Without a search, the site's other nodes say what stands on them. */
export async function readOwned(
  world: World,
  { site }: Pick<AnyContext, 'site'>,
  { machine: asker, user }: Client,
  node: string,
  computer: string,
  roots: readonly Instance[],
): Promise<Owned> {
  const argv = ownServicesArgv(
    computer,
    roots.map(({ partition }) => partition),
  );
  const { own } = await world.probe(asker.name, [{ id: 'own', kind: 'run', argv, as: user, limitMs: 120_000 }]);
  const told = parseOwnServices(own?.out ?? '');
  if (told === null || told.error !== '')
    return { ...nothingAsked, trouble: { machine: asker.name, detail: told?.error ?? 'no answer' } };
  const { partitions } = told;
  if (partitions.every(({ title, trees }) => title === null || trees !== null)) return { ...nothingAsked, partitions };
  const elsewhere: string[] = [];
  for (const { name } of site.machines.filter((item) => item.name !== node && item.roles.includes('node'))) {
    const { config, state } = await world.probe(name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'state', kind: 'run', argv: [...computerStateArgv], as: 'root', limitMs: 60_000 },
    ]);
    if (computerIn(config?.exit === 0 ? config.out : null) === null) continue;
    const known = parseComputerState(state?.out ?? '');
    if (known === null || known.error !== '')
      return { ...nothingAsked, trouble: { machine: name, detail: known?.error ?? 'no answer' } };
    elsewhere.push(...known.partitions.flatMap(({ title }) => title ?? []));
  }
  return { trouble: null, partitions, elsewhere };
}

/** Machines of the plan that are known by the same name at the master: what stands there is not the leaving node's. */
export function othersCalled(computer: string, { site, record, subject }: AnyContext): readonly string[] {
  return site.machines.flatMap(({ name }) => {
    if (subject.kind === 'machine' && subject.name === name) return [];
    const own = { kind: 'machine', name } as const;
    const facts = ['register-node', 'format-node'].map((step) => record(step, own)?.facts as Registered);
    return facts.some((known) => (known?.computer ?? computerIn(known?.config ?? null)) === computer) ? [name] : [];
  });
}
type Registered = { readonly computer?: string | null; readonly config?: string | null } | null | undefined;

/** Names that the plan gives to services of its own, which stand on other machines than one that leaves. */
const namesOfPlan = ({ machines, master, frontend }: SitePlan): readonly string[] => [
  master.instance,
  ...(machines.some(({ roles }) => roles.includes('registry')) ? [registryInstance] : []),
  ...(machines.some(({ roles }) => roles.includes('frontend')) && frontend !== undefined ? [frontend.instance] : []),
];

/** What is destroyed for a root, as the master told the client; null unless it is the client's own, there, and the only one called so. */
export function toDestroy(
  root: Instance,
  { instances, owned }: { readonly instances: readonly Instance[]; readonly owned: Owned },
  site: SitePlan,
) {
  const { partition, title } = root;
  const own = owned.partitions.find((one) => one.partition === partition);
  if (own === undefined || title === null || own.title !== title || own.root !== title) return null;
  const { release, type, trees } = own;
  const alone = trees === null ? !owned.elsewhere.includes(title) : trees === 1;
  const twins = instances.filter((one) => one.title === title && one.root === title);
  // It travels as an argument, and within quotes in the search.
  const fit = /^[^-"\\\p{Cc}][^"\\\p{Cc}]*$/u.test(title) && release !== null && /^[^-]/.test(release);
  if (!alone || twins.length > 1 || !fit || namesOfPlan(site).includes(title)) return null;
  return { own, title, release, type };
}
