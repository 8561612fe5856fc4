// The runbook at the side: chapters, and their steps with state as icon and word.
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import { useWords } from '../i18n/words.ts';
import { chaptersOf, countDone } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { StateIcon, useStateWord } from '../ui/state-mark.tsx';
import styles from './side-list.module.css';

interface Props {
  readonly site: OpenedSite;
  /** The instance on the page, null on other pages. */
  readonly current: string | null;
}

export const SideList = ({ site, current }: Props) => {
  const { t } = useTranslation();
  const all = Object.values(site.view.instances);
  return (
    <nav className={styles.side} aria-label={t('ui.side.title')}>
      <div className={styles.scroll}>
        {chaptersOf(site.view, site.steps).map(({ chapter, instances }) => (
          <section key={chapter} aria-labelledby={`chapter-${chapter}`}>
            <h2 id={`chapter-${chapter}`} className={styles.chapter}>
              {t(`ui.chapter.${chapter}`)}
            </h2>
            <ol>
              {instances.map((instance) => (
                <Entry key={instance.key} site={site.name} instance={instance} current={instance.key === current} />
              ))}
            </ol>
          </section>
        ))}
      </div>
      <p className={styles.sum}>{t('ui.side.sum', { done: countDone(all), total: all.length })}</p>
    </nav>
  );
};

interface EntryProps {
  readonly site: string;
  readonly instance: InstanceView;
  readonly current: boolean;
}

const Entry = ({ site, instance, current }: EntryProps) => {
  const words = useWords();
  const word = useStateWord();
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (current) link.current?.scrollIntoView({ block: 'nearest' });
  }, [current]);
  const subject = words.subject(instance.subject);
  return (
    <li>
      <a
        ref={link}
        className={styles.entry}
        href={addressOf({ page: 'step', site, instance: instance.key })}
        aria-current={current ? 'step' : undefined}
      >
        <StateIcon state={instance.state} />
        <span className={styles.name}>
          {words.stepTitle(instance.step)}
          {subject !== '' && <span className={styles.subject}> {subject}</span>}
        </span>
        <span className={styles.word}>{word(instance.state)}</span>
      </a>
    </li>
  );
};
