// What goes on now: which command, how far, how fast, how long still, what is awaited, and the honest stop.
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatBytes, formatCount, formatDuration, formatRate } from '../../src-shared/format.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { stoppingNow } from '../../src-shared/stopping.ts';
import { useWords } from '../i18n/words.ts';
import { cancel } from '../state/actions.ts';
import type { LiveOf, LiveView } from '../state/live.ts';
import { useStore } from '../state/store.ts';
import { Bar } from '../ui/bar.tsx';
import { SpeedGraph } from '../ui/speed-graph.tsx';
import styles from './progress-panel.module.css';
import { StopAct } from './stop-act.tsx';

interface Props {
  readonly instance: InstanceView;
  readonly live: LiveView;
  readonly run: string | null;
}

export const ProgressPanel = ({ instance, live, run }: Props) => {
  const { t } = useTranslation();
  const total = instance.commands.length;
  const ended = instance.commands.filter((item) => item.state !== 'pending' && item.state !== 'running').length;
  const words = useWords();
  const act = instance.commands.find((item) => item.state === 'running');
  const running = act?.command;
  const startedAt = act?.startedAt ?? null;
  const note =
    running !== undefined && 'note' in running && running.note !== undefined ? words.told(running.note) : null;
  const what = note ?? (running === undefined ? null : t(`ui.command.${running.kind}`));
  const place = { index: Math.min(ended + 1, total), total };
  const label = live.reading
    ? t('ui.progress.reading')
    : total === 0
      ? t('ui.progress.starting')
      : what === null
        ? t('ui.progress.command', place)
        : t('ui.progress.commandIs', { ...place, what });
  return (
    <section className={live.question === null ? styles.panel : styles.bare} aria-label={t('ui.progress.title')}>
      {live.question !== null ? null : live.progress === null ? (
        <Bar
          label={label}
          done={ended}
          total={total === 0 || live.awaiting !== null ? null : total}
          text={total < 2 || live.awaiting !== null ? '' : `${ended} / ${total}`}
        />
      ) : (
        <>
          <Measured progress={live.progress} label={label} startedAt={startedAt} />
          {isBig(live.progress) && <SpeedGraph speeds={live.speeds} />}
        </>
      )}
      {live.awaiting !== null && <Awaited awaiting={live.awaiting} />}
      {run !== null && <Stop run={run} instance={instance} />}
    </section>
  );
};

/** From here on a copy takes long enough to look at its course, in bytes. */
const bigBytes = 100_000_000;
const isBig = ({ unit, total }: LiveOf<'progress'>): boolean => unit === 'bytes' && (total ?? 0) >= bigBytes;

interface MeasuredProps {
  readonly progress: LiveOf<'progress'>;
  readonly label: string;
  /** When the command began, as the journal has it: before this window was opened, perhaps. */
  readonly startedAt: string | null;
}

const Measured = ({ progress, label, startedAt }: MeasuredProps) => {
  const { t, i18n } = useTranslation();
  const { done, total, unit, speed, leftMs, what } = progress;
  const size = (value: number): string =>
    unit === 'bytes'
      ? formatBytes(value, i18n.language)
      : unit === 'seconds'
        ? formatDuration(value * 1000, i18n.language)
        : formatCount(value, i18n.language);
  const rate = speed === null ? '' : unit === 'bytes' ? size(speed) : formatRate(speed, i18n.language);
  const counted = unit === 'files' || unit === 'packages' ? `ui.progress.${unit}` : 'ui.progress';
  // Nobody knows how many parts there are: how long it has been says more than a speed.
  if (unit === 'parts') {
    const sinceMs = startedAt === null ? null : Math.max(0, Date.now() - Date.parse(startedAt));
    const since = sinceMs === null ? '' : t('ui.progress.since', { time: formatDuration(sinceMs, i18n.language) });
    const text = [what ?? '', t('ui.progress.parts', { count: done }), since].filter((part) => part !== '').join(' · ');
    return <Bar label={label} done={done} total={total} text={text} />;
  }
  const parts = [
    what ?? '',
    total === null ? size(done) : t(`${counted}.of`, { done: size(done), total: size(total) }),
    rate === '' || unit === 'seconds' ? '' : t('ui.progress.speed', { speed: rate }),
    total === null
      ? t('ui.progress.lengthUnknown')
      : leftMs === null
        ? ''
        : t('ui.progress.left', { time: formatDuration(leftMs, i18n.language) }),
  ];
  return <Bar label={label} done={done} total={total} text={parts.filter((part) => part !== '').join(' · ')} />;
};

const Awaited = ({ awaiting }: { readonly awaiting: NonNullable<LiveView['awaiting']> }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const [nowMs, setNowMs] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const passedMs = Math.max(0, nowMs - awaiting.heardMs);
  const nextMs = Math.max(0, awaiting.nextLookMs - passedMs);
  const { seen } = awaiting;
  return (
    <div className={styles.awaited}>
      <p>
        {words.told(awaiting.awaited)}{' '}
        <span className="quiet">
          {t('ui.progress.awaiting', {
            since: formatDuration(awaiting.sinceMs + passedMs, i18n.language),
            limit: formatDuration(awaiting.limitMs, i18n.language),
          })}{' '}
          {nextMs < 1000
            ? t('ui.progress.lookingNow')
            : t('ui.progress.nextLook', { time: formatDuration(nextMs, i18n.language) })}
        </span>
      </p>
      {seen !== null && seen.done !== null && seen.total !== null && (
        <Bar
          label={t('ui.progress.partitions', { done: seen.done, total: seen.total })}
          done={seen.done}
          total={seen.total}
          text={`${seen.done} / ${seen.total}`}
        />
      )}
      {seen !== null && seen.failing.length > 0 && (
        <p className="quiet small">{t('ui.progress.notYet', { names: seen.failing.join(' · ') })}</p>
      )}
      {seen !== null && seen.line !== '' && (
        <p className="quiet small">
          {t('ui.progress.lastLine')} <code className={styles.line}>{seen.line}</code>
        </p>
      )}
    </div>
  );
};

/** Says what stopping does to what is under way this moment, before it is asked for and after. */
const Stop = ({ run, instance }: { readonly run: string; readonly instance: InstanceView }) => {
  const { t } = useTranslation();
  const words = useWords();
  const site = useStore((state) => state.site?.name ?? '');
  const [asked, setAsked] = useState<string | null>(null);
  const press = async () => {
    setAsked(t('ui.stop.asked'));
    const answer = await cancel(site, run);
    setAsked(answer?.stopsAfter ? words.told(answer.stopsAfter) : t('ui.stop.asked'));
  };
  return (
    <div className={styles.stop}>
      {/* With every command it is another hint: only what was asked for is read out by itself. */}
      <StopAct
        stopping={asked !== null}
        onStop={() => void press()}
        hint={asked === null ? t(`ui.run.${stoppingNow(instance)}`) : ''}
      />
      <span className="quiet" role="status">
        {asked}
      </span>
    </div>
  );
};
