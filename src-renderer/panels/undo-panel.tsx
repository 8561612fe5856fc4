// Taking a step back: what it would do and what stays is read and shown before there is a button for it.
import { Undo2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { useWords } from '../i18n/words.ts';
import { undo } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { pendingOf } from '../state/step-state.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { Fold } from '../ui/fold.tsx';
import { PlanList } from './plan-list.tsx';
import { ProblemPanel } from './problem-panel.tsx';
import styles from './undo-panel.module.css';

interface Props {
  readonly site: OpenedSite;
  readonly instance: InstanceView;
}

export const UndoPanel = ({ site, instance }: Props) => {
  const { t } = useTranslation();
  const [shown, setShown] = useState<OutputOf<'steps.undoPlan'> | null>(null);
  const [problem, setProblem] = useState<ProblemData | null>(null);
  const look = async () => {
    setProblem(null);
    setShown(null);
    try {
      setShown(await call('steps.undoPlan', { site: site.name, instance: instance.key }));
    } catch (thrown) {
      setProblem(toProblemData(thrown));
    }
  };
  return (
    <Fold title={t('ui.undo.title')}>
      <div className={styles.panel}>
        <p className="quiet">{t('ui.undo.hint')}</p>
        {problem !== null && <ProblemPanel problem={problem} />}
        <div>
          <Button kind="plain" isPending={site.runs.length > 0} onPress={() => void look()}>
            {t('ui.undo.look')}
          </Button>
        </div>
        {shown !== null && <Shown site={site} instance={instance} shown={shown} />}
      </div>
    </Fold>
  );
};

const Shown = ({ site, instance, shown }: Props & { readonly shown: OutputOf<'steps.undoPlan'> }) => {
  const { t } = useTranslation();
  const words = useWords();
  const { plan, stays, standing } = shown;
  const titles = standing.flatMap((key) => {
    const view = site.view.instances[key];
    return view === undefined ? [] : [words.instanceTitle(view)];
  });
  return (
    <>
      {stays.length + titles.length > 0 && (
        <>
          <h3>{t('ui.undo.stays')}</h3>
          <ul className={styles.list}>
            {stays.map((told) => (
              <li key={told.key}>{words.told(told)}</li>
            ))}
            {titles.map((title) => (
              <li key={title}>{t('ui.undo.standing', { title })}</li>
            ))}
          </ul>
        </>
      )}
      <h3>{t('ui.undo.plan')}</h3>
      {plan === null ? <p>{t('ui.undo.nothing')}</p> : <PlanList commands={pendingOf(plan)} />}
      <div>
        <Button
          kind="danger"
          icon={<Undo2 aria-hidden />}
          isPending={site.runs.length > 0}
          onPress={() => void undo(site.name, instance.key, plan === null ? [] : [plan.hash])}
        >
          {t('ui.undo.act', { count: plan?.commands.length ?? 0 })}
        </Button>
      </div>
    </>
  );
};
