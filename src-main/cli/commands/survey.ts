// fieldkit survey: what the machines have already, brought back from the site as files.
import { exitCodes } from '../../../src-shared/problem.ts';
import { bringSurveys, type Survey } from '../../runbook/survey.ts';
import { type CommonOptions, withSite } from '../session.ts';

export const surveyMachines = (
  names: readonly string[],
  options: CommonOptions & { readonly output: string },
): Promise<number> =>
  withSite(options, async ({ bench, texts, print, signal }) => {
    const { plan } = bench.site;
    const surveys: Survey[] = [];
    const told = ({ earlier, ...survey }: Survey) => [
      texts.say('cli.survey.brought', { ...survey }),
      ...(earlier === null ? [] : [texts.say('cli.survey.earlier', { path: earlier })]),
    ];
    try {
      const brought = (survey: Survey) => void surveys.push(survey);
      await bringSurveys(bench.hands.world(signal), { plan, names, folder: options.output }, { brought });
    } finally {
      // Stopped or failed, it says what lies there by then.
      if (surveys.length > 0) print(surveys, surveys.flatMap(told));
    }
    return exitCodes.done;
  });
