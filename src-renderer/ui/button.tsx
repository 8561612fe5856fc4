// Buttons: `act` for the next act (one on a page), `plain`, `quiet`, and `danger` for what destroys.
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps } from 'react-aria-components';
import styles from './button.module.css';

interface Props extends Omit<ButtonProps, 'className' | 'style' | 'children'> {
  readonly kind?: 'act' | 'plain' | 'quiet' | 'danger';
  readonly icon?: ReactNode;
  readonly children?: ReactNode;
}

export const Button = ({ kind = 'plain', icon, children, ...rest }: Props) => (
  <AriaButton {...rest} className={`${styles.button} ${styles[kind]}`}>
    {icon}
    {children !== undefined && <span>{children}</span>}
  </AriaButton>
);
