// fieldkit check, plan, run, resume: the wizard's acts on a terminal. Both write the same journal.
import type { Json } from '../../../src-shared/json.ts';
import { exitCodeOf, exitCodes, problem, problemFrom } from '../../../src-shared/problem.ts';
import type { Bench } from '../../runbook/desk.ts';
import { shellOf } from '../../runbook/explain.ts';
import type { Instance } from '../../runbook/instances.ts';
import { select } from '../../runbook/instances.ts';
import { follow } from '../follow.ts';
import { askerOf, type CommonOptions, fail, type Session, withSite } from '../session.ts';
import { planLines, stateLine, titleOf, verdictLines } from '../show.ts';

export interface RunOptions extends CommonOptions {
  readonly input?: readonly string[];
  readonly skip?: readonly string[];
  readonly shell?: boolean;
}

/** `choose-medium@site.path=/media/stick` by instance; values that are JSON numbers or booleans become such. */
export function parseInputs(words: readonly string[] = []): Record<string, Record<string, Json>> {
  const inputs: Record<string, Record<string, Json>> = {};
  for (const word of words) {
    const match = /^([a-z0-9-]+@[a-z0-9:.-]+?)\.([a-zA-Z]+)=(.*)$/s.exec(word);
    const [, instance, field, value] = match ?? [];
    if (instance === undefined || field === undefined || value === undefined)
      throw problem('usage-wrong', { detail: `--input ${word}` });
    inputs[instance] = {
      ...inputs[instance],
      [field]: /^(true|false|-?\d+)$/.test(value) ? (JSON.parse(value) as Json) : value,
    };
  }
  return inputs;
}

function chosen(bench: Bench, words: readonly string[]): readonly Instance[] {
  const all = bench.runner.instances();
  if (words.length === 0) return all;
  const found = select(all, words);
  if (found === null || found.length === 0) throw problem('step-unknown', { step: words.join(' ') });
  return found;
}

const viewOf = (bench: Bench, instance: Instance) => {
  const view = bench.site.view.instances[instance.key];
  if (view === undefined) throw new RangeError(instance.key);
  return view;
};

export const checkSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, async (bench, session, signal) => {
    const inputs = parseInputs(options.input);
    let open = 0;
    for (const instance of chosen(bench, words)) {
      signal.throwIfAborted();
      await bench.runner.check(instance, inputs[instance.key], signal);
      const view = viewOf(bench, instance);
      if (view.state !== 'done') open += 1;
      session.print({ key: view.key, state: view.state, verdict: view.verdict, found: view.found }, [
        stateLine(view, session.texts),
        ...verdictLines(view, session.texts),
      ]);
    }
    return open === 0 ? exitCodes.done : exitCodes.blocked;
  });

export const planSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, async (bench, session, signal) => {
    const inputs = parseInputs(options.input);
    let blockedCode: number = exitCodes.done;
    for (const instance of chosen(bench, words)) {
      const plan = await bench.runner.plan(instance, inputs[instance.key], signal);
      const view = viewOf(bench, instance);
      if (view.state === 'blocked') blockedCode = exitCodes.blocked;
      if (options.shell && plan !== null)
        session.print({ key: instance.key, shell: shellOf(plan.commands) }, [shellOf(plan.commands)]);
      else
        session.print({ key: instance.key, state: view.state, plan }, [
          stateLine(view, session.texts),
          ...verdictLines(view, session.texts),
          ...(plan === null ? [] : planLines(plan, session.texts)),
        ]);
    }
    return blockedCode;
  });

export const runSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, (bench, session, signal) => run(bench, session, chosen(bench, words), options, signal));

export const resumeSteps = (options: RunOptions): Promise<number> =>
  withSite(options, async (bench, session, signal) => {
    for (const view of Object.values(bench.site.view.instances).filter((item) => item.state === 'interrupted')) {
      const at = view.commands.findIndex((item) => item.state === 'unknown');
      session.print({ interrupted: view.key, command: at }, [
        session.texts.say('cli.resume.interrupted', {
          title: titleOf(view.key, session.texts),
          command: at + 1,
          count: view.commands.length,
        }),
      ]);
    }
    const open = bench.runner.instances().filter((item) => viewOf(bench, item).state !== 'done');
    if (open.length === 0) session.print({ done: true }, [session.texts.say('cli.run.nothing')]);
    return run(bench, session, open, options, signal);
  });

async function run(
  bench: Bench,
  session: Session,
  instances: readonly Instance[],
  options: RunOptions,
  signal: AbortSignal,
): Promise<number> {
  const stop = follow(bench.site, session);
  const started = bench.site.clock.monotonicMs();
  const ended = await bench.runner.runAll(instances, {
    asker: askerOf(bench),
    consent: options.yes ? 'phase' : 'each',
    agreed: [],
    skip: options.skip ?? [],
    inputs: parseInputs(options.input),
    signal,
  });
  stop();
  const last = ended.at(-1);
  const performed = ended.reduce((sum, item) => sum + item.performed, 0);
  const tookMs = Math.round(bench.site.clock.monotonicMs() - started);
  if (last?.problem != null) return fail(problemFrom(last.problem), session);
  session.print({ ended, performed, tookMs }, [
    session.texts.say('cli.run.ended', {
      steps: ended.filter((item) => item.outcome === 'done').length,
      performed,
      tookMs,
    }),
  ]);
  if (last === undefined || last.outcome === 'done') return exitCodes.done;
  return last.outcome === 'waiting' ? exitCodes.blocked : exitCodeOf('cancelled');
}
