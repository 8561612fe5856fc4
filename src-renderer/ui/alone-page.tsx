// A page of the program that belongs to no site: the way back to the start above it.
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { addressOf } from '../state/route.ts';
import styles from './alone-page.module.css';

interface Props {
  /** What the way back says. */
  readonly back: string;
  readonly children: ReactNode;
}

export const AlonePage = ({ back, children }: Props) => (
  <div className={styles.alone}>
    <header>
      <a className={styles.back} href={addressOf({ page: 'start' })}>
        <ArrowLeft aria-hidden size={18} />
        {back}
      </a>
    </header>
    <main>{children}</main>
  </div>
);
