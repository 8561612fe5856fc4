// Says that the laptop runs on its battery where something takes long: before it begins and while it goes on. It asks nothing.
import { useTranslation } from 'react-i18next';
import { batteryLeft } from '../../src-shared/battery.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { Notice } from '../ui/notice.tsx';
import styles from './battery-notice.module.css';

interface Props {
  /** Simulated work takes no time. */
  readonly site: Pick<OpenedSite, 'practice'>;
  readonly act: Parameters<typeof batteryLeft>[1];
}

export const BatteryNotice = ({ site, act }: Props) => {
  const { t } = useTranslation();
  const battery = useStore(({ laptop }) => laptop?.battery ?? null);
  const percent = site.practice ? null : batteryLeft(battery, act);
  return (
    // There before its words are: a plug that is pulled under way is read out.
    <div role="status" className={styles.place}>
      {percent !== null && (
        <Notice kind="warn" title={t('ui.laptop.long', { percent })}>
          <p>{t('ui.laptop.plugIn')}</p>
        </Notice>
      )}
    </div>
  );
};
