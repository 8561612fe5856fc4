// What the window may ask about a site's plan and its machines: read it, edit it, save it, add machines of a list, take one out, or
// meet one anew, or bring back what they have.
import { join } from 'node:path';
import type { Handlers, PlanReading } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { readTextOrNull } from '../platform/files.ts';
import { withMachines } from './add-machines.ts';
import type { DeskParts } from './desk-parts.ts';
import { indexIn, outlookOf, removeMachine, renewMachine } from './machine-acts.ts';
import { kindOfList, readMachineList } from './machine-lists.ts';
import { siteFiles } from './open-site.ts';
import { type Open, type OpenSites, requireIdle } from './open-sites.ts';
import { editPlanText, planFromText, readPlanText } from './plan-file.ts';
import { saveClosedPlan, siteFolder } from './sites.ts';
import { bringSurveys, type Survey } from './survey.ts';

export function planHandlers(parts: DeskParts, sites: OpenSites) {
  /** What a survey of so many machines brought, as long as the site is open. */
  const surveyed = new WeakMap<Open, { readonly wanted: number; readonly surveys: readonly Survey[] }>();
  return {
    'site.plan': async ({ site }) => {
      return readingOf((await readTextOrNull(join(await siteFolder(parts.dataFolder, site), siteFiles.plan))) ?? '');
    },
    'site.editPlan': async ({ text, edits }) => readingOf(editPlanText(text, edits)),
    'site.savePlan': async ({ site, text, base }) => {
      const path = join(await siteFolder(parts.dataFolder, site), siteFiles.plan);
      if ((await readTextOrNull(path)) !== base) throw problem('site-plan-changed', { path });
      const { plan, faults } = readPlanText(text);
      if (plan === null) return { saved: false, problems: [...faults] };
      if (plan.name !== site)
        return { saved: false, problems: [{ path: 'name', line: null, code: 'name-stays', value: site, other: '' }] };
      const opened = sites.opened(site);
      if (opened === undefined) {
        await saveClosedPlan(await siteFolder(parts.dataFolder, site), site, text, parts.clock.now());
        return { saved: true, problems: [] };
      }
      // The steps that run were planned from the plan as it is.
      requireIdle(opened);
      await opened.site.savePlan(text);
      await opened.runner.refresh();
      return { saved: true, problems: [] };
    },
    'machines.read': async ({ site, list, one, chosen, shared }) => {
      const path = join(await siteFolder(parts.dataFolder, site), siteFiles.plan);
      const base = (await readTextOrNull(path)) ?? '';
      const plan = planFromText(base, path);
      const kind = list === null ? null : (list.kind ?? kindOfList(list.name));
      const found = list === null || kind === null ? [] : readMachineList(list.text, kind, list.name);
      const places = chosen ?? (kind === 'ssh-config' ? [] : found.map((_, index) => index));
      const wanted = [
        ...(one === null ? [] : [{ name: one.name, fields: { address: one.address } }]),
        ...found.filter((_, index) => places.includes(index)),
      ];
      return {
        kind,
        found: found.map(({ name, fields }) => ({ name, fields: { ...fields } })),
        before: plan.machines.length,
        chosen: [...places],
        added: wanted.map(({ name }) => name),
        base,
        plan: readingOf(withMachines(base, plan, wanted, shared)),
      };
    },
    'machines.look': async ({ site, machine }) => {
      const { site: opened } = await sites.at(site);
      const outlook = outlookOf(opened, machine);
      const text = (await readTextOrNull(join(opened.folder, siteFiles.plan))) ?? '';
      // Its place in that same text: it may have been edited by hand since the site was opened.
      const { plan, faults } = readPlanText(text);
      if (plan === null) return { ...outlook, problems: [...faults], leavingProblems: [...faults] };
      const path = ['machines', indexIn(plan, machine)];
      const faultsOf = (edit: { path: readonly (string | number)[]; value: Json }) => [
        ...readPlanText(editPlanText(text, [edit])).faults,
      ];
      return {
        ...outlook,
        problems: faultsOf({ path, value: null }),
        leavingProblems: faultsOf({ path: [...path, 'leaving'], value: true }),
      };
    },
    'machines.remove': async ({ site, machine, typed, lost }) => {
      const opened = await sites.at(site);
      requireIdle(opened);
      const known = opened.site.plan.machines.map(({ name }) => name).join(', ');
      if (typed !== machine) throw problem('machine-unknown', { machine: typed, known });
      const removed = await removeMachine(opened.site, machine, lost);
      await opened.runner.refresh();
      return removed;
    },
    'machines.renew': async ({ site, machine }) => {
      const opened = await sites.at(site);
      requireIdle(opened);
      const renewed = await renewMachine(opened.site, machine, opened.asker.who);
      await opened.runner.refresh();
      return renewed;
    },
    'machines.survey': async ({ site, machines, folder }) => {
      const opened = await sites.at(site);
      const { plan } = opened.site;
      let wanted = 0;
      const begins = (machine: string, done: number, total: number) => {
        wanted = total;
        opened.site.live({ kind: 'surveying', machine, done, total });
      };
      const brought = (survey: Survey) =>
        surveyed.set(opened, { wanted, surveys: [...(surveyed.get(opened)?.surveys ?? []), survey] });
      const survey = async (signal: AbortSignal) => {
        surveyed.delete(opened);
        const world = opened.hands.world(signal);
        await bringSurveys(world, { plan, names: machines, folder }, { begins, brought });
      };
      return { run: sites.start(opened, [], survey) };
    },
    'machines.surveyed': async ({ site }) => {
      const brought = surveyed.get(await sites.at(site));
      return brought === undefined ? null : { ...brought, surveys: brought.surveys.map((survey) => ({ ...survey })) };
    },
  } satisfies Partial<Handlers>;
}

function readingOf(text: string): PlanReading {
  const { data, faults } = readPlanText(text);
  return { text, value: data, problems: [...faults] };
}
