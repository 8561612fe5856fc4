// The sites that the window has open, their runs, and who is asked in them. The desk's handlers use it; a site is opened at its
// first use, and one run at a time is under way in it.
import type { StreamEvent } from '../../src-shared/api.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import type { Question } from '../../src-shared/step.ts';
import type { Asker } from './asking.ts';
import { WaitingRoom } from './asking.ts';
import { type Bench, closeBench, openBench } from './bench.ts';
import type { DeskParts } from './desk-parts.ts';
import type { Instance } from './instances.ts';
import type { OpenSite } from './open-site.ts';
import { redactProblem } from './redact.ts';
import { readSettings } from './settings.ts';

interface Run {
  readonly id: string;
  readonly instances: readonly string[];
  readonly controller: AbortController;
  readonly over: Promise<void>;
}

export interface Open extends Bench {
  readonly asker: Asker;
  readonly room: WaitingRoom;
  readonly runs: Map<string, Run>;
  /** Until when an act that is no run has the site for itself; null while none has. */
  alone: Promise<void> | null;
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

export interface OpenSites {
  /** The open site; opened at its first use, once. */
  at(site: string): Promise<Open>;
  /** What is open now, without opening it. */
  opened(site: string): Open | undefined;
  /** Starts work in the background; its outcome is in the journal, its end in the stream. Throws `run-under-way` when something runs. */
  start(opened: Open, instances: readonly string[], act: (signal: AbortSignal) => Promise<unknown>): string;
  /** Does something in which no run may begin, in each site that it holds; holding throws `run-under-way` when something runs there. */
  alone<T>(act: (hold: (opened: Open) => void) => Promise<T>): Promise<T>;
  close(site: string): Promise<void>;
  closeAll(): Promise<void>;
  /** Who answers, as typed in the settings. */
  answeredBy(technician: string): void;
  onEvent(listener: (event: StreamEvent) => void): () => void;
  /** A site in which something is under way, null when there is none. */
  running(): string | null;
}

export function openSites(parts: DeskParts): OpenSites {
  const open = new Map<string, Open>();
  const opening = new Map<string, Promise<Open>>();
  const listeners = new Set<(event: StreamEvent) => void>();
  let runCount = 0;
  /** Empty when nobody said. */
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
      alone: null,
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

  async function at(name: string): Promise<Open> {
    const already = open.get(name);
    if (already !== undefined) return already;
    const pending = opening.get(name) ?? openSite(name).finally(() => opening.delete(name));
    opening.set(name, pending);
    return pending;
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

  async function alone<T>(act: (hold: (opened: Open) => void) => Promise<T>): Promise<T> {
    const held = new Set<Open>();
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    try {
      return await act((opened) => {
        if (held.has(opened)) return;
        requireIdle(opened);
        opened.alone = over;
        held.add(opened);
      });
    } finally {
      for (const opened of held) opened.alone = null;
      end();
    }
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
      opened.alone,
      ...opened.looking,
      opened.draftsQueue,
      opened.keysQueue,
    ]);
    await closeBench(opened);
  }

  return {
    at,
    opened: (name) => open.get(name),
    start,
    alone,
    close: closeOne,
    closeAll: async () => {
      await Promise.all([...new Set([...opening.keys(), ...open.keys()])].map(closeOne));
    },
    answeredBy: (name) => {
      technician = name;
    },
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    running: () => [...open].find(([, opened]) => isBusy(opened))?.[0] ?? null,
  };
}

/** Throws `step-unknown`. */
export function instanceOf(opened: Open, key: string): Instance {
  const found = opened.runner.instances().find((item) => item.key === key);
  if (found === undefined) throw problem('step-unknown', { step: key });
  return found;
}

const isBusy = ({ runs, alone }: Open): boolean => runs.size > 0 || alone !== null;

/** What would change the ground under a run waits for its end. Throws `run-under-way`. */
export function requireIdle(opened: Open): void {
  const { site } = opened;
  if (isBusy(opened)) throw problem('run-under-way', { site: site.name });
}
