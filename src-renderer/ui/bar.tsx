// A progress bar with its text. An unknown length is shown as such, never as a guess.
import { ProgressBar } from 'react-aria-components';
import styles from './bar.module.css';

interface Props {
  readonly label: string;
  readonly done: number;
  /** null: unknown. */
  readonly total: number | null;
  readonly text: string;
}

export const Bar = ({ label, done, total, text }: Props) => {
  const known = total !== null && total > 0;
  const share = known ? Math.min(100, (done / total) * 100) : 0;
  return (
    <ProgressBar
      aria-label={label}
      value={share}
      isIndeterminate={!known}
      {...(known ? { valueLabel: text } : {})}
      className={styles.bar ?? ''}
    >
      <div className={styles.words}>
        <span>{label}</span>
        <span className={styles.amount}>{text}</span>
      </div>
      <div className={styles.track}>
        <div
          className={known ? styles.fill : styles.unknown}
          {...(known ? { style: { inlineSize: `${share}%` } } : {})}
        />
      </div>
    </ProgressBar>
  );
};
