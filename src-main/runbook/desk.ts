// The desk: everything the window may ask for, but what only Electron can do. Holds the open sites and their runs.
// Used by app (over IPC), by the loopback transport of tests, and in part by the command line. Must never import Electron.
import { join } from 'node:path';
import { z } from 'zod';
import type {
  Handlers,
  InputOf,
  MediumChoice,
  OutputOf,
  PlanReading,
  Snapshot,
  StreamEvent,
} from '../../src-shared/api.ts';
import { type Dossier, type ListedRecord, recordsFolder } from '../../src-shared/dossier.ts';
import { type Json, jsonObject, parseJson } from '../../src-shared/json.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import { type Question, tell } from '../../src-shared/step.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { withMachines } from './add-machines.ts';
import type { Asker } from './asking.ts';
import { WaitingRoom } from './asking.ts';
import type { Step } from './define.ts';
import { shellOf } from './explain.ts';
import type { Instance } from './instances.ts';
import { infoOf, secretFields } from './instances.ts';
import { kindOfList, readMachineList } from './machine-lists.ts';
import { OpenSite, siteFiles } from './open-site.ts';
import { goesOnAlone } from './perform.ts';
import type { Hands } from './performer.ts';
import { editPlanText, planFromText, readPlanText } from './plan-file.ts';
import { redactProblem } from './redact.ts';
import { Runner } from './runner.ts';
import { readSettings, saveSettings } from './settings.ts';
import {
  createSite,
  isPractice,
  planTemplate,
  readSitePlan,
  saveClosedPlan,
  siteFolder,
  siteNames,
  summaryOf,
} from './sites.ts';
import { saveSupport, supportText } from './support.ts';

const draftsFile = z.record(z.string(), jsonObject);

/** Of this laptop's vault, and of a file of keys. */
interface Passphrases {
  readonly vault: string;
  readonly file: string;
}

/** The practice site: simulated machines, its own plan, faults to switch on. */
export interface Practice {
  /** Makes what the site is simulated from, once, and gives its plan. */
  readonly prepare: () => Promise<string>;
  readonly faults: (set: InputOf<'practice.faults'>['set']) => Promise<OutputOf<'practice.faults'>>;
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
  /** Waits a while for drives to change; returns the mark of what is there now. */
  readonly nextMedia: (site: OpenSite, mark: string) => Promise<string>;
  /** What lies on a medium: the one at this path, or the site's own. */
  readonly mediumContents: (site: OpenSite, path: string | null) => Promise<OutputOf<'media.contents'>>;
  readonly format: {
    readonly drives: (site: OpenSite) => Promise<OutputOf<'format.drives'>>;
    readonly look: (site: OpenSite, device: string) => Promise<OutputOf<'format.look'>>;
    readonly perform: (site: OpenSite, request: Omit<InputOf<'format.perform'>, 'site'>) => Promise<string>;
  };
  readonly practice: Practice;
  /** Records of a site, by their folder and the fingerprint that the plan holds. */
  readonly records: {
    readonly list: (folder: string, pinned: string | null) => Promise<ListedRecord[]>;
    readonly open: (
      folder: string,
      number: number,
      pinned: string | null,
    ) => Promise<{ readonly record: Dossier; readonly fingerprint: string; readonly folder: string }>;
    readonly save: (folder: string, number: number, to: string, pinned: string | null) => Promise<string>;
  };
  /** Media that carry sites: of one folder, or of all that are plugged in. */
  readonly sitesOnMedium: (folder: string | null) => Promise<OutputOf<'sites.onMedium'>>;
  readonly recentMedia: () => Promise<OutputOf<'media.recent'>>;
  /** A site's private keys as an encrypted file, for another laptop. */
  readonly keys: {
    /** This laptop's vault is there; else importing makes one. */
    readonly vaultExists: (site: OpenSite) => Promise<boolean>;
    readonly exportTo: (site: OpenSite, path: string, passphrases: Passphrases) => Promise<OutputOf<'keys.export'>>;
    readonly importFrom: (
      site: OpenSite,
      path: string,
      passphrases: Passphrases,
    ) => Promise<OutputOf<'keys.import'> & { readonly path: string }>;
  };
  readonly takeOver: (input: InputOf<'sites.takeOver'>) => Promise<OutputOf<'sites.takeOver'>>;
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
  readonly asker: Asker;
  readonly room: WaitingRoom;
  readonly runs: Map<string, Run>;
  /** Plans being read for a page, outside any run: given up when the site is closed. */
  readonly looking: Set<Promise<unknown>>;
  readonly closing: AbortController;
  /** Writes of drafts, one after the other. */
  draftsQueue: Promise<unknown>;
  /** Keys that are written or read, one after the other: each opens and rewrites the vault. */
  keysQueue: Promise<unknown>;
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

/** Opens a site with hands that ask through `asker`; the command line uses this alone. Throws as `OpenSite.open`. */
export async function openBench(parts: DeskParts, name: string, asker: Asker): Promise<Bench> {
  const folder = await siteFolder(parts.dataFolder, name);
  await readSitePlan(parts.dataFolder, name);
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
  let runCount = 0;
  /** Who answers, as typed; empty when nobody said. */
  let technician = '';

  async function openSite(name: string): Promise<Open> {
    const room = new WaitingRoom();
    ({ technician } = await readSettings(parts.dataFolder));
    const asker: Asker = {
      get who() {
        return technician || 'window';
      },
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
    const opened: Open = {
      ...bench,
      asker,
      room,
      runs: new Map(),
      looking: new Set(),
      closing: new AbortController(),
      draftsQueue: Promise.resolve(),
      keysQueue: Promise.resolve(),
      current: '',
    };
    bench.site.listen((event) => {
      for (const listener of listeners) listener(event);
    });
    open.set(name, opened);
    return opened;
  }

  /** Nobody can know what a simulated machine takes: on the practice site it stands beside the question. */
  function hinted(site: OpenSite, question: Question): Question {
    const value = question.kind === 'confirm' ? undefined : parts.practice.answers[question.id];
    if (!site.practice || value === undefined) return question;
    return { ...question, show: [...question.show, { label: 'practice', value }] };
  }

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

  function requireIdle({ site, runs }: Open): void {
    if (runs.size > 0) throw problem('site-in-use', { site: site.name, owner: 'window', since: '' });
  }

  /** Starts work in the background; its outcome is in the journal, its end in the stream. */
  function start(opened: Open, instances: readonly string[], act: (signal: AbortSignal) => Promise<unknown>): string {
    requireIdle(opened);
    const controller = new AbortController();
    runCount += 1;
    const id = `run-${runCount}`;
    opened.current = id;
    const over = act(controller.signal)
      .then(
        () => null,
        (error: unknown) =>
          controller.signal.aborted ? null : redactProblem(toProblemData(error), opened.site.secrets),
      )
      .then((trouble) => {
        opened.runs.delete(id);
        opened.site.live({ kind: 'run-over', run: id, problem: trouble });
      });
    opened.runs.set(id, { id, instances, controller, over });
    return id;
  }

  /** Half-filled forms; a damaged file counts as none. */
  async function drafts({ site }: Open): Promise<Record<string, Record<string, Json>>> {
    const parsed = draftsFile.safeParse(parseJson((await readTextOrNull(join(site.folder, siteFiles.drafts))) ?? ''));
    return parsed.success ? parsed.data : {};
  }

  async function closeOne(name: string): Promise<void> {
    await opening.get(name)?.catch(() => undefined);
    const opened = open.get(name);
    if (opened === undefined) return;
    open.delete(name);
    opened.closing.abort();
    for (const run of opened.runs.values()) run.controller.abort();
    await Promise.allSettled([
      ...[...opened.runs.values()].map((run) => run.over),
      ...opened.looking,
      opened.draftsQueue,
      opened.keysQueue,
    ]);
    await closeBench(opened);
  }

  function afterOtherKeys<T>(opened: Open, act: () => Promise<T>): Promise<T> {
    const done = opened.keysQueue.then(act);
    opened.keysQueue = done.catch(() => undefined);
    return done;
  }

  const support = async (site: string, hideAddresses: boolean): Promise<string> =>
    supportText(await siteFolder(parts.dataFolder, site), {
      program: parts.program,
      now: parts.clock.now(),
      hideAddresses,
    });

  /** Where a site's records are, and whose signature counts. */
  async function recordsOf(site: string): Promise<[folder: string, pinned: string | null]> {
    const folder = join(await siteFolder(parts.dataFolder, site), recordsFolder);
    return [folder, (await readSitePlan(parts.dataFolder, site)).trust.manifest ?? null];
  }

  const handlers: Desk['handlers'] = {
    'settings.get': () => readSettings(parts.dataFolder),
    'settings.set': async (input) => {
      // An answer may follow at once.
      technician = input.technician;
      await saveSettings(parts.dataFolder, input);
      return {};
    },
    'sites.list': async () =>
      Promise.all((await siteNames(parts.dataFolder)).map((name) => summaryOf(parts.dataFolder, name))),
    'sites.create': async ({ interview }) => {
      const practice = interview === null;
      const text = practice ? await parts.practice.prepare() : planTemplate(interview);
      return summaryOf(parts.dataFolder, await createSite(parts.dataFolder, text, { practice }));
    },
    'sites.onMedium': ({ path }) => parts.sitesOnMedium(path),
    'sites.takeOver': async (input) => {
      const opened = open.get(input.site);
      if (opened !== undefined) requireIdle(opened);
      await closeOne(input.site);
      return parts.takeOver(input);
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
        machines: opened.site.plan.machines.map(({ name, roles, address }) => ({ name, roles: [...roles], address })),
      };
    },
    'sites.close': async ({ site }) => {
      await closeOne(site);
      return {};
    },
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
      const opened = open.get(site);
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
      const names = chosen ?? (kind === 'ssh-config' ? [] : found.map(({ name }) => name));
      const wanted = [
        ...(one === null ? [] : [{ name: one.name, fields: { address: one.address } }]),
        ...found.filter(({ name }) => names.includes(name)),
      ];
      return {
        kind,
        found: found.map(({ name, fields }) => ({ name, fields: { ...fields } })),
        before: plan.machines.length,
        chosen: wanted.map(({ name }) => name),
        base,
        plan: readingOf(withMachines(base, plan, wanted, shared)),
      };
    },
    'keys.state': async ({ site }) => {
      const opened = await at(site);
      return {
        fingerprint: opened.site.lock.keys?.manifestFingerprint ?? null,
        vault: await parts.keys.vaultExists(opened.site),
      };
    },
    'keys.export': async ({ site, folder, ...passphrases }) => {
      const opened = await at(site);
      return afterOtherKeys(opened, () =>
        parts.keys.exportTo(opened.site, join(folder, `${site}-keys.age`), passphrases),
      );
    },
    'keys.import': async ({ site, path, ...passphrases }) => {
      const opened = await at(site);
      return afterOtherKeys(opened, async () => {
        requireIdle(opened);
        const { fingerprint, changed } = await parts.keys.importFrom(opened.site, path, passphrases);
        return { fingerprint, changed };
      });
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
      if (running === null) return { stopsAfter: null };
      const under = instances[running]?.commands.find((item) => item.state === 'running')?.command;
      const goesOn = under !== undefined && goesOnAlone(under);
      return { stopsAfter: tell(goesOn ? 'ui.run.goesOn' : 'ui.run.stopsAfter', { instance: running }) };
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
      const hidden = new Set(secretFields(instanceOf(opened, instance).step));
      const kept = Object.fromEntries(Object.entries(input).filter(([name]) => !hidden.has(name)));
      const save = opened.draftsQueue.then(async () => {
        const all = { ...(await drafts(opened)), [instance]: kept };
        await writeAtomic(join(opened.site.folder, siteFiles.drafts), JSON.stringify(all));
      });
      opened.draftsQueue = save.catch(() => undefined);
      await save;
      return {};
    },
    'media.recent': () => parts.recentMedia(),
    'media.next': async ({ site, mark }) => ({ mark: await parts.nextMedia((await at(site)).site, mark) }),
    'media.list': async ({ site }) => parts.listMedia(await at(site).then((opened) => opened.site)),
    'blobs.read': async ({ site, hash }) => {
      const text = await (await at(site)).site.readBlob(hash);
      const limit = 512 * 1024;
      return { text: text.slice(-limit), cut: text.length > limit };
    },
    'practice.faults': async ({ site, set }) =>
      (await isPractice(await siteFolder(parts.dataFolder, site))) ? parts.practice.faults(set) : [],
    'media.contents': async ({ site, path }) => parts.mediumContents((await at(site)).site, path),
    'format.drives': async ({ site }) => parts.format.drives((await at(site)).site),
    'format.look': async ({ site, device }) => parts.format.look((await at(site)).site, device),
    'format.perform': async ({ site, ...request }) => ({
      device: await parts.format.perform((await at(site)).site, request),
    }),
    'records.list': async ({ site }) => parts.records.list(...(await recordsOf(site))),
    'records.read': async ({ site, number }) => {
      const [folder, pinned] = await recordsOf(site);
      const { record, fingerprint, folder: place } = await parts.records.open(folder, number, pinned);
      return { record, fingerprint, folder: place };
    },
    'records.save': async ({ site, number, folder: to }) => {
      const [folder, pinned] = await recordsOf(site);
      return { path: await parts.records.save(folder, number, to, pinned) };
    },
    'support.read': async ({ site, hideAddresses }) => ({ text: await support(site, hideAddresses) }),
    'support.save': async ({ site, hideAddresses, folder }) => ({
      path: await saveSupport(await support(site, hideAddresses), folder, site, parts.clock.now()),
    }),
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
      await Promise.all([...new Set([...opening.keys(), ...open.keys()])].map(closeOne));
    },
  };
}

function readingOf(text: string): PlanReading {
  const { data, faults } = readPlanText(text);
  return { text, value: data, problems: [...faults] };
}
