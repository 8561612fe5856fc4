// A file's change, line by line, with context. Signs and words carry the meaning; colour only helps.
import { useTranslation } from 'react-i18next';
import { type DiffLine, diffLines, hunksOf } from '../../src-shared/diff.ts';
import styles from './diff-view.module.css';

const signs: Readonly<Record<DiffLine['kind'], string>> = { same: ' ', added: '+', removed: '−' };

interface Props {
  readonly before: string | null;
  readonly after: string;
  readonly label: string;
}

export const DiffView = ({ before, after, label }: Props) => {
  const { t } = useTranslation();
  const hunks = hunksOf(diffLines(before, after));
  if (hunks.length === 0) return <p className="quiet">{t('ui.diff.equal')}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={styles.frame} aria-label={label} tabIndex={0} dir="ltr" translate="no">
      <table className={styles.table}>
        {hunks.map(({ skipped, lines }) => (
          <tbody key={`${lines[0]?.before}-${lines[0]?.after}`}>
            {skipped > 0 && (
              <tr className={styles.skipped}>
                <td colSpan={4}>{t('ui.diff.skipped', { count: skipped })}</td>
              </tr>
            )}
            {lines.map((line) => (
              <tr key={`${line.before}-${line.after}`} className={styles[line.kind]}>
                {before !== null && <td className={styles.number}>{line.before ?? ''}</td>}
                <td className={styles.number}>{line.after ?? ''}</td>
                <td className={styles.sign}>
                  <span aria-hidden>{signs[line.kind]}</span>
                  {line.kind !== 'same' && <span className="unseen">{t(`ui.diff.${line.kind}`)}</span>}
                </td>
                <td className={styles.text}>
                  {line.text}
                  {line.unended && <span className={styles.unended}>{t('ui.diff.unended')}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </section>
  );
};
