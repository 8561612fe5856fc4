// Which page is shown, and what all pages share: the theme's texts, the live region for milestones, trouble on top.
import { useEffect } from 'react';
import { I18nProvider } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { useWords } from '../i18n/words.ts';
import { CachePage } from '../pages/cache-page.tsx';
import { HelpPage } from '../pages/help-page.tsx';
import { NewSitePage } from '../pages/new-site-page.tsx';
import { SitePage } from '../pages/site-page.tsx';
import { StartPage } from '../pages/start-page.tsx';
import { leaveSite, openSite } from '../state/sites.ts';
import { useStore } from '../state/store.ts';
import { keepFocus } from './kept-focus.ts';

export const App = () => {
  const { i18n } = useTranslation();
  const route = useStore((state) => state.route);
  const site = useStore((state) => state.site);
  const wanted = 'site' in route ? route.site : null;
  useEffect(keepFocus, []);
  useEffect(() => {
    document.documentElement.lang = i18n.language;
  }, [i18n.language]);
  useEffect(() => {
    if (wanted === null) void leaveSite();
    else void openSite(wanted);
  }, [wanted]);
  return (
    <I18nProvider locale={i18n.language}>
      <Milestones />
      {route.page === 'start' ? (
        <StartPage />
      ) : route.page === 'new' ? (
        <NewSitePage />
      ) : route.page === 'cache' ? (
        <CachePage />
      ) : route.page === 'help' && !('site' in route) ? (
        <HelpPage />
      ) : site === null || site.name !== route.site ? (
        <Opening />
      ) : (
        <SitePage route={route} site={site} />
      )}
    </I18nProvider>
  );
};

const Opening = () => {
  const { t } = useTranslation();
  return (
    <main aria-busy>
      <p className="quiet" style={{ padding: 'var(--s8)' }}>
        {t('ui.opening')}
      </p>
    </main>
  );
};

/** Polite, and for milestones only: never for log lines or progress. */
const Milestones = () => {
  const { t } = useTranslation();
  const words = useWords();
  const milestone = useStore((state) => state.milestone);
  const instance = useStore((state) => state.site?.view.instances[state.milestone?.instance ?? '']);
  return (
    <div role="status" className="unseen">
      {milestone !== null && instance !== undefined
        ? t(`ui.milestone.${milestone.outcome}`, { step: words.instanceTitle(instance) })
        : ''}
    </div>
  );
};
