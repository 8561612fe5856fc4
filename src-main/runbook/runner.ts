// Runs instances of steps on top of the reader: consent, perform, facts again, in rounds until done; alone, in lanes, and back.
// Used by the desk. Knows no step, no room and no machine by name; everything it does is journaled before and after.

import type { ProblemData } from '../../src-shared/problem.ts';
import { Problem, problem, problems, toProblemData } from '../../src-shared/problem.ts';
import { machineNamed, nodesAtOnce } from '../../src-shared/site.ts';
import type { Plan } from '../../src-shared/step.ts';
import { planText, subjectName, subjectNameOf } from '../../src-shared/step.ts';
import { type Asker, oneAtATime } from './asking.ts';
import type { Command, Finding, Step } from './define.ts';
import type { Instance } from './instances.ts';
import { before, goesFirst } from './instances.ts';
import { inLanes } from './lanes.ts';
import type { OpenSite } from './open-site.ts';
import { type PerformMeans, performAll, settle, unsettledOf } from './perform.ts';
import type { Hands } from './performer.ts';
import { hashOf, type Input, planOf, Reader, type Reading, stoppers } from './reader.ts';
import { redactProblem } from './redact.ts';

/** More rounds than any honest step needs; reaching it means the step does not settle. */
const mostRounds = 12;
/** Times a cut connection is taken up again within one run. */
const mostReconnects = 3;
/** Pauses between tries to reach a machine again after its connection was cut. */
const patienceMs = [1000, 2000, 5000, 10_000, 20_000, 20_000];
const awayCodes: ReadonlySet<ProblemData['code']> = new Set(['connection-lost', 'host-unreachable']);

export interface RunOptions {
  readonly asker: Asker;
  /** `phase`: plans up to risk `changes` need no further yes. */
  readonly consent: 'each' | 'phase';
  /** Hashes of plans already seen and agreed to. */
  readonly agreed: readonly string[];
  /** Codes of skippable findings a person chose to pass. */
  readonly skip: readonly string[];
  readonly inputs: Readonly<Record<string, Input>>;
  /** Nodes worked on side by side, at most; `nodesAtOnce` without it. */
  readonly atOnce?: number;
  readonly signal: AbortSignal;
}

export type Outcome = 'done' | 'waiting' | 'stopped' | 'cancelled' | 'failed' | 'undone';
/** Something is wrong, and somebody must mend it. */
const failedOutcomes: ReadonlySet<Outcome> = new Set(['failed', 'stopped']);

export interface Ended {
  readonly instance: string;
  readonly outcome: Outcome;
  readonly problem: ProblemData | null;
  /** Commands performed in this run. */
  readonly performed: number;
}

export class Runner extends Reader {
  readonly #means: PerformMeans;

  constructor(site: OpenSite, runbook: readonly Step[], hands: Hands) {
    super(site, runbook, hands);
    this.#means = { site, hands, openLeases: (instance, signal) => this.openLeases(instance, signal) };
  }

  /** Takes back what an instance did: its undo's plan, shown and agreed to, then facts again. Never throws, as `run`. */
  async undo(instance: Instance, options: RunOptions): Promise<Ended> {
    await this.refresh();
    const key = instance.key;
    const tally = { performed: 0 };
    const end = this.#ender(instance, tally);
    await this.site.append({ kind: 'run-started', instance: key, input: this.recorded(instance), undo: true });
    try {
      await this.hands.ready();
      await this.#undoRounds(instance, options, tally);
      return await end('undone', null);
    } catch (error) {
      return this.#endFailed(end, error, key, options.signal);
    } finally {
      await this.hands.rest();
    }
  }

  async #undoRounds(instance: Instance, options: RunOptions, tally: { performed: number }): Promise<void> {
    const key = instance.key;
    let last = '';
    for (let round = 1; round <= mostRounds; round += 1) {
      options.signal.throwIfAborted();
      const { commands } = await this.undoing(instance, options.signal);
      const plan = planOf(instance, commands, round);
      if (plan === null) return;
      if (plan.hash === last) break;
      await this.site.append({ kind: 'plan', instance: key, plan });
      if (!options.agreed.includes(plan.hash)) {
        const yes = await options.asker.confirm(key, plan, options.signal);
        this.site.settleLive(key, 'confirm');
        if (!yes) throw problem('not-confirmed', { step: key });
        const again = planOf(instance, (await this.undoing(instance, options.signal)).commands, round);
        if (again?.hash !== plan.hash) continue;
      }
      await this.site.append({
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

  /** Ends a run in the record, and brings the medium's copy up to date. */
  #ender(instance: Instance, tally: { readonly performed: number }) {
    return async (outcome: Outcome, trouble: ProblemData | null): Promise<Ended> => {
      const key = instance.key;
      const clean = trouble === null ? null : redactProblem(trouble, this.site.secrets);
      await this.site.append({ kind: 'run-ended', instance: key, outcome, problem: clean });
      this.site.settleLive(key, 'reading', 'progress', 'awaiting', 'confirm', 'question');
      await this.hands.edge();
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
    const missing = before(instance, this.instances()).find((item) => !this.stands(item));
    const unsettled = unsettledOf(this.view(instance));
    const input = this.input(instance, options.inputs[key]);
    const tally = { performed: 0 };
    const end = this.#ender(instance, tally);
    await this.site.append({ kind: 'run-started', instance: key, input: this.keptInput(instance, input) });
    try {
      await this.hands.ready();
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
      await this.journalReading(instance, reading);
      const { verdict } = reading;
      if (verdict.state === 'done') return { outcome: 'done', trouble: null };
      const stopper = stoppers(verdict, options.skip)[0];
      if (stopper !== undefined) return { outcome: 'stopped', trouble: problemOfFinding(stopper) };
      const passed = verdict.findings.flatMap(({ code }) => (problems[code].severity === 'skippable' ? [code] : []));
      if (verdict.state === 'blocked' && passed.length > 0)
        await this.site.append({ kind: 'skipped', instance: key, codes: passed, by: options.asker.who });
      const commands = this.commands(instance, input, reading, options.skip);
      if (commands.length === 0) {
        if (verdict.state === 'waiting') return { outcome: 'waiting', trouble: null };
        if (verdict.state === 'blocked') return { outcome: 'done', trouble: null };
        throw unsettledStep();
      }
      const plan: Plan = { instance: key, round, hash: hashOf(commands), commands: [...commands] };
      if (plan.hash === last) throw unsettledStep();
      await this.site.append({ kind: 'plan', instance: key, plan });
      const consent = isRestOf(commands, agreedRest) ? 'rest' : await this.#consent(instance, plan, options);
      if (consent === 'no') throw problem('not-confirmed', { step: key });
      if (consent === 'asked' && !(await this.#stillHolds(instance, input, plan, options))) continue;
      await this.site.append({
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
        const view = this.view(instance);
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
        await this.site.clock.sleep(pauseMs, signal);
      }
    }
    return act();
  }

  /** A connection lost while facts are read is taken up again; a machine that was not there to begin with is told at once. */
  async #readPatiently(instance: Instance, input: Input, patient: boolean, signal: AbortSignal): Promise<Reading> {
    const look = () => this.look(instance, input, signal);
    try {
      if (patient) return await this.#patiently(look, signal);
      return await look().catch((error: unknown) => {
        if (codeOf(error) !== 'connection-lost') throw error;
        return this.#patiently(look, signal);
      });
    } catch (error) {
      return this.blockedReading(error, signal);
    }
  }

  /**
   * Runs instances in order; nodes go side by side, and one that fails stops alone, until so many have failed that no further one
   * is begun. Anything else that does not end done stops the run.
   */
  async runAll(instances: readonly Instance[], options: RunOptions): Promise<readonly Ended[]> {
    const ended: Ended[] = [];
    const all = this.instances();
    const asker = oneAtATime(options.asker);
    const { stopAfterFailed, stopAbovePercent } = this.site.plan.nodes;
    const counts = { failed: 0, begun: 0 };
    const act = async (instance: Instance): Promise<'done' | 'failed' | 'open'> => {
      const own = { ...options, asker };
      const still = options.consent === 'phase' && (await this.#holdsStill(instance, own));
      const result: Ended = still
        ? { instance: instance.key, outcome: 'done', problem: null, performed: 0 }
        : await this.run(instance, own);
      ended.push(result);
      if (result.outcome === 'done') return 'done';
      return failedOutcomes.has(result.outcome) ? 'failed' : 'open';
    };
    try {
      await inLanes(instances, {
        atOnce: options.atOnce ?? nodesAtOnce,
        laneOf: (instance) => this.#laneOf(instance),
        before: (instance) => before(instance, all),
        goesFirst: (instance) => goesFirst(instance, all),
        alone: ({ step }) => step.alone === true,
        firstAlone: !this.#anyNodeStands(),
        tooMany: (failed, begun) => {
          Object.assign(counts, { failed, begun });
          return failed >= stopAfterFailed && failed * 100 > begun * stopAbovePercent;
        },
        heldBack: async (lanes) => {
          ended.push(...(await this.#holdBack(lanes, ended, counts)));
        },
        act,
      });
    } finally {
      await this.hands.rest();
    }
    return ended;
  }

  /** Says at each node that is not begun any more why; at the first of its steps that would have been run. */
  async #holdBack(
    lanes: readonly (readonly Instance[])[],
    ended: readonly Ended[],
    { failed, begun }: { readonly failed: number; readonly begun: number },
  ): Promise<readonly Ended[]> {
    const left = lanes.flatMap((lane) => lane.find((instance) => !this.stands(instance)) ?? []);
    const bad = ended
      .filter(({ outcome }) => failedOutcomes.has(outcome))
      .map(({ instance }) => subjectNameOf(instance));
    const trouble = problem('too-many-nodes-failed', {
      failed,
      begun,
      names: [...new Set(bad)].join(', '),
      left: left.map(({ subject }) => subjectName(subject)).join(', '),
      ...this.site.plan.nodes,
    });
    const told: Ended[] = [];
    for (const instance of left) {
      const end = this.#ender(instance, { performed: 0 });
      await this.site.append({ kind: 'run-started', instance: instance.key, input: this.recorded(instance) });
      told.push(await end('stopped', trouble.data));
    }
    return told;
  }

  /** What is done for a node on site goes beside what is done for others, but for steps with an order of machines of their own. */
  #laneOf({ phase, subject, step: { per } }: Instance): string | null {
    if (phase !== 'site' || subject.kind !== 'machine') return null;
    if (per.kind === 'machine' && per.among !== undefined) return null;
    return machineNamed(this.site.plan, subject.name)?.roles.includes('node') ? subject.name : null;
  }

  /** A node of this site was brought to its end before: the way is known to be good. */
  #anyNodeStands(): boolean {
    const last = this.runbook.findLast(({ alone }) => alone === true)?.id;
    return Object.values(this.site.view.instances).some((item) => item.step === last && item.everDone);
  }

  /** A step done before is read again; when it still is, no run is recorded. A cancel leaves it to the run, which says so. */
  async #holdsStill(instance: Instance, options: RunOptions): Promise<boolean> {
    if (!this.stands(instance) || options.signal.aborted) return false;
    try {
      return (await this.check(instance, options.inputs[instance.key], options.signal)).state === 'done';
    } catch (error) {
      if (options.signal.aborted) return false;
      throw error;
    }
  }

  /** How this plan may be performed: by the phase's yes, by one given before, by one asked for now, or not. */
  async #consent(instance: Instance, plan: Plan, options: RunOptions): Promise<'phase' | 'agreed' | 'asked' | 'no'> {
    if (options.consent === 'phase' && instance.step.risk !== 'destroys') return 'phase';
    if (options.agreed.includes(plan.hash)) return 'agreed';
    const yes = await options.asker.confirm(instance.key, plan, options.signal);
    this.site.settleLive(instance.key, 'confirm');
    return yes ? 'asked' : 'no';
  }

  /** After a person thought about it: the facts must still yield the same plan, else it is shown anew. */
  async #stillHolds(instance: Instance, input: Input, plan: Plan, options: RunOptions): Promise<boolean> {
    const reading = await this.read(instance, input, options.signal);
    return hashOf(this.commands(instance, input, reading, options.skip)) === plan.hash;
  }
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
