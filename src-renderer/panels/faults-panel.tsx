// Faults of the practice site that can be switched on, to meet them here first.
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { useWords } from '../i18n/words.ts';
import { call } from '../state/bridge.ts';
import { CheckInput } from '../ui/field.tsx';
import styles from './faults-panel.module.css';

export const FaultsPanel = ({ site }: { readonly site: string }) => {
  const { t } = useTranslation();
  const words = useWords();
  const [faults, setFaults] = useState<OutputOf<'practice.faults'>>([]);
  useEffect(() => {
    call('practice.faults', { site, set: null }).then(setFaults, () => setFaults([]));
  }, [site]);
  if (faults.length === 0) return null;
  const change = (id: string, on: boolean) =>
    void call('practice.faults', { site, set: { id, on } }).then(setFaults, () => undefined);
  return (
    <section className={styles.panel} aria-labelledby="faults-title">
      <h2 id="faults-title">{t('ui.faults.title')}</h2>
      <p className="quiet">{t('ui.faults.hint')}</p>
      <div className={styles.list}>
        {faults.map(({ id, on }) => (
          <CheckInput
            key={id}
            label={words.maybe(`ui.faults.${id}.label`) ?? id}
            hint={words.maybe(`ui.faults.${id}.hint`) ?? undefined}
            checked={on}
            onChange={(next) => change(id, next)}
          />
        ))}
      </div>
    </section>
  );
};
