// What the step page shows and offers, decided in one place from the record, the live state and the shown plan. Pure.
import { type CommandView, type InstanceView, pendingCommand } from '../../src-shared/journal.ts';
import { problems } from '../../src-shared/problem.ts';
import type { FieldInfo, Finding, Plan, StepInfo } from '../../src-shared/step.ts';
import type { StepInput } from './actions.ts';
import type { LiveView } from './live.ts';
import type { OpenedSite, Preview } from './store.ts';

/** The one act that the page offers now. */
export type Act =
  | { readonly kind: 'doing' }
  /** A plan of this run waits for a yes. */
  | { readonly kind: 'confirm'; readonly plan: Plan; readonly run: string }
  | { readonly kind: 'reading' }
  | { readonly kind: 'perform'; readonly plan: Plan }
  /** Skippable findings were passed: read and plan again within a run. */
  | { readonly kind: 'pass' }
  /** It failed, and the very same act may succeed now. */
  | { readonly kind: 'retry' }
  | { readonly kind: 'read' }
  | { readonly kind: 'nothing' };

export interface StepState {
  readonly act: Act;
  /** Commands to show, and whether they are what will be done or what was done. */
  readonly commands: readonly CommandView[];
  readonly commandsAre: 'planned' | 'performing' | 'performed';
  readonly findings: readonly Finding[];
}

/** Of each plan once, so that its rows are drawn once. */
const pending = new WeakMap<Plan, readonly CommandView[]>();

export function pendingOf(plan: Plan): readonly CommandView[] {
  const made = pending.get(plan) ?? plan.commands.map(pendingCommand);
  pending.set(plan, made);
  return made;
}

const noFindings: readonly Finding[] = [];

export function stepState(
  instance: InstanceView,
  live: LiveView,
  shown: Preview | undefined,
  skip: readonly string[],
): StepState {
  const findings = instance.verdict?.findings ?? noFindings;
  if (live.confirm !== null) {
    const { plan, run } = live.confirm;
    return { act: { kind: 'confirm', plan, run }, commands: pendingOf(plan), commandsAre: 'planned', findings };
  }
  if (instance.state === 'doing') {
    return { act: { kind: 'doing' }, commands: instance.commands, commandsAre: 'performing', findings };
  }
  const planned = shown?.state === 'ready' ? shown.plan : null;
  const performed = instance.commands.some((item) => item.state !== 'pending');
  const commands = planned !== null ? pendingOf(planned) : performed ? instance.commands : [];
  const commandsAre = planned === null ? 'performed' : 'planned';
  return { act: actOf(instance, live, shown, skip), commands, commandsAre, findings };
}

function actOf(instance: InstanceView, live: LiveView, shown: Preview | undefined, skip: readonly string[]): Act {
  if (shown?.state === 'reading' || live.reading) return { kind: 'reading' };
  if (shown?.state === 'ready' && shown.plan !== null) return { kind: 'perform', plan: shown.plan };
  if (shown === undefined && instance.state === 'failed' && instance.problem?.retryable) return { kind: 'retry' };
  const findings = instance.verdict?.findings ?? [];
  if (instance.state === 'blocked' && canPass(findings, skip)) return { kind: 'pass' };
  if (instance.state === 'done' && shown?.state === 'ready') return { kind: 'nothing' };
  return { kind: 'read' };
}

/** Every blocking finding is skippable and was chosen to be passed. */
export const canPass = (findings: readonly Finding[], skip: readonly string[]): boolean =>
  findings.length > 0 &&
  findings.every(({ code }) => {
    const { severity } = problems[code];
    return severity === 'warning' || (severity === 'skippable' && skip.includes(code));
  });

/** Values the form starts with: what was typed, else what the last run used, else the fields' own. */
export function startingInput(site: OpenedSite, instance: InstanceView, fields: readonly FieldInfo[]): StepInput {
  const known = { ...(instance.input as StepInput), ...(site.drafts[instance.key] ?? {}) };
  const result: Record<string, StepInput[string]> = {};
  for (const { name, kind, initial } of fields) {
    const value = known[name];
    if (value !== undefined && kind !== 'secret') result[name] = value;
    else if (initial !== null) result[name] = initial;
  }
  return result;
}

/** Names of required fields that are still empty. */
export const missingFields = (fields: readonly FieldInfo[], input: StepInput): readonly string[] =>
  fields
    .filter(
      ({ name, required }) => required && (input[name] === undefined || input[name] === null || input[name] === ''),
    )
    .map(({ name }) => name);

/** What may be kept as a draft: neither secrets nor what holds for one run alone. */
export const draftOf = (fields: readonly FieldInfo[], input: StepInput): StepInput => {
  const left = new Set(fields.filter((field) => field.kind === 'secret' || field.once).map((field) => field.name));
  return Object.fromEntries(Object.entries(input).filter(([name]) => !left.has(name)));
};

/** The run that works on an instance, null when none does. */
export const runOf = (site: Pick<OpenedSite, 'runs'>, key: string): string | null =>
  site.runs.find((item) => item.instances.includes(key))?.run ?? null;

/** What main would not refuse to take back at once. */
export const canUndo = ({ undo }: StepInfo, { everDone, state, before }: InstanceView): boolean =>
  state !== 'doing' && undo !== 'never' && (everDone || (undo === 'begun' && before !== null));

/**
 * What was typed, as options have it: a secret is asked for on the terminal, and what was picked before has no name here any more.
 * What the last run was given is taken again by itself, what never was begins as the form does.
 */
export const saidOf = (
  { input: fields }: Pick<StepInfo, 'input'>,
  input: StepInput,
  last: InstanceView['input'],
  names: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    fields.flatMap(({ name, kind, initial }) => {
      const value = input[name];
      if (kind === 'secret' || value === undefined || value === null || value === (last?.[name] ?? initial)) return [];
      const text = String(value);
      const picked = (kind === 'medium' || kind === 'path') && !text.startsWith('/');
      return [[name, picked ? (names[text] ?? 'FOLDER') : text]];
    }),
  );
