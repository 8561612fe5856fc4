// The runbook at the side: chapters, and their steps with state as icon and word.
import { ChevronDown, ChevronUp } from 'lucide-react';
import { memo, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceState, InstanceView } from '../../src-shared/journal.ts';
import { useWords } from '../i18n/words.ts';
import { chaptersOf, countDone } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useTimeLeft } from '../state/time-left.ts';
import { Button } from '../ui/button.tsx';
import { StateIcon, useStateWord } from '../ui/state-mark.tsx';
import styles from './side-list.module.css';

interface Props extends Pick<OpenedSite, 'name' | 'view' | 'steps' | 'machines'> {
  /** The instance on the page, null on other pages. */
  readonly current: string | null;
}

/** From here on the list stands above the page instead of beside it, closed until it is wanted: as in site-page.module.css. */
const narrow = window.matchMedia('(max-width: 700px)');
const listenToWidth = (changed: () => void): (() => void) => {
  narrow.addEventListener('change', changed);
  return () => narrow.removeEventListener('change', changed);
};

export const SideList = memo(({ name, view, steps, machines, current }: Props) => {
  const { t } = useTranslation();
  const all = Object.values(view.instances);
  const folded = useSyncExternalStore(listenToWidth, () => narrow.matches);
  const [open, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const sum = t('ui.side.sum', { done: countDone(all), total: all.length });
  const left = useTimeLeft(all, machines);
  return (
    <nav className={styles.side} aria-label={t('ui.side.title')}>
      {folded && (
        <Button
          kind="quiet"
          icon={open ? <ChevronUp aria-hidden /> : <ChevronDown aria-hidden />}
          aria-expanded={open}
          onPress={() => setOpen(!open)}
        >
          {t('ui.side.title')} <span className="quiet">{sum}</span>
        </Button>
      )}
      <div className={styles.scroll} hidden={folded && !open}>
        {chaptersOf(view, steps).map(({ chapter, instances, done }) => (
          <section key={chapter} aria-labelledby={`chapter-${chapter}`}>
            <h2 id={`chapter-${chapter}`} className={styles.chapter}>
              <span>{t(`ui.chapter.${chapter}`)}</span>
              <span className={styles.count}>
                {done}/{instances.length}
              </span>
            </h2>
            <ol>
              {instances.map((instance) => (
                <Entry
                  key={instance.key}
                  site={name}
                  instance={instance}
                  current={instance.key === current}
                  onGo={close}
                />
              ))}
            </ol>
          </section>
        ))}
      </div>
      {!folded && (
        <p className={styles.sum}>
          <span>{sum}</span>
          {left !== '' && <span className="small">{left}</span>}
        </p>
      )}
    </nav>
  );
});

/** States that the icon alone tells: the words are left to those that want a person, and every word is there to be heard. */
const usual: ReadonlySet<InstanceState> = new Set<InstanceState>(['done', 'todo', 'unread']);

interface EntryProps {
  readonly site: string;
  readonly instance: InstanceView;
  readonly current: boolean;
  readonly onGo: () => void;
}

/** Drawn anew when its own step changes, not whenever any does. */
const Entry = memo(({ site, instance, current, onGo }: EntryProps) => {
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
        onClick={onGo}
      >
        <StateIcon state={instance.state} />
        <span className={styles.name}>
          {words.stepTitle(instance.step)}
          {subject !== '' && <span className={styles.subject}> {subject}</span>}
        </span>
        <span className={usual.has(instance.state) ? 'unseen' : styles.word}>{word(instance.state)}</span>
      </a>
    </li>
  );
});
