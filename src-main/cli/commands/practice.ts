// fieldkit practice: the built-in practice site. With --walk it goes through the whole runbook by itself,
// with the practice site's own answers, through the same engine as a real site.
import { exitCodes, problem, problemFrom } from '../../../src-shared/problem.ts';
import { recordedAsker } from '../../runbook/asking.ts';
import { closeBench, openBench } from '../../runbook/bench.ts';
import { follow } from '../follow.ts';
import { type CommonOptions, fail, withSession } from '../session.ts';

export const practise = (options: CommonOptions & { readonly walk?: boolean }): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { practice, parts } = session.kit;
    const site = await practice.ensureSite();
    if (!options.walk) {
      session.print({ site }, [session.texts.say('cli.practice.made', { name: site })]);
      return exitCodes.done;
    }
    session.print({ site, practice: true }, [session.texts.say('cli.practice.walk', { name: site })]);
    const asker = recordedAsker(practice.answers, { yes: true, who: 'practice' });
    const bench = await openBench(parts, site, asker);
    const stop = follow(bench.site, session);
    try {
      const ended = await bench.runner.runAll(bench.runner.instances(), {
        asker,
        consent: 'phase',
        agreed: [],
        skip: [],
        inputs: practice.inputs,
        signal,
      });
      const last = ended.at(-1);
      const performed = ended.reduce((sum, item) => sum + item.performed, 0);
      if (last?.problem != null) return fail(problemFrom(last.problem), session, { ended, performed });
      session.print({ ended, performed }, [session.texts.say('cli.practice.over', { steps: ended.length, performed })]);
      return last?.outcome === 'done' ? exitCodes.done : exitCodes.blocked;
    } finally {
      stop();
      await closeBench(bench);
    }
  });

/** Lists the faults of the practice site; with a name and a state, switches one first. */
export const practiseFaults = (
  id: string | undefined,
  state: string | undefined,
  options: CommonOptions,
): Promise<number> =>
  withSession(options, async (session) => {
    const { faults } = session.kit.parts.practice;
    await session.kit.practice.ensureSite();
    const known = await faults(null);
    const fault = known.find((item) => item.id === id);
    if (id !== undefined && fault === undefined) throw problem('usage-wrong', { detail: id });
    if (id !== undefined && state !== 'on' && state !== 'off')
      throw problem('usage-wrong', { detail: `${id} ${state ?? ''}` });
    const all = fault === undefined ? known : await faults({ id: fault.id, on: state === 'on', met: fault.met });
    for (const item of all)
      session.print(item, [session.texts.say(`cli.practice.fault.${item.on ? 'on' : 'off'}`, { id: item.id })]);
    return exitCodes.done;
  });
