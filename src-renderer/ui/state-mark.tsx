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

export const StateMark = ({ state }: { readonly state: InstanceState }) => {
  const word = useStateWord();
  return (
    <span className={`${styles.mark} ${styles[state]}`} data-state={state}>
      <StateIcon state={state} />
      {word(state)}
    </span>
  );
};
