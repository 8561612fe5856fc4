// Buttons: `act` for the next act (one on a page), `plain`, `quiet`, and `danger` for what destroys. One whose act is under way, or
// that waits for another one's end, is `isPending`: it does nothing, and the focus stays on it. `isDisabled` is for what cannot be done as things are.
import { type ReactNode, useRef } from 'react';
import { Button as AriaButton, type ButtonProps, ProgressBarContext, useSlottedContext } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import styles from './button.module.css';
import { type Shortcut, shortcuts, useShortcut } from './use-shortcut.ts';

interface Props extends Omit<ButtonProps, 'className' | 'style' | 'children'> {
  readonly kind?: 'act' | 'plain' | 'quiet' | 'danger';
  readonly icon?: ReactNode;
  readonly shortcut?: Shortcut | undefined;
  readonly children?: ReactNode;
}

export const Button = ({ kind = 'plain', icon, shortcut, isPending = false, children, ...rest }: Props) => {
  const button = useRef<HTMLButtonElement>(null);
  useShortcut(button, shortcut);
  const keys = shortcut === undefined ? undefined : shortcuts[shortcut];
  return (
    <AriaButton {...rest} isPending={isPending} ref={button} className={`${styles.button} ${styles[kind]}`}>
      {icon}
      {children !== undefined && <span>{children}</span>}
      {isPending && <Busy />}
      {keys !== undefined && (
        <kbd aria-hidden className={styles.keys}>
          {keys.shown}
        </kbd>
      )}
    </AriaButton>
  );
};

/** Named with the button: who listens hears that it cannot be pressed now, and why. */
const Busy = () => {
  const { t } = useTranslation();
  return (
    <span id={useSlottedContext(ProgressBarContext)?.id} className="unseen">
      {t('ui.busy')}
    </span>
  );
};
