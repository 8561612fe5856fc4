// All texts of the window, from the same files as the command line's. Of the languages only what is shown is read in.
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Settings } from '../../src-shared/api.ts';

export type Tree = { readonly [key: string]: string | Tree };

const bundles = { en: () => import('./en.ts'), fr: () => import('./fr.ts') } as const;

/** `problems.json` holds what stands under `problems.` in a key. */
async function bundleOf(language: Settings['language']): Promise<Tree> {
  const { files } = await bundles[language]();
  const named = Object.entries(files).map(([path, tree]) => [/([a-z-]+)\.json$/.exec(path)?.[1] ?? path, tree]);
  return Object.fromEntries(named);
}

/** Before the first page is drawn. Every language has every text, so none falls back to another. */
export async function startTexts(language: Settings['language']): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    resources: { [language]: { translation: await bundleOf(language) } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

export async function changeTexts(language: Settings['language']): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'translation'))
    i18next.addResourceBundle(language, 'translation', await bundleOf(language));
  await i18next.changeLanguage(language);
}
