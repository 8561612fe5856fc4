// A problem, whole: what happened, why probably, what was not touched, what to do next, and the evidence.
import { useTranslation } from 'react-i18next';
import type { ProblemData } from '../../src-shared/problem.ts';
import { useWords } from '../i18n/words.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import styles from './problem-panel.module.css';
import { WayOn } from './way-on.tsx';

interface Props {
  readonly problem: ProblemData;
  readonly onClose?: (() => void) | undefined;
}

export const ProblemPanel = ({ problem, onClose }: Props) => {
  const { t } = useTranslation();
  const words = useWords();
  const say = (part: 'title' | 'cause' | 'untouched' | 'next') => words.problem(problem.code, part, problem.params);
  const report = [
    `${problem.code} ${JSON.stringify(problem.params)}`,
    say('title'),
    say('cause'),
    say('untouched'),
    say('next'),
    problem.evidence,
  ]
    .filter((line) => line !== '')
    .join('\n\n');
  return (
    <div role="alert">
      <Notice kind={problem.severity === 'strict' ? 'bad' : 'warn'} title={say('title')}>
        <p>{say('cause')}</p>
        <dl className={styles.parts}>
          <dt>{t('ui.problem.untouched')}</dt>
          <dd>{say('untouched')}</dd>
          <dt>{t('ui.problem.next')}</dt>
          <dd>{say('next')}</dd>
        </dl>
        <WayOn code={problem.code} />
        {problem.evidence !== '' && (
          <Fold title={t('ui.problem.evidence')}>
            <ScrollText text={problem.evidence} label={t('ui.problem.evidence')} />
          </Fold>
        )}
        <div className={styles.acts}>
          <CopyButton text={report} label={t('ui.problem.copy')} />
          {onClose !== undefined && (
            <Button kind="quiet" onPress={onClose}>
              {t('ui.close')}
            </Button>
          )}
          <code className={styles.code} translate="no">
            {problem.code}
          </code>
        </div>
      </Notice>
    </div>
  );
};
