// Which instances a site plan makes of the runbook, what they come after, and what they will ask for offline. Pure.
import { z } from 'zod';
import type { Json } from '../../src-shared/json.ts';
import type { Machine, SitePlan } from '../../src-shared/site.ts';
import { isBuilder, machineNamed, systemsFrom, systemsOf } from '../../src-shared/site.ts';
import type { Chapter, FieldInfo, InstanceKey, Phase, StepInfo, Subject } from '../../src-shared/step.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import type { Need, Step } from './define.ts';

export interface Instance {
  readonly key: InstanceKey;
  readonly step: Step;
  readonly subject: Subject;
  /** The step's own, but for a build machine: everything that is done there belongs to the office. */
  readonly phase: Phase;
  readonly chapter: Chapter;
  /** The machine through which its own is reached, null where it is reached directly. */
  readonly way: string | null;
}

function subjectsOf(step: Step, site: SitePlan): readonly Subject[] {
  const { per } = step;
  switch (per.kind) {
    case 'site':
      return [theSite];
    case 'machine':
      return (
        (per.among?.(site) ?? site.machines)
          .filter((item) => item.roles.some((role) => per.roles.includes(role)))
          // What leaves is still reached; nothing more is built on it.
          .filter(({ leaving }) => (leaving === true ? per.leaving === true || step.opensWay : per.leaving !== true))
          .map(({ name }) => ({ kind: 'machine', name }))
      );
    case 'system':
      return systemsOf(site).map((name) => ({ kind: 'system', name }));
    case 'release':
      return site.releases
        .filter((item) => systemsFrom(site, item, per.from).length > 0)
        .map(({ name }) => ({ kind: 'release', name }));
  }
}

/** All instances in the runbook's order, within a step in the plan's, but none before what it comes after. */
export function instancesOf(runbook: readonly Step[], site: SitePlan): readonly Instance[] {
  const all = runbook.flatMap((step) => subjectsOf(step, site).map((subject) => instanceOf(step, subject, site)));
  const ordered = new Set<Instance>();
  const place = (instance: Instance, under: readonly Instance[]): void => {
    if (ordered.has(instance) || under.includes(instance)) return;
    for (const other of before(instance, all)) place(other, [...under, instance]);
    ordered.add(instance);
  };
  for (const instance of all) place(instance, []);
  return [...ordered];
}

function instanceOf(step: Step, subject: Subject, site: SitePlan): Instance {
  const machine = subject.kind === 'machine' ? machineNamed(site, subject.name) : undefined;
  const { phase, chapter } =
    machine === undefined ? step : isBuilder(machine) ? atOffice : { ...step, chapter: chapterOn(machine, step) };
  return { key: instanceKey(step.id, subject), step, subject, phase, chapter, way: machine?.jump ?? null };
}

/** What is done alike on master and node stands with what belongs to the machine. */
const chapterOn = (machine: Machine, { chapter }: Step): Chapter =>
  chapter === 'master' && machine.roles.includes('node') ? 'node' : chapter;

const atOffice = { phase: 'prepare', chapter: 'prepare' } as const;

/** The instances that must be done before this one. Steps that the plan has no subject for ask for nothing. */
export function before(instance: Instance, all: readonly Instance[]): readonly Instance[] {
  const { step: own, subject, phase, way } = instance;
  const asked = own.after
    .filter(({ at }) => at === undefined || at === phase)
    .flatMap(({ step, on }) =>
      all.filter((other) => other.step.id === step && (on === 'all' || other.key === instanceKey(step, subject))),
    );
  const first = own.opensWay && way !== null ? instanceKey(own.id, { kind: 'machine', name: way }) : null;
  return [...asked, ...all.filter(({ key }) => key === first)];
}

/** What goes before it in a run that does both; of `all`, in their order. What must be done is part of it. */
export function goesFirst(instance: Instance, all: readonly Instance[]): readonly Instance[] {
  const { waitsFor = [] } = instance.step;
  const at = all.findIndex(({ key }) => key === instance.key);
  const waited = all.slice(0, at).filter(({ step }) => waitsFor === 'everything' || waitsFor.includes(step.id));
  return [...before(instance, all), ...waited];
}

/** The sum of all steps' needs, each once, in a stable order. */
export function needsOf(runbook: readonly Step[], site: SitePlan): readonly Need[] {
  const all = runbook.flatMap((step) => step.needs?.(site) ?? []);
  const unique = new Map(all.map((need) => [JSON.stringify(need), need]));
  return [...unique.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, need]) => need);
}

/**
 * Instances by key, chapter or step id (`use-cache` means every machine's), in the runbook's order. Null when nothing fits. What is
 * done on a build machine belongs to the office: a step's name means it there only where no machine on site has that step.
 */
export function select(all: readonly Instance[], wanted: readonly string[]): readonly Instance[] | null {
  const meant = wanted.map((word) => {
    const named = all.filter(({ step }) => step.id === word);
    const own = named.filter(({ step, phase }) => step.phase === phase);
    return all.filter(
      (item) => item.key === word || item.chapter === word || (own.length > 0 ? own : named).includes(item),
    );
  });
  return meant.some((items) => items.length === 0)
    ? null
    : all.filter((item) => meant.some((items) => items.includes(item)));
}

/** A step as the window and the docs see it. */
export function infoOf(step: Step): StepInfo {
  return {
    id: step.id,
    chapter: step.chapter,
    phase: step.phase,
    risk: step.risk,
    per: step.per.kind,
    after: step.after.map((item) => ({ ...item })),
    holds: [...step.holds],
    input: fieldsOf(step.input),
    reveals: step.reveals !== undefined,
    undo: step.undo === undefined ? 'never' : step.undo.halfway === true ? 'begun' : 'done',
  };
}

/** What of a step's input is kept for later: neither secrets nor what holds for one run alone. */
export function keptFields(step: Pick<Step, 'input'>, input: Readonly<Record<string, Json>>): Record<string, Json> {
  const left = new Set([...secretFields(step), ...oneRunFields(step)]);
  return Object.fromEntries(Object.entries(input).filter(([name]) => !left.has(name)));
}

/** Fields of a step's input that hold secrets: never recorded, never kept as a draft. */
export const secretFields = (step: Pick<Step, 'input'>): readonly string[] =>
  fieldsOf(step.input).flatMap(({ name, kind }) => (kind === 'secret' ? [name] : []));

/** Fields that hold for one run alone, as `once` in their meta says: a later run must not repeat the wish by itself. */
export function oneRunFields({ input }: Pick<Step, 'input'>): readonly string[] {
  const { properties = {} } = z.toJSONSchema(input, { io: 'input' });
  return Object.entries(properties).flatMap(([name, field]) =>
    typeof field === 'object' && field.once === true ? [name] : [],
  );
}

const kinds = ['text', 'number', 'boolean', 'choice', 'path', 'secret', 'medium'] as const;

/** Form fields from a step's input schema; `widget` in a field's meta names a special kind. */
function fieldsOf(input: z.ZodType): FieldInfo[] {
  if (!(input instanceof z.ZodObject)) return [];
  const schema = z.toJSONSchema(input, { io: 'input' }) as {
    properties?: Record<
      string,
      { type?: string; enum?: string[]; default?: string | number | boolean; widget?: string; once?: boolean }
    >;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const plain = field.enum
      ? 'choice'
      : field.type === 'boolean'
        ? 'boolean'
        : field.type === 'string'
          ? 'text'
          : 'number';
    return {
      name,
      kind: kinds.find((kind) => kind === field.widget) ?? plain,
      required: schema.required?.includes(name) ?? false,
      choices: field.enum ?? [],
      initial: field.default ?? null,
      once: field.once ?? false,
    };
  });
}
