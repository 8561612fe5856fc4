// The terminal's sentences: the same texts as the window's. Used by every command.
import i18next, { type i18n } from 'i18next';
import enCli from '../../resources/locales/en/cli.json' with { type: 'json' };
import enProblems from '../../resources/locales/en/problems.json' with { type: 'json' };
import enRecord from '../../resources/locales/en/record.json' with { type: 'json' };
import enRehearsal from '../../resources/locales/en/rehearsal.json' with { type: 'json' };
import enSheet from '../../resources/locales/en/sheet.json' with { type: 'json' };
import enSteps from '../../resources/locales/en/steps.json' with { type: 'json' };
import enUi from '../../resources/locales/en/ui.json' with { type: 'json' };
import frCli from '../../resources/locales/fr/cli.json' with { type: 'json' };
import frProblems from '../../resources/locales/fr/problems.json' with { type: 'json' };
import frRecord from '../../resources/locales/fr/record.json' with { type: 'json' };
import frRehearsal from '../../resources/locales/fr/rehearsal.json' with { type: 'json' };
import frSheet from '../../resources/locales/fr/sheet.json' with { type: 'json' };
import frSteps from '../../resources/locales/fr/steps.json' with { type: 'json' };
import frUi from '../../resources/locales/fr/ui.json' with { type: 'json' };
import type { Params, ProblemData } from '../../src-shared/problem.ts';
import { readableParams } from '../../src-shared/readable.ts';
import type { Told } from '../../src-shared/step.ts';

/** Of the window's own texts, what questions and plans show with them. */
const shownIn = ({ question, step }: typeof enUi) => ({
  question: { show: question.show },
  step: { lasts: step.lasts },
});

// A file holds what stands below its own name in a key.
const resources = {
  en: {
    translation: {
      cli: enCli,
      steps: enSteps,
      problems: enProblems,
      record: enRecord,
      rehearsal: enRehearsal,
      sheet: enSheet,
      ui: shownIn(enUi),
    },
  },
  fr: {
    translation: {
      cli: frCli,
      steps: frSteps,
      problems: frProblems,
      record: frRecord,
      rehearsal: frRehearsal,
      sheet: frSheet,
      ui: shownIn(frUi),
    },
  },
} as const;

export interface Texts {
  readonly language: string;
  say(key: string, params?: Params): string;
  told(told: Told): string;
  /** Of a value that a question shows; one that is no word of ours, such as the type of a key, stays as it is. */
  label(label: string): string;
  /** Title, cause, what was not touched, what to do next: one line each. */
  problem(data: Pick<ProblemData, 'code' | 'params'>): string[];
}

/** The language asked for, else the environment's, else English. */
export async function makeTexts(
  asked: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Texts> {
  const wanted = asked ?? env.LC_ALL ?? env.LC_MESSAGES ?? env.LANG ?? 'en';
  const language = wanted.startsWith('fr') ? 'fr' : 'en';
  const instance: i18n = i18next.createInstance();
  await instance.init({ lng: language, fallbackLng: 'en', resources, interpolation: { escapeValue: false } });
  const say: Texts['say'] = (key, params = {}) => instance.t(key, readableParams(params, language));
  return {
    language,
    say,
    told: ({ key, params }) => say(key, params),
    label: (label) => instance.t(`ui.question.show.${label}`, label),
    problem: ({ code, params }) =>
      (['title', 'cause', 'untouched', 'next'] as const).map((part) => say(`problems.${code}.${part}`, params)),
  };
}
