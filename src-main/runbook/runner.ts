// Runs instances of steps: facts, verdict, plan, consent, perform, facts again, in rounds until done.
// Used by the desk. Knows no step, no room and no machine by name; everything it does is journaled before and after.

import type { InstanceView } from '../../src-shared/journal.ts';
import type { Json } from '../../src-shared/json.ts';
import type { ProblemData } from '../../src-shared/problem.ts';
import { Problem, problem, problems, toProblemData } from '../../src-shared/problem.ts';
import { machineNamed } from '../../src-shared/site.ts';
import type { Plan, Told, Verdict } from '../../src-shared/step.ts';
import { bySeverity, instanceKey, planText, subjectName } from '../../src-shared/step.ts';
import { sha256Of } from '../platform/files.ts';
import { type Asker, oneAtATime } from './asking.ts';
import type { Command, Context, Finding, Need, Step } from './define.ts';
import { blockedBy } from './define.ts';
import type { Instance } from './instances.ts';
import { before, instancesOf, needsOf, secretFields } from './instances.ts';
import { inLanes } from './lanes.ts';
import type { OpenSite } from './open-site.ts';
import { type PerformMeans, performAll, settle, unsettledOf } from './perform.ts';
import type { Hands } from './performer.ts';
import { redactJson, redactProblem, redactTold, redactVerdict } from './redact.ts';
import { type Undoing, undoing } from './undo.ts';

/** More rounds than any honest step needs; reaching it means the step does not settle. */
const mostRounds = 12;
/** Times a cut connection is taken up again within one run. */
const mostReconnects = 3;
/** Pauses between tries to reach a machine again after its connection was cut. */
const patienceMs = [1000, 2000, 5000, 10_000, 20_000, 20_000];
const awayCodes: ReadonlySet<ProblemData['code']> = new Set(['connection-lost', 'host-unreachable']);

type Input = Readonly<Record<string, Json>>;

export interface RunOptions {
  readonly asker: Asker;
  /** `phase`: plans up to risk `changes` need no further yes. */
  readonly consent: 'each' | 'phase';
  /** Hashes of plans already seen and agreed to. */
  readonly agreed: readonly string[];
  /** Codes of skippable findings a person chose to pass. */
  readonly skip: readonly string[];
  readonly inputs: Readonly<Record<string, Input>>;
  /** Nodes worked on side by side, at most; 5 without it. */
  readonly atOnce?: number;
  readonly signal: AbortSignal;
}

const nodesAtOnce = 5;

export type Outcome = 'done' | 'waiting' | 'stopped' | 'cancelled' | 'failed' | 'undone';

export interface Ended {
  readonly instance: string;
  readonly outcome: Outcome;
  readonly problem: ProblemData | null;
  /** Commands performed in this run. */
  readonly performed: number;
}

interface Reading {
  readonly facts: Json;
  readonly found: readonly Told[];
  readonly verdict: Verdict;
}

/** sha256 of the commands: what a consent is given to. */
export const hashOf = (commands: readonly Command[]): string => sha256Of(planText(commands));

export class Runner {
  readonly #site: OpenSite;
  readonly #runbook: readonly Step[];
  readonly #hands: Hands;
  readonly #means: PerformMeans;

  constructor(site: OpenSite, runbook: readonly Step[], hands: Hands) {
    this.#site = site;
    this.#runbook = runbook;
    this.#hands = hands;
    this.#means = { site, hands, openLeases: (instance, signal) => this.#openLeases(instance, signal) };
  }

  instances(): readonly Instance[] {
    return instancesOf(this.#runbook, this.#site.plan);
  }

  needs(): readonly Need[] {
    return needsOf(this.#runbook, this.#site.plan);
  }

  /** Journals the list of instances when the plan made another one. */
  async refresh(): Promise<void> {
    const list = this.instances();
    const { order, instances } = this.#site.view;
    const places = (all: readonly { readonly key: string; readonly chapter: string | null }[]): string =>
      all.map(({ key, chapter }) => `${key} ${chapter}`).join();
    if (places(list) !== places(order.flatMap((key) => instances[key] ?? [])))
      await this.#site.append({
        kind: 'instances',
        list: list.map(({ step, subject, chapter }) => ({ step: step.id, subject, chapter })),
      });
  }

  #view(instance: Instance): InstanceView {
    const found = this.#site.view.instances[instance.key];
    // The plan was edited meanwhile.
    if (found === undefined) throw problem('step-unknown', { step: instance.key });
    return found;
  }

  #context(instance: Instance, input: Input): Context<Input> {
    const record: Context<never>['record'] = (step, subject = instance.subject) =>
      this.#site.view.instances[instanceKey(step, subject)];
    return {
      site: this.#site.plan,
      lock: this.#site.lock,
      subject: instance.subject,
      input,
      needs: this.needs(),
      earlier: this.#view(instance),
      record,
    };
  }

  /**
   * A step's input: given now, else what its last run used, else the defaults (an older program's record may not fit).
   * Throws `usage-wrong`.
   */
  #input(instance: Instance, given: Input | undefined): Input {
    const { step, key } = instance;
    const recorded = given === undefined ? step.input.safeParse(this.#view(instance).input) : null;
    if (recorded?.success) return recorded.data;
    const parsed = step.input.safeParse(given ?? {});
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw problem('usage-wrong', { detail: `${key}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` });
  }

  /** The input as it may be recorded: secret fields stay in memory, and are known to the redaction from now on. */
  #keepSecretFields(instance: Instance, input: Input): Record<string, Json> {
    const hidden = new Set(secretFields(instance.step));
    for (const name of hidden)
      if (typeof input[name] === 'string') this.#site.secrets.set(`${instance.key}.${name}`, input[name]);
    return Object.fromEntries(Object.entries(input).filter(([name]) => !hidden.has(name)));
  }

  /** Reads facts and judges them. A problem met while reading is a blocking finding; it changes nothing. */
  #read(instance: Instance, input: Input, signal: AbortSignal): Promise<Reading> {
    return this.#look(instance, input, signal).catch((error: unknown) => this.#blockedReading(error, signal));
  }

  async #look(instance: Instance, input: Input, signal: AbortSignal): Promise<Reading> {
    this.#site.live({ kind: 'reading', instance: instance.key });
    const context = this.#context(instance, input);
    try {
      await this.#openLeases(instance, signal);
      const facts = instance.step.facts.parse(await instance.step.read(this.#hands.world(signal), context));
      return { facts, found: instance.step.found(facts, context), verdict: instance.step.verdict(facts, context) };
    } finally {
      this.#site.settleLive(instance.key, 'reading');
    }
  }

  #blockedReading(error: unknown, signal: AbortSignal): Reading {
    signal.throwIfAborted();
    if (!(error instanceof Problem)) throw error;
    return { facts: null, found: [], verdict: blockedBy(error.data) };
  }

  /** Opens what the step holds or lends, once its lender was done: a session's matter, not a change of the site. */
  async #openLeases({ step, subject }: Instance, signal: AbortSignal): Promise<void> {
    if (subject.kind !== 'machine') return;
    for (const lease of [...step.holds, ...(step.lends === undefined ? [] : [step.lends])]) {
      const lender = Object.values(this.#site.view.instances).find(
        (item) =>
          item.subject.kind === 'machine' && item.subject.name === subject.name && this.#lends(item.step, lease),
      );
      if (!lender?.everDone || this.#hands.leaseOpen(lease, subject.name)) continue;
      await this.#hands.openLease(lease, subject.name, signal);
      await this.#site.append({ kind: 'lease', lease, machine: subject.name, state: 'open' });
    }
  }

  #lends(id: string, lease: string): boolean {
    return this.#runbook.some((step) => step.id === id && step.lends === lease);
  }

  async #journalReading(instance: Instance, reading: Reading): Promise<void> {
    await this.#site.append({
      kind: 'facts',
      instance: instance.key,
      facts: redactJson(reading.facts, this.#site.secrets),
      found: reading.found.map((told) => redactTold(told, this.#site.secrets)),
      verdict: redactVerdict(reading.verdict, this.#site.secrets),
    });
  }

  /** Facts and verdict, without a run. */
  async check(instance: Instance, given: Input | undefined, signal: AbortSignal): Promise<Verdict> {
    await this.refresh();
    const reading = await this.#read(instance, this.#input(instance, given), signal);
    await this.#journalReading(instance, reading);
    return reading.verdict;
  }

  /** The plan as it would be shown, null when there is nothing to do or nothing can be done. */
  async plan(instance: Instance, given: Input | undefined, signal: AbortSignal): Promise<Plan | null> {
    await this.refresh();
    const input = this.#input(instance, given);
    const reading = await this.#read(instance, input, signal);
    await this.#journalReading(instance, reading);
    const commands = this.#commands(instance, input, reading, []);
    return planOf(instance, commands, 1);
  }

  #commands(instance: Instance, input: Input, reading: Reading, skip: readonly string[]): readonly Command[] {
    const { state } = reading.verdict;
    if (state === 'done' || (state === 'blocked' && stoppers(reading.verdict, skip).length > 0)) return [];
    return instance.step.plan(reading.facts, this.#context(instance, input));
  }

  /** The secret that a step shows on demand; from now on it is blanked in everything kept or shown. Throws `nothing-to-show`. */
  async reveal(instance: Instance, by: string, signal: AbortSignal): Promise<string> {
    await this.refresh();
    const { reveals } = instance.step;
    const context = this.#context(instance, this.#input(instance, undefined));
    const value = (await reveals?.(this.#hands.world(signal), context)) ?? '';
    if (value === '') throw problem('nothing-to-show', { step: instance.key });
    this.#site.secrets.set(`revealed:${instance.key}`, value);
    await this.#site.append({ kind: 'revealed', instance: instance.key, by });
    return value;
  }

  /** What undoing an instance would do, without doing it. Throws `undo-impossible`, `undo-others-first`. */
  async undoPlan(instance: Instance, signal: AbortSignal): Promise<Undoing & { readonly plan: Plan | null }> {
    await this.refresh();
    const undoing = await this.#undoing(instance, signal);
    return { ...undoing, plan: planOf(instance, undoing.commands, 1) };
  }

  /** A fact that cannot be read is a reason not to begin: undoing is never a guess. */
  async #undoing(instance: Instance, signal: AbortSignal): Promise<Undoing> {
    const input = this.#input(instance, undefined);
    const reading = await this.#look(instance, input, signal);
    await this.#journalReading(instance, reading);
    const context = this.#context(instance, input);
    return undoing(instance, this.instances(), this.#site.view, reading.facts, context);
  }

  /** Takes back what an instance did: its undo's plan, shown and agreed to, then facts again. Never throws, as `run`. */
  async undo(instance: Instance, options: RunOptions): Promise<Ended> {
    await this.refresh();
    const key = instance.key;
    const tally = { performed: 0 };
    const end = this.#ender(instance, tally);
    await this.#site.append({ kind: 'run-started', instance: key, input: this.#recorded(instance), undo: true });
    try {
      await this.#hands.ready();
      await this.#undoRounds(instance, options, tally);
      return await end('undone', null);
    } catch (error) {
      return this.#endFailed(end, error, key, options.signal);
    } finally {
      await this.#hands.rest();
    }
  }

  async #undoRounds(instance: Instance, options: RunOptions, tally: { performed: number }): Promise<void> {
    const key = instance.key;
    let last = '';
    for (let round = 1; round <= mostRounds; round += 1) {
      options.signal.throwIfAborted();
      const { commands } = await this.#undoing(instance, options.signal);
      const plan = planOf(instance, commands, round);
      if (plan === null) return;
      if (plan.hash === last) break;
      await this.#site.append({ kind: 'plan', instance: key, plan });
      if (!options.agreed.includes(plan.hash)) {
        const yes = await options.asker.confirm(key, plan, options.signal);
        this.#site.settleLive(key, 'confirm');
        if (!yes) throw problem('not-confirmed', { step: key });
        const again = planOf(instance, (await this.#undoing(instance, options.signal)).commands, round);
        if (again?.hash !== plan.hash) continue;
      }
      await this.#site.append({
        kind: 'consent',
        instance: key,
        hash: plan.hash,
        scope: 'plan',
        by: options.asker.who,
      });
      tally.performed += await performAll(this.#means, instance, plan, options);
      last = plan.hash;
    }
    throw problem('step-not-settled', { step: key, machine: subjectName(instance.subject) });
  }

  /** The input of the last run, as it was recorded. */
  #recorded(instance: Instance): Record<string, Json> {
    return this.#keepSecretFields(instance, this.#input(instance, undefined));
  }

  /** Ends a run in the record, and brings the medium's copy up to date. */
  #ender(instance: Instance, tally: { readonly performed: number }) {
    return async (outcome: Outcome, trouble: ProblemData | null): Promise<Ended> => {
      const key = instance.key;
      const clean = trouble === null ? null : redactProblem(trouble, this.#site.secrets);
      await this.#site.append({ kind: 'run-ended', instance: key, outcome, problem: clean });
      this.#site.settleLive(key, 'reading', 'progress', 'awaiting', 'confirm', 'question');
      await this.#hands.edge();
      return { instance: key, outcome, problem: clean, performed: tally.performed };
    };
  }

  #endFailed(
    end: (outcome: Outcome, trouble: ProblemData | null) => Promise<Ended>,
    error: unknown,
    key: string,
    signal: AbortSignal,
  ): Promise<Ended> {
    if (signal.aborted) return end('cancelled', problem('cancelled', { what: key }).data);
    const data = toProblemData(error);
    // A person's no is no failure.
    return end(data.code === 'not-confirmed' ? 'cancelled' : 'failed', data);
  }

  /**
   * Runs one instance to its end: facts, verdict, plan, consent, perform, facts again.
   * Never throws but for faults of the program; the journal tells the rest.
   */
  async run(instance: Instance, options: RunOptions): Promise<Ended> {
    await this.refresh();
    const key = instance.key;
    const missing = before(instance, this.instances()).find((item) => !this.#stands(item));
    const unsettled = unsettledOf(this.#view(instance));
    const input = this.#input(instance, options.inputs[key]);
    const tally = { performed: 0 };
    const end = this.#ender(instance, tally);
    await this.#site.append({ kind: 'run-started', instance: key, input: this.#keepSecretFields(instance, input) });
    try {
      await this.#hands.ready();
      if (missing !== undefined) throw problem('step-before-missing', { step: key, before: missing.key });
      if (unsettled !== null) await settle(this.#means, instance, unsettled, options);
      const { outcome, trouble } = await this.#rounds(instance, input, options, tally);
      return await end(outcome, trouble);
    } catch (error) {
      return this.#endFailed(end, error, key, options.signal);
    }
  }

  async #rounds(
    instance: Instance,
    input: Input,
    options: RunOptions,
    tally: { performed: number },
  ): Promise<{ readonly outcome: Outcome; readonly trouble: ProblemData | null }> {
    const key = instance.key;
    const unsettledStep = () => problem('step-not-settled', { step: key, machine: subjectName(instance.subject) });
    let last = '';
    let reconnects = 0;
    /** Commands that were agreed to and then cut off: they need no new yes. */
    let agreedRest: readonly Command[] = [];
    for (let round = 1; round <= mostRounds; round += 1) {
      options.signal.throwIfAborted();
      const reading = await this.#readPatiently(instance, input, reconnects > 0, options.signal);
      await this.#journalReading(instance, reading);
      const { verdict } = reading;
      if (verdict.state === 'done') return { outcome: 'done', trouble: null };
      const stopper = stoppers(verdict, options.skip)[0];
      if (stopper !== undefined) return { outcome: 'stopped', trouble: problemOfFinding(stopper) };
      const passed = verdict.findings.flatMap(({ code }) => (problems[code].severity === 'skippable' ? [code] : []));
      if (verdict.state === 'blocked' && passed.length > 0)
        await this.#site.append({ kind: 'skipped', instance: key, codes: passed, by: options.asker.who });
      const commands = this.#commands(instance, input, reading, options.skip);
      if (commands.length === 0) {
        if (verdict.state === 'waiting') return { outcome: 'waiting', trouble: null };
        if (verdict.state === 'blocked') return { outcome: 'done', trouble: null };
        throw unsettledStep();
      }
      const plan: Plan = { instance: key, round, hash: hashOf(commands), commands: [...commands] };
      if (plan.hash === last) throw unsettledStep();
      await this.#site.append({ kind: 'plan', instance: key, plan });
      const consent = isRestOf(commands, agreedRest) ? 'rest' : await this.#consent(instance, plan, options);
      if (consent === 'no') throw problem('not-confirmed', { step: key });
      if (consent === 'asked' && !(await this.#stillHolds(instance, input, plan, options))) continue;
      await this.#site.append({
        kind: 'consent',
        instance: key,
        hash: plan.hash,
        scope: consent === 'phase' ? 'phase' : 'plan',
        by: options.asker.who,
      });
      try {
        tally.performed += await performAll(this.#means, instance, plan, options);
        last = plan.hash;
        agreedRest = [];
      } catch (error) {
        if (!awayCodes.has(codeOf(error) ?? 'internal') || reconnects >= mostReconnects) throw error;
        reconnects += 1;
        const view = this.#view(instance);
        const at = view.commands.findIndex((item) => item.state !== 'performed');
        tally.performed += at;
        agreedRest = plan.commands.slice(at);
        const cut = unsettledOf(view);
        if (cut !== null) await this.#patiently(() => settle(this.#means, instance, cut, options), options.signal);
      }
    }
    throw unsettledStep();
  }

  /** Tries again for about a minute while the machine cannot be reached: a cable may be pulled for a moment. */
  async #patiently<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (const pauseMs of patienceMs) {
      try {
        return await act();
      } catch (error) {
        if (!awayCodes.has(codeOf(error) ?? 'internal')) throw error;
        await this.#site.clock.sleep(pauseMs, signal);
      }
    }
    return act();
  }

  #readPatiently(instance: Instance, input: Input, patient: boolean, signal: AbortSignal): Promise<Reading> {
    if (!patient) return this.#read(instance, input, signal);
    return this.#patiently(() => this.#look(instance, input, signal), signal).catch((error: unknown) =>
      this.#blockedReading(error, signal),
    );
  }

  /**
   * Runs instances in order; nodes go side by side, and one that fails stops alone. Anything else that does not end done stops
   * the run.
   */
  async runAll(instances: readonly Instance[], options: RunOptions): Promise<readonly Ended[]> {
    const ended: Ended[] = [];
    const all = this.instances();
    const asker = oneAtATime(options.asker);
    const act = async (instance: Instance): Promise<boolean> => {
      const own = { ...options, asker };
      const still = options.consent === 'phase' && (await this.#holdsStill(instance, own));
      const result: Ended = still
        ? { instance: instance.key, outcome: 'done', problem: null, performed: 0 }
        : await this.run(instance, own);
      ended.push(result);
      return result.outcome === 'done';
    };
    try {
      await inLanes(instances, {
        atOnce: options.atOnce ?? nodesAtOnce,
        laneOf: (instance) => this.#laneOf(instance),
        before: (instance) => before(instance, all),
        alone: ({ step }) => step.alone === true,
        firstAlone: !this.#anyNodeStands(),
        act,
      });
    } finally {
      await this.#hands.rest();
    }
    return ended;
  }

  /** What is done for a node on site goes beside what is done for others, but for steps with an order of machines of their own. */
  #laneOf({ phase, subject, step: { per } }: Instance): string | null {
    if (phase !== 'site' || subject.kind !== 'machine') return null;
    if (per.kind === 'machine' && per.among !== undefined) return null;
    return machineNamed(this.#site.plan, subject.name)?.roles.includes('node') ? subject.name : null;
  }

  /** A node of this site was brought to its end before: the way is known to be good. */
  #anyNodeStands(): boolean {
    const last = this.#runbook.findLast(({ alone }) => alone === true)?.id;
    return Object.values(this.#site.view.instances).some((item) => item.step === last && item.everDone);
  }

  /** A step done before is read again; when it still is, no run is recorded. A cancel leaves it to the run, which says so. */
  async #holdsStill(instance: Instance, options: RunOptions): Promise<boolean> {
    if (!this.#stands(instance) || options.signal.aborted) return false;
    try {
      return (await this.check(instance, options.inputs[instance.key], options.signal)).state === 'done';
    } catch (error) {
      if (options.signal.aborted) return false;
      throw error;
    }
  }

  #stands(instance: Instance): boolean {
    return this.#site.view.instances[instance.key]?.state === 'done';
  }

  /** How this plan may be performed: by the phase's yes, by one given before, by one asked for now, or not. */
  async #consent(instance: Instance, plan: Plan, options: RunOptions): Promise<'phase' | 'agreed' | 'asked' | 'no'> {
    if (options.consent === 'phase' && instance.step.risk !== 'destroys') return 'phase';
    if (options.agreed.includes(plan.hash)) return 'agreed';
    const yes = await options.asker.confirm(instance.key, plan, options.signal);
    this.#site.settleLive(instance.key, 'confirm');
    return yes ? 'asked' : 'no';
  }

  /** After a person thought about it: the facts must still yield the same plan, else it is shown anew. */
  async #stillHolds(instance: Instance, input: Input, plan: Plan, options: RunOptions): Promise<boolean> {
    const reading = await this.#read(instance, input, options.signal);
    return hashOf(this.#commands(instance, input, reading, options.skip)) === plan.hash;
  }
}

/** Null when there is nothing to do. */
const planOf = (instance: Instance, commands: readonly Command[], round: number): Plan | null =>
  commands.length === 0 ? null : { instance: instance.key, round, hash: hashOf(commands), commands: [...commands] };

/** Findings that stop a blocked step: all but warnings, and skippable ones a person chose to pass. */
function stoppers(verdict: Verdict, skip: readonly string[]) {
  if (verdict.state !== 'blocked') return [];
  return bySeverity(verdict.findings).filter(({ code }) => {
    const { severity } = problems[code];
    return severity === 'strict' || (severity === 'skippable' && !skip.includes(code));
  });
}

const problemOfFinding = ({ code, params }: Finding): ProblemData => {
  const { severity, retryable } = problems[code];
  return { code, params, severity, retryable, evidence: '' };
};

const codeOf = (error: unknown): ProblemData['code'] | null => (error instanceof Problem ? error.code : null);

/** Whether every command, in order, is one of those that were agreed to. */
function isRestOf(commands: readonly Command[], agreed: readonly Command[]): boolean {
  const texts = agreed.map((command) => planText([command]));
  let from = 0;
  return commands.every((command) => {
    const at = texts.indexOf(planText([command]), from);
    from = at + 1;
    return at >= 0;
  });
}
