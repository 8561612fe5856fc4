// The rehearsal of the site: started here, followed while it goes on, and what the last one came to, step by step. What it cannot
// know is always said beside it.
import { Drama } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { formatBytes, formatDuration, formatMoment } from '../../src-shared/format.ts';
import { type LackingFile, type Rehearsal, type RehearsedStep, summaryOf } from '../../src-shared/rehearsal.ts';
import { stepOf, subjectNameOf } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { useWords } from '../i18n/words.ts';
import { rehearse } from '../state/actions.ts';
import { mediumKey } from '../state/live.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { Bar } from '../ui/bar.tsx';
import { Button } from '../ui/button.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import { StateIcon } from '../ui/state-mark.tsx';
import { ProblemPanel } from './problem-panel.tsx';
import styles from './rehearsal-panel.module.css';
import { StopAct } from './stop-act.tsx';
import { Terminal } from './terminal.tsx';

interface Props {
  readonly site: OpenedSite;
  /** Only a sealed medium can be rehearsed. */
  readonly sealed: boolean;
}

export const RehearsalPanel = ({ site, sealed }: Props) => {
  const { t, i18n } = useTranslation();
  const { last, idle, stopping, stop } = useOutcome(site, 'media.rehearsal');
  const live = site.live[mediumKey]?.rehearsal ?? null;
  const under = live === null ? null : (site.runs[0]?.run ?? null);
  const title = useStepTitle();
  return (
    <section className={styles.panel} aria-labelledby="rehearsal">
      <h2 id="rehearsal">{t('rehearsal.title')}</h2>
      <p className="quiet">{t('rehearsal.hint')}</p>
      {live !== null && (
        <Bar
          label={t('rehearsal.step', { index: live.done + 1, total: live.total, title: title(live.step) })}
          done={live.done}
          total={live.total}
          text={t('rehearsal.read', { size: formatBytes(live.sizeBytes, i18n.language) })}
        />
      )}
      <Acts>
        {under === null ? (
          <Button
            kind="plain"
            icon={<Drama aria-hidden />}
            isPending={!idle}
            isDisabled={!sealed}
            onPress={() => void rehearse(site.name)}
          >
            {t(last === null ? 'rehearsal.start' : 'rehearsal.again')}
          </Button>
        ) : (
          <StopAct stopping={stopping} onStop={stop} hint={t('rehearsal.stopHint')} />
        )}
        <Terminal argv={terminalForms.rehearse(site.name)} />
        {!sealed && <span className="quiet">{t('rehearsal.notSealed')}</span>}
      </Acts>
      {last === null ? <p className="quiet">{t('rehearsal.never')}</p> : <Came {...last} />}
    </section>
  );
};

/** Title of a step with the machine's name, by the instance's key. */
function useStepTitle(): (instance: string) => string {
  const { t } = useTranslation();
  const words = useWords();
  return (instance) => {
    const step = words.stepTitle(stepOf(instance));
    const subject = subjectNameOf(instance);
    return subject === '' ? step : t('ui.stepFor', { step, subject });
  };
}

const Came = ({ rehearsal, current }: NonNullable<OutputOf<'media.rehearsal'>>) => {
  const { t, i18n } = useTranslation();
  const { steps, unasked, generation, tookMs, at } = rehearsal;
  const count = (outcome: RehearsedStep['outcome']): number => steps.filter((step) => step.outcome === outcome).length;
  const summary = summaryOf(rehearsal);
  const told = {
    generation,
    tookMs: formatDuration(tookMs, i18n.language),
    done: count('done'),
    asked: count('asked'),
    count: count('failed'),
  };
  const bad = steps.filter(({ outcome }) => outcome === 'failed');
  return (
    <>
      <Notice
        kind={current === false ? 'warn' : summary === 'passed' ? 'plain' : 'bad'}
        level={3}
        title={t(`rehearsal.${summary}`, told)}
      >
        <p>{t('rehearsal.of', { at: formatMoment(at, i18n.language) })}</p>
        {current === false && <p>{t('rehearsal.older')}</p>}
        <p>{t('rehearsal.cannotKnow')}</p>
      </Notice>
      {unasked.length > 0 && (
        <div>
          <h3>{t('rehearsal.unasked')}</h3>
          <Lacking files={unasked} />
        </div>
      )}
      {bad.length > 0 && <Steps steps={bad} />}
      <Fold title={t('rehearsal.steps')}>
        <Steps steps={steps} />
      </Fold>
    </>
  );
};

const states = { done: 'done', asked: 'unsure', failed: 'failed' } as const;

const Steps = ({ steps }: { readonly steps: Rehearsal['steps'] }) => {
  const { t, i18n } = useTranslation();
  const title = useStepTitle();
  return (
    <ul className={styles.list}>
      {steps.map(({ instance, outcome, notRun, problem, files, sizeBytes, packages, releases, lacking }) => (
        <li key={instance}>
          <p>
            <span className={styles.mark}>
              <StateIcon state={states[outcome]} />
            </span>
            <strong>{title(instance)}</strong> <span className="quiet">{t(`rehearsal.outcome.${outcome}`)}</span>
          </p>
          {notRun !== null && <p className="quiet">{t(`rehearsal.notRun.${notRun}`)}</p>}
          {files > 0 && (
            <p className="quiet">
              {t('rehearsal.took', { count: files, size: formatBytes(sizeBytes, i18n.language) })}
            </p>
          )}
          {packages.length > 0 && (
            <p className={styles.files}>{t('rehearsal.packages', { names: packages.join(', ') })}</p>
          )}
          {releases.length > 0 && <p>{t('rehearsal.releases', { names: releases.join(', ') })}</p>}
          <Lacking files={lacking} />
          {problem !== null && lacking.length === 0 && <ProblemPanel problem={problem} />}
        </li>
      ))}
    </ul>
  );
};

/** So many of a medium that was made for another site say enough. */
const mostShown = 20;

const Lacking = ({ files }: { readonly files: readonly LackingFile[] }) => {
  const { t } = useTranslation();
  return (
    files.length > 0 && (
      <FirstOf items={files} most={mostShown} className={styles.files} keyOf={({ path }) => path}>
        {({ path, code }) => <ShortHashes text={t(`rehearsal.lacking.${code}`, { path })} />}
      </FirstOf>
    )
  );
};
