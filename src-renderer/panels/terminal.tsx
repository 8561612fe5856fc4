// "The same on a terminal": the command that does what this page does, to be read and copied.
import { Dialog, DialogTrigger, Popover } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { quoteArgv } from '../../src-shared/quote.ts';
import { needsSite } from '../../src-shared/terminal-forms.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import styles from './terminal.module.css';

interface Props {
  /** Words of the command line, as `terminalForms` has them. */
  readonly argv: readonly string[];
  /** For the page's other acts. */
  readonly also?: readonly (readonly string[])[];
}

export const Terminal = ({ argv, also = [] }: Props) => {
  const { t } = useTranslation();
  return (
    <DialogTrigger>
      <Button kind="quiet">{t('ui.act.terminal')}</Button>
      <Popover className={styles.popover ?? ''} placement="top end">
        <Dialog className={styles.dialog ?? ''} aria-label={t('ui.act.terminal')}>
          <p>{t('ui.act.terminalHint')}</p>
          {[argv, ...also].some(needsSite) && <p>{t('ui.act.terminalCloses')}</p>}
          {[argv, ...also].map(quoteArgv).map((command) => (
            <div key={command} className={styles.command}>
              <code dir="ltr" translate="no">
                {command}
              </code>
              <CopyButton compact text={command} label={t('ui.copyOf', { what: command })} />
            </div>
          ))}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
};
