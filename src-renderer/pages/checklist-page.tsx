// The runbook on paper: every step with a box to tick, what it is for, and what was done already. Shown as it prints.
import { Printer } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { formatMoment } from '../../src-shared/format.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { chaptersOf } from '../state/progress.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { useStateWord } from '../ui/state-mark.tsx';
import styles from './checklist-page.module.css';

export const ChecklistPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const word = useStateWord();
  return (
    <div className={styles.scroll}>
      <article className={styles.page}>
        <header className={styles.head}>
          <Heading page={`checklist ${site.name}`} title={t('ui.checklist.title', { site: site.name })} />
          <Button kind="plain" icon={<Printer aria-hidden />} onPress={() => window.print()}>
            {t('ui.checklist.print')}
          </Button>
        </header>
        <p className="quiet">{t('ui.checklist.hint')}</p>
        {chaptersOf(site.view, site.steps).map(({ chapter, instances }) => (
          <div key={chapter}>
            <h2>{t(`ui.chapter.${chapter}`)}</h2>
            <ol className={styles.list}>
              {instances.map((instance) => (
                <li key={instance.key} className={styles.entry}>
                  <span aria-hidden className={styles.box}>
                    {instance.state === 'done' ? '✓' : ''}
                  </span>
                  <span>
                    <strong>{words.instanceTitle(instance)}</strong>
                    <span className={styles.why}>{words.maybe(`steps.${instance.step}.why`)}</span>
                  </span>
                  <span className={styles.when}>
                    {instance.state === 'done' && instance.doneAt !== null
                      ? formatMoment(instance.doneAt, i18n.language)
                      : word(instance.state)}
                  </span>
                </li>
              ))}
            </ol>
          </div>
        ))}
        <p className={styles.sign}>{t('ui.checklist.sign')}</p>
      </article>
    </div>
  );
};
