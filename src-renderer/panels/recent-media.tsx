// Media of this laptop's sites at a glance: which is plugged in now, what state it is in, and where the others were last.
import { Usb } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecentMedium } from '../../src-shared/api.ts';
import { formatMoment } from '../../src-shared/format.ts';
import { useWords } from '../i18n/words.ts';
import { call } from '../state/bridge.ts';
import { useRepeated } from '../state/repeat.ts';
import { addressOf } from '../state/route.ts';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './recent-media.module.css';

export const RecentMedia = () => {
  const { t } = useTranslation();
  const [media, setMedia] = useState<readonly RecentMedium[]>([]);
  // The sites say themselves what is wrong with them.
  useRepeated(
    '',
    () => call('media.recent', {}),
    (found) => setMedia((known) => (JSON.stringify(known) === JSON.stringify(found) ? known : found)),
  );
  if (media.length === 0) return null;
  return (
    <section className={styles.media} aria-labelledby="media-title">
      <h2 id="media-title">{t('ui.recentMedia.title')}</h2>
      <ul className={styles.list}>
        {media.map((medium) => (
          <li key={medium.site}>
            <Medium medium={medium} />
          </li>
        ))}
      </ul>
    </section>
  );
};

const Medium = ({ medium }: { readonly medium: RecentMedium }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { site, label, path, here, at, sealedAt, generation, why } = medium;
  const moment = (text: string) => formatMoment(text, i18n.language);
  const state =
    why !== null
      ? words.problem(why.code, 'title', why.params)
      : sealedAt === null
        ? t('ui.recentMedia.unsealed')
        : generation === null
          ? t('ui.recentMedia.sealedThen', { at: moment(sealedAt) })
          : t('ui.recentMedia.sealed', { generation, at: moment(sealedAt) });
  return (
    <a className={styles.medium} href={addressOf({ page: here ? 'medium' : 'site', site })} data-here={here}>
      <Usb aria-hidden size={20} />
      <span className={styles.name}>
        <strong>{label}</strong> {t('ui.recentMedia.of', { site })}
      </span>
      <span className={here ? styles.here : 'quiet'}>
        {here ? t('ui.recentMedia.here') : t('ui.recentMedia.away', { at: moment(at) })}
      </span>
      <span className={styles.state}>
        {why === null && sealedAt !== null ? (
          state
        ) : (
          <StateMark state={why === null || why.code === 'medium-unsealed' ? 'blocked' : 'failed'}>{state}</StateMark>
        )}
      </span>
      <span className={styles.path} dir="ltr" translate="no">
        {path}
      </span>
    </a>
  );
};
