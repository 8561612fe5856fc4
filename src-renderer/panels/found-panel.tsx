// What reading found: facts as plain sentences, then findings with their remedies.
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { formatTime } from '../../src-shared/format.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { Finding } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import { Fold } from '../ui/fold.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import { Findings } from './findings.tsx';
import styles from './found-panel.module.css';

interface Props extends Pick<InstanceView, 'found' | 'readAt' | 'facts'> {
  readonly findings: readonly Finding[];
  readonly reading: boolean;
  readonly skipped: readonly string[];
  readonly onSkip: (code: string, skip: boolean) => void;
}

export const FoundPanel = memo(({ found, readAt, facts, findings, reading, skipped, onSkip }: Props) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  return (
    <section className={styles.panel} aria-labelledby="found-title" aria-busy={reading}>
      <div className={styles.head}>
        <h2 id="found-title">{t('ui.found.title')}</h2>
        <span className="quiet small">
          {reading
            ? t('ui.found.reading')
            : readAt === null
              ? ''
              : t('ui.found.readAt', { at: formatTime(readAt, i18n.language) })}
        </span>
      </div>
      {findings.length > 0 && <Findings findings={findings} skipped={skipped} onSkip={onSkip} />}
      {found.length > 0 && (
        <ul className={styles.facts}>
          {found.map((told) => (
            <li key={`${told.key} ${JSON.stringify(told.params)}`}>{words.told(told)}</li>
          ))}
        </ul>
      )}
      {readAt === null && !reading && <p className="quiet">{t('ui.found.notRead')}</p>}
      {facts !== null && (
        <Fold title={t('ui.found.details')}>
          {() => <ScrollText text={JSON.stringify(facts, null, 2)} label={t('ui.found.details')} />}
        </Fold>
      )}
    </section>
  );
});
