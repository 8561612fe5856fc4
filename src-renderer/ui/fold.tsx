// Something closed until it is wanted.
import { ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button, Disclosure, DisclosurePanel } from 'react-aria-components';
import styles from './fold.module.css';

interface Props {
  readonly title: ReactNode;
  readonly children: ReactNode;
  readonly open?: boolean;
}

export const Fold = ({ title, children, open = false }: Props) => (
  <Disclosure className={styles.fold ?? ''} defaultExpanded={open}>
    <Button slot="trigger" className={styles.trigger ?? ''}>
      <ChevronRight aria-hidden className={styles.arrow} size={16} />
      <span>{title}</span>
    </Button>
    <DisclosurePanel className={styles.panel ?? ''}>{children}</DisclosurePanel>
  </Disclosure>
);
