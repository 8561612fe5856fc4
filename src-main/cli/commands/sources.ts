// fieldkit sources test: whether everything a site is prepared from can be reached from here.
import { exitCodes } from '../../../src-shared/problem.ts';
import { proxyScriptOf } from '../../../src-shared/site.ts';
import { askerFor, type CommonOptions, chosenSite, withSession } from '../session.ts';

export const testSources = (options: CommonOptions): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print } = session;
    const site = await chosenSite(kit, options.site);
    const asker = await askerFor(session, options);
    const { proxy, answers } = await kit.testSources(site, signal, (question) =>
      asker.answer('sources', question, signal),
    );
    const script = proxy === null ? null : proxyScriptOf(proxy);
    const failed = answers.filter(({ problem }) => problem !== null).length;
    const counts = { count: answers.length, failed };
    print({ site, answers }, [
      ...(proxy === null
        ? []
        : [script === null ? texts.say('cli.sources.route', { proxy }) : texts.say('cli.sources.script', { script })]),
      ...answers.map(({ kind, name, address, tookMs, way, problem }) => {
        const what = texts.say(`cli.sources.kind.${kind}`, { name });
        if (problem === null) {
          if (way === null) return texts.say('cli.sources.answers', { what, address, tookMs });
          if (way === 'direct') return texts.say('cli.sources.direct', { what, address, tookMs });
          return texts.say('cli.sources.through', { what, address, tookMs, way });
        }
        const [why = ''] = texts.problem(problem);
        return texts.say('cli.sources.silent', { what, why });
      }),
      failed === 0 ? texts.say('cli.sources.all', counts) : texts.say('cli.sources.some', counts),
    ]);
    return failed === 0 ? exitCodes.done : exitCodes.network;
  });
