// The one page of every step: what and why, what we found, what will change, the act, what goes on, what came of it.
import { useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import { planLasts, type StepInfo } from '../../src-shared/step.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { ActBar } from '../panels/act-bar.tsx';
import { BatteryNotice } from '../panels/battery-notice.tsx';
import { FoundPanel } from '../panels/found-panel.tsx';
import { GuidePanel } from '../panels/guide-panel.tsx';
import { InputForm } from '../panels/input-form.tsx';
import { LiveQuestion } from '../panels/live-question.tsx';
import { LogPanel } from '../panels/log-panel.tsx';
import { PlanList } from '../panels/plan-list.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { ProgressPanel } from '../panels/progress-panel.tsx';
import { RevealPanel } from '../panels/reveal-panel.tsx';
import { StepNotices } from '../panels/step-notices.tsx';
import { UndoPanel } from '../panels/undo-panel.tsx';
import { inputKeyOf, preview, run, type StepInput } from '../state/actions.ts';
import { noLive } from '../state/live.ts';
import { missingBefore } from '../state/progress.ts';
import { canUndo, missingFields, runOf, stepState } from '../state/step-state.ts';
import type { OpenedSite } from '../state/store.ts';
import { useStepInput } from '../state/use-step-input.ts';
import { ScrollPage } from '../ui/scroll-page.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './step-page.module.css';

interface Props {
  readonly site: OpenedSite;
  readonly instance: InstanceView;
}

export const StepPage = ({ site, instance }: Props) => {
  const info = site.steps.find((step) => step.id === instance.step);
  return info === undefined ? null : <Page site={site} instance={instance} info={info} />;
};

const Page = ({ site, instance, info }: Props & { readonly info: StepInfo }) => {
  const { t } = useTranslation();
  const words = useWords();
  const { key } = instance;
  const live = site.live[key] ?? noLive;
  const shown = site.previews[key];
  const [skip, setSkip] = useState<readonly string[]>(instance.skipped);
  const onSkip = useCallback(
    (code: string, on: boolean) => setSkip((was) => (on ? [...was, code] : was.filter((item) => item !== code))),
    [],
  );
  const typed = useStepInput(site, instance, info.input);
  const { input } = typed;
  const state = stepState(instance, live, shown, skip);
  const missing = missingBefore(site.view, site.steps, key);
  const empty = missingFields(info.input, input);
  useReading(site, instance, input, !unchosen(info, input) && empty.length === 0 && missing.length === 0);

  const read = () => void preview(site.name, key, input);
  const perform = (agreed: readonly string[]) =>
    void run(site.name, { instances: [key], consent: 'each', agreed, skip, inputs: { [key]: input } });
  const subject = words.subject(instance.subject);
  const title = words.instanceTitle(instance);
  const problem = shown?.state === 'failed' ? shown.problem : instance.state === 'failed' ? instance.problem : null;

  return (
    <>
      <ScrollPage wide>
        <header className={styles.head}>
          <div className={styles.title}>
            <Heading page={key} title={title}>
              {words.stepTitle(instance.step)}
              {subject !== '' && <span className={styles.subject}> {subject}</span>}
            </Heading>
            <StateMark state={state.act.kind === 'doing' ? 'doing' : instance.state} />
          </div>
          <p>{words.maybe(`steps.${instance.step}.why`)}</p>
        </header>

        {info.reveals && <RevealPanel key={`reveal ${key}`} site={site.name} instance={key} />}
        <BatteryNotice site={site} act={[instance]} />
        <LiveQuestion site={site} instance={instance} />
        {instance.state === 'doing' && live.confirm === null && (
          <ProgressPanel instance={instance} live={live} run={runOf(site, key)} />
        )}
        {problem !== null && <ProblemPanel problem={problem} />}
        {site.practice && <GuidePanel site={site} />}
        <StepNotices site={site} instance={instance} missing={missing} />
        {info.input.length > 0 && instance.state !== 'doing' && (
          <InputForm
            step={instance.step}
            site={site.name}
            fields={info.input}
            input={input}
            names={typed.names}
            onChange={typed.change}
            onPicked={typed.rememberName}
          />
        )}

        <div className={styles.columns}>
          <FoundPanel
            found={instance.found}
            readAt={instance.readAt}
            facts={instance.facts}
            findings={state.findings}
            reading={state.act.kind === 'reading' || live.reading}
            skipped={skip}
            onSkip={onSkip}
          />
          {state.commands.length > 0 && (
            <section className={styles.plan} aria-labelledby="plan-title">
              <h2 id="plan-title">
                {state.act.kind === 'confirm' && state.act.plan.round > 1
                  ? t('ui.step.plannedNext')
                  : t(`ui.step.${state.commandsAre}`)}
              </h2>
              {state.commandsAre === 'planned' &&
                planLasts(
                  info,
                  state.commands.map(({ command }) => command),
                ) && <p data-lasting>{t('ui.step.lasts')}</p>}
              <PlanList commands={state.commands} />
            </section>
          )}
        </div>
        {canUndo(info, instance) && <UndoPanel key={key} site={site} instance={instance} />}
      </ScrollPage>
      <ActBar
        site={site}
        instance={instance}
        info={info}
        act={state.act}
        preview={shown}
        input={input}
        names={typed.names}
        busy={site.runs.length > 0}
        empty={empty.length > 0}
        onRead={read}
        onPerform={perform}
      />
      <LogPanel instance={key} failed={instance.state === 'failed'} />
    </>
  );
};

/** Before a medium is chosen there is nothing to read of it. */
const unchosen = (info: StepInfo, input: StepInput): boolean =>
  info.input.some((field) => field.kind === 'medium' && (input[field.name] ?? '') === '');

/** Reads by itself when the page opens and when the input has settled: reading changes nothing. */
function useReading(site: OpenedSite, instance: InstanceView, input: StepInput, ready: boolean): void {
  const { key, state } = instance;
  const shown = site.previews[key];
  const inputKey = inputKeyOf(input);
  const settled = state === 'done' || state === 'doing' || state === 'failed' || state === 'interrupted';
  const old = shown === undefined || (shown.state === 'ready' && shown.inputKey !== inputKey);
  const wanted = ready && old && site.runs.length === 0 && (!settled || shown !== undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the input by its key
  useEffect(() => {
    if (!wanted) return;
    const timer = setTimeout(() => void preview(site.name, key, input), shown === undefined ? 0 : 600);
    return () => clearTimeout(timer);
  }, [wanted, inputKey, site.name, key]);
}
