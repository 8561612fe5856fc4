// fieldkit machines, machines add: which machines the plan has and how far each is, and more of them from the command line or a list.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ListKind, listKinds } from '../../../src-shared/api.ts';
import { fold, withInstances } from '../../../src-shared/journal.ts';
import type { Json } from '../../../src-shared/json.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { withMachines } from '../../runbook/add-machines.ts';
import { instancesOf } from '../../runbook/instances.ts';
import { readJournal } from '../../runbook/journal-store.ts';
import { removeMachine, renewMachine } from '../../runbook/machine-acts.ts';
import { kindOfList, type ListedMachine, readMachineList } from '../../runbook/machine-lists.ts';
import { siteFiles } from '../../runbook/open-site.ts';
import { readSitePlan, saveClosedPlan, siteFolder } from '../../runbook/sites.ts';
import { type CommonOptions, chosenSite, withSession, withSite } from '../session.ts';

/** Machines by steps: of each, how many are done. Reads no machine and needs no lock. */
export const listMachines = (options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { dataFolder, runbook } = kit.parts;
    const name = await chosenSite(kit, options.site);
    const plan = await readSitePlan(dataFolder, name);
    const { events } = await readJournal(join(await siteFolder(dataFolder, name), siteFiles.journal));
    const { order, instances } = withInstances(fold(events), instancesOf(runbook, plan));
    const all = plan.machines.map(({ name: machine, roles, address }) => {
      const own = order.flatMap((key) => {
        const view = instances[key];
        return view?.subject.kind === 'machine' && view.subject.name === machine ? [view] : [];
      });
      const steps = Object.fromEntries(own.map(({ step, state }) => [step, state]));
      return { name: machine, roles, address, steps, done: own.filter(({ state }) => state === 'done').length };
    });
    print(
      all,
      all.map(({ steps, roles, ...rest }) =>
        texts.say('cli.machines.line', { ...rest, roles: roles.join(','), total: Object.keys(steps).length }),
      ),
    );
    return exitCodes.done;
  });

export interface AddOptions extends CommonOptions {
  readonly from?: string;
  readonly format?: string;
  readonly address?: string;
  readonly port?: string;
  readonly user?: string;
  readonly role?: readonly string[];
  readonly interface?: string;
  readonly system?: string;
  readonly jump?: string;
  readonly client?: string;
  readonly keyFile?: string;
}

/**
 * Adds machines to the plan: one by its options, or those of a list, where the options are for all that it does not say. The plan
 * is checked as a whole before it is written.
 */
export const addMachines = (names: readonly string[], options: AddOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { dataFolder } = kit.parts;
    const site = await chosenSite(kit, options.site);
    const plan = await readSitePlan(dataFolder, site);
    const folder = await siteFolder(dataFolder, site);
    const wanted = options.from === undefined ? named(names, options) : await listed(options.from, names, options);
    const path = join(folder, siteFiles.plan);
    const text = withMachines(await readFile(path, 'utf8'), plan, wanted, sharedFields(options));
    await saveClosedPlan(folder, site, text, kit.parts.clock.now());
    const added = wanted.map(({ name }) => name);
    print({ site, added, path }, [texts.say('cli.machines.added', { count: added.length, names: added.join(', ') })]);
    return exitCodes.done;
  });

/** Takes a machine out of the plan; a node that the master knows leaves first, by a step. */
export const removeFromPlan = (name: string, options: CommonOptions & { readonly lost?: boolean }): Promise<number> =>
  withSite(options, async ({ bench, texts, print }) => {
    const { state, computer, emptied } = await removeMachine(bench.site, name, options.lost === true);
    await bench.runner.refresh();
    const words = { name, computer: computer ?? '' };
    const known = computer !== null;
    print(
      { machine: name, state, computer },
      state === 'leaving'
        ? [texts.say(known ? 'cli.machines.leaving' : 'cli.machines.leavingUnknown', words)]
        : known && emptied
          ? [texts.say('cli.machines.emptied', words)]
          : [
              texts.say('cli.machines.removed', words),
              ...(known ? [texts.say('cli.machines.leftAtMaster', words)] : []),
            ],
    );
    return exitCodes.done;
  });

/** A machine was installed anew under its name: it is met as a stranger from now on. */
export const renewInPlan = (name: string, options: CommonOptions): Promise<number> =>
  withSite(options, async ({ bench, asker, texts, print }) => {
    const { computer, baseline } = await renewMachine(bench.site, name, asker.who);
    const words = { name, computer: computer ?? '' };
    print({ machine: name, computer }, [
      texts.say('cli.machines.renewed', words),
      ...(computer === null ? [] : [texts.say('cli.machines.renewedAtMaster', words)]),
      ...(baseline ? [texts.say('cli.machines.renewedBaseline', words)] : []),
    ]);
    return exitCodes.done;
  });

function named(names: readonly string[], { address }: AddOptions): readonly ListedMachine[] {
  const [name, ...others] = names;
  if (name === undefined || others.length > 0 || address === undefined)
    throw problem('usage-wrong', { detail: 'NAME --address ADDRESS, or --from FILE' });
  return [{ name, fields: { address } }];
}

async function listed(
  path: string,
  names: readonly string[],
  { format, address }: AddOptions,
): Promise<readonly ListedMachine[]> {
  if (address !== undefined) throw problem('usage-wrong', { detail: '--address --from' });
  const kind = format === undefined ? kindOfList(path) : listKinds.find((one) => one === format);
  if (kind === undefined) throw problem('usage-wrong', { detail: `--format ${format}: ${listKinds.join(', ')}` });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw problem('machine-list-invalid', { path, line: 1, detail: error.code ?? '' });
  });
  return chosenOf(readMachineList(text, kind, path), names, kind);
}

/** Those asked for by name. A person's ssh_config holds much besides the site: of it machines are always named. */
function chosenOf(all: readonly ListedMachine[], names: readonly string[], kind: ListKind): readonly ListedMachine[] {
  const there = all.map(({ name }) => name).join(', ');
  const missing = names.find((name) => !all.some((one) => one.name === name));
  if (missing !== undefined) throw problem('usage-wrong', { detail: `${missing}: ${there}` });
  if (names.length === 0 && kind === 'ssh-config') throw problem('usage-wrong', { detail: `NAME… (${there})` });
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

/** Fields that the options give to every machine. */
function sharedFields({
  port,
  user,
  role,
  interface: device,
  system,
  jump,
  client,
  keyFile,
}: AddOptions): Record<string, Json> {
  const [distribution, release, architecture] = (system ?? '').split('-');
  return {
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(role === undefined ? {} : { roles: [...role] }),
    ...(device === undefined ? {} : { interface: device }),
    ...(system === undefined || distribution === undefined || release === undefined ? {} : { distribution, release }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(jump === undefined ? {} : { jump }),
    ...(client === undefined ? {} : { client }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}
