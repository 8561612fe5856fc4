// The start: sites on this laptop, a new one, and the practice site.
import { FlaskConical, Plus } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SiteSummary } from '../../src-shared/api.ts';
import { formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { RecentMedia } from '../panels/recent-media.tsx';
import { SettingsMenu } from '../panels/settings-menu.tsx';
import { TakeOver } from '../panels/take-over.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { forgetTrouble } from '../state/actions.ts';
import { addressOf, go } from '../state/route.ts';
import { listSites, makeSite } from '../state/sites.ts';
import { useStore } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import styles from './start-page.module.css';

export const StartPage = () => {
  const { t } = useTranslation();
  const sites = useStore((state) => state.sites);
  const info = useStore((state) => state.info);
  const trouble = useStore((state) => state.trouble);
  useEffect(() => {
    void listSites();
  }, []);
  return (
    <div className={styles.page}>
      <header className={styles.top}>
        <span className="quiet small">{info === null ? '' : t('ui.start.version', { version: info.version })}</span>
        <SettingsMenu site={null} />
      </header>
      <main className={styles.main}>
        <div className={styles.intro}>
          <Heading page="start" title="SlapOS Field Kit" />
          <p className="quiet">{t('ui.start.intro')}</p>
        </div>
        {trouble !== null && <ProblemPanel problem={trouble} onClose={forgetTrouble} />}
        <section className={styles.sites} aria-labelledby="sites-title">
          <h2 id="sites-title">{t('ui.start.sites')}</h2>
          {sites === null && <p className="quiet">{t('ui.start.looking')}</p>}
          {sites?.length === 0 && <p className="quiet">{t('ui.start.none')}</p>}
          {sites !== null && sites.length > 0 && (
            <ul className={styles.list}>
              {sites.map((site) => (
                <li key={site.name}>
                  <SiteCard site={site} />
                </li>
              ))}
            </ul>
          )}
        </section>
        <RecentMedia />
        <div className={styles.ways}>
          <TakeOver />
          <NewSite />
          <Practice existing={sites?.find((site) => site.practice) ?? null} />
        </div>
        <p>
          <a href={addressOf({ page: 'cache' })}>{t('ui.menu.cache')}</a>
        </p>
      </main>
    </div>
  );
};

const SiteCard = ({ site }: { readonly site: SiteSummary }) => {
  const { t, i18n } = useTranslation();
  const { name, practice, done, total, changedAt, heldBy } = site;
  return (
    <a className={styles.card} href={addressOf({ page: 'site', site: name })}>
      <span className={styles.name}>
        {name}
        {practice && <span className={styles.badge}>{t('ui.practice.badge')}</span>}
      </span>
      <span>{total === 0 ? t('ui.start.untouched') : t('ui.start.progress', { done, total })}</span>
      <span className="quiet small">
        {changedAt === null ? '' : t('ui.start.changed', { at: formatMoment(changedAt, i18n.language) })}
      </span>
      {heldBy !== null && <span className={styles.held}>{t('ui.start.heldBy', { who: heldBy })}</span>}
    </a>
  );
};

const NewSite = () => {
  const { t } = useTranslation();
  return (
    <section className={styles.way} aria-labelledby="new-title">
      <h2 id="new-title">{t('ui.start.new')}</h2>
      <p className="quiet">{t('ui.start.newHint')}</p>
      <div>
        <Button kind="plain" icon={<Plus aria-hidden />} onPress={() => go({ page: 'new' })}>
          {t('ui.start.make')}
        </Button>
      </div>
    </section>
  );
};

const Practice = ({ existing }: { readonly existing: SiteSummary | null }) => {
  const { t } = useTranslation();
  const [problem, setProblem] = useState<ProblemData | null>(null);
  const [preparing, setPreparing] = useState(false);
  const enter = async () => {
    if (existing !== null) return go({ page: 'site', site: existing.name });
    setPreparing(true);
    try {
      go({ page: 'site', site: await makeSite({ interview: null }) });
    } catch (thrown) {
      setProblem(toProblemData(thrown));
      setPreparing(false);
    }
  };
  return (
    <section className={`${styles.way} ${styles.practice}`} aria-labelledby="practice-title">
      <h2 id="practice-title">{t('ui.practice.title')}</h2>
      <p className="quiet">{t('ui.practice.hint')}</p>
      {problem !== null && <ProblemPanel problem={problem} />}
      <div>
        <Button kind="plain" onPress={() => void enter()} isPending={preparing} icon={<FlaskConical aria-hidden />}>
          {existing === null ? t('ui.practice.begin') : t('ui.practice.goOn')}
        </Button>
        <Terminal argv={terminalForms.practise()} />
        <span role="status" className={styles.preparing}>
          {preparing ? t('ui.practice.preparing') : ''}
        </span>
      </div>
    </section>
  );
};
