// The step as data: subjects, facts, verdicts, commands, plans. The first file to read.
// Everything that the wizard, the command line, the journal and the record say of a step is made of these types.
import { z } from 'zod';
import { canonicalJson, jsonObject } from './json.ts';
import type { Params, ProblemCode, Severity } from './problem.ts';
import { problems } from './problem.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/);
const params = z.record(z.string(), z.union([z.string(), z.number()]));
const problemCode = z.custom<ProblemCode>((value) => typeof value === 'string' && Object.hasOwn(problems, value));

// ---------------------------------------------------------------- subjects and instances

/** What a step is done for. */
export const subject = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('site') }),
  z.strictObject({ kind: z.literal('machine'), name }),
  /** A target system, e.g. `debian-12-amd64`. */
  z.strictObject({ kind: z.literal('system'), name }),
  z.strictObject({ kind: z.literal('release'), name }),
]);
export type Subject = z.infer<typeof subject>;

export const theSite: Subject = { kind: 'site' };

/** `site`, or `machine:master-1`: readable, and stable in journals. */
export const subjectKey = (of: Subject): string => (of.kind === 'site' ? 'site' : `${of.kind}:${of.name}`);
/** The bare name, for sentences; the site has none. */
export const subjectName = (of: Subject): string => (of.kind === 'site' ? '' : of.name);

/** One step for one subject: `use-cache@machine:master-1`. */
export type InstanceKey = string;
export const instanceKey = (step: string, of: Subject): InstanceKey => `${step}@${subjectKey(of)}`;
/** The step's id out of an instance key. */
export const stepOf = (key: InstanceKey): string => key.slice(0, key.indexOf('@'));
/** Name of what it is done for, empty for the site. */
export const subjectNameOf = (key: InstanceKey): string => /@[a-z]+:(.*)$/.exec(key)?.[1] ?? '';

// ---------------------------------------------------------------- text by key

/** A sentence by key and parameters; the text lives in resources/locales. Parameters are never translated. */
export const told = z.strictObject({ key: z.string(), params });
export type Told = z.infer<typeof told>;
export const tell = (key: string, values: Params = {}): Told => ({ key, params: { ...values } });

// ---------------------------------------------------------------- findings and verdicts

/** Something a check found. Code, weight and remedy come from the problem catalogue. */
export const finding = z.strictObject({ code: problemCode, params });
export type Finding = z.infer<typeof finding>;

const weight: Readonly<Record<Severity, number>> = { strict: 0, skippable: 1, warning: 2 };
/** What cannot be skipped first, then what can, then what is only told. */
export const bySeverity = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort((a, b) => weight[problems[a.code].severity] - weight[problems[b.code].severity]);

/** What the facts mean. `waiting`: asked for, not there yet. `unsure`: cannot be known, and why. */
export const verdict = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('done'), findings: z.array(finding) }),
  z.strictObject({ state: z.literal('todo'), findings: z.array(finding) }),
  z.strictObject({ state: z.literal('waiting'), for: told, findings: z.array(finding) }),
  z.strictObject({ state: z.literal('blocked'), findings: z.array(finding).min(1) }),
  z.strictObject({ state: z.literal('unsure'), why: told, findings: z.array(finding) }),
]);
export type Verdict = z.infer<typeof verdict>;

// ---------------------------------------------------------------- reading

/** One read-only question to a machine; all probes of a step travel in one round trip. */
export const probe = z.discriminatedUnion('kind', [
  /** The text of a file; exit 1 when it is not there. */
  z.strictObject({ id: z.string(), kind: z.literal('read'), path: z.string() }),
  /** Names in a folder, one a line: `type size name`, type one of f d l o. */
  z.strictObject({ id: z.string(), kind: z.literal('list'), path: z.string() }),
  /** `type mode owner:group size`; exit 1 when it is not there. */
  z.strictObject({ id: z.string(), kind: z.literal('stat'), path: z.string() }),
  /** A command that writes nothing. */
  z.strictObject({
    id: z.string(),
    kind: z.literal('run'),
    argv: z.array(z.string()).min(1),
    as: z.string().optional(),
    limitMs: z.number().positive().optional(),
  }),
]);
export type Probe = z.infer<typeof probe>;
/** What a probe answered. A time-out answers exit 124; a missing program 127. */
export interface Answer {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

// ---------------------------------------------------------------- commands

/** Where a command acts. */
export const place = z.union([z.literal('laptop'), z.strictObject({ machine: name })]);
export type Place = z.infer<typeof place>;

/** A value known only at the last moment: a secret by handle, or the captured output of an earlier command of the plan. */
export const reference = z.union([z.strictObject({ secret: z.string() }), z.strictObject({ captured: z.string() })]);
/** Text with references inside; they are escaped for their place when resolved. */
export const text = z.union([z.string(), z.array(z.union([z.string(), reference]))]);
export type Text = z.infer<typeof text>;

/** A question to a person. The answer of a `secret` is never recorded. */
export const question = z.strictObject({
  /** Unique within the site, stable across restarts: answers files use it. */
  id: z.string(),
  kind: z.enum(['confirm', 'text', 'secret', 'choice']),
  /** Texts: `<key>.title`, `<key>.hint`. */
  key: z.string(),
  params,
  /** Values to look at or copy while answering. */
  show: z.array(z.strictObject({ label: z.string(), value: z.string() })),
  choices: z.array(z.string()),
  /** A new secret: it is typed twice, since nobody can look it up. */
  twice: z.boolean().optional(),
});
export type Question = z.infer<typeof question>;

/** Why this command is in the plan: a text key under the step (`steps.<id>.does.<note>`). */
const note = { note: told.optional() };

export const runCommand = z.strictObject({
  kind: z.literal('run'),
  on: place,
  argv: z.array(z.union([z.string(), z.strictObject({ captured: z.string() })])).min(1),
  /** `root` (the default), `login` (who logged in), or a user's name. */
  as: z.string().optional(),
  stdin: text.optional(),
  /** Exit codes that count as performed; [0] when absent. */
  expect: z.array(z.int()).optional(),
  limitMs: z.number().positive(),
  /** Runs as a unit on the target and survives a cut connection. */
  long: z.boolean().optional(),
  /** A cancel tells it to end, and it ends at once or within half a minute, as soon as nothing is lost by that; other short ones are let through. */
  endsWell: z.boolean().optional(),
  /** Of a long command: run as root on the target once it is over, however it ended, even when it was killed. */
  afterwards: z.array(z.string()).min(1).optional(),
  /** Lines of a long command that tell how far it is. */
  progress: z
    .strictObject({
      /** A line that fits. Its groups `done`, `total`, `what` are read; without `done` each line counts as one. */
      line: z.string(),
      unit: z.enum(['bytes', 'parts']),
    })
    .optional(),
  /** What a failed command's output means; the first that matches is told instead of the bare exit code. */
  failures: z
    .array(
      z.strictObject({
        pattern: z.string(),
        finding,
        /** The one-time secret was not handed over, or not accepted as spent. */
        keepsSecret: z.boolean().optional(),
      }),
    )
    .optional(),
  /** Handle of a one-time secret among its input: once it ended, that secret is spent, and asked for anew if need be. */
  spends: z.string().optional(),
  /** Name under which its output is kept for later references. */
  capture: z.string().optional(),
  /** Its output holds a secret: what the pattern's group finds is kept under this handle, and nothing of it is shown or recorded. */
  keeps: z.strictObject({ secret: z.string(), pattern: z.string() }).optional(),
  ...note,
});
export const writeCommand = z.strictObject({
  kind: z.literal('write'),
  on: place,
  path: z.string(),
  text,
  mode: z.int(),
  owner: z.string().optional(),
  /** Content before, for the diff and for the check that nobody wrote in between; null when the file is absent. */
  before: z.string().nullable(),
  /** Keeps `<path>.fieldkit-copy`, once. */
  keepCopy: z.boolean().optional(),
  ...note,
});
export const sendCommand = z.strictObject({
  kind: z.literal('send'),
  on: place,
  /** Path below the medium's root. */
  from: z.string(),
  to: z.string(),
  sha256: z.string(),
  sizeBytes: z.int().nonnegative(),
  mode: z.int(),
  ...note,
});
/** Files of the medium into a folder of the machine, below their own names; each is checked there, and a part is continued. */
export const copyCommand = z.strictObject({
  kind: z.literal('copy'),
  on: place,
  to: z.string(),
  files: z.array(z.strictObject({ path: z.string(), sha256: z.string(), sizeBytes: z.int().nonnegative() })).min(1),
  ...note,
});
export const receiveCommand = z.strictObject({
  kind: z.literal('receive'),
  on: place,
  from: z.string(),
  /** Absolute path on the laptop. */
  to: z.string(),
  ...note,
});
export const getCommand = z.strictObject({
  kind: z.literal('get'),
  url: z.string(),
  /** Absolute path on the laptop. */
  to: z.string(),
  sha256: z.string(),
  sizeBytes: z.int().nonnegative(),
  ...note,
});
/** A named job of a room, on the laptop, with plain JSON arguments. */
export const workCommand = z.strictObject({
  kind: z.literal('work'),
  job: name,
  args: jsonObject,
  ...note,
});
export const untilCommand = z.strictObject({
  kind: z.literal('until'),
  on: place,
  probe,
  /** Satisfied when the exit matches and, when given, the output matches the pattern. */
  wanted: z.strictObject({ exit: z.int().optional(), pattern: z.string().optional() }),
  /**
   * Ends the wait with this finding as soon as the output matches. What matched at the first look already is news of before,
   * and counts only once it is another text.
   */
  hopeless: z.array(z.strictObject({ pattern: z.string(), finding })).optional(),
  /** What is awaited makes room: a full disk is why it is awaited, and does not end the wait. */
  makesRoom: z.boolean().optional(),
  everyMs: z.number().positive(),
  limitMs: z.number().positive(),
  awaited: told,
  evidence: z.array(probe),
});
export const rebootCommand = z.strictObject({ kind: z.literal('reboot'), on: place, limitMs: z.number().positive() });
export const askCommand = z.strictObject({ kind: z.literal('ask'), question });

const simpleCommand = z.discriminatedUnion('kind', [
  runCommand,
  writeCommand,
  sendCommand,
  copyCommand,
  receiveCommand,
  getCommand,
  workCommand,
  untilCommand,
  rebootCommand,
  askCommand,
]);
/** Changes that can cut our own line: undone on the target by a timer unless confirmed over a fresh connection. */
export const guardCommand = z.strictObject({
  kind: z.literal('guard'),
  on: place,
  commands: z.array(z.discriminatedUnion('kind', [runCommand, writeCommand])).min(1),
  /** Shell text that takes the commands back; runs as root on the target, without us. */
  undo: z.string(),
  confirmWithinMs: z.number().positive(),
  ...note,
});

/** The closed union of everything that can be done. */
export const command = z.discriminatedUnion('kind', [...simpleCommand.options, guardCommand]);
export type Command = z.infer<typeof command>;
export type CommandOf<K extends Command['kind']> = Extract<Command, { kind: K }>;

/** The machine a command acts on, null for the laptop. */
export const machineOf = (of: Command): string | null => ('on' in of && of.on !== 'laptop' ? of.on.machine : null);

// ---------------------------------------------------------------- plans

export const planSchema = z.strictObject({
  instance: z.string(),
  /** Counts the rounds of one performance, from 1. */
  round: z.int().positive(),
  /** Identity of what was shown: equal commands give an equal hash. */
  hash: z.string(),
  commands: z.array(command),
});
export type Plan = z.infer<typeof planSchema>;

/** The text whose hash is the plan's identity. */
export const planText = (commands: readonly Command[]): string => canonicalJson(commands);

// ---------------------------------------------------------------- what the window and the docs know of a step

export const risks = ['reads', 'changes', 'destroys'] as const;
export type Risk = (typeof risks)[number];
export const phases = ['prepare', 'site'] as const;
export type Phase = (typeof phases)[number];
/** Groups of the side list, in order. */
export const chapters = ['prepare', 'machine', 'master', 'node', 're6st', 'frontend', 'close'] as const;
export type Chapter = (typeof chapters)[number];

/** One field of a step's input, derived from its zod schema and meta. */
export const fieldInfo = z.strictObject({
  name: z.string(),
  kind: z.enum(['text', 'number', 'boolean', 'choice', 'path', 'secret', 'medium']),
  required: z.boolean(),
  choices: z.array(z.string()),
  initial: z.union([z.string(), z.number(), z.boolean()]).nullable(),
  /** It holds for one run alone: neither recorded nor kept as a draft. */
  once: z.boolean(),
});
export type FieldInfo = z.infer<typeof fieldInfo>;

/**
 * What must be done before. `same`: for the same subject. `all`: every instance of that step. `at`: asked of instances of
 * that part of the work alone; a build machine's are of the office, whatever the step.
 */
export const after = z.strictObject({
  step: name,
  on: z.enum(['same', 'all']),
  at: z.enum(phases).optional(),
});
export type After = z.infer<typeof after>;

/** A step as the window, the command line and the docs see it. Texts: `steps.<id>.title`, `.why`. */
export const stepInfo = z.strictObject({
  id: name,
  chapter: z.enum(chapters),
  phase: z.enum(phases),
  risk: z.enum(risks),
  per: z.enum(['site', 'machine', 'system', 'release']),
  after: z.array(after),
  holds: z.array(z.string()),
  input: z.array(fieldInfo),
  /** It can show a secret that a person needs. */
  reveals: z.boolean(),
  /** From when on it can be taken back: once it was done, or as soon as it was begun. */
  undo: z.enum(['never', 'done', 'begun']),
});
export type StepInfo = z.infer<typeof stepInfo>;

/** What the step changes on a machine stays: the program has no way back for it. */
export const isLasting = ({ phase, risk, undo }: Pick<StepInfo, 'phase' | 'risk' | 'undo'>): boolean =>
  phase === 'site' && risk !== 'reads' && undo === 'never';

/** The plan of such a step changes something, and that is said before it is agreed to. Questions and waits change nothing. */
export const planLasts = (
  info: Pick<StepInfo, 'phase' | 'risk' | 'undo'>,
  commands: readonly Pick<Command, 'kind'>[],
): boolean => isLasting(info) && commands.some(({ kind }) => !['ask', 'until', 'receive'].includes(kind));
