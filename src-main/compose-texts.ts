// Sentences for the pages of a record, in every language of the program. Made by compose; the same texts as the window's.
import i18next from 'i18next';
import enProblems from '../resources/locales/en/problems.json' with { type: 'json' };
import enRecord from '../resources/locales/en/record.json' with { type: 'json' };
import enSteps from '../resources/locales/en/steps.json' with { type: 'json' };
import frProblems from '../resources/locales/fr/problems.json' with { type: 'json' };
import frRecord from '../resources/locales/fr/record.json' with { type: 'json' };
import frSteps from '../resources/locales/fr/steps.json' with { type: 'json' };
import { readableParams } from '../src-shared/readable.ts';
import type { RecordTexts } from './medium/record-page.ts';

const resources = {
  en: { translation: { problems: enProblems, record: enRecord, steps: enSteps } },
  fr: { translation: { problems: frProblems, record: frRecord, steps: frSteps } },
} as const;

export const recordTexts = (['en', 'fr'] as const).map((language): RecordTexts => {
  const texts = i18next.createInstance();
  // Everything is bundled: ready at once.
  void texts.init({
    lng: language,
    fallbackLng: 'en',
    resources,
    initAsync: false,
    interpolation: { escapeValue: false },
  });
  return { language, say: (key, params = {}) => texts.t(key, readableParams(params, language)) };
});
