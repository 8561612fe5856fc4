// Faults of the practice site that can be switched on, to meet them here first.
import { useTranslation } from 'react-i18next';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { useWords } from '../i18n/words.ts';
import { setFault } from '../state/lessons.ts';
import type { OpenedSite } from '../state/store.ts';
import { CheckInput } from '../ui/field.tsx';
import { Fold } from '../ui/fold.tsx';
import styles from './faults-panel.module.css';
import { Terminal } from './terminal.tsx';

export const FaultsPanel = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const words = useWords();
  if (site.faults.length === 0) return null;
  return (
    <Fold title={t('ui.faults.title')}>
      <div className={styles.panel}>
        <p className="quiet">{t('ui.faults.hint')}</p>
        <div className={styles.list}>
          {site.faults.map(({ id, on, met }) => (
            <CheckInput
              key={id}
              label={words.maybe(`ui.faults.${id}.label`) ?? id}
              hint={words.maybe(`ui.faults.${id}.hint`) ?? undefined}
              checked={on}
              onChange={(next) => void setFault(site.name, { id, on: next, met })}
            />
          ))}
        </div>
        <div>
          <Terminal argv={terminalForms.fault(site.faults[0]?.id ?? 'FAULT', 'on')} />
        </div>
      </div>
    </Fold>
  );
};
