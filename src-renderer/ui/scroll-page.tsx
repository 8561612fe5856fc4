// A page of a site that scrolls as a whole: one column of sections below its title. `narrow` for forms, `wide` for what has much to show.
import type { ReactNode } from 'react';
import styles from './scroll-page.module.css';

interface Props {
  readonly narrow?: boolean;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

export const ScrollPage = ({ narrow = false, wide = false, children }: Props) => (
  <div className={styles.scroll}>
    <div className={`${styles.page} ${narrow ? styles.narrow : wide ? styles.wide : ''}`}>{children}</div>
  </div>
);

/** Title at one end, acts at the other. */
export const PageHead = ({ children }: { readonly children: ReactNode }) => (
  <header className={styles.head}>{children}</header>
);

/** Buttons side by side. */
export const Acts = ({ children }: { readonly children: ReactNode }) => <div className={styles.acts}>{children}</div>;
