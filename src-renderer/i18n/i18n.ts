// All texts of the window, from the same files as the command line's. Bundled: nothing is loaded while running.
import i18next, { type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';

type Tree = { readonly [key: string]: string | Tree };

const files = import.meta.glob<Tree>('../../resources/locales/*/*.json', { eager: true, import: 'default' });

/** `problems.json` holds what stands under `problems.` in a key. */
function bundleOf(language: string): Tree {
  const bundle: Record<string, Tree> = {};
  for (const [path, tree] of Object.entries(files)) {
    const [, folder, file] = /\/([a-z-]+)\/([a-z-]+)\.json$/.exec(path) ?? [];
    if (folder === language && file !== undefined) bundle[file] = tree;
  }
  return bundle;
}

export async function startTexts(language: string): Promise<i18n> {
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: bundleOf('en') }, fr: { translation: bundleOf('fr') } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  return i18next;
}
