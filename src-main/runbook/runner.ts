// Runs instances of steps: facts, verdict, plan, consent, perform, facts again, in rounds until done.
// Used by the desk. Knows no step, no room and no machine by name; everything it does is journaled before and after.
import { createHash } from 'node:crypto';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { Json } from '../../src-shared/json.ts';
import type { ProblemData } from '../../src-shared/problem.ts';
import { Problem, problem, problems, toProblemData } from '../../src-shared/problem.ts';
import type { Plan, Told, Verdict } from '../../src-shared/step.ts';
import { planText, subjectName } from '../../src-shared/step.ts';
import type { Asker } from './asking.ts';
import type { Command, Context, Need, Step } from './define.ts';
import { blockedBy } from './define.ts';
import type { Instance } from './instances.ts';
import { before, instancesOf, needsOf } from './instances.ts';
import type { OpenSite } from './open-site.ts';
import type { Hands, Performing } from './performer.ts';
import { progressMeter } from './progress.ts';

/** More rounds than any honest step needs; reaching it means the step does not settle. */
const mostRounds = 12;
/** Times a cut connection is taken up again within one run. */
const mostReconnects = 3;

export interface RunOptions {
  readonly asker: Asker;
  /** `phase`: plans up to risk `changes` need no further yes. */
  readonly consent: 'each' | 'phase';
  /** Hashes of plans already seen and agreed to. */
  readonly agreed: readonly string[];
  /** Codes of skippable findings a person chose to pass. */
  readonly skip: readonly string[];
  readonly inputs: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly signal: AbortSignal;
}

export type Outcome = 'done' | 'waiting' | 'stopped' | 'cancelled' | 'failed';

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
export const hashOf = (commands: readonly Command[]): string =>
  createHash('sha256').update(planText(commands)).digest('hex');

export class Runner {
  readonly #site: OpenSite;
  readonly #runbook: readonly Step[];
  readonly #hands: Hands;

  constructor(site: OpenSite, runbook: readonly Step[], hands: Hands) {
    this.#site = site;
    this.#runbook = runbook;
    this.#hands = hands;
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
    if (list.map((item) => item.key).join() !== this.#site.view.order.join())
      await this.#site.append({
        kind: 'instances',
        list: list.map(({ step, subject }) => ({ step: step.id, subject })),
      });
  }

  #view(instance: Instance): InstanceView {
    const found = this.#site.view.instances[instance.key];
    if (found === undefined) throw new RangeError(`no record of ${instance.key}`);
    return found;
  }

  #context(instance: Instance, input: Readonly<Record<string, Json>>): Context<Readonly<Record<string, Json>>> {
    const record: Context<never>['record'] = (step, subject = instance.subject) =>
      Object.values(this.#site.view.instances).find(
        (item) => item.step === step && JSON.stringify(item.subject) === JSON.stringify(subject),
      );
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

  /** A step's input: given now, else what its last run used; checked against its schema. */
  #input(instance: Instance, given: Readonly<Record<string, Json>> | undefined): Readonly<Record<string, Json>> {
    const parsed = instance.step.input.safeParse(given ?? this.#view(instance).input);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw problem('usage-wrong', { detail: `${instance.key}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` });
  }

  /** Reads facts and judges them. A problem met while reading is a blocking finding; it changes nothing. */
  async #read(instance: Instance, input: Readonly<Record<string, Json>>, signal: AbortSignal): Promise<Reading> {
    this.#site.live({ kind: 'reading', instance: instance.key });
    const context = this.#context(instance, input);
    try {
      await this.#openLeases(instance, signal);
      const facts = instance.step.facts.parse(await instance.step.read(this.#hands.world(signal), context));
      return { facts, found: instance.step.found(facts, context), verdict: instance.step.verdict(facts, context) };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Problem)) throw error;
      return { facts: null, found: [], verdict: blockedBy(error.data) };
    } finally {
      this.#site.settleLive(instance.key, 'reading');
    }
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
      facts: JSON.parse(this.#site.secrets.redact(JSON.stringify(reading.facts))),
      found: [...reading.found],
      verdict: reading.verdict,
    });
  }

  /** Facts and verdict, without a run. */
  async check(
    instance: Instance,
    given: Readonly<Record<string, Json>> | undefined,
    signal: AbortSignal,
  ): Promise<Verdict> {
    await this.refresh();
    const reading = await this.#read(instance, this.#input(instance, given), signal);
    await this.#journalReading(instance, reading);
    return reading.verdict;
  }

  /** The plan as it would be shown, null when there is nothing to do or nothing can be done. */
  async plan(
    instance: Instance,
    given: Readonly<Record<string, Json>> | undefined,
    signal: AbortSignal,
  ): Promise<Plan | null> {
    await this.refresh();
    const input = this.#input(instance, given);
    const reading = await this.#read(instance, input, signal);
    await this.#journalReading(instance, reading);
    const commands = this.#commands(instance, input, reading, []);
    return commands.length === 0
      ? null
      : { instance: instance.key, round: 1, hash: hashOf(commands), commands: [...commands] };
  }

  #commands(
    instance: Instance,
    input: Readonly<Record<string, Json>>,
    reading: Reading,
    skip: readonly string[],
  ): readonly Command[] {
    const { state } = reading.verdict;
    if (state === 'done' || (state === 'blocked' && stoppers(reading.verdict, skip).length > 0)) return [];
    return instance.step.plan(reading.facts, this.#context(instance, input));
  }

  /** Runs one instance to its end. Never throws but for faults of the program; the journal tells the rest. */
  async run(instance: Instance, options: RunOptions): Promise<Ended> {
    await this.refresh();
    const key = instance.key;
    const missing = before(instance, this.instances()).find((item) => !this.#stands(item));
    const input = this.#input(instance, options.inputs[key]);
    let performed = 0;
    const end = async (outcome: Outcome, trouble: ProblemData | null): Promise<Ended> => {
      const clean =
        trouble === null ? null : (JSON.parse(this.#site.secrets.redact(JSON.stringify(trouble))) as ProblemData);
      await this.#site.append({ kind: 'run-ended', instance: key, outcome, problem: clean });
      this.#site.settleLive(key, 'reading', 'progress', 'awaiting', 'confirm', 'question');
      await this.#hands.edge();
      return { instance: key, outcome, problem: clean, performed };
    };
    const unsettled = this.#unknownOf(this.#view(instance));
    await this.#site.append({ kind: 'run-started', instance: key, input });
    try {
      if (missing !== undefined) throw problem('step-before-missing', { step: key, before: missing.key });
      if (unsettled !== null) await this.#settle(instance, unsettled, options);
      let last = '';
      let reconnects = 0;
      for (let round = 1; round <= mostRounds; round += 1) {
        options.signal.throwIfAborted();
        const reading = await this.#read(instance, input, options.signal);
        await this.#journalReading(instance, reading);
        const { verdict } = reading;
        if (verdict.state === 'done') return await end('done', null);
        const stopper = stoppers(verdict, options.skip)[0];
        if (stopper !== undefined) return await end('stopped', problemOfFinding(stopper.code, stopper.params));
        const passed = verdict.state === 'blocked' ? verdict.findings.map((item) => item.code) : [];
        if (passed.length > 0)
          await this.#site.append({ kind: 'skipped', instance: key, codes: passed, by: options.asker.who });
        const commands = this.#commands(instance, input, reading, options.skip);
        if (commands.length === 0) {
          if (verdict.state === 'waiting') return await end('waiting', null);
          if (passed.length > 0) return await end('done', null);
          throw problem('step-not-settled', { step: key, machine: subjectName(instance.subject) });
        }
        const plan: Plan = { instance: key, round, hash: hashOf(commands), commands: [...commands] };
        if (plan.hash === last)
          throw problem('step-not-settled', { step: key, machine: subjectName(instance.subject) });
        await this.#site.append({ kind: 'plan', instance: key, plan });
        if (!(await this.#consented(instance, plan, options)))
          return await end('cancelled', problem('not-confirmed', { step: key }).data);
        if (
          !options.agreed.includes(plan.hash) &&
          options.consent === 'each' &&
          !(await this.#stillHolds(instance, input, plan, options))
        )
          continue;
        try {
          performed += await this.#performAll(instance, plan, options);
          last = plan.hash;
        } catch (error) {
          if (!(error instanceof Problem) || error.code !== 'connection-lost' || reconnects >= mostReconnects)
            throw error;
          reconnects += 1;
          await this.#settle(instance, this.#unknownOf(this.#view(instance)), options);
        }
      }
      throw problem('step-not-settled', { step: key, machine: subjectName(instance.subject) });
    } catch (error) {
      if (options.signal.aborted) return end('cancelled', problem('cancelled', { what: key }).data);
      return end('failed', toProblemData(error));
    }
  }

  /** Runs instances in order; stops at the first that does not end done. */
  async runAll(instances: readonly Instance[], options: RunOptions): Promise<readonly Ended[]> {
    const ended: Ended[] = [];
    for (const instance of instances) {
      if (this.#stands(instance) && options.consent === 'phase' && (await this.#holdsStill(instance, options))) {
        ended.push({ instance: instance.key, outcome: 'done', problem: null, performed: 0 });
        continue;
      }
      const result = await this.run(instance, options);
      ended.push(result);
      if (result.outcome !== 'done') break;
    }
    return ended;
  }

  /** A step done before is read again; when it still is, no run is recorded. */
  async #holdsStill(instance: Instance, options: RunOptions): Promise<boolean> {
    options.signal.throwIfAborted();
    return (await this.check(instance, options.inputs[instance.key], options.signal)).state === 'done';
  }

  #stands(instance: Instance): boolean {
    return this.#site.view.instances[instance.key]?.state === 'done';
  }

  async #consented(instance: Instance, plan: Plan, options: RunOptions): Promise<boolean> {
    const free = options.consent === 'phase' && instance.step.risk !== 'destroys';
    const scope = free ? 'phase' : 'plan';
    if (!free && !options.agreed.includes(plan.hash)) {
      const yes = await options.asker.confirm(instance.key, plan, options.signal);
      this.#site.settleLive(instance.key, 'confirm');
      if (!yes) return false;
    }
    await this.#site.append({ kind: 'consent', instance: instance.key, hash: plan.hash, scope, by: options.asker.who });
    return true;
  }

  /** After a person thought about it: the facts must still yield the same plan, else it is shown anew. */
  async #stillHolds(
    instance: Instance,
    input: Readonly<Record<string, Json>>,
    plan: Plan,
    options: RunOptions,
  ): Promise<boolean> {
    const reading = await this.#read(instance, input, options.signal);
    return hashOf(this.#commands(instance, input, reading, options.skip)) === plan.hash;
  }

  /** Performs a plan's commands one after the other; returns how many. A cancel acts between them. */
  async #performAll(instance: Instance, plan: Plan, options: RunOptions): Promise<number> {
    const captured = new Map<string, string>();
    for (const [index, command] of plan.commands.entries()) {
      options.signal.throwIfAborted();
      await this.#perform(instance, plan, index, command, captured, options);
    }
    return plan.commands.length;
  }

  async #perform(
    instance: Instance,
    plan: Plan,
    index: number,
    command: Command,
    captured: Map<string, string>,
    options: RunOptions,
  ): Promise<void> {
    const at = { instance: instance.key, hash: plan.hash, index };
    const started = this.#site.clock.monotonicMs();
    await this.#site.append({ kind: 'command-started', ...at });
    const lines: string[] = [];
    const ended = async (
      outcome: 'performed' | 'failed' | 'cancelled' | 'unknown',
      exit: number | null,
      output: string,
      trouble: ProblemData | null,
    ) =>
      this.#site.append({
        kind: 'command-ended',
        ...at,
        outcome,
        exit,
        durationMs: Math.round(this.#site.clock.monotonicMs() - started),
        output: await this.#site.keep(output),
        problem:
          trouble === null ? null : (JSON.parse(this.#site.secrets.redact(JSON.stringify(trouble))) as ProblemData),
      });
    try {
      const result = await this.#hands.perform(
        command,
        this.#performing(instance, plan, index, command, captured, lines, options),
      );
      if (command.kind === 'run' && command.capture !== undefined) captured.set(command.capture, result.output.trim());
      await ended('performed', result.exit, result.output, null);
    } catch (error) {
      const data = toProblemData(error);
      const outcome = data.code === 'connection-lost' ? 'unknown' : options.signal.aborted ? 'cancelled' : 'failed';
      await ended(outcome, exitIn(data), lines.join('\n'), data);
      throw error;
    } finally {
      this.#site.settleLive(instance.key, 'progress', 'awaiting', 'question');
    }
  }

  #performing(
    instance: Instance,
    plan: Plan,
    index: number,
    command: Command,
    captured: Map<string, string>,
    lines: string[],
    options: RunOptions,
  ): Performing {
    const key = instance.key;
    const ask: Performing['ask'] = async (question) => {
      await this.#site.append({ kind: 'asked', instance: key, question });
      const value = await options.asker.answer(key, question, options.signal);
      const secret = question.kind === 'secret';
      if (secret) this.#site.secrets.set(question.id, value);
      await this.#site.append({
        kind: 'answered',
        instance: key,
        id: question.id,
        value: secret ? null : value,
        by: options.asker.who,
      });
      return value;
    };
    const readCaptured = (name: string): string => {
      const value = captured.get(name);
      if (value === undefined) throw new RangeError(`nothing captured as ${name}`);
      return value;
    };
    const meter = progressMeter(this.#site.clock);
    return {
      instance: key,
      phase: instance.step.phase,
      hash: plan.hash,
      index,
      captured: readCaptured,
      resolve: async (text) => {
        const parts = typeof text === 'string' ? [text] : text;
        return parts
          .map((part) =>
            typeof part === 'string'
              ? part
              : 'secret' in part
                ? this.#secret(part.secret)
                : readCaptured(part.captured),
          )
          .join('');
      },
      ask,
      onProgress: (progress) => {
        const shown = meter(progress);
        if (shown !== null) this.#site.live({ kind: 'progress', instance: key, index, ...shown });
      },
      onLine: (line) => {
        const clean = this.#site.secrets.redact(line);
        lines.push(clean);
        if (lines.length > 2000) lines.splice(0, 1000);
        this.#site.live({ kind: 'lines', instance: key, index, lines: [clean] });
      },
      onAwaiting: (sinceMs, nextLookMs) => {
        if (command.kind === 'until')
          this.#site.live({
            kind: 'awaiting',
            instance: key,
            index,
            awaited: command.awaited,
            sinceMs,
            limitMs: command.limitMs,
            nextLookMs,
          });
      },
      signal: options.signal,
    };
  }

  #secret(handle: string): string {
    const value = this.#site.secrets.get(handle);
    if (value === undefined) throw problem('question-unanswered', { question: handle });
    return value;
  }

  /** The command whose start is recorded and whose end is not. */
  #unknownOf(view: InstanceView): { readonly plan: Plan; readonly index: number } | null {
    const index = view.commands.findIndex((item) => item.state === 'unknown' || item.state === 'running');
    return view.plan === null || index < 0 ? null : { plan: view.plan, index };
  }

  /** Finds out what became of a command that was cut off; when nobody can tell, the facts will. Never replays it. */
  async #settle(
    instance: Instance,
    unsettled: { readonly plan: Plan; readonly index: number } | null,
    options: RunOptions,
  ): Promise<void> {
    if (unsettled === null) return;
    const { plan, index } = unsettled;
    const command = plan.commands[index];
    if (command === undefined) return;
    const lines: string[] = [];
    const result = await this.#hands.settle(
      command,
      this.#performing(instance, plan, index, command, new Map(), lines, options),
    );
    if (result === null) return;
    await this.#site.append({
      kind: 'command-ended',
      instance: instance.key,
      hash: plan.hash,
      index,
      outcome: 'performed',
      exit: result.exit,
      durationMs: 0,
      output: await this.#site.keep(result.output),
      problem: null,
    });
  }
}

/** Findings that stop a blocked step: all but warnings, and skippable ones a person chose to pass. */
function stoppers(verdict: Verdict, skip: readonly string[]) {
  if (verdict.state !== 'blocked') return [];
  return verdict.findings.filter(({ code }) => {
    const { severity } = problems[code];
    return severity === 'strict' || (severity === 'skippable' && !skip.includes(code));
  });
}

const problemOfFinding = (code: ProblemData['code'], params: ProblemData['params']): ProblemData => {
  const { severity, retryable } = problems[code];
  return { code, params, severity, retryable, evidence: '' };
};

const exitIn = (data: ProblemData): number | null => {
  const exit = data.params.exit;
  return typeof exit === 'number' ? exit : null;
};
