// Performs the commands of one plan, one after the other, and finds out what became of one that was cut off.
// Used by the runner. Every start and end is journaled; a command whose end is unknown is never performed again here.
import { cleanText } from '../../src-shared/clean.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { ProblemData } from '../../src-shared/problem.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import type { Sighting } from '../../src-shared/sighting.ts';
import type { Plan } from '../../src-shared/step.ts';
import { stoppingOf } from '../../src-shared/stopping.ts';
import type { Asker } from './asking.ts';
import type { Command } from './define.ts';
import type { Instance } from './instances.ts';
import { lineBunches } from './line-bunches.ts';
import type { OpenSite } from './open-site.ts';
import type { Hands, Performed, Performing } from './performer.ts';
import { progressMeter } from './progress.ts';
import { redactProblem } from './redact.ts';

export interface PerformMeans {
  readonly site: OpenSite;
  readonly hands: Hands;
  /** Opens what the instance's step holds, when it is not open. */
  readonly openLeases: (instance: Instance, signal: AbortSignal) => Promise<void>;
}

export interface PerformOptions {
  readonly asker: Asker;
  readonly signal: AbortSignal;
}

/** A command of a plan whose start is recorded and whose end is not. */
export interface Unsettled {
  readonly plan: Plan;
  readonly index: number;
}

/** Longest line kept and shown, in characters. */
const lineLimit = 4000;
const keptLines = 2000;

/** Goes on on the target when we stop looking. */
const goesOnAlone = (command: Command): boolean => stoppingOf(command) === 'goesOn';

/** The unsettled command of an instance's last plan, null when there is none. */
export function unsettledOf({ plan, commands }: InstanceView): Unsettled | null {
  const index = commands.findIndex((item) => item.state === 'unknown' || item.state === 'running');
  return plan === null || index < 0 ? null : { plan, index };
}

/** Performs a plan's commands; returns how many. A cancel acts between them, and inside those that can stop safely. */
export async function performAll(
  means: PerformMeans,
  instance: Instance,
  plan: Plan,
  options: PerformOptions,
): Promise<number> {
  const captured = new Map<string, string>();
  for (const [index, command] of plan.commands.entries()) {
    options.signal.throwIfAborted();
    await performOne(means, { instance, plan, index, command, captured }, options);
  }
  return plan.commands.length;
}

interface Act {
  readonly instance: Instance;
  readonly plan: Plan;
  readonly index: number;
  readonly command: Command;
  /** Outputs of earlier commands of the plan, by name. */
  readonly captured: Map<string, string>;
}

async function performOne(means: PerformMeans, act: Act, options: PerformOptions): Promise<void> {
  const { site, hands } = means;
  const { instance, plan, index, command, captured } = act;
  const at = { instance: instance.key, hash: plan.hash, index };
  const started = site.clock.monotonicMs();
  await site.append({ kind: 'command-started', ...at });
  const { performing, lines, flush } = performingOf(means, act, options);
  const ended = async (
    outcome: 'performed' | 'failed' | 'cancelled' | 'unknown',
    { exit, output }: Performed,
    trouble: ProblemData | null,
  ) => {
    flush();
    await site.append({
      kind: 'command-ended',
      ...at,
      outcome,
      exit,
      durationMs: Math.round(site.clock.monotonicMs() - started),
      output: await site.keep(output),
      problem: trouble === null ? null : redactProblem(trouble, site.secrets),
    });
  };
  try {
    const result = await hands.perform(command, performing);
    if (command.kind === 'run' && command.capture !== undefined) captured.set(command.capture, result.output.trim());
    keepSecret(site, command, result.output);
    await ended('performed', shown(command, result), null);
    await spend(site, instance.key, command, null);
  } catch (error) {
    const data = toProblemData(error);
    const outcome = endOf(command, data, options.signal);
    await ended(outcome, shown(command, { exit: exitIn(data), output: lines.join('\n') }), data);
    if (outcome === 'failed') await spend(site, instance.key, command, data);
    throw error;
  } finally {
    site.settleLive(instance.key, 'progress', 'awaiting', 'question');
  }
}

const holdsSecret = (command: Command): boolean => command.kind === 'run' && command.keeps !== undefined;

/** Of a command that is run for a secret nothing is kept: in other words than we know, the secret would stand there unseen. */
const shown = (command: Command, result: Performed): Performed =>
  holdsSecret(command) ? { ...result, output: '' } : result;

/** What a command was run for alone goes into memory alone; where it said none, the facts tell that it is missing. */
function keepSecret(site: OpenSite, command: Command, output: string): void {
  if (command.kind !== 'run' || command.keeps === undefined) return;
  const { secret, pattern } = command.keeps;
  const [, value = ''] = new RegExp(pattern, 'm').exec(output) ?? [];
  if (value === '') site.secrets.miss(secret);
  else site.secrets.set(secret, value);
}

/** A one-time secret that was handed over is of no use any more: it is forgotten, and that it was spent is recorded. */
async function spend(site: OpenSite, instance: string, command: Command, trouble: ProblemData | null): Promise<void> {
  if (command.kind !== 'run' || command.spends === undefined) return;
  const kept = command.failures?.some(({ finding, keepsSecret }) => keepsSecret && finding.code === trouble?.code);
  // Where the machine itself was not reached, nothing was handed over.
  if (kept || (trouble !== null && awayCodes.has(trouble.code))) return;
  site.secrets.forget(command.spends);
  await site.append({ kind: 'spent', instance, secret: command.spends });
}

const awayCodes: ReadonlySet<ProblemData['code']> = new Set([
  'host-unreachable',
  'machine-held',
  'machine-taken',
  'sudo-refused',
  'login-refused',
  'question-unanswered',
]);

/** What is known of a command that ended with a problem. */
function endOf(command: Command, { code }: ProblemData, signal: AbortSignal): 'failed' | 'cancelled' | 'unknown' {
  if (code === 'connection-lost') return 'unknown';
  if (code === 'not-confirmed') return 'cancelled';
  if (!signal.aborted) return 'failed';
  return goesOnAlone(command) ? 'unknown' : 'cancelled';
}

const exitIn = ({ params }: ProblemData): number | null => (typeof params.exit === 'number' ? params.exit : null);

/** What a performer is given with a command, and what it said so far. */
function performingOf(
  { site, openLeases }: PerformMeans,
  { instance, plan, index, command, captured }: Act,
  options: PerformOptions,
): { readonly performing: Performing; readonly lines: readonly string[]; readonly flush: () => void } {
  const key = instance.key;
  const lines: string[] = [];
  const bunches = lineBunches((some) => site.live({ kind: 'lines', instance: key, index, lines: some }));
  const meter = progressMeter(site.clock);
  const signal = stoppingOf(command) === 'stopsAfter' ? new AbortController().signal : options.signal;
  const readCaptured = (name: string): string => {
    const value = captured.get(name);
    if (value === undefined) throw new RangeError(`nothing captured as ${name}`);
    return value;
  };
  const secret = (handle: string): string => {
    const value = site.secrets.get(handle);
    if (value === undefined) throw problem('question-unanswered', { question: handle });
    return value;
  };
  const clean = (seen: Sighting | null): Sighting | null =>
    seen === null
      ? null
      : {
          ...seen,
          failing: seen.failing.map((text) => site.secrets.redact(text)),
          line: site.secrets.redact(seen.line),
        };
  const performing: Performing = {
    instance: key,
    phase: instance.phase,
    hash: plan.hash,
    index,
    captured: readCaptured,
    resolve: async (text) =>
      (typeof text === 'string' ? [text] : text)
        .map((part) =>
          typeof part === 'string' ? part : 'secret' in part ? secret(part.secret) : readCaptured(part.captured),
        )
        .join(''),
    ask: async (question) => {
      await site.append({ kind: 'asked', instance: key, question });
      const value = await options.asker.answer(key, question, options.signal);
      const hidden = question.kind === 'secret';
      if (hidden) site.secrets.set(question.id, value);
      await site.append({
        kind: 'answered',
        instance: key,
        id: question.id,
        value: hidden ? null : value,
        by: options.asker.who,
      });
      return value;
    },
    openLeases: () => openLeases(instance, signal),
    onProgress: (progress) => {
      const shown = meter(progress);
      if (shown === null) return;
      const what = shown.what === null ? null : site.secrets.redact(shown.what);
      site.live({ kind: 'progress', instance: key, index, ...shown, what });
    },
    onLine: (line) => {
      if (holdsSecret(command)) return;
      const clean = cleanText(site.secrets.redact(line)).slice(0, lineLimit);
      lines.push(clean);
      if (lines.length > keptLines) lines.splice(0, keptLines / 2);
      bunches.add(clean);
    },
    onAwaiting: (sinceMs, nextLookMs, seen = null) => {
      if (command.kind !== 'until') return;
      const { awaited, limitMs } = command;
      site.live({ kind: 'awaiting', instance: key, index, awaited, sinceMs, limitMs, nextLookMs, seen: clean(seen) });
    },
    signal,
  };
  return { performing, lines, flush: bunches.flush };
}

/** Finds out what became of a command that was cut off; when nobody can tell, the facts will. Never replays it. */
export async function settle(
  means: PerformMeans,
  instance: Instance,
  { plan, index }: Unsettled,
  options: PerformOptions,
): Promise<void> {
  const command = plan.commands[index];
  if (command === undefined) return;
  // What still runs there may need what we lend.
  if (goesOnAlone(command)) await means.openLeases(instance, options.signal);
  const act: Act = { instance, plan, index, command, captured: new Map() };
  const { performing, flush } = performingOf(means, act, options);
  try {
    const result = await means.hands.settle(command, performing);
    if (result === null) return;
    const expected = command.kind === 'run' ? (command.expect ?? [0]) : [0, null];
    const fits = expected.includes(result.exit);
    await means.site.append({
      kind: 'command-ended',
      instance: instance.key,
      hash: plan.hash,
      index,
      outcome: fits ? 'performed' : 'failed',
      exit: result.exit,
      durationMs: 0,
      output: await means.site.keep(result.output),
      problem: null,
    });
  } finally {
    flush();
    means.site.settleLive(instance.key, 'progress', 'awaiting', 'question');
  }
}
