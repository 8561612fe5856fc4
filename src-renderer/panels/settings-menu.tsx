// Theme and language, and on a site its plan and the way back.
import { Settings2 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { languages, type Settings, themes } from '../../src-shared/api.ts';
import { changeSettings } from '../state/actions.ts';
import { go, menuPages } from '../state/route.ts';
import { useStore } from '../state/store.ts';
import { Menu, type MenuGroup } from '../ui/menu.tsx';

/** Each language in its own words. */
const languageNames: Readonly<Record<Settings['language'], string>> = { en: 'English', fr: 'Français' };

export const SettingsMenu = ({ site }: { readonly site: string | null }) => {
  const { t } = useTranslation();
  const settings = useStore((state) => state.settings);
  const acts: MenuGroup[] =
    site === null
      ? [
          {
            id: 'help',
            title: null,
            chosen: null,
            items: (['cache', 'help'] as const).map((id) => ({ id, text: t(`ui.menu.${id}`) })),
            onAction: (id) => go(id === 'cache' ? { page: id } : { page: 'help' }),
          },
        ]
      : [
          {
            id: 'site',
            title: null,
            chosen: null,
            items: [
              { id: 'overview', text: t('ui.menu.overview') },
              ...menuPages.map((id) => ({ id, text: t(`ui.menu.${id}`) })),
              { id: 'start', text: t('ui.menu.start') },
            ],
            onAction: (id) =>
              go(id === 'start' ? { page: 'start' } : { page: menuPages.find((page) => page === id) ?? 'site', site }),
          },
        ];
  const groups: MenuGroup[] = [
    ...acts,
    {
      id: 'theme',
      title: t('ui.menu.theme'),
      chosen: settings.theme,
      items: themes.map((id) => ({ id, text: t(`ui.theme.${id}`) })),
      onAction: (id) => void changeSettings({ theme: id as Settings['theme'] }),
    },
    {
      id: 'language',
      title: t('ui.menu.language'),
      chosen: settings.language,
      items: languages.map((id) => ({ id, text: languageNames[id] })),
      onAction: (id) => void changeSettings({ language: id as Settings['language'] }),
    },
  ];
  return <Menu label={t('ui.menu.title')} icon={<Settings2 aria-hidden size={20} />} groups={groups} />;
};
