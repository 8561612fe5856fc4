// One bar: where am I, how far, is the medium there, is the laptop plugged in, and the menu.
import { BatteryLow, FlaskConical, Unplug, Usb } from 'lucide-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { mediumWord, useLaptop } from '../state/laptop.ts';
import { chaptersOf, mediumOf } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { StateIcon, useStateWord } from '../ui/state-mark.tsx';
import { SettingsMenu } from './settings-menu.tsx';
import styles from './top-bar.module.css';

type Props = Pick<OpenedSite, 'name' | 'practice' | 'view' | 'steps'>;

export const TopBar = memo(({ name, practice, view, steps }: Props) => {
  const { t } = useTranslation();
  const word = useStateWord();
  const medium = mediumOf(view);
  const laptop = useLaptop(name);
  const MediumIcon = laptop?.medium === 'away' ? Unplug : Usb;
  return (
    <header className={styles.bar}>
      <a className={styles.site} href={addressOf({ page: 'site', site: name })}>
        {name}
        {practice && (
          <span className={styles.practice}>
            <FlaskConical aria-hidden size={16} /> {t('ui.practice.badge')}
          </span>
        )}
      </a>
      <ol className={styles.chapters} aria-label={t('ui.chapters')}>
        {chaptersOf(view, steps).map(({ chapter, instances, done, state }) => (
          <li key={chapter} className={styles.chapter}>
            <StateIcon state={state} />
            <span className={styles.title}>{t(`ui.chapter.${chapter}`)}</span>
            <span className={`${styles.count} quiet small`}>
              {done}/{instances.length}
            </span>
            <span className="unseen">{word(state)}</span>
          </li>
        ))}
      </ol>
      {medium !== null && (
        <a
          className={`${styles.medium} ${laptop?.medium === 'away' ? styles.away : ''}`}
          href={addressOf({ page: 'step', site: name, instance: medium.key })}
        >
          <MediumIcon aria-hidden size={18} />
          {/* One that is away is said in words, however little room there is. */}
          <span className={laptop?.medium === 'away' ? undefined : styles.mediumWord}>
            {t(`ui.medium.${mediumWord(medium, laptop)}`)}
          </span>
        </a>
      )}
      {laptop?.battery?.draining && (
        <span className={styles.battery}>
          <BatteryLow aria-hidden size={18} />
          {t('ui.laptop.onBattery', { percent: laptop.battery.percent })}
        </span>
      )}
      <SettingsMenu site={name} />
    </header>
  );
});
