// What a check found, the heaviest first, each with its remedy. Skippable ones can be passed, and the record says so.
import { CircleX, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { problems } from '../../src-shared/problem.ts';
import { bySeverity, type Finding } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import { CheckInput } from '../ui/field.tsx';
import styles from './findings.module.css';
import { WayOn } from './way-on.tsx';

interface Props {
  readonly findings: readonly Finding[];
  readonly skipped: readonly string[];
  readonly onSkip: (code: string, skip: boolean) => void;
}

export const Findings = ({ findings, skipped, onSkip }: Props) => {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <ul className={styles.list}>
      {bySeverity(findings).map(({ code, params }) => {
        const { severity } = problems[code];
        const Icon = severity === 'strict' ? CircleX : TriangleAlert;
        return (
          <li key={`${code} ${JSON.stringify(params)}`} className={`${styles.item} ${styles[severity]}`}>
            <Icon aria-hidden size={18} className={styles.icon} />
            <div>
              <p className={styles.title}>
                <span className={styles.weight}>{t(`ui.severity.${severity}`)}</span>{' '}
                {words.problem(code, 'title', params)}
              </p>
              <p className="quiet">{words.problem(code, 'cause', params)}</p>
              <p>{words.problem(code, 'next', params)}</p>
              <WayOn code={code} />
              {severity === 'skippable' && (
                <CheckInput
                  label={t('ui.findings.skip')}
                  hint={t('ui.findings.skipHint')}
                  checked={skipped.includes(code)}
                  onChange={(skip) => onSkip(code, skip)}
                />
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
};
