// What the window may ask of a site's steps: look, plan, run, undo, answer, stop, and keep what was typed.
import { join } from 'node:path';
import { z } from 'zod';
import type { Handlers } from '../../src-shared/api.ts';
import { type Json, jsonObject, parseJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { tell } from '../../src-shared/step.ts';
import { stoppingNow } from '../../src-shared/stopping.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { shellOf } from './explain.ts';
import { keptFields } from './instances.ts';
import { siteFiles } from './open-site.ts';
import { instanceOf, type Open, type OpenSites, requireIdle } from './open-sites.ts';

const draftsFile = z.record(z.string(), jsonObject);

/**
 * Half-filled forms; a damaged file counts as none. What holds for one run is taken out of what an older program kept: it would be
 * given to every later run.
 */
export async function drafts({ site, runner }: Open): Promise<Record<string, Record<string, Json>>> {
  const parsed = draftsFile.safeParse(parseJson((await readTextOrNull(join(site.folder, siteFiles.drafts))) ?? ''));
  const steps = new Map(runner.instances().map(({ key, step }) => [key, step]));
  return Object.fromEntries(
    Object.entries(parsed.success ? parsed.data : {}).map(([key, input]) => {
      const step = steps.get(key);
      return [key, step === undefined ? input : keptFields(step, input)];
    }),
  );
}

export function stepHandlers({ at, start }: OpenSites) {
  return {
    'steps.check': async ({ site, instances }) => {
      const opened = await at(site);
      const wanted =
        instances.length === 0 ? opened.runner.instances() : instances.map((key) => instanceOf(opened, key));
      const keys = wanted.map((item) => item.key);
      return {
        run: start(opened, keys, async (signal) => {
          for (const item of wanted) {
            signal.throwIfAborted();
            await opened.runner.check(item, undefined, signal);
          }
        }),
      };
    },
    'steps.plan': async ({ site, instance, input }) => {
      const opened = await at(site);
      const wanted = instanceOf(opened, instance);
      // What is being changed this moment has no plan.
      if (opened.site.view.running === instance) requireIdle(opened);
      const looking = opened.runner.plan(wanted, input, opened.closing.signal);
      opened.looking.add(looking);
      const plan = await looking
        .catch((error: unknown) => {
          throw opened.closing.signal.aborted ? problem('cancelled', { what: instance }) : error;
        })
        .finally(() => opened.looking.delete(looking));
      return { plan, shell: plan === null ? '' : shellOf(plan.commands) };
    },
    'steps.run': async ({ site, instances, consent, agreed, skip, inputs }) => {
      const opened = await at(site);
      const wanted = instances.map((key) => instanceOf(opened, key));
      return {
        run: start(opened, instances, (signal) =>
          opened.runner.runAll(wanted, { asker: opened.asker, consent, agreed, skip, inputs, signal }),
        ),
      };
    },
    'steps.undoPlan': async ({ site, instance }) => {
      const opened = await at(site);
      requireIdle(opened);
      const looking = opened.runner.undoPlan(instanceOf(opened, instance), opened.closing.signal);
      opened.looking.add(looking);
      const { plan, stays, standing } = await looking.finally(() => opened.looking.delete(looking));
      return { plan, shell: plan === null ? '' : shellOf(plan.commands), stays: [...stays], standing: [...standing] };
    },
    'steps.undo': async ({ site, instance, agreed }) => {
      const opened = await at(site);
      const wanted = instanceOf(opened, instance);
      const options = { asker: opened.asker, consent: 'each' as const, agreed, skip: [], inputs: {} };
      return { run: start(opened, [instance], (signal) => opened.runner.undo(wanted, { ...options, signal })) };
    },
    'run.cancel': async ({ site, run }) => {
      const opened = await at(site);
      opened.runs.get(run)?.controller.abort();
      const { running, instances } = opened.site.view;
      const under = running === null ? undefined : instances[running];
      if (under === undefined) return { stopsAfter: null };
      return { stopsAfter: tell(`ui.run.${stoppingNow(under)}`, {}) };
    },
    'questions.answer': async ({ site, id, value }) => {
      const opened = await at(site);
      if (!opened.room.give(id, value)) throw problem('question-unanswered', { question: id });
      return {};
    },
    'secrets.show': async ({ site, instance }) => {
      const opened = await at(site);
      const shown = opened.runner.reveal(instanceOf(opened, instance), opened.asker.who, opened.closing.signal);
      opened.looking.add(shown);
      return { value: await shown.finally(() => opened.looking.delete(shown)) };
    },
    'drafts.save': async ({ site, instance, input }) => {
      const opened = await at(site);
      const kept = keptFields(instanceOf(opened, instance).step, input);
      const save = opened.draftsQueue.then(async () => {
        const all = { ...(await drafts(opened)), [instance]: kept };
        await writeAtomic(join(opened.site.folder, siteFiles.drafts), JSON.stringify(all));
      });
      opened.draftsQueue = save.catch(() => undefined);
      await save;
      return {};
    },
  } satisfies Partial<Handlers>;
}
