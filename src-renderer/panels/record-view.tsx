// One record, drawn from its JSON: who made it and when, the machines as they stood, what people confirmed, and every step with
// what it performed. Long lists are folded.
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { parts } from '../../src-shared/as-built.ts';
import { type Dossier, personOf, type StepRecord } from '../../src-shared/dossier.ts';
import { formatDuration, formatMoment } from '../../src-shared/format.ts';
import { sitePicture } from '../../src-shared/picture.ts';
import { useWords } from '../i18n/words.ts';
import { Fold } from '../ui/fold.tsx';
import styles from './record-view.module.css';

export const RecordView = ({ record }: { readonly record: Dossier }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const at = (moment: string): string => formatMoment(moment, i18n.language);
  const noMedium = ({ mediumTrouble: why }: Dossier): string =>
    why === undefined
      ? t('record.noMedium')
      : `${t('record.mediumTrouble')} ${words.problem(why.code, 'title', why.params)}`;
  return (
    <article className={styles.record}>
      <h2>{t('record.title', { site: record.site, number: record.number })}</h2>
      {record.practice && (
        <p>
          <strong>{t('record.practice')}</strong>
        </p>
      )}
      {record.remark !== '' && <p className={styles.value}>{record.remark}</p>}
      <Pairs
        rows={[
          [t('record.madeAt'), at(record.madeAt)],
          [t('record.madeBy'), `${record.who} @ ${record.laptop}`],
          [t('record.program'), record.program],
          ...(record.medium === null
            ? [[t('record.medium'), noMedium(record)] as const]
            : [[t('record.generation'), String(record.medium.generation)] as const]),
        ]}
      />
      <Drawing record={record} />
      <div className={styles.part}>
        <h3>{t('record.machines')}</h3>
        {record.machines.map((machine) => (
          <Machine key={machine.name} machine={machine} />
        ))}
      </div>
      <div className={styles.part}>
        <h3>{t('record.gates')}</h3>
        {record.gates.length === 0 && <p className="quiet">{t('record.none')}</p>}
        <ul className={styles.list}>
          {record.gates.map((gate) => (
            <li key={`${gate.id} ${gate.at}`}>
              {words.maybe(`${gate.key}.title`, gate.params) ?? gate.id}{' '}
              <strong>{gate.answer ?? t('record.secretGiven')}</strong>{' '}
              <span className="quiet">
                {personOf(gate)}, {at(gate.at)}
              </span>
            </li>
          ))}
        </ul>
      </div>
      <div className={styles.part}>
        <h3>{t('record.overrides')}</h3>
        {record.overrides.length === 0 && <p className="quiet">{t('record.none')}</p>}
        <ul className={styles.list}>
          {record.overrides.map((one) => (
            <li key={`${one.instance} ${one.at}`}>
              {one.findings.map(({ code, params }) => words.problem(code, 'title', params)).join(' · ')}{' '}
              <span className="quiet">
                {one.instance}, {personOf(one)}, {at(one.at)}
              </span>
            </li>
          ))}
        </ul>
      </div>
      <div className={styles.part}>
        <h3>{t('record.steps')}</h3>
        {record.steps.map((step) => (
          <Step key={step.instance} step={step} />
        ))}
      </div>
    </article>
  );
};

const Pairs = ({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) => (
  <dl className={styles.pairs}>
    {rows.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd className={styles.value}>{value}</dd>
      </div>
    ))}
  </dl>
);

const Drawing = ({ record }: { readonly record: Dossier }) => {
  const { t } = useTranslation();
  const { width, height, boxes, lines } = sitePicture(record.machines);
  return (
    <svg
      className={styles.drawing}
      role="img"
      aria-label={t('record.picture.title')}
      viewBox={`-2 -2 ${width + 4} ${height + 4}`}
    >
      {lines.map(({ kind, to, ...ends }) => (
        <line key={`${kind} ${to}`} className={styles[kind]} {...ends} />
      ))}
      {boxes.map(({ kind, name, nameY, details, x, y, width: wide, height: high }) => (
        <g key={`${kind} ${name}`}>
          <rect x={x} y={y} width={wide} height={high} rx={6} />
          <text x={x + wide / 2} y={nameY}>
            {kind === 'machine' ? name : t(`record.picture.${kind}`)}
          </text>
          {details.map((line) => (
            <text key={line.text} className={styles.detail} x={x + wide / 2} y={line.y}>
              {line.text}
            </text>
          ))}
        </g>
      ))}
    </svg>
  );
};

const Machine = ({ machine }: { readonly machine: Dossier['machines'][number] }) => {
  const { t } = useTranslation();
  const { name, roles, address, port, user, system, hostKey, facts } = machine;
  return (
    <div className={styles.part}>
      <h4>{name}</h4>
      <Pairs
        rows={[
          [t('record.roles'), roles.join(', ')],
          [t('record.address'), `${user}@${address}:${port}`],
          [t('record.system'), system],
          [t('record.hostKey'), hostKey ?? '–'],
        ]}
      />
      {parts.map((part) => {
        const entries = facts[part];
        const rows = Object.entries(entries ?? {});
        if (entries !== null && rows.length === 0) return null;
        return (
          <Fold key={part} title={`${t(`record.part.${part}`)} (${entries === null ? '–' : rows.length})`}>
            {entries === null ? <p>{t('record.unread')}</p> : <Pairs rows={rows} />}
          </Fold>
        );
      })}
    </div>
  );
};

const Step = ({ step }: { readonly step: StepRecord }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  return (
    <Fold title={`${words.instanceTitle(step)} · ${t(`record.state.${step.state}`)}`}>
      {step.runs.length === 0 && <p className="quiet">{t('record.none')}</p>}
      {step.runs.map((run) => (
        <div key={run.startedAt} className={styles.part}>
          <p className="quiet">
            {formatMoment(run.startedAt, i18n.language)} ·{' '}
            {run.durationMs === null ? '–' : formatDuration(run.durationMs, i18n.language)} · {run.who} @ {run.laptop} ·{' '}
            {t(`record.outcome.${run.outcome}`)}
          </p>
          <ol className={styles.list}>
            {run.commands.map((command) => (
              <li key={`${command.startedAt} ${command.line}`}>
                {command.note !== null && <p>{words.told(command.note)}</p>}
                <pre className={styles.line}>{command.line}</pre>
                {command.change !== '' && <pre className={styles.line}>{command.change}</pre>}
                <p className="quiet">
                  {command.machine ?? t('record.laptop')} · {t(`record.outcome.${command.outcome}`)}
                  {command.exit === null ? '' : ` · ${t('record.exit', { exit: command.exit })}`}
                </p>
              </li>
            ))}
          </ol>
        </div>
      ))}
    </Fold>
  );
};
