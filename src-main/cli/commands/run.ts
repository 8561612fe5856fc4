// fieldkit check, plan, run, resume: the wizard's acts on a terminal. Both write the same journal.
import { batteryLeft } from '../../../src-shared/battery.ts';
import { cleanText } from '../../../src-shared/clean.ts';
import type { InstanceView } from '../../../src-shared/journal.ts';
import { canonicalJson } from '../../../src-shared/json.ts';
import { exitCodeOf, exitCodes, problem, problemFrom, problems } from '../../../src-shared/problem.ts';
import type { Bench } from '../../runbook/bench.ts';
import { shellOf } from '../../runbook/explain.ts';
import type { Instance } from '../../runbook/instances.ts';
import { infoOf, select } from '../../runbook/instances.ts';
import { canGoBack } from '../../runbook/undo.ts';
import { follow } from '../follow.ts';
import { type CommonOptions, fail, type SiteSession, withSite } from '../session.ts';
import { planLines, stateLine, titleOf, verdictLines } from '../show.ts';
import { similarTo } from '../similar.ts';
import { parseInputs } from '../step-inputs.ts';

export interface RunOptions extends CommonOptions {
  readonly input?: readonly string[];
  readonly skip?: readonly string[];
  readonly shell?: boolean;
  readonly atOnce?: string;
}

/** Instances by key, step or chapter; all when no word is given. Throws `step-unknown` with what is spelled alike. */
function chosen(bench: Bench, words: readonly string[]): readonly Instance[] {
  const all = bench.runner.instances();
  if (words.length === 0) return all;
  const unknown = words.find((word) => select(all, [word]) === null);
  if (unknown !== undefined) {
    const known = all.flatMap(({ key, step, chapter }) => [step.id, chapter, key]);
    throw problem('step-unknown', { step: unknown }, { evidence: similarTo(unknown, known).join('\n') });
  }
  return select(all, words) ?? [];
}

const viewOf = (bench: Bench, instance: Instance): InstanceView => {
  const view = bench.site.view.instances[instance.key];
  if (view === undefined) throw new RangeError(instance.key);
  return view;
};

export const checkSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, async ({ bench, texts, print, signal }) => {
    const instances = chosen(bench, words);
    const inputs = parseInputs(bench.runner.instances(), options.input);
    let open = 0;
    for (const instance of instances) {
      signal.throwIfAborted();
      await bench.runner.check(instance, inputs[instance.key], signal);
      const view = viewOf(bench, instance);
      if (view.state !== 'done') open += 1;
      print({ key: view.key, state: view.state, verdict: view.verdict, found: view.found }, [
        stateLine(view, texts),
        ...verdictLines(view, texts),
      ]);
    }
    print({ checked: instances.length, open }, []);
    return open === 0 ? exitCodes.done : exitCodes.blocked;
  });

export const planSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, async ({ bench, texts, print, signal }) => {
    const instances = chosen(bench, words);
    const inputs = parseInputs(bench.runner.instances(), options.input);
    let blocked = 0;
    for (const instance of instances) {
      signal.throwIfAborted();
      const plan = await bench.runner.plan(instance, inputs[instance.key], signal);
      const view = viewOf(bench, instance);
      if (view.verdict?.state === 'blocked') blocked += 1;
      if (options.shell && plan !== null)
        print({ key: instance.key, shell: shellOf(plan.commands) }, shellOf(plan.commands).split('\n'));
      else
        print({ key: instance.key, state: view.state, plan }, [
          stateLine(view, texts),
          ...verdictLines(view, texts),
          ...(plan === null ? [] : planLines(plan, texts, infoOf(instance.step))),
        ]);
    }
    print({ planned: instances.length, blocked }, []);
    return blocked === 0 ? exitCodes.done : exitCodes.blocked;
  });

export const runSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, (session) => run(session, chosen(session.bench, words), options));

export const resumeSteps = (options: RunOptions): Promise<number> =>
  withSite(options, async (session) => {
    const { bench, texts, print } = session;
    const open = bench.runner.instances().filter((item) => viewOf(bench, item).state !== 'done');
    for (const instance of open) {
      const { key, state, commands } = viewOf(bench, instance);
      const at = commands.findIndex((item) => item.state === 'unknown');
      if (at >= 0)
        print({ interrupted: key, command: at }, [
          texts.say('cli.resume.interrupted', {
            title: titleOf(key, texts),
            command: at + 1,
            count: commands.length,
          }),
        ]);
      else if (state === 'interrupted')
        print({ interrupted: key, command: null }, [texts.say('cli.resume.between', { title: titleOf(key, texts) })]);
    }
    if (open.length > 0) return run(session, open, options);
    print({ ended: [], performed: 0, tookMs: 0, problem: null }, [texts.say('cli.run.nothing')]);
    return exitCodes.done;
  });

/** Shows a step's secret on a terminal; elsewhere only with --print, since what is kept of it is then the caller's matter. */
export const showPassword = (word: string, options: RunOptions & { readonly print?: boolean }): Promise<number> =>
  withSite(options, async ({ bench, asker, signal }) => {
    const [instance, ...others] = chosen(bench, [word]);
    if (instance === undefined || others.length > 0) throw problem('usage-wrong', { detail: word });
    if (!process.stdout.isTTY && options.print !== true) throw problem('usage-wrong', { detail: '--print' });
    const value = await bench.runner.reveal(instance, asker.who, signal);
    process.stdout.write(options.json ? `${JSON.stringify({ value })}\n` : `${cleanText(value)}\n`);
    return exitCodes.done;
  });

/**
 * Takes steps back, the last done first: of a chapter or several words those that were done and can be undone; the others are
 * named before, and stay. One that fails or is refused is the last.
 */
export const undoSteps = (words: readonly string[], options: RunOptions): Promise<number> =>
  withSite(options, async (session) => {
    const { bench, texts, print } = session;
    const instances = chosen(bench, words);
    const [only] = instances;
    if (only !== undefined && instances.length === 1) return undoOne(session, only, options);
    const back = instances.filter((item) => canGoBack(item.step, viewOf(bench, item))).toReversed();
    const stays = instances.filter(
      (item) => item.step.undo === undefined && item.step.risk !== 'reads' && viewOf(bench, item).everDone,
    );
    print({ back: back.map(({ key }) => key), stays: stays.map(({ key }) => key) }, [
      ...(back.length === 0 ? [texts.say('cli.undo.nothing')] : []),
      ...back.map(({ key }) => texts.say('cli.undo.goes', { title: titleOf(key, texts) })),
      ...stays.map(({ key }) => texts.say('cli.undo.stays', { title: titleOf(key, texts) })),
    ]);
    for (const instance of back) {
      const code = await undoOne(session, instance, options);
      if (code !== exitCodes.done) return code;
    }
    return exitCodes.done;
  });

/** Says what stays and what builds on it, then takes the step back. */
async function undoOne(session: SiteSession, instance: Instance, options: RunOptions): Promise<number> {
  const { bench, asker, texts, print, signal } = session;
  const { plan, stays, standing } = await bench.runner.undoPlan(instance, signal);
  print({ undo: instance.key, plan, stays, standing }, [
    texts.say('cli.undo.title', { title: titleOf(instance.key, texts) }),
    ...stays.map((told) => `  ${texts.told(told)}`),
    ...standing.map((key) => `  ${texts.say('cli.undo.standing', { title: titleOf(key, texts) })}`),
    ...(plan === null ? [texts.say('cli.undo.nothing')] : options.yes ? planLines(plan, texts, undefined) : []),
  ]);
  const agreed = options.yes && plan !== null ? [plan.hash] : [];
  const ended = await watched(session, 'long', () =>
    bench.runner.undo(instance, { asker, consent: 'each', agreed, skip: [], inputs: {}, signal }),
  );
  if (ended.problem !== null) return fail(problemFrom(ended.problem), session, { ended });
  print({ ended, problem: null }, [texts.say('cli.undo.done', { title: titleOf(instance.key, texts) })]);
  return exitCodes.done;
}

/** What runs is followed on the terminal, and the laptop neither sleeps under it nor is left on its battery unsaid. */
async function watched<T>(
  session: SiteSession,
  takes: Parameters<typeof batteryLeft>[1],
  act: () => Promise<T>,
): Promise<T> {
  const { bench, kit, texts } = session;
  const percent = session.json ? null : batteryLeft(await kit.battery(), takes);
  if (percent !== null) process.stderr.write(`${texts.say('cli.run.onBattery', { percent })}\n`);
  const release = kit.stayAwake(bench.site.name);
  const stop = follow(bench.site, session);
  return act().finally(() => {
    stop();
    release();
  });
}

async function run(session: SiteSession, instances: readonly Instance[], options: RunOptions): Promise<number> {
  const { bench, asker, texts, print, signal } = session;
  const skip = options.skip ?? [];
  for (const code of skip)
    if (!Object.hasOwn(problems, code) || problems[code as keyof typeof problems].severity !== 'skippable')
      throw problem('usage-wrong', { detail: `--skip ${code}` });
  const inputs = parseInputs(bench.runner.instances(), options.input);
  const atOnce = options.atOnce === undefined ? {} : { atOnce: Number(options.atOnce) };
  if (options.atOnce !== undefined && !/^[1-9]\d?$/.test(options.atOnce))
    throw problem('usage-wrong', { detail: `--at-once ${options.atOnce}` });
  const consent = options.yes ? 'phase' : 'each';
  const started = bench.site.clock.monotonicMs();
  const takes = instances.map((one) => viewOf(bench, one));
  const ended = await watched(session, takes, () =>
    bench.runner.runAll(instances, { asker, consent, agreed: [], skip, inputs, ...atOnce, signal }),
  );
  const performed = ended.reduce((sum, item) => sum + item.performed, 0);
  const tookMs = Math.round(bench.site.clock.monotonicMs() - started);
  // What is told at each of many nodes is said once.
  const told = new Map(ended.flatMap(({ problem: one }) => (one === null ? [] : [[canonicalJson(one), one]])));
  const troubles = [...told.values()];
  const worst = troubles.find(({ code }) => code !== 'cancelled') ?? troubles[0];
  if (worst !== undefined) {
    if (!session.json) for (const other of troubles) if (other !== worst) fail(problemFrom(other), session);
    return fail(problemFrom(worst), session, { ended, performed, tookMs });
  }
  const steps = ended.filter((item) => item.outcome === 'done').length;
  print({ ended, performed, tookMs, problem: null }, [texts.say('cli.run.ended', { steps, performed, tookMs })]);
  const open = ended.find(({ outcome }) => outcome !== 'done');
  if (open === undefined) return exitCodes.done;
  return open.outcome === 'waiting' ? exitCodes.blocked : exitCodeOf('cancelled');
}
