// A framed message: what a person should know now. `bad` only for what failed, `good` for what was checked and holds.
import { BadgeCheck, CircleX, Info, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './notice.module.css';

const icons: Readonly<Record<'plain' | 'good' | 'warn' | 'bad', LucideIcon>> = {
  plain: Info,
  good: BadgeCheck,
  warn: TriangleAlert,
  bad: CircleX,
};

interface Props {
  readonly kind: keyof typeof icons;
  readonly title: ReactNode;
  readonly level?: 2 | 3;
  readonly children?: ReactNode;
}

export const Notice = ({ kind, title, level = 2, children }: Props) => {
  const Icon = icons[kind];
  const Heading = level === 2 ? 'h2' : 'h3';
  return (
    <div className={`${styles.notice} ${styles[kind]}`}>
      <Icon aria-hidden size={20} className={styles.icon} />
      <div className={styles.body}>
        <Heading className={styles.title}>{title}</Heading>
        {children}
      </div>
    </div>
  );
};
