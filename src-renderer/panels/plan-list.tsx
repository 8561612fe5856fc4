// A plan as a numbered list. What is shown here is what will be performed, word for word.
import type { CommandView } from '../../src-shared/journal.ts';
import { CommandRow } from './command-row.tsx';
import styles from './plan-list.module.css';

export const PlanList = ({ commands }: { readonly commands: readonly CommandView[] }) => (
  <ol className={styles.list}>
    {commands.map((view, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a command's place in its plan is its identity
      <li key={index} className={styles.item} aria-current={view.state === 'running' ? 'step' : undefined}>
        <span className={styles.number} aria-hidden>
          {index + 1}
        </span>
        <CommandRow view={view} />
      </li>
    ))}
  </ol>
);
