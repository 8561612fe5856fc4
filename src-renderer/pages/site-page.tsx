// A site: bar on top, runbook at the side, one page in the middle.
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import { useWords } from '../i18n/words.ts';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { SideList } from '../panels/side-list.tsx';
import { TopBar } from '../panels/top-bar.tsx';
import { forgetTrouble } from '../state/actions.ts';
import { addressOf, type Route, type SitePageName } from '../state/route.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { ChecklistPage } from './checklist-page.tsx';
import { FormatPage } from './format-page.tsx';
import { MediumPage } from './medium-page.tsx';
import { OverviewPage } from './overview-page.tsx';
import { PlanPage } from './plan-page.tsx';
import { RecordsPage } from './records-page.tsx';
import styles from './site-page.module.css';
import { StepPage } from './step-page.tsx';
import { SupportPage } from './support-page.tsx';

const pages: Readonly<Record<SitePageName, ComponentType<{ readonly site: OpenedSite }>>> = {
  plan: PlanPage,
  checklist: ChecklistPage,
  medium: MediumPage,
  format: FormatPage,
  records: RecordsPage,
  support: SupportPage,
};

interface Props {
  readonly route: Extract<Route, { site: string }>;
  readonly site: OpenedSite;
}

export const SitePage = ({ route, site }: Props) => {
  const trouble = useStore((state) => state.trouble);
  const current = route.page === 'step' ? route.instance : null;
  const instance = current === null ? undefined : site.view.instances[current];
  const Page = route.page === 'site' || route.page === 'step' ? null : pages[route.page];
  return (
    <div className={styles.page}>
      <TopBar site={site} />
      <div className={styles.body}>
        <SideList site={site} current={current} />
        <main className={styles.main}>
          {trouble !== null && (
            <div className={styles.trouble}>
              <ProblemPanel problem={trouble} onClose={forgetTrouble} />
            </div>
          )}
          <NeedsYou site={site} current={current} />
          {Page !== null ? (
            <Page site={site} />
          ) : instance !== undefined ? (
            <StepPage key={instance.key} site={site} instance={instance} />
          ) : (
            <OverviewPage site={site} />
          )}
        </main>
      </div>
    </div>
  );
};

/** A step elsewhere that waits for the person. */
const NeedsYou = ({ site, current }: { readonly site: OpenedSite; readonly current: string | null }) => {
  const { t } = useTranslation();
  const words = useWords();
  const waiting = Object.entries(site.live).find(
    ([key, live]) => key !== current && (live.question !== null || live.confirm !== null),
  );
  const instance = waiting === undefined ? undefined : site.view.instances[waiting[0]];
  if (instance === undefined) return null;
  return (
    <p className={styles.needs} role="status">
      {t('ui.needsYou', { step: words.instanceTitle(instance) })}{' '}
      <a href={addressOf({ page: 'step', site: site.name, instance: instance.key })}>{t('ui.goThere')}</a>
    </p>
  );
};
