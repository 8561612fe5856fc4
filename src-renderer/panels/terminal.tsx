// "The same on a terminal": the command that does what this page does, to be read and copied.
import { Dialog, DialogTrigger, Popover } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import styles from './terminal.module.css';

export const Terminal = ({ command }: { readonly command: string }) => {
  const { t } = useTranslation();
  return (
    <DialogTrigger>
      <Button kind="quiet">{t('ui.act.terminal')}</Button>
      <Popover className={styles.popover ?? ''} placement="top end">
        <Dialog className={styles.dialog ?? ''} aria-label={t('ui.act.terminal')}>
          <p>{t('ui.act.terminalHint')}</p>
          <div className={styles.command}>
            <code dir="ltr" translate="no">
              {command}
            </code>
            <CopyButton compact text={command} label={t('ui.copy')} />
          </div>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
};
