// Something closed until it is wanted: until then it is not even drawn, as it may be long. Then it stays, with what was typed in it.
import { ChevronRight } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Button, Disclosure, DisclosurePanel } from 'react-aria-components';
import styles from './fold.module.css';

interface Props {
  readonly title: ReactNode;
  /** A function where making it is work of its own. */
  readonly children: ReactNode | (() => ReactNode);
  readonly open?: boolean;
}

export const Fold = ({ title, children, open = false }: Props) => {
  const [wanted, setWanted] = useState(open);
  return (
    <Disclosure
      className={styles.fold ?? ''}
      defaultExpanded={open}
      onExpandedChange={(expanded) => expanded && setWanted(true)}
    >
      <Button slot="trigger" className={styles.trigger ?? ''}>
        <ChevronRight aria-hidden className={styles.arrow} size={16} />
        <span>{title}</span>
      </Button>
      <DisclosurePanel className={styles.panel ?? ''}>
        {wanted && (typeof children === 'function' ? children() : children)}
      </DisclosurePanel>
    </Disclosure>
  );
};
