// A state as icon and word, never colour alone.
import {
  Check,
  Circle,
  CircleDashed,
  CircleDot,
  CircleHelp,
  CircleX,
  Hourglass,
  type LucideIcon,
  Octagon,
  Unplug,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceState } from '../../src-shared/journal.ts';
import styles from './state-mark.module.css';

const icons: Readonly<Record<InstanceState, LucideIcon>> = {
  unread: CircleDashed,
  todo: Circle,
  doing: CircleDot,
  done: Check,
  waiting: Hourglass,
  blocked: Octagon,
  unsure: CircleHelp,
  failed: CircleX,
  interrupted: Unplug,
};

export const StateIcon = ({ state }: { readonly state: InstanceState }) => {
  const Icon = icons[state];
  return <Icon aria-hidden className={`${styles.icon} ${styles[state]}`} size={18} strokeWidth={2.25} />;
};

export const useStateWord = (): ((state: InstanceState) => string) => {
  const { t } = useTranslation();
  return (state) => t(`ui.state.${state}`);
};

interface MarkProps {
  readonly state: InstanceState;
  /** Other words than the state's own. */
  readonly children?: ReactNode;
}

export const StateMark = ({ state, children }: MarkProps) => {
  const word = useStateWord();
  return (
    <span className={`${styles.mark} ${children === undefined ? styles.word : ''} ${styles[state]}`} data-state={state}>
      <StateIcon state={state} />
      {children ?? word(state)}
    </span>
  );
};
