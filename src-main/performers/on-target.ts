// Performs the commands that act on a machine. Called by compose's hands; knows the Target interface, no connection, no step.
// Must never repeat a command whose end it does not know: that is what `settle` is for.

import { Problem, problem, problems } from '../../src-shared/problem.ts';
import { sightingOf } from '../../src-shared/sighting.ts';
import type { Answer, CommandOf, Finding, Probe } from '../../src-shared/step.ts';
import type { Clock } from '../platform/clock.ts';
import { sha256Of } from '../platform/files.ts';
import { lineOf } from '../runbook/explain.ts';
import type { Performed, Performing } from '../runbook/performer.ts';
import { commandFailed } from '../target/script.ts';
import type { Target } from '../target/target.ts';

export interface TargetMeans {
  /** The standing connection to a machine, opened when needed. */
  readonly target: (machine: string, signal: AbortSignal) => Promise<Target>;
  /** Gives up the connection, so that the next use makes a fresh one. */
  readonly drop: (machine: string) => Promise<void>;
  readonly clock: Clock;
  /** Absolute path of a file of the medium, checked against its list. */
  readonly mediumFile: (path: string) => Promise<string>;
}

/** Characters kept of what a command says. */
const keptOutput = 1_048_576;
/** A command that ends where nothing is lost waits for an answer until then, and takes no harm before. */
const endsWellMs = 30_000;

/** Names a long command's unit: the same command of the same plan finds it again. */
export const unitId = ({ instance, hash, index }: Pick<Performing, 'instance' | 'hash' | 'index'>): string =>
  `${instance.replace(/[^a-z0-9-]+/g, '-')}-${hash.slice(0, 8)}-${index}`;

function failed(command: CommandOf<'run'>, machine: string, exit: number | null, output: string): Problem {
  // A command that is run for a secret may have said it in words of its own.
  const told = command.keeps === undefined ? output : '';
  const evidence = told.slice(-16_384);
  const meaning = command.failures?.find(({ pattern }) => new RegExp(pattern, 'm').test(output))?.finding;
  return meaning === undefined
    ? commandFailed({ command: lineOf(command), exit, machine, detail: lastLine(told) }, evidence)
    : problem(meaning.code, meaning.params as never, { evidence });
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';

export async function performRun(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'run'>,
  context: Performing,
  heldBy: string | null = null,
): Promise<Performed> {
  const { signal } = context;
  const argv = command.argv.map((word) => (typeof word === 'string' ? word : context.captured(word.captured)));
  const as = command.as ?? 'root';
  const stdin = command.stdin === undefined ? undefined : await context.resolve(command.stdin);
  const target = await means.target(machine, signal);
  if (command.long) {
    const id = unitId(context);
    // An ended run of this name was collected before, or its exit is of no use: the facts asked for it again.
    if ((await target.unitState(id)).state === 'ended') await target.forgetUnit(id);
    const { afterwards } = command;
    await target.startUnit(id, argv, {
      as,
      ...(stdin === undefined ? {} : { stdin }),
      ...(afterwards === undefined ? {} : { afterwards }),
    });
    return collect(target, id, command, context);
  }
  const output: string[] = [];
  let outputLength = 0;
  const onLine = (_stream: string, line: string) => {
    context.onLine(line);
    output.push(line);
    outputLength += line.length + 1;
    // A program that never stops talking must not fill the memory: the end of what it said is kept.
    while (outputLength > keptOutput) outputLength -= (output.shift() ?? '').length + 1;
  };
  const base = {
    ...{ as, onLine, limitMs: command.limitMs, signal },
    ...(command.endsWell === true ? { endsWithinMs: endsWellMs } : {}),
    ...(heldBy === null ? {} : { heldBy }),
  };
  const result = await target.exec(argv, stdin === undefined ? base : { ...base, stdin });
  if (!(command.expect ?? [0]).includes(result.exit)) throw failed(command, machine, result.exit, output.join('\n'));
  return { exit: result.exit, output: command.capture === undefined ? output.join('\n') : result.stdout };
}

async function collect(target: Target, id: string, command: CommandOf<'run'>, context: Performing): Promise<Performed> {
  const { exit, tail } = await follow(target, id, command, context);
  await target.forgetUnit(id);
  if (exit === null || !(command.expect ?? [0]).includes(exit)) throw failed(command, target.name, exit, tail);
  return { exit, output: tail };
}

/** Follows a unit to its end; one that reaches the command's limit is ended, and `command-timed-out` is thrown. */
async function follow(
  target: Target,
  id: string,
  command: CommandOf<'run'>,
  context: Performing,
): Promise<{ readonly exit: number | null; readonly tail: string }> {
  const limit = AbortSignal.timeout(command.limitMs);
  const signal = AbortSignal.any([context.signal, limit]);
  try {
    return await target.followUnit(id, { onLine: tellingProgress(command, context), signal });
  } catch (error) {
    if (!limit.aborted || context.signal.aborted) throw error;
    await target.stopUnit(id).catch(() => undefined);
    const limitSeconds = Math.round(command.limitMs / 1000);
    throw problem('command-timed-out', { command: lineOf(command), machine: target.name, limit: limitSeconds });
  }
}

/** Hands out a command's lines, and the progress that its own pattern reads from them. */
function tellingProgress({ progress }: CommandOf<'run'>, { onLine, onProgress }: Performing): (line: string) => void {
  if (progress === undefined) return onLine;
  const pattern = new RegExp(progress.line);
  let count = 0;
  return (line) => {
    onLine(line);
    const groups = pattern.exec(line)?.groups;
    if (groups === undefined) return;
    count += 1;
    const { done, total, what } = groups;
    onProgress({
      done: done === undefined ? count : Number(done),
      total: total === undefined ? null : Number(total),
      unit: progress.unit,
      ...(what === undefined ? {} : { what }),
    });
  };
}

/** What became of a command that was cut off. Long ones run on without us and are followed to their end; others only facts can tell. */
export async function settleRun(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'run'>,
  context: Performing,
): Promise<Performed | null> {
  if (!command.long) return null;
  const target = await means.target(machine, context.signal);
  const id = unitId(context);
  if ((await target.unitState(id)).state === 'absent') return null;
  const { exit, tail } = await follow(target, id, command, context);
  await target.forgetUnit(id);
  return { exit, output: tail };
}

export async function performWrite(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'write'>,
  context: Performing,
  heldBy: string | null = null,
): Promise<Performed> {
  const target = await means.target(machine, context.signal);
  await target.writeFile(command.path, await context.resolve(command.text), {
    mode: command.mode,
    ...(command.owner === undefined ? {} : { owner: command.owner }),
    expectSha256OfOld: command.before === null ? null : sha256Of(command.before),
    ...(command.keepCopy === undefined ? {} : { keepCopy: command.keepCopy }),
    ...(heldBy === null ? {} : { heldBy }),
    signal: context.signal,
  });
  return { exit: null, output: '' };
}

export async function performSend(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'send'>,
  context: Performing,
): Promise<Performed> {
  const target = await means.target(machine, context.signal);
  await target.upload({
    from: await means.mediumFile(command.from),
    to: command.to,
    sha256: command.sha256,
    sizeBytes: command.sizeBytes,
    mode: command.mode,
    onProgress: (done) => context.onProgress({ done, total: command.sizeBytes, unit: 'bytes', what: command.to }),
    signal: context.signal,
  });
  return { exit: null, output: '' };
}

export async function performReceive(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'receive'>,
  context: Performing,
): Promise<Performed> {
  const target = await means.target(machine, context.signal);
  await target.receive({
    from: command.from,
    to: command.to,
    onProgress: (done, total) => context.onProgress({ done, total, unit: 'bytes', what: command.from }),
    signal: context.signal,
  });
  return { exit: null, output: '' };
}

/**
 * Looks again and again; a lost connection is only a look that saw nothing, a medium that was pulled ends it: what is awaited comes from
 * there. Evidence is gathered when the limit is reached, or as soon as
 * it would be in vain to wait for it: on a full disk slapos goes on failing in silence, unless it is at work to make room.
 */
export async function performUntil(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'until'>,
  context: Performing,
): Promise<Performed> {
  const { clock } = means;
  const started = clock.monotonicMs();
  const look = async (probes: readonly Probe[]) => {
    // What is awaited may need what we lend, and a lost connection closed it.
    await context.openLeases();
    return (await means.target(machine, context.signal)).probe(probes, context.signal);
  };
  const pattern = command.wanted.pattern === undefined ? null : new RegExp(command.wanted.pattern, 'm');
  /** What matched at the first look: an old line of a log is no news. */
  let before: ReadonlySet<string> | null = null;
  const hopelessIn = (output: string): Finding | null => {
    const matches = (command.hopeless ?? []).flatMap(({ pattern: hopeless, finding }) => {
      const [text] = new RegExp(hopeless, 'm').exec(output) ?? [];
      return text === undefined ? [] : [{ text, finding }];
    });
    before ??= new Set(matches.map(({ text }) => text));
    return matches.find(({ text }) => !before?.has(text))?.finding ?? null;
  };
  let fullSinceMs: number | null = null;
  for (;;) {
    context.signal.throwIfAborted();
    const probes = command.makesRoom ? [command.probe] : [command.probe, roomProbe];
    const answers: Readonly<Record<string, Answer>> = await look(probes).catch((error: unknown) => {
      const passes = error instanceof Problem && error.data.retryable && problems[error.code].exit !== 'medium';
      if (passes && !context.signal.aborted) return {};
      throw error;
    });
    const answer = answers[command.probe.id] ?? null;
    const full = fullIn(answers[roomProbe.id]?.out ?? '');
    const sinceMs = clock.monotonicMs() - started;
    if (answer !== null) {
      const fits = command.wanted.exit === undefined || answer.exit === command.wanted.exit;
      if (fits && (pattern === null || pattern.test(answer.out))) return { exit: answer.exit, output: answer.out };
    }
    fullSinceMs = full === null ? null : (fullSinceMs ?? sinceMs);
    if (full !== null && sinceMs - (fullSinceMs ?? sinceMs) >= fullPatienceMs) {
      const evidence = await gatherEvidence(command.evidence, look);
      throw problem('target-disk-full', { machine, command: 'df', detail: full }, { evidence });
    }
    const hopeless = answer === null ? null : hopelessIn(answer.out);
    if (hopeless !== null || sinceMs >= command.limitMs) {
      const evidence = await gatherEvidence(command.evidence, look);
      if (hopeless !== null) throw problem(hopeless.code, hopeless.params as never, { evidence });
      const limit = Math.round(sinceMs / 1000);
      const { key, params } = command.awaited;
      throw problem('wait-too-long', { ...params, awaited: key.replace(/^steps\./, ''), limit, machine }, { evidence });
    }
    context.onAwaiting(sinceMs, command.everyMs, answer === null ? null : sightingOf(answer.out));
    await clock.sleep(Math.min(command.everyMs, Math.max(1, command.limitMs - sinceMs)), context.signal);
  }
}

/** Asked with every look of a wait, but for one that makes room. */
const roomProbe: Probe = {
  id: 'room',
  kind: 'run',
  argv: ['df', '-P', '-k', '/opt', '/srv', '/tmp', '/var'],
  limitMs: 10_000,
};
const leastKibibytes = 1024;
/** Room may be made by what is awaited. */
const fullPatienceMs = 30_000;

/** The line of df (its portable form) of a file system that holds nothing more; null when all have room. */
const fullIn = (out: string): string | null =>
  out.split('\n').find((line) => {
    const [, available] = /^\S.*?\s\d+\s+\d+\s+(\d+)\s+\d+%\s+\//.exec(line) ?? [];
    return available !== undefined && Number(available) < leastKibibytes;
  }) ?? null;

/** What tells why it has not come, for whoever reads on. A machine that does not answer any more tells nothing. */
async function gatherEvidence(
  probes: readonly Probe[],
  look: (probes: readonly Probe[]) => Promise<Readonly<Record<string, Answer>>>,
): Promise<string> {
  const evidence = await look(probes).catch(() => ({}));
  return Object.entries(evidence)
    .map(([id, { exit, out, err }]) => `== ${id} (${exit})\n${`${out}${err}`.slice(-evidenceEach)}`)
    .join('\n')
    .slice(-32_768);
}
/** No single log may push the others out. */
const evidenceEach = 12_000;

/** While a machine is away its connection may fail in any way; that another one answers in its place does not pass by itself. */
export const passing =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof Problem && error.code === 'host-key-changed') throw error;
    return instead;
  };

const bootIdProbe: Probe = { id: 'boot', kind: 'read', path: '/proc/sys/kernel/random/boot_id' };

/** Reboots and waits for another boot id over a fresh connection. */
export async function performReboot(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'reboot'>,
  context: Performing,
): Promise<Performed> {
  const { clock } = means;
  const bootId = async () =>
    (await (await means.target(machine, context.signal)).probe([bootIdProbe], context.signal)).boot?.out.trim() ?? '';
  const before = await bootId();
  const target = await means.target(machine, context.signal);
  // Answers before it acts; losing the connection here is what was asked for.
  await target.exec(['systemctl', 'reboot'], { as: 'root', limitMs: 30_000 }).catch(() => undefined);
  const started = clock.monotonicMs();
  for (;;) {
    await clock.sleep(3000, context.signal);
    const sinceMs = clock.monotonicMs() - started;
    context.onAwaiting(sinceMs, 3000);
    await means.drop(machine);
    const now = await bootId().catch(passing(''));
    if (now !== '' && now !== before) return { exit: null, output: '' };
    if (sinceMs > command.limitMs)
      throw problem('wait-too-long', {
        awaited: 'connect.title',
        limit: Math.round(command.limitMs / 1000),
        machine,
      });
  }
}
