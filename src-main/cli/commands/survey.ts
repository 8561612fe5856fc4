// fieldkit survey: what the machines have already, brought back from the site as files.
import { exitCodes } from '../../../src-shared/problem.ts';
import { bringSurveys } from '../../runbook/survey.ts';
import { type CommonOptions, withSite } from '../session.ts';

export const surveyMachines = (
  names: readonly string[],
  options: CommonOptions & { readonly output: string },
): Promise<number> =>
  withSite(options, async ({ bench, texts, print, signal }) => {
    const { plan } = bench.site;
    const surveys = await bringSurveys(bench.hands.world(signal), { plan, names, folder: options.output });
    print(
      surveys,
      surveys.map((survey) => texts.say('cli.survey.brought', { ...survey })),
    );
    return exitCodes.done;
  });
