// The earlier states of a medium: what going back to one would change, and what may go to make room. Each is shown before there is a
// button for it.
import { History, Trash2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MediumContents, MediumGeneration, OutputOf } from '../../src-shared/api.ts';
import { formatBytes, formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { restoreMedium } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { mediumKey } from '../state/live.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { Button } from '../ui/button.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import { MediumBar } from './medium-bar.tsx';
import styles from './medium-copies.module.css';
import { ProblemPanel } from './problem-panel.tsx';
import { StopAct } from './stop-act.tsx';
import { Terminal } from './terminal.tsx';

interface Props {
  readonly site: OpenedSite;
  /** Of the medium that is shown: a token of the picker's, null for the site's own. */
  readonly token: string | null;
  readonly contents: MediumContents;
  /** What lies on it is other than it was. */
  readonly onChanged: () => void;
}

export const MediumStates = (props: Props) => {
  const { t, i18n } = useTranslation();
  const { site, contents, onChanged } = props;
  const { last, idle, stopping, stopped, stop } = useOutcome(site, 'media.restored');
  const live = site.live[mediumKey]?.restoring ?? null;
  const going = live !== null && !idle;
  const wasLive = useRef(false);
  useEffect(() => {
    // What lies there is other than it was, also where it was stopped.
    if (wasLive.current && live === null) onChanged();
    wasLive.current = live !== null;
  }, [live, onChanged]);
  return (
    <section className={styles.panel} aria-labelledby="states-title">
      <h2 id="states-title">{t('ui.states.title')}</h2>
      <p className="quiet">{t('ui.states.hint')}</p>
      {going && (
        <>
          <MediumBar
            label={live.path === null ? t('ui.states.restoring') : t('ui.states.restoringOn', { path: live.path })}
            far={live}
          />
          <Acts>
            <StopAct stopping={stopping} onStop={stop} hint={t('ui.states.stopHint')} />
          </Acts>
        </>
      )}
      {contents.sealed === null ? (
        <p className="quiet">{t('ui.states.notSealed')}</p>
      ) : (
        // Neither can be done while one of them is under way; what was looked at is kept.
        <div className={styles.choices} hidden={going}>
          <Fold title={t('ui.states.back')}>
            <Back {...props} idle={idle} />
          </Fold>
          <Fold title={t('ui.states.tidy')}>
            <Tidy {...props} />
          </Fold>
        </div>
      )}
      <div role="status">
        {idle && last !== null && last.path === contents.path && (
          <Notice
            kind="good"
            level={3}
            title={t('ui.states.restored', {
              count: last.files,
              generation: last.generation,
              at: formatMoment(last.sealedAt, i18n.language),
            })}
          >
            <p>{t('ui.states.restoredNext')}</p>
          </Notice>
        )}
        {idle && stopped && <p>{t('ui.states.stopped', { generation: contents.sealed?.generation ?? 0 })}</p>}
      </div>
    </section>
  );
};

const Back = ({ site, token, contents, idle }: Props & { readonly idle: boolean }) => {
  const { t, i18n } = useTranslation();
  const [states, setStates] = useState<readonly MediumGeneration[] | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const mark = contents.sealed?.mark;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another seal has other states before it
  useEffect(() => {
    let current = true;
    call('media.generations', { site: site.name, path: token }).then(
      (answer) => {
        if (!current) return;
        setStates(answer);
        setTrouble(null);
      },
      (thrown: unknown) => current && setTrouble(toProblemData(thrown)),
    );
    return () => {
      current = false;
    };
  }, [site.name, token, mark]);
  return (
    <div className={styles.act}>
      <p className="quiet">{t('ui.states.backHint')}</p>
      {states === null && trouble === null && <p className="quiet">{t('ui.states.looking')}</p>}
      {states?.length === 0 && <p>{t('ui.states.none')}</p>}
      {states?.map((state) => (
        <div key={state.generation} className={styles.state}>
          <h3>
            {t('ui.states.generation', {
              generation: state.generation,
              at: formatMoment(state.sealedAt, i18n.language),
            })}
          </h3>
          <p className="quiet">
            {t('ui.states.sum', { count: state.files, size: formatBytes(state.sizeBytes, i18n.language) })}
          </p>
          <p>{t('ui.states.change', { ...state })}</p>
          <Acts>
            <Button
              kind="plain"
              icon={<History aria-hidden />}
              isPending={!idle}
              onPress={() => void restoreMedium(site.name, token, state.generation)}
            >
              {t('ui.states.restore', { generation: state.generation })}
            </Button>
            <Terminal argv={terminalForms.restoreMedium(contents.path, state.generation)} />
          </Acts>
        </div>
      ))}
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </div>
  );
};

type Tidied = OutputOf<'media.tidy'>;

/** So many names say what it is. */
const mostShown = 50;

const Tidy = ({ site, token, contents, onChanged }: Props) => {
  const { t, i18n } = useTranslation();
  const [found, setFound] = useState<Tidied | null>(null);
  /** What was agreed to is not what lies there by now. */
  const [changed, setChanged] = useState(false);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [busy, setBusy] = useState(false);
  const tidy = async (mark: string | null) => {
    setBusy(true);
    setTrouble(null);
    try {
      const answer = await call('media.tidy', { site: site.name, path: token, mark });
      setFound(answer);
      setChanged(mark !== null && !answer.removed);
      if (answer.removed) onChanged();
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    } finally {
      setBusy(false);
    }
  };
  const count = found?.paths.length ?? 0;
  const size = formatBytes(found?.sizeBytes ?? 0, i18n.language);
  const waits = found !== null && !found.removed && count > 0;
  return (
    <div className={styles.act}>
      <p className="quiet">{t('ui.states.tidyHint')}</p>
      <Acts>
        <Button kind="plain" isPending={busy} onPress={() => void tidy(null)}>
          {t('ui.states.look')}
        </Button>
        <Terminal
          argv={terminalForms.cleanMedium(contents.path, false)}
          also={[terminalForms.cleanMedium(contents.path, true)]}
        />
      </Acts>
      <div role="status">
        {busy && <p>{t('ui.states.working')}</p>}
        {changed && <p>{t('ui.states.changed')}</p>}
        {found?.removed && <p>{t('ui.states.removed', { count, size })}</p>}
        {found !== null && !found.removed && count === 0 && <p>{t('ui.states.nothing')}</p>}
        {waits && <p>{t('ui.states.would', { count, size })}</p>}
        {waits && found.generations.length > 0 && (
          <p>
            {t('ui.states.wouldStates', { count: found.generations.length, numbers: found.generations.join(', ') })}
          </p>
        )}
      </div>
      {waits && (
        <>
          <Fold title={t('ui.states.names')}>
            <FirstOf items={found.paths} most={mostShown} className={styles.names}>
              {(path) => (
                <code translate="no">
                  <ShortHashes text={path} />
                </code>
              )}
            </FirstOf>
          </Fold>
          <Acts>
            <Button
              kind="danger"
              icon={<Trash2 aria-hidden />}
              isPending={busy || site.runs.length > 0}
              onPress={() => void tidy(found.mark)}
            >
              {t('ui.states.remove', { count, size })}
            </Button>
          </Acts>
        </>
      )}
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </div>
  );
};
