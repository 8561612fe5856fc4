// A step as code: a plain object that reads facts, decides, and plans. No step performs anything: the runner does.
// Imported by every step file and by the engine. Must never import a step, a room that acts, or Electron.
import type { z } from 'zod';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { Json } from '../../src-shared/json.ts';
import type { SiteLock } from '../../src-shared/lock.ts';
import type { Params, ProblemCode, ProblemData } from '../../src-shared/problem.ts';
import type { Machine, Origin, Release, Role, SitePlan } from '../../src-shared/site.ts';
import type {
  After,
  Answer,
  Chapter,
  Command,
  CommandOf,
  Finding,
  Phase,
  Probe,
  Risk,
  Subject,
  Told,
  Verdict,
} from '../../src-shared/step.ts';
import { tell } from '../../src-shared/step.ts';

// ---------------------------------------------------------------- what a step may read

/** How a machine answers before and after login. */
export interface HostKey {
  readonly type: string;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}

/** Read-only sight of the world, given to `read`. Everything here writes nothing. */
export interface World {
  /** Answers by probe id, in one round trip; opens the connection when it is not open. */
  probe(machine: string, probes: readonly Probe[]): Promise<Readonly<Record<string, Answer>>>;
  /** The key a machine shows, without logging in. */
  hostKey(machine: string): Promise<HostKey>;
  /** Whether this lease is open now. */
  leaseOpen(lease: Lease, machine: string): boolean;
  /** The chosen medium; null when none is chosen. Problems when it is absent or another one. */
  medium(): Promise<MediumSight | null>;
  /** Facts of a room by name: listings, verifications, key fingerprints. Registered in compose beside the jobs. */
  sight<T extends Json>(name: string, args?: Readonly<Record<string, Json>>): Promise<T>;
}

export interface MediumSight {
  /** Absolute path of the folder chosen; our tree is `fieldkit/` below it. */
  readonly root: string;
  readonly label: string;
  readonly freeBytes: number;
  readonly fileSystem: string;
  /** Files of our tree by path below `fieldkit/`, with sizes. */
  readonly files: Readonly<Record<string, number>>;
}

// ---------------------------------------------------------------- what a site asks for offline

/** One thing the site will ask for when there is no network. */
export type Need =
  | { readonly kind: 'package'; readonly name: string; readonly system: string }
  | { readonly kind: 'release'; readonly name: string; readonly url: string; readonly system: string }
  | { readonly kind: 'key'; readonly name: 'cache' | 'repository' | 'manifest' };

// ---------------------------------------------------------------- the step

/** Things that must be open while a step reads or runs; each is lent by one step. */
export const leases = ['content'] as const;
export type Lease = (typeof leases)[number];

/** What a step is done for. */
export type Per =
  | { readonly kind: 'site' }
  | {
      readonly kind: 'machine';
      readonly roles: readonly Role[];
      /** It is for machines that leave the site, as only few steps are. */
      readonly leaving?: true;
      /** Which of them, in which order; all of the plan, in its order, when absent. */
      readonly among?: (site: SitePlan) => readonly Machine[];
    }
  | { readonly kind: 'system' }
  /** Releases that come from there for at least one target system. */
  | { readonly kind: 'release'; readonly from: Origin };

export const perSite: Per = { kind: 'site' };
export const perSystem: Per = { kind: 'system' };
export const perRelease = (from: Origin): Per => ({ kind: 'release', from });
export const machines = (...roles: readonly Role[]): Per => ({ kind: 'machine', roles });
export const leavingMachines = (...roles: readonly Role[]): Per => ({ kind: 'machine', roles, leaving: true });
export const machinesAmong = (among: (site: SitePlan) => readonly Machine[], ...roles: readonly Role[]): Per => ({
  kind: 'machine',
  roles,
  among,
});

/** Everything a step decides from, besides its facts. */
export interface Context<Input> {
  readonly site: SitePlan;
  readonly lock: SiteLock;
  readonly subject: Subject;
  readonly input: Input;
  /** The sum of all steps' needs. */
  readonly needs: readonly Need[];
  /** This instance's record: answers given, findings skipped, what became of its last commands. */
  readonly earlier: Pick<InstanceView, 'answers' | 'skipped' | 'everDone' | 'formerly' | 'commands'>;
  /** The record of another step for the same subject, undefined when there is none. */
  readonly record: (step: string, subject?: Subject) => InstanceView | undefined;
}

/** A context whose input's type does not matter. */
export type AnyContext = Context<Readonly<Record<string, Json>>>;

export interface StepDefinition<Facts extends Json, Input extends Readonly<Record<string, Json>>> {
  /** kebab-case, permanent: journals, texts and commands use it. */
  readonly id: string;
  readonly chapter: Chapter;
  readonly phase: Phase;
  readonly per: Per;
  readonly after: readonly After[];
  /**
   * Steps that go first in a run that does both, although nothing of theirs is needed: whatever becomes of them, it is done.
   * `everything`: all that stands before it in the runbook.
   */
  readonly waitsFor?: readonly string[] | 'everything';
  readonly risk: Risk;
  /** It touches what other machines stand on: nothing else of the site is worked on meanwhile. */
  readonly alone?: true;
  /** It makes a machine reachable, and what is reached through that one comes after it. */
  readonly opensWay?: true;
  readonly holds: readonly Lease[];
  /** The lease this step lends once it was done. */
  readonly lends?: Lease;
  /** What it will ask for offline. */
  readonly needs?: (site: SitePlan) => readonly Need[];
  readonly input: z.ZodType<Input>;
  readonly facts: z.ZodType<Facts>;
  readonly read: (world: World, context: Context<Input>) => Promise<Facts>;
  /** Facts as plain sentences. */
  readonly found: (facts: Facts, context: Context<Input>) => readonly Told[];
  readonly verdict: (facts: Facts, context: Context<Input>) => Verdict;
  readonly plan: (facts: Facts, context: Context<Input>) => readonly Command[];
  /** A secret that a person needs at this step, read from the machine when asked for; it is never kept. Throws what reading throws. */
  readonly reveals?: (world: World, context: Context<Input>) => Promise<string>;
  /** How the step is taken back; absent where it cannot be. */
  readonly undo?: Undo<Facts, Input>;
}

/** Facts as they are now, and as they were before the step first ran; null where no record tells. */
export interface Undo<Facts extends Json, Input extends Readonly<Record<string, Json>>> {
  /** Commands that take it back; none when nothing is left to take back. Pure, and deterministic. */
  readonly plan: (facts: Facts, context: Context<Input>, before: Facts | null) => readonly Command[];
  /** It may be taken back before it was ever done: what it needs for that stands from its first change on. */
  readonly halfway?: true;
  /** What stays in place all the same. */
  readonly stays: (facts: Facts, context: Context<Input>, before: Facts | null) => readonly Told[];
}

/** A step with its types forgotten, as the engine holds it. */
export type Step = StepDefinition<Json, Readonly<Record<string, Json>>>;

/** Checks the shape of a step while keeping its types inside the file that defines it. */
export function defineStep<Facts extends Json, Input extends Readonly<Record<string, Json>>>(
  step: StepDefinition<Facts, Input>,
): Step {
  return step as unknown as Step;
}

// ---------------------------------------------------------------- verdicts

export const finding = <C extends ProblemCode>(code: C, params: Params): Finding => ({ code, params: { ...params } });
export const done = (...findings: readonly Finding[]): Verdict => ({ state: 'done', findings: [...findings] });
export const todo = (...findings: readonly Finding[]): Verdict => ({ state: 'todo', findings: [...findings] });
export const blocked = (...findings: readonly [Finding, ...Finding[]]): Verdict => ({
  state: 'blocked',
  findings: [...findings],
});
export const waiting = (what: Told): Verdict => ({ state: 'waiting', for: what, findings: [] });
export const blockedBy = (problem: ProblemData): Verdict => blocked(finding(problem.code, problem.params));

// ---------------------------------------------------------------- commands, with their defaults

const minute = 60_000;

/** Runs a program on a machine, as root unless said otherwise. */
export const run = (
  machine: string,
  argv: CommandOf<'run'>['argv'],
  more: Partial<Omit<CommandOf<'run'>, 'kind' | 'on' | 'argv'>> = {},
): Command => ({ kind: 'run', on: { machine }, argv, limitMs: minute, ...more });

/** A job of a room on the laptop. */
export const work = (job: string, args: Readonly<Record<string, Json>> = {}, note?: Told): Command => ({
  kind: 'work',
  job,
  args: { ...args },
  ...(note === undefined ? {} : { note }),
});

/** A text key below the step: `found`, `does`, `waits`, `asks`. */
export const says = (step: string, part: string, params: Params = {}): Told => tell(`steps.${step}.${part}`, params);

/** The machine of a machine step's subject. Throws when the plan lost it: instances are made from the same plan. */
export function machineOfSubject({ site, subject }: Context<never> | AnyContext): Machine {
  const found = subject.kind === 'machine' ? site.machines.find((item) => item.name === subject.name) : undefined;
  if (found === undefined) throw new RangeError(`no machine for ${JSON.stringify(subject)}`);
  return found;
}

/** The target system of a system step's subject, such as `debian-12-amd64`. */
export function systemOfSubject({ subject }: Pick<Context<never>, 'subject'>): string {
  if (subject.kind !== 'system') throw new RangeError(`no system for ${JSON.stringify(subject)}`);
  return subject.name;
}

export function releaseOfSubject({ site, subject }: AnyContext): Release {
  const found = subject.kind === 'release' ? site.releases.find((item) => item.name === subject.name) : undefined;
  if (found === undefined) throw new RangeError(`no release for ${JSON.stringify(subject)}`);
  return found;
}

export type { Answer, Command, Finding, Probe, Subject, Told, Verdict };
