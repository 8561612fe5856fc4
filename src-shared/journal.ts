// The journal: what happened, append-only; and the one reducer that folds it into what everyone sees.
// Wizard, command line, resume and dossier all read SiteView; nobody keeps a second truth.
import { z } from 'zod';
import { json, jsonObject } from './json.ts';
import type { ProblemData } from './problem.ts';
import { problems } from './problem.ts';
import type { Chapter, Command, InstanceKey, Plan, Question, Told, Verdict } from './step.ts';
import { chapters, instanceKey, planSchema, question, subject, told, verdict } from './step.ts';

/** ProblemData as a schema. */
export const problemData = z.strictObject({
  code: z.custom<ProblemData['code']>((value) => typeof value === 'string' && Object.hasOwn(problems, value)),
  params: z.record(z.string(), z.union([z.string(), z.number()])),
  severity: z.enum(['strict', 'skippable', 'warning']),
  retryable: z.boolean(),
  evidence: z.string(),
});

/** Every event carries: `seq` (from 1, no gaps), `at` (wall clock, ISO 8601), `mono` (milliseconds of the program's own clock). */
const stamp = { seq: z.int().positive(), at: z.string(), mono: z.number() };
const at = { instance: z.string() };

export const commandOutcome = z.enum(['performed', 'failed', 'cancelled', 'unknown']);

export const journalEvent = z.discriminatedUnion('kind', [
  /** The program opened the site for writing. */
  z.strictObject({
    ...stamp,
    kind: z.literal('opened'),
    program: z.string(),
    who: z.string(),
    laptop: z.string(),
    tornLine: z.boolean(),
  }),
  /** The runbook's instances for the plan as it is now; replaces the former list. */
  z.strictObject({
    ...stamp,
    kind: z.literal('instances'),
    /** `chapter` is where it stands; journals of older programs lack it. */
    list: z.array(z.strictObject({ step: z.string(), subject, chapter: z.enum(chapters).optional() })),
  }),
  z.strictObject({
    ...stamp,
    kind: z.literal('run-started'),
    ...at,
    input: jsonObject,
    undo: z.literal(true).optional(),
  }),
  z.strictObject({ ...stamp, kind: z.literal('facts'), ...at, facts: json, found: z.array(told), verdict }),
  z.strictObject({ ...stamp, kind: z.literal('plan'), ...at, plan: planSchema }),
  z.strictObject({
    ...stamp,
    kind: z.literal('consent'),
    ...at,
    hash: z.string(),
    scope: z.enum(['plan', 'phase']),
    by: z.string(),
  }),
  z.strictObject({
    ...stamp,
    kind: z.literal('command-started'),
    ...at,
    hash: z.string(),
    index: z.int().nonnegative(),
  }),
  z.strictObject({
    ...stamp,
    kind: z.literal('command-ended'),
    ...at,
    hash: z.string(),
    index: z.int().nonnegative(),
    outcome: commandOutcome,
    exit: z.int().nullable(),
    durationMs: z.number(),
    /** Hash of the output in blobs/, null when there was none. */
    output: z.string().nullable(),
    problem: problemData.nullable(),
  }),
  z.strictObject({ ...stamp, kind: z.literal('asked'), ...at, question }),
  /** `value` is null for secrets: that they were given is recorded, never what. */
  z.strictObject({
    ...stamp,
    kind: z.literal('answered'),
    ...at,
    id: z.string(),
    value: z.string().nullable(),
    by: z.string(),
  }),
  /** A secret was shown to a person: that it was is recorded, never what. */
  z.strictObject({ ...stamp, kind: z.literal('revealed'), ...at, by: z.string() }),
  /** A one-time secret was handed to its consumer; it is not asked to work twice. */
  z.strictObject({ ...stamp, kind: z.literal('spent'), ...at, secret: z.string() }),
  z.strictObject({
    ...stamp,
    kind: z.literal('lease'),
    lease: z.string(),
    machine: z.string(),
    state: z.enum(['open', 'closed']),
  }),
  /** A machine's hold changed hands: taken from a laptop that fell silent, taken because a person said so, or lost to one. */
  z.strictObject({
    ...stamp,
    kind: z.literal('hold'),
    machine: z.string(),
    how: z.enum(['silent', 'asked', 'lost']),
    /** `person@laptop` of the other side, and when its hold began. */
    other: z.string(),
    since: z.string(),
  }),
  /** A machine stands there anew under its name: what was done on the one before holds no more. */
  z.strictObject({
    ...stamp,
    kind: z.literal('renewed'),
    machine: z.string(),
    /** What the master called it, `COMP-7`, as far as it was known. */
    computer: z.string().nullable(),
    by: z.string(),
  }),
  /** The site came to this laptop from a medium; what is above was written by the laptop that filled it. */
  z.strictObject({
    ...stamp,
    kind: z.literal('taken-over'),
    by: z.string(),
    /** `person@laptop` that had the site before. */
    from: z.string(),
    /** Of the manifest's key, as it was compared. */
    fingerprint: z.string(),
    generation: z.int(),
  }),
  /** A person chose to go on past skippable findings. */
  z.strictObject({ ...stamp, kind: z.literal('skipped'), ...at, codes: z.array(z.string()), by: z.string() }),
  z.strictObject({
    ...stamp,
    kind: z.literal('run-ended'),
    ...at,
    outcome: z.enum(['done', 'waiting', 'stopped', 'cancelled', 'failed', 'undone']),
    problem: problemData.nullable(),
  }),
]);
export type JournalEvent = z.infer<typeof journalEvent>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An event before the journal stamps it. */
export type NewEvent = DistributiveOmit<JournalEvent, 'seq' | 'at' | 'mono'>;

// ---------------------------------------------------------------- the fold

/** What a command of the latest plan came to. `unknown`: started, and the program ended before it knew. */
export type CommandState = 'pending' | 'running' | 'performed' | 'failed' | 'cancelled' | 'unknown';

export interface CommandView {
  readonly command: Command;
  readonly state: CommandState;
  readonly startedAt: string | null;
  readonly durationMs: number | null;
  readonly exit: number | null;
  readonly output: string | null;
  /** Code of what went wrong. */
  readonly problem: ProblemData['code'] | null;
}

/** State of an instance as shown: a verdict's state, or what a run made of it. */
export type InstanceState = 'unread' | Verdict['state'] | 'doing' | 'failed' | 'interrupted';

export interface InstanceView {
  readonly key: InstanceKey;
  readonly step: string;
  readonly subject: z.infer<typeof subject>;
  /** Where it stands; null in a journal of an older program, which had the step's own everywhere. */
  readonly chapter: Chapter | null;
  readonly state: InstanceState;
  readonly verdict: Verdict | null;
  readonly found: readonly Told[];
  readonly facts: unknown;
  readonly readAt: string | null;
  readonly plan: Plan | null;
  readonly commands: readonly CommandView[];
  readonly problem: ProblemData | null;
  /** A run of this instance once ended done. */
  readonly everDone: boolean;
  readonly doneAt: string | null;
  /** Facts as they were before the step first changed anything; null when it was done by others, or undone since. */
  readonly before: unknown;
  readonly input: Readonly<Record<string, unknown>>;
  readonly answers: Readonly<Record<string, string | null>>;
  readonly waitingFor: Question | null;
  readonly skipped: readonly string[];
  /** What the master called a machine of this name before it was installed anew; null for one that never was. */
  readonly formerly: string | null;
}

export interface SiteView {
  /** Sequence number of the last event folded; 0 for none. */
  readonly seq: number;
  readonly instances: Readonly<Record<InstanceKey, InstanceView>>;
  /** Keys in the runbook's order. */
  readonly order: readonly InstanceKey[];
  /** The instance being run, null when none is; the last that was begun of several. */
  readonly running: InstanceKey | null;
  readonly leases: Readonly<Record<string, 'open' | 'closed'>>;
  readonly spent: readonly string[];
}

export const emptyView: SiteView = { seq: 0, instances: {}, order: [], running: null, leases: {}, spent: [] };

const blank = (step: string, of: z.infer<typeof subject>): InstanceView => ({
  key: instanceKey(step, of),
  step,
  subject: of,
  chapter: null,
  state: 'unread',
  verdict: null,
  found: [],
  facts: null,
  readAt: null,
  plan: null,
  commands: [],
  problem: null,
  everDone: false,
  doneAt: null,
  before: null,
  input: {},
  answers: {},
  waitingFor: null,
  skipped: [],
  formerly: null,
});

/** A command nobody began. */
export const pendingCommand = (of: Command): CommandView => ({
  command: of,
  state: 'pending',
  startedAt: null,
  durationMs: null,
  exit: null,
  output: null,
  problem: null,
});

/** Folds one event into the view. Pure; unknown instances are ignored, so an old journal stays readable. */
export function reduce(view: SiteView, event: JournalEvent): SiteView {
  const next = { ...view, seq: event.seq };
  if (event.kind === 'opened') return interrupt(next);
  if (event.kind === 'instances')
    return withInstances(
      next,
      event.list.map(({ step, subject: of, chapter = null }) => ({
        key: instanceKey(step, of),
        step: { id: step },
        subject: of,
        chapter,
      })),
    );
  if (event.kind === 'lease')
    return { ...next, leases: { ...view.leases, [`${event.lease}@${event.machine}`]: event.state } };
  if (event.kind === 'hold' || event.kind === 'taken-over') return next;
  if (event.kind === 'renewed') return renew(next, event);
  const was = Object.hasOwn(view.instances, event.instance) ? view.instances[event.instance] : undefined;
  if (was === undefined) return next;
  const running =
    event.kind === 'run-started'
      ? event.instance
      : event.kind === 'run-ended' && view.running === event.instance
        ? (view.order.findLast((key) => key !== event.instance && view.instances[key]?.state === 'doing') ?? null)
        : view.running;
  const spent = event.kind === 'spent' ? [...view.spent, event.secret] : view.spent;
  return { ...next, running, spent, instances: { ...view.instances, [event.instance]: step(was, event) } };
}

/** The view over exactly these instances: what is known of them stays, new ones are unread, others are left out. */
export function withInstances(
  view: SiteView,
  list: readonly {
    readonly key: InstanceKey;
    readonly step: { readonly id: string };
    readonly subject: z.infer<typeof subject>;
    readonly chapter: Chapter | null;
  }[],
): SiteView {
  const fresh = list.map(({ key, step, subject: of, chapter }) => ({
    ...(view.instances[key] ?? blank(step.id, of)),
    chapter,
  }));
  return {
    ...view,
    order: fresh.map((item) => item.key),
    instances: Object.fromEntries(fresh.map((item) => [item.key, item])),
  };
}

type InstanceEvent = Extract<JournalEvent, { instance: string }>;

function step(was: InstanceView, event: InstanceEvent): InstanceView {
  switch (event.kind) {
    case 'run-started':
      return { ...was, state: 'doing', problem: null, input: event.input };
    case 'facts':
      return {
        ...was,
        verdict: event.verdict,
        found: event.found,
        facts: event.facts,
        before: wasBefore(was, event) ? event.facts : was.before,
        readAt: event.at,
        // A reading outside a run speaks for itself; inside one the run's end does.
        state: was.state === 'doing' ? 'doing' : event.verdict.state,
        problem: was.state === 'doing' ? was.problem : null,
      };
    case 'plan':
      return { ...was, plan: event.plan, commands: event.plan.commands.map(pendingCommand) };
    case 'command-started':
      return patch(was, event, { state: 'running', startedAt: event.at });
    case 'command-ended':
      return patch(was, event, {
        state: event.outcome,
        durationMs: event.durationMs,
        exit: event.exit,
        output: event.output,
        problem: event.problem?.code ?? null,
      });
    case 'asked':
      return { ...was, waitingFor: event.question };
    case 'answered':
      return { ...was, waitingFor: null, answers: { ...was.answers, [event.id]: event.value } };
    case 'skipped':
      return { ...was, skipped: event.codes };
    case 'run-ended':
      return {
        ...was,
        waitingFor: null,
        problem: event.problem,
        state: stateAfter(was, event.outcome),
        everDone: event.outcome !== 'undone' && (was.everDone || event.outcome === 'done'),
        doneAt: event.outcome === 'done' ? event.at : event.outcome === 'undone' ? null : was.doneAt,
        before: event.outcome === 'undone' ? null : was.before,
      };
    default:
      return was;
  }
}

/** The first reading of a run that found something to do. */
const wasBefore = (
  { state, everDone, before }: InstanceView,
  { verdict: found }: Extract<JournalEvent, { kind: 'facts' }>,
): boolean => state === 'doing' && !everDone && before === null && found.state === 'todo';

/** What a run's end makes of an instance; a cancelled one whose command goes on without us is not simply what it was. */
function stateAfter(
  was: InstanceView,
  outcome: Extract<JournalEvent, { kind: 'run-ended' }>['outcome'],
): InstanceState {
  if (outcome === 'failed' || outcome === 'done') return outcome;
  if (was.commands.some((item) => item.state === 'unknown')) return 'interrupted';
  return was.verdict?.state ?? 'unread';
}

function patch(
  was: InstanceView,
  event: { readonly hash: string; readonly index: number },
  change: Partial<CommandView>,
): InstanceView {
  if (was.plan?.hash !== event.hash) return was;
  return {
    ...was,
    commands: was.commands.map((item, index) => (index === event.index ? { ...item, ...change } : item)),
  };
}

/** Nothing is known of a machine that was installed anew, but what it was called before. */
function renew(view: SiteView, { machine, computer }: Extract<JournalEvent, { kind: 'renewed' }>): SiteView {
  const fresh = (item: InstanceView): InstanceView => ({
    ...blank(item.step, item.subject),
    chapter: item.chapter,
    formerly: computer ?? item.formerly,
  });
  const of = (item: InstanceView): boolean => item.subject.kind === 'machine' && item.subject.name === machine;
  return {
    ...view,
    instances: Object.fromEntries(
      Object.entries(view.instances).map(([key, item]) => [key, of(item) ? fresh(item) : item]),
    ),
    leases: Object.fromEntries(Object.entries(view.leases).filter(([key]) => !key.endsWith(`@${machine}`))),
  };
}

/** The program starts anew: what was running when the last one ended is unknown now. */
function interrupt(view: SiteView): SiteView {
  const instances = Object.fromEntries(
    Object.entries(view.instances).map(([key, item]) => [
      key,
      item.state !== 'doing'
        ? item
        : {
            ...item,
            state: 'interrupted' as const,
            waitingFor: null,
            commands: item.commands.map((entry) =>
              entry.state === 'running' ? { ...entry, state: 'unknown' as const } : entry,
            ),
          },
    ]),
  );
  return { ...view, instances, running: null, leases: {} };
}

export const fold = (events: Iterable<JournalEvent>): SiteView => {
  let view = emptyView;
  for (const event of events) view = reduce(view, event);
  return view;
};
