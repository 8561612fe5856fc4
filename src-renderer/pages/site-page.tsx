// A site: bar on top, runbook at the side, one page in the middle.
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import { useWords } from '../i18n/words.ts';
import { LiveQuestion } from '../panels/live-question.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { SideList } from '../panels/side-list.tsx';
import { TopBar } from '../panels/top-bar.tsx';
import { forgetTrouble } from '../state/actions.ts';
import { addressOf, type Route, type SitePageName } from '../state/route.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { FormatPage } from './format-page.tsx';
import { HelpOnSite } from './help-page.tsx';
import { KeysPage } from './keys-page.tsx';
import { MachinePage } from './machine-page.tsx';
import { MachinesPage } from './machines-page.tsx';
import { MediumPage } from './medium-page.tsx';
import { OverviewPage } from './overview-page.tsx';
import { PlanPage } from './plan-page.tsx';
import { RecordsPage } from './records-page.tsx';
import { RepairPage } from './repair-page.tsx';
import { SheetPage } from './sheet-page.tsx';
import styles from './site-page.module.css';
import { SourcesPage } from './sources-page.tsx';
import { StepPage } from './step-page.tsx';
import { SupportPage } from './support-page.tsx';

const pages: Readonly<Record<SitePageName, ComponentType<{ readonly site: OpenedSite }>>> = {
  plan: PlanPage,
  sheet: SheetPage,
  machines: MachinesPage,
  medium: MediumPage,
  keys: KeysPage,
  format: FormatPage,
  repair: RepairPage,
  records: RecordsPage,
  sources: SourcesPage,
  support: SupportPage,
  help: HelpOnSite,
};

interface Props {
  readonly route: Extract<Route, { site: string }>;
  readonly site: OpenedSite;
}

export const SitePage = ({ route, site }: Props) => {
  const trouble = useStore((state) => state.trouble);
  const current = route.page === 'step' ? route.instance : null;
  const instance = current === null ? undefined : site.view.instances[current];
  const Page = route.page === 'site' || route.page === 'step' || route.page === 'machine' ? null : pages[route.page];
  return (
    <div className={styles.page}>
      <TopBar name={site.name} practice={site.practice} view={site.view} steps={site.steps} />
      <div className={styles.body}>
        <SideList name={site.name} view={site.view} steps={site.steps} machines={site.machines} current={current} />
        <main className={styles.main}>
          {trouble !== null && (
            <div className={styles.trouble}>
              <ProblemPanel problem={trouble} onClose={forgetTrouble} />
            </div>
          )}
          <NeedsYou site={site} current={current} here={route.page === 'site'} />
          {Page !== null ? (
            <Page site={site} />
          ) : route.page === 'machine' ? (
            <MachinePage key={route.machine} site={site} name={route.machine} />
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

interface NeedsProps {
  readonly site: OpenedSite;
  /** The step that is shown, null on another page. */
  readonly current: string | null;
  readonly here: boolean;
}

/** A step elsewhere that waits for the person. On the overview, where runs are begun, its question can be answered in place. */
const NeedsYou = ({ site, current, here }: NeedsProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const waiting = Object.entries(site.live).find(
    ([key, live]) => key !== current && (live.question !== null || live.confirm !== null),
  );
  const instance = waiting === undefined ? undefined : site.view.instances[waiting[0]];
  if (instance === undefined) return null;
  return (
    <div className={styles.needs}>
      <p role="status">
        {t('ui.needsYou', { step: words.instanceTitle(instance) })}{' '}
        <a href={addressOf({ page: 'step', site: site.name, instance: instance.key })}>{t('ui.goThere')}</a>
      </p>
      {here && <LiveQuestion site={site} instance={instance} />}
    </div>
  );
};
