// One machine of the site: how far it is, step by step, and what can become of it: met anew after an installation, or taken out of
// the plan. What either would do is shown before there is a button for it.
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey } from '../../src-shared/step.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { RemoveMachine, RenewMachine } from '../panels/machine-acts.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { call } from '../state/bridge.ts';
import { countDone, machinesOf, stateOf } from '../state/progress.ts';
import { addressOf, go } from '../state/route.ts';
import { loadSite } from '../state/sites.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, PageHead, ScrollPage } from '../ui/scroll-page.tsx';
import { StateIcon, StateMark, useStateWord } from '../ui/state-mark.tsx';
import styles from './machine-page.module.css';

/** What was done here, and what is known from before of the machine it was done to. */
type MachineDone =
  | { readonly act: 'renewed' }
  | { readonly act: 'removed'; readonly answer: OutputOf<'machines.remove'> };

interface Props {
  readonly site: OpenedSite;
  readonly name: string;
}

export const MachinePage = ({ site, name }: Props) => {
  const { t } = useTranslation();
  const [outlook, setOutlook] = useState<OutputOf<'machines.look'> | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [unseen, setUnseen] = useState<ProblemData | null>(null);
  const [done, setDone] = useState<MachineDone | null>(null);
  const [turn, setTurn] = useState(0);
  const machine = site.machines.find((item) => item.name === name);
  const instances = machinesOf(site.view).find((item) => item.name === name)?.instances ?? [];
  const there = machine !== undefined;
  // What may become of a machine depends on what is known of it: asked again when its record or the plan changed.
  const known = `${countDone(instances)} ${instances.length} ${site.runs.length} ${turn}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when what is known has changed
  useEffect(() => {
    let current = true;
    if (!there) return;
    call('machines.look', { site: site.name, machine: name }).then(
      (answer) => {
        if (!current) return;
        setOutlook(answer);
        setUnseen(null);
      },
      (thrown: unknown) => current && setUnseen(toProblemData(thrown)),
    );
    return () => {
      current = false;
    };
  }, [site.name, name, there, known]);
  const act = async (perform: () => Promise<MachineDone>): Promise<void> => {
    setTrouble(null);
    setDone(null);
    try {
      const what = await perform();
      await loadSite(site.name);
      setDone(what);
      setTurn((now) => now + 1);
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <ScrollPage narrow>
      <PageHead>
        <Heading page={`machine ${site.name} ${name}`} title={name} />
        {instances.length > 0 && <StateMark state={stateOf(instances)} />}
      </PageHead>
      {machine !== undefined && (
        <p className="quiet">
          {[
            machine.roles.map((role) => t(`ui.role.${role}`)).join(', '),
            machine.address,
            ...(outlook?.computer == null ? [] : [t('ui.machine.computer', { computer: outlook.computer })]),
            t('ui.machine.sum', { done: countDone(instances), total: instances.length }),
          ].join(' · ')}
        </p>
      )}
      {unseen !== null && <ProblemPanel problem={unseen} />}
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <div role="status">{done !== null && <Done site={site.name} name={name} done={done} />}</div>
      {machine === undefined && done === null && <p>{t('ui.machine.unknown')}</p>}
      {machine !== undefined && (
        <>
          <Steps site={site.name} instances={instances} />
          {outlook !== null && (
            <>
              <RenewMachine
                site={site}
                name={name}
                outlook={outlook}
                doneSteps={countDone(instances)}
                onAct={() =>
                  act(async () => {
                    await call('machines.renew', { site: site.name, machine: name });
                    return { act: 'renewed' };
                  })
                }
              />
              <RemoveMachine
                // What is typed for one outlook does not count for another.
                key={outlook.removal}
                site={site}
                name={name}
                outlook={outlook}
                onAct={(typed, lost) =>
                  act(async () => ({
                    act: 'removed',
                    answer: await call('machines.remove', { site: site.name, machine: name, typed, lost }),
                  }))
                }
              />
            </>
          )}
        </>
      )}
    </ScrollPage>
  );
};

interface StepsProps {
  readonly site: string;
  readonly instances: readonly InstanceView[];
}

const Steps = ({ site, instances }: StepsProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const word = useStateWord();
  return (
    <section aria-labelledby="machine-steps">
      <h2 id="machine-steps">{t('ui.machine.steps')}</h2>
      <ol className={styles.steps}>
        {instances.map(({ key, step, state }) => (
          <li key={key}>
            <a className={styles.step} href={addressOf({ page: 'step', site, instance: key })}>
              <StateIcon state={state} />
              <span>{words.stepTitle(step)}</span>
              <span className="quiet small">{word(state)}</span>
            </a>
          </li>
        ))}
      </ol>
    </section>
  );
};

interface DoneProps {
  readonly site: string;
  readonly name: string;
  readonly done: MachineDone;
}

/** What came of it, and the way on. */
const Done = ({ site, name, done }: DoneProps) => {
  const { t } = useTranslation();
  const toStep = (step: string) => () =>
    go({ page: 'step', site, instance: instanceKey(step, { kind: 'machine', name }) });
  if (done.act === 'renewed')
    return (
      <Notice kind="plain" title={t('ui.machine.renew.done', { name })}>
        <Acts>
          <Button kind="act" onPress={toStep('connect')}>
            {t('ui.machine.renew.next')}
          </Button>
        </Acts>
      </Notice>
    );
  const { state, computer, emptied } = done.answer;
  if (state === 'leaving')
    return (
      <Notice kind="plain" title={t('ui.machine.remove.doneLeaving', { name })}>
        <p>{t('ui.machine.remove.leavingNext')}</p>
        <Acts>
          <Button kind="act" onPress={toStep('take-out-node')}>
            {t('ui.machine.remove.goEmpty')}
          </Button>
        </Acts>
      </Notice>
    );
  return (
    <Notice kind="plain" title={t('ui.machine.remove.done', { name })}>
      {computer !== null && !emptied && <p>{t('ui.machine.remove.atMaster', { computer })}</p>}
      <Acts>
        <Button kind="act" onPress={() => go({ page: 'site', site })}>
          {t('ui.machine.remove.overview')}
        </Button>
      </Acts>
    </Notice>
  );
};
