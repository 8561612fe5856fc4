// fieldkit practice: the built-in practice site. With --walk it goes through the whole runbook by itself,
// with the practice site's own answers, through the same engine as a real site.
import { exitCodes, problemFrom } from '../../../src-shared/problem.ts';
import { recordedAsker } from '../../runbook/asking.ts';
import { closeBench, openBench } from '../../runbook/desk.ts';
import { follow } from '../follow.ts';
import { type CommonOptions, fail, makeSession } from '../session.ts';

export async function practise(options: CommonOptions & { readonly walk?: boolean }): Promise<number> {
  const session = await makeSession(options);
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  try {
    const site = await session.kit.practice.ensureSite();
    if (!options.walk) {
      session.print({ site }, [session.texts.say('cli.practice.made', { name: site })]);
      return exitCodes.done;
    }
    session.print({ site, practice: true }, [session.texts.say('cli.practice.walk', { name: site })]);
    const asker = recordedAsker(session.kit.practice.answers, { yes: true, who: 'practice' });
    const bench = await openBench(session.kit.parts, site, asker);
    const stop = follow(bench.site, session);
    try {
      const { inputs } = session.kit.practice;
      const ended = await bench.runner.runAll(bench.runner.instances(), {
        asker,
        consent: 'phase',
        agreed: [],
        skip: [],
        inputs,
        signal: controller.signal,
      });
      stop();
      const last = ended.at(-1);
      if (last?.problem != null) return fail(problemFrom(last.problem), session);
      const performed = ended.reduce((sum, item) => sum + item.performed, 0);
      session.print({ ended, performed }, [session.texts.say('cli.practice.over', { steps: ended.length, performed })]);
      return last?.outcome === 'done' ? exitCodes.done : exitCodes.blocked;
    } finally {
      await closeBench(bench);
    }
  } catch (error) {
    return fail(error, session);
  }
}
