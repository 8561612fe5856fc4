// What the window shows when the program behind it did not start: why, and what to do. Nothing else could be asked for.
import { useTranslation } from 'react-i18next';
import type { ProblemData } from '../../src-shared/problem.ts';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { ScrollPage } from '../ui/scroll-page.tsx';
import { Heading } from './heading.tsx';

export const NotStarted = ({ problem }: { readonly problem: ProblemData }) => {
  const { t } = useTranslation();
  return (
    <main style={{ blockSize: '100%', overflow: 'auto' }}>
      <ScrollPage narrow>
        <Heading page="not-started" title={t('ui.notStarted.title')} />
        <p>{t('ui.notStarted.next')}</p>
        <ProblemPanel problem={problem} />
      </ScrollPage>
    </main>
  );
};
