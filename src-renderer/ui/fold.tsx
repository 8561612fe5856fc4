// Something closed until it is wanted: until then it is not even drawn, as it may be long. Then it stays, with what was typed in it.
import { ChevronRight } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { Button, Disclosure, DisclosurePanel } from 'react-aria-components';
import styles from './fold.module.css';

interface Props {
  readonly title: ReactNode;
  /** A function where making it is work of its own. */
  readonly children: ReactNode | (() => ReactNode);
  /** Open from the beginning, or from when this is said; it is closed by hand alone. */
  readonly open?: boolean;
}

export const Fold = ({ title, children, open = false }: Props) => {
  const [expanded, setExpanded] = useState(open);
  const [drawn, setDrawn] = useState(open);
  const turn = (on: boolean): void => {
    setExpanded(on);
    if (on) setDrawn(true);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: that it is said is the reason
  useEffect(() => {
    if (open) turn(true);
  }, [open]);
  return (
    <Disclosure className={styles.fold ?? ''} isExpanded={expanded} onExpandedChange={turn}>
      <Button slot="trigger" className={styles.trigger ?? ''}>
        <ChevronRight aria-hidden className={styles.arrow} size={16} />
        <span>{title}</span>
      </Button>
      <DisclosurePanel className={styles.panel ?? ''}>
        {drawn && (typeof children === 'function' ? children() : children)}
      </DisclosurePanel>
    </Disclosure>
  );
};
