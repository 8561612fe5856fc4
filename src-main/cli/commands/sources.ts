// fieldkit sources test: whether everything a site is prepared from can be reached from here.
import { exitCodes } from '../../../src-shared/problem.ts';
import { askerFor, type CommonOptions, chosenSite, withSession } from '../session.ts';

export const testSources = (options: CommonOptions): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print } = session;
    const site = await chosenSite(kit, options.site);
    const asker = await askerFor(session, options);
    const { proxy, answers } = await kit.testSources(site, signal, (question) =>
      asker.answer('sources', question, signal),
    );
    const failed = answers.filter(({ problem }) => problem !== null).length;
    const counts = { count: answers.length, failed };
    print({ site, answers }, [
      ...(proxy === null ? [] : [texts.say('cli.sources.route', { proxy })]),
      ...answers.map(({ kind, name, address, tookMs, problem }) => {
        const what = texts.say(`cli.sources.kind.${kind}`, { name });
        if (problem === null) return texts.say('cli.sources.answers', { what, address, tookMs });
        const [why = ''] = texts.problem(problem);
        return texts.say('cli.sources.silent', { what, why });
      }),
      failed === 0 ? texts.say('cli.sources.all', counts) : texts.say('cli.sources.some', counts),
    ]);
    return failed === 0 ? exitCodes.done : exitCodes.network;
  });
