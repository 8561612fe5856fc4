// Buttons: `act` for the next act (one on a page), `plain`, `quiet`, and `danger` for what destroys.
import { type ReactNode, useRef } from 'react';
import { Button as AriaButton, type ButtonProps } from 'react-aria-components';
import styles from './button.module.css';
import { type Shortcut, shortcuts, useShortcut } from './use-shortcut.ts';

interface Props extends Omit<ButtonProps, 'className' | 'style' | 'children'> {
  readonly kind?: 'act' | 'plain' | 'quiet' | 'danger';
  readonly icon?: ReactNode;
  readonly shortcut?: Shortcut | undefined;
  readonly children?: ReactNode;
}

export const Button = ({ kind = 'plain', icon, shortcut, children, ...rest }: Props) => {
  const button = useRef<HTMLButtonElement>(null);
  useShortcut(button, shortcut);
  const keys = shortcut === undefined ? undefined : shortcuts[shortcut];
  return (
    <AriaButton {...rest} ref={button} className={`${styles.button} ${styles[kind]}`}>
      {icon}
      {children !== undefined && <span>{children}</span>}
      {keys !== undefined && (
        <kbd aria-hidden className={styles.keys}>
          {keys.shown}
        </kbd>
      )}
    </AriaButton>
  );
};
