// The desk: everything the window may ask for, but what only Electron can do. Holds the open sites and their runs.
// Used by app (over IPC), by the loopback transport of tests, and in part by the command line. Must never import Electron.
import { join } from 'node:path';
import type { Handlers, MediumChoice, Settings, Snapshot, StreamEvent } from '../../src-shared/api.ts';
import { settings as settingsSchema } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import { Problem, problem, toProblemData } from '../../src-shared/problem.ts';
import { type Question, tell } from '../../src-shared/step.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import type { Asker } from './asking.ts';
import { WaitingRoom } from './asking.ts';
import type { Step } from './define.ts';
import { shellOf } from './explain.ts';
import type { Instance } from './instances.ts';
import { infoOf } from './instances.ts';
import { OpenSite, siteFiles } from './open-site.ts';
import type { Hands } from './performer.ts';
import { readPlanText } from './plan-file.ts';
import { Runner } from './runner.ts';
import { createSite, isPractice, masterTemplate, siteFolder, siteNames, summaryOf } from './sites.ts';

/** The practice site: simulated machines, its own plan, faults to switch on. */
export interface Practice {
  /** Makes what the site is simulated from, once, and gives its plan. */
  readonly prepare: () => Promise<string>;
  readonly faults: (
    set: { readonly id: string; readonly on: boolean } | null,
  ) => Promise<{ id: string; on: boolean }[]>;
  /** What its simulated machines take as secrets, by the question's id: shown with the question. */
  readonly answers: Readonly<Record<string, string>>;
}

export interface DeskParts {
  readonly dataFolder: string;
  readonly program: string;
  readonly runbook: readonly Step[];
  readonly clock: Clock;
  /** The hands of one open site; `asker` gives passwords when a connection needs them. */
  readonly makeHands: (site: OpenSite, asker: Asker) => Hands;
  readonly listMedia: (site: OpenSite) => Promise<MediumChoice[]>;
  readonly practice: Practice;
}

/** One open site with its engine. */
export interface Bench {
  readonly site: OpenSite;
  readonly runner: Runner;
  readonly hands: Hands;
}

interface Run {
  readonly id: string;
  readonly instances: readonly string[];
  readonly controller: AbortController;
  readonly over: Promise<void>;
}

interface Open extends Bench {
  readonly room: WaitingRoom;
  readonly runs: Map<string, Run>;
  /** The run whose questions are shown now. */
  current: string;
}

export interface Desk {
  readonly handlers: Omit<Handlers, 'app.info' | 'pick.path'>;
  onEvent(listener: (event: StreamEvent) => void): () => void;
  /** A step is running: closing must ask. */
  busy(): boolean;
  close(): Promise<void>;
}

/** Opens a site with hands that ask through `asker`; the command line uses this alone. */
export async function openBench(parts: DeskParts, name: string, asker: Asker): Promise<Bench> {
  const folder = await siteFolder(parts.dataFolder, name);
  const site = await OpenSite.open(folder, {
    program: parts.program,
    practice: await isPractice(folder),
    clock: parts.clock,
  });
  try {
    const hands = parts.makeHands(site, asker);
    const runner = new Runner(site, parts.runbook, hands);
    await runner.refresh();
    return { site, runner, hands };
  } catch (error) {
    await site.close();
    throw error;
  }
}

export async function closeBench(bench: Bench): Promise<void> {
  await bench.hands.close();
  await bench.site.close();
}

export function makeDesk(parts: DeskParts): Desk {
  const open = new Map<string, Open>();
  const opening = new Map<string, Promise<Open>>();
  const listeners = new Set<(event: StreamEvent) => void>();
  const settingsPath = join(parts.dataFolder, 'settings.json');
  let runCount = 0;

  async function openSite(name: string): Promise<Open> {
    const room = new WaitingRoom();
    const asker: Asker = {
      who: 'window',
      answer: (instance, question, signal) => {
        bench.site.live({ kind: 'question', run: opened.current, instance, question: hinted(bench.site, question) });
        return room.wait(question.id, signal);
      },
      confirm: async (instance, plan, signal) => {
        bench.site.live({ kind: 'confirm', run: opened.current, instance, plan });
        return (await room.wait(plan.hash, signal)) === 'yes';
      },
    };
    const bench = await openBench(parts, name, asker);
    const opened: Open = { ...bench, room, runs: new Map(), current: '' };
    bench.site.listen((event) => {
      for (const listener of listeners) listener(event);
    });
    open.set(name, opened);
    askers.set(opened, asker);
    return opened;
  }

  /** Nobody can know what a simulated machine takes: on the practice site it stands beside the question. */
  function hinted(site: OpenSite, question: Question): Question {
    const value = question.kind === 'confirm' ? undefined : parts.practice.answers[question.id];
    if (!site.practice || value === undefined) return question;
    return { ...question, show: [...question.show, { label: 'practice', value }] };
  }

  const askers = new WeakMap<Open, Asker>();

  /** The open site; opened at its first use, once. */
  async function at(name: string): Promise<Open> {
    const already = open.get(name);
    if (already !== undefined) return already;
    const pending = opening.get(name) ?? openSite(name).finally(() => opening.delete(name));
    opening.set(name, pending);
    return pending;
  }

  function instanceOf(opened: Open, key: string): Instance {
    const found = opened.runner.instances().find((item) => item.key === key);
    if (found === undefined) throw problem('step-unknown', { step: key });
    return found;
  }

  /** Starts work in the background; its outcome is in the journal, its end in the stream. */
  function start(
    opened: Open,
    instances: readonly string[],
    act: (signal: AbortSignal, asker: Asker) => Promise<unknown>,
  ): string {
    if (opened.runs.size > 0) throw problem('site-in-use', { site: opened.site.name, owner: 'window', since: '' });
    const controller = new AbortController();
    runCount += 1;
    const id = `run-${runCount}`;
    opened.current = id;
    const asker = askers.get(opened);
    if (asker === undefined) throw problem('internal', { detail: 'no asker' });
    const over = act(controller.signal, asker)
      .then(
        () => null,
        (error: unknown) => (controller.signal.aborted ? null : toProblemData(error)),
      )
      .then((trouble) => {
        opened.runs.delete(id);
        opened.site.live({ kind: 'run-over', run: id, problem: trouble });
      });
    opened.runs.set(id, { id, instances, controller, over });
    return id;
  }

  async function drafts(opened: Open): Promise<Record<string, Record<string, Json>>> {
    const text = await readTextOrNull(join(opened.site.folder, siteFiles.drafts));
    return text === null ? {} : (JSON.parse(text) as Record<string, Record<string, Json>>);
  }

  async function readSettings(): Promise<Settings> {
    const text = await readTextOrNull(settingsPath);
    const parsed = settingsSchema.safeParse(text === null ? null : parseOrNull(text));
    return parsed.success ? parsed.data : { theme: 'system', language: 'en', lastSite: null };
  }

  async function closeOne(name: string): Promise<void> {
    const opened = open.get(name);
    if (opened === undefined) return;
    for (const run of opened.runs.values()) run.controller.abort();
    await Promise.all([...opened.runs.values()].map((run) => run.over));
    open.delete(name);
    await closeBench(opened);
  }

  const handlers: Desk['handlers'] = {
    'settings.get': readSettings,
    'settings.set': async (input) => {
      await writeAtomic(settingsPath, JSON.stringify(input));
      return {};
    },
    'sites.list': async () =>
      Promise.all((await siteNames(parts.dataFolder)).map((name) => summaryOf(parts.dataFolder, name))),
    'sites.create': async ({ name, template }) => {
      const text = template === 'practice' ? await parts.practice.prepare() : masterTemplate(name);
      return summaryOf(
        parts.dataFolder,
        await createSite(parts.dataFolder, text, { practice: template === 'practice' }),
      );
    },
    'sites.open': async ({ site }): Promise<Snapshot> => {
      const opened = await at(site);
      return {
        view: opened.site.view,
        steps: parts.runbook.map(infoOf),
        number: opened.site.number,
        live: [...opened.site.liveNow()],
        runs: [...opened.runs.values()].map(({ id, instances }) => ({ run: id, instances: [...instances] })),
        drafts: await drafts(opened),
        terminal: `fieldkit run --site ${site}`,
        practice: opened.site.practice,
      };
    },
    'sites.close': async ({ site }) => {
      await closeOne(site);
      return {};
    },
    'site.plan': async ({ site }) => {
      const text = (await readTextOrNull(join(await siteFolder(parts.dataFolder, site), siteFiles.plan))) ?? '';
      return { text, problems: [...readPlanText(text).faults] };
    },
    'site.savePlan': async ({ site, text }) => {
      const { faults } = readPlanText(text);
      if (faults.length > 0) return { saved: false, problems: [...faults] };
      const opened = await at(site);
      try {
        await opened.site.savePlan(text);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return {
          saved: false,
          problems: [
            {
              path: String(error.data.params.place ?? ''),
              line: null,
              detail: String(error.data.params.detail ?? error.code),
            },
          ],
        };
      }
      await opened.runner.refresh();
      return { saved: true, problems: [] };
    },
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
      const plan = await opened.runner.plan(instanceOf(opened, instance), input, new AbortController().signal);
      return { plan, shell: plan === null ? '' : shellOf(plan.commands) };
    },
    'steps.run': async ({ site, instances, consent, agreed, skip, inputs }) => {
      const opened = await at(site);
      const wanted = instances.map((key) => instanceOf(opened, key));
      return {
        run: start(opened, instances, (signal, asker) =>
          opened.runner.runAll(wanted, { asker, consent, agreed, skip, inputs, signal }),
        ),
      };
    },
    'run.cancel': async ({ site, run }) => {
      const opened = await at(site);
      opened.runs.get(run)?.controller.abort();
      const running = opened.site.view.running;
      return { stopsAfter: running === null ? null : tell('ui.run.stopsAfter', { instance: running }) };
    },
    'questions.answer': async ({ site, id, value }) => {
      const opened = await at(site);
      if (!opened.room.give(id, value)) throw problem('question-unanswered', { question: id });
      return {};
    },
    'drafts.save': async ({ site, instance, input }) => {
      const opened = await at(site);
      await writeAtomic(
        join(opened.site.folder, siteFiles.drafts),
        JSON.stringify({ ...(await drafts(opened)), [instance]: input }),
      );
      return {};
    },
    'media.list': async ({ site }) => parts.listMedia(await at(site).then((opened) => opened.site)),
    'blobs.read': async ({ site, hash }) => {
      const text = await (await at(site)).site.readBlob(hash);
      const limit = 512 * 1024;
      return { text: text.slice(-limit), cut: text.length > limit };
    },
    'practice.faults': async ({ site, set }) =>
      (await isPractice(await siteFolder(parts.dataFolder, site))) ? parts.practice.faults(set) : [],
    'events.since': async ({ site, number }) => {
      const events = (await at(site)).site.since(number);
      return events === 'gap' ? 'gap' : [...events];
    },
  };

  return {
    handlers,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    busy: () => [...open.values()].some((opened) => opened.runs.size > 0),
    close: async () => {
      await Promise.all([...open.keys()].map(closeOne));
    },
  };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
