// Looks at instances of steps: their facts, verdicts and plans, what they show on demand. It changes nothing on the site;
// the runner, which performs, goes on from here. Knows no step, no room and no machine by name.

import type { InstanceView } from '../../src-shared/journal.ts';
import type { Json } from '../../src-shared/json.ts';
import { Problem, problem, problems } from '../../src-shared/problem.ts';
import type { Plan, Told, Verdict } from '../../src-shared/step.ts';
import { bySeverity, instanceKey, planText } from '../../src-shared/step.ts';
import { sha256Of } from '../platform/files.ts';
import type { Command, Context, Need, Step } from './define.ts';
import { blockedBy } from './define.ts';
import type { Instance } from './instances.ts';
import { instancesOf, keptFields, needsOf, oneRunFields, secretFields } from './instances.ts';
import type { OpenSite } from './open-site.ts';
import type { Hands } from './performer.ts';
import { redactJson, redactTold, redactVerdict } from './redact.ts';
import { type Undoing, undoing } from './undo.ts';

export type Input = Readonly<Record<string, Json>>;

export interface Reading {
  readonly facts: Json;
  readonly found: readonly Told[];
  readonly verdict: Verdict;
}

/** sha256 of the commands: what a consent is given to. */
export const hashOf = (commands: readonly Command[]): string => sha256Of(planText(commands));

/** What may be known of a site's steps, and shown, without changing a machine. */
export class Reader {
  protected readonly site: OpenSite;
  protected readonly hands: Hands;
  protected readonly runbook: readonly Step[];

  constructor(site: OpenSite, runbook: readonly Step[], hands: Hands) {
    this.site = site;
    this.hands = hands;
    this.runbook = runbook;
  }

  instances(): readonly Instance[] {
    return instancesOf(this.runbook, this.site.plan);
  }

  needs(): readonly Need[] {
    return needsOf(this.runbook, this.site.plan);
  }

  /** Journals the list of instances when the plan made another one. */
  async refresh(): Promise<void> {
    const list = this.instances();
    const { order, instances } = this.site.view;
    const places = (all: readonly { readonly key: string; readonly chapter: string | null }[]): string =>
      all.map(({ key, chapter }) => `${key} ${chapter}`).join();
    if (places(list) !== places(order.flatMap((key) => instances[key] ?? [])))
      await this.site.append({
        kind: 'instances',
        list: list.map(({ step, subject, chapter }) => ({ step: step.id, subject, chapter })),
      });
  }

  protected view(instance: Instance): InstanceView {
    const found = this.site.view.instances[instance.key];
    // The plan was edited meanwhile.
    if (found === undefined) throw problem('step-unknown', { step: instance.key });
    return found;
  }

  #context(instance: Instance, input: Input): Context<Input> {
    const record: Context<never>['record'] = (step, subject = instance.subject) =>
      this.site.view.instances[instanceKey(step, subject)];
    return {
      site: this.site.plan,
      lock: this.site.lock,
      subject: instance.subject,
      input,
      needs: this.needs(),
      earlier: this.view(instance),
      record,
    };
  }

  /**
   * A step's input: given now, else what its last run used and did not hold for it alone, else the defaults (an older program's record may not fit).
   * Throws `usage-wrong`.
   */
  protected input(instance: Instance, given: Input | undefined): Input {
    const { step, key } = instance;
    const recorded =
      given === undefined
        ? step.input.safeParse(without(this.view(instance).input as Input, oneRunFields(step)))
        : null;
    if (recorded?.success) return recorded.data;
    const parsed = step.input.safeParse(given ?? {});
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw problem('usage-wrong', { detail: `${key}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` });
  }

  /** The input as it is kept for later runs: secret fields stay in memory, and are known to the redaction from now on. */
  protected keptInput(instance: Instance, input: Input): Record<string, Json> {
    for (const name of secretFields(instance.step))
      if (typeof input[name] === 'string') this.site.secrets.set(`${instance.key}.${name}`, input[name]);
    return keptFields(instance.step, input as Record<string, Json>);
  }

  /** Reads facts and judges them. A problem met while reading is a blocking finding; it changes nothing. */
  protected read(instance: Instance, input: Input, signal: AbortSignal): Promise<Reading> {
    return this.look(instance, input, signal).catch((error: unknown) => this.blockedReading(error, signal));
  }

  protected async look(instance: Instance, input: Input, signal: AbortSignal): Promise<Reading> {
    this.site.live({ kind: 'reading', instance: instance.key });
    const context = this.#context(instance, input);
    try {
      await this.openLeases(instance, signal);
      const facts = instance.step.facts.parse(await instance.step.read(this.hands.world(signal), context));
      return { facts, found: instance.step.found(facts, context), verdict: instance.step.verdict(facts, context) };
    } finally {
      this.site.settleLive(instance.key, 'reading');
    }
  }

  protected blockedReading(error: unknown, signal: AbortSignal): Reading {
    signal.throwIfAborted();
    if (!(error instanceof Problem)) throw error;
    return { facts: null, found: [], verdict: blockedBy(error.data) };
  }

  /** Opens what the step holds or lends, once its lender was done: a session's matter, not a change of the site. */
  protected async openLeases({ step, subject }: Instance, signal: AbortSignal): Promise<void> {
    if (subject.kind !== 'machine') return;
    for (const lease of [...step.holds, ...(step.lends === undefined ? [] : [step.lends])]) {
      const lender = Object.values(this.site.view.instances).find(
        (item) =>
          item.subject.kind === 'machine' && item.subject.name === subject.name && this.#lends(item.step, lease),
      );
      if (!lender?.everDone || this.hands.leaseOpen(lease, subject.name)) continue;
      await this.hands.openLease(lease, subject.name, signal);
      await this.site.append({ kind: 'lease', lease, machine: subject.name, state: 'open' });
    }
  }

  #lends(id: string, lease: string): boolean {
    return this.runbook.some((step) => step.id === id && step.lends === lease);
  }

  protected async journalReading(instance: Instance, reading: Reading): Promise<void> {
    await this.site.append({
      kind: 'facts',
      instance: instance.key,
      facts: redactJson(reading.facts, this.site.secrets),
      found: reading.found.map((told) => redactTold(told, this.site.secrets)),
      verdict: redactVerdict(reading.verdict, this.site.secrets),
    });
  }

  /** Facts and verdict, without a run. */
  async check(instance: Instance, given: Input | undefined, signal: AbortSignal): Promise<Verdict> {
    await this.refresh();
    const reading = await this.read(instance, this.input(instance, given), signal);
    await this.journalReading(instance, reading);
    return reading.verdict;
  }

  /** The plan as it would be shown, null when there is nothing to do or nothing can be done. */
  async plan(instance: Instance, given: Input | undefined, signal: AbortSignal): Promise<Plan | null> {
    await this.refresh();
    const input = this.input(instance, given);
    const reading = await this.read(instance, input, signal);
    await this.journalReading(instance, reading);
    const commands = this.commands(instance, input, reading, []);
    return planOf(instance, commands, 1);
  }

  protected commands(instance: Instance, input: Input, reading: Reading, skip: readonly string[]): readonly Command[] {
    const { state } = reading.verdict;
    if (state === 'done' || (state === 'blocked' && stoppers(reading.verdict, skip).length > 0)) return [];
    return instance.step.plan(reading.facts, this.#context(instance, input));
  }

  /** The secret that a step shows on demand; from now on it is blanked in everything kept or shown. Throws `nothing-to-show`. */
  async reveal(instance: Instance, by: string, signal: AbortSignal): Promise<string> {
    await this.refresh();
    const { reveals } = instance.step;
    const context = this.#context(instance, this.input(instance, undefined));
    const value = (await reveals?.(this.hands.world(signal), context)) ?? '';
    if (value === '') throw problem('nothing-to-show', { step: instance.key });
    this.site.secrets.set(`revealed:${instance.key}`, value);
    await this.site.append({ kind: 'revealed', instance: instance.key, by });
    return value;
  }

  /** What undoing an instance would do, without doing it. Throws `undo-impossible`, `undo-others-first`. */
  async undoPlan(instance: Instance, signal: AbortSignal): Promise<Undoing & { readonly plan: Plan | null }> {
    await this.refresh();
    const undoing = await this.undoing(instance, signal);
    return { ...undoing, plan: planOf(instance, undoing.commands, 1) };
  }

  /** A fact that cannot be read is a reason not to begin: undoing is never a guess. */
  protected async undoing(instance: Instance, signal: AbortSignal): Promise<Undoing> {
    const input = this.input(instance, undefined);
    const reading = await this.look(instance, input, signal);
    await this.journalReading(instance, reading);
    const context = this.#context(instance, input);
    return undoing(instance, this.instances(), this.site.view, reading.facts, context);
  }

  /** The input of the last run, as it was recorded. */
  protected recorded(instance: Instance): Record<string, Json> {
    return this.keptInput(instance, this.input(instance, undefined));
  }

  protected stands(instance: Instance): boolean {
    return this.site.view.instances[instance.key]?.state === 'done';
  }
}

const without = (input: Input, names: readonly string[]): Record<string, Json> =>
  Object.fromEntries(Object.entries(input).filter(([name]) => !names.includes(name)));

/** Null when there is nothing to do. */
export const planOf = (instance: Instance, commands: readonly Command[], round: number): Plan | null =>
  commands.length === 0 ? null : { instance: instance.key, round, hash: hashOf(commands), commands: [...commands] };

/** Findings that stop a blocked step: all but warnings, and skippable ones a person chose to pass. */
export function stoppers(verdict: Verdict, skip: readonly string[]) {
  if (verdict.state !== 'blocked') return [];
  return bySeverity(verdict.findings).filter(({ code }) => {
    const { severity } = problems[code];
    return severity === 'strict' || (severity === 'skippable' && !skip.includes(code));
  });
}
