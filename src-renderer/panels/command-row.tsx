// One command of a plan: what it is, where, the exact words, the diff of a file it writes, and what came of it.
import type { TFunction } from 'i18next';
import { Ban, Check, CircleDot, CircleHelp, CircleX, type LucideIcon } from 'lucide-react';
import { memo, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { diffLines } from '../../src-shared/diff.ts';
import { formatBytes, formatDuration } from '../../src-shared/format.ts';
import { type CommandState, type CommandView, pendingCommand } from '../../src-shared/journal.ts';
import type { Command, CommandOf } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import { Breakable } from '../ui/breakable.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Fold } from '../ui/fold.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import styles from './command-row.module.css';
import { exactText, machineNameOf, plainText } from './command-words.ts';
import { DiffView } from './diff-view.tsx';
import { OutputFold } from './output-fold.tsx';

const stateIcons: Readonly<Record<Exclude<CommandState, 'pending'>, LucideIcon>> = {
  running: CircleDot,
  performed: Check,
  failed: CircleX,
  cancelled: Ban,
  unknown: CircleHelp,
};

/** A diff of so few lines is shown at once. */
const shortDiff = 14;

export const CommandRow = memo(({ view }: { readonly view: CommandView }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { command, state } = view;
  const machine = machineNameOf(command);
  const note = 'note' in command && command.note !== undefined ? words.told(command.note) : null;
  return (
    <div className={`${styles.row} ${styles[state]}`}>
      <div className={styles.head}>
        <span className={styles.kind}>{t(`ui.command.${command.kind}`)}</span>
        {command.kind !== 'ask' && (
          <span className="quiet">
            {machine === null ? t('ui.command.onLaptop') : t('ui.command.onMachine', { machine })}
            {command.kind === 'run' && machine !== null && `, ${asWhom(command, t)}`}
          </span>
        )}
        {state !== 'pending' && <CommandMark state={state} />}
        {view.durationMs !== null && (
          <span className="quiet small">{formatDuration(view.durationMs, i18n.language)}</span>
        )}
        {view.exit !== null && view.exit !== 0 && (
          <span className="quiet small">{t('ui.command.exit', { exit: view.exit })}</span>
        )}
      </div>
      {note !== null && <p>{note}</p>}
      <Exact command={command} />
      {view.output !== null && <OutputFold hash={view.output} />}
    </div>
  );
});

const asWhom = (command: CommandOf<'run'>, t: TFunction): string =>
  command.as === 'login' ? t('ui.command.asLogin') : t('ui.command.asUser', { user: command.as ?? 'root' });

const CommandMark = ({ state }: { readonly state: Exclude<CommandState, 'pending'> }) => {
  const { t } = useTranslation();
  const Icon = stateIcons[state];
  return (
    <span className={styles.mark}>
      <Icon aria-hidden size={16} strokeWidth={2.25} />
      {t(`ui.command.state.${state}`)}
    </span>
  );
};

const Line = ({ text }: { readonly text: string }) => {
  const { t } = useTranslation();
  return (
    <div className={styles.line}>
      <code dir="ltr" translate="no">
        <Breakable text={text} />
      </code>
      <CopyButton compact text={text} label={t('ui.copy')} />
    </div>
  );
};

const Exact = ({ command }: { readonly command: Command }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const text = exactText(command);
  switch (command.kind) {
    case 'write':
      return <WriteDetail command={command} />;
    case 'send':
    case 'get':
      return (
        <>
          {text !== null && <Line text={text} />}
          <p className="quiet small">
            {formatBytes(command.sizeBytes, i18n.language)}, sha256{' '}
            <code className={styles.hash}>{command.sha256}</code>
          </p>
        </>
      );
    case 'until':
      return (
        <>
          <p>{words.told(command.awaited)}</p>
          {text !== null && <Line text={text} />}
          <p className="quiet small">
            {t('ui.command.untilDetail', {
              every: formatDuration(command.everyMs, i18n.language),
              limit: formatDuration(command.limitMs, i18n.language),
            })}
          </p>
        </>
      );
    case 'ask':
      return <p>{t(`${command.question.key}.title`, command.question.params)}</p>;
    case 'guard':
      return <GuardDetail command={command} />;
    case 'run':
      return (
        <>
          {text !== null && <Line text={text} />}
          {command.stdin !== undefined && (
            <Fold title={t('ui.command.stdin')}>
              <ScrollText text={plainText(command.stdin)} label={t('ui.command.stdin')} />
            </Fold>
          )}
        </>
      );
    default:
      return text === null ? null : <Line text={text} />;
  }
};

const WriteDetail = ({ command }: { readonly command: CommandOf<'write'> }) => {
  const { t } = useTranslation();
  const after = plainText(command.text);
  const changed = useMemo(
    () => diffLines(command.before, after).filter((line) => line.kind !== 'same'),
    [command.before, after],
  );
  const added = changed.filter((line) => line.kind === 'added').length;
  const mode = command.mode.toString(8).padStart(4, '0');
  return (
    <>
      <Line text={command.path} />
      <p className="quiet small">
        {command.before === null ? t('ui.command.newFile') : t('ui.command.changedFile')}
        {', '}
        {t('ui.command.mode', { mode, owner: command.owner ?? 'root' })}
        {command.keepCopy && command.before !== null ? `, ${t('ui.command.keepCopy')}` : ''}
      </p>
      <Fold
        title={t('ui.command.diff', { added, removed: changed.length - added })}
        open={changed.length > 0 && changed.length <= shortDiff}
      >
        <DiffView before={command.before} after={after} label={t('ui.command.diffOf', { path: command.path })} />
      </Fold>
    </>
  );
};

const GuardDetail = ({ command }: { readonly command: CommandOf<'guard'> }) => {
  const { t, i18n } = useTranslation();
  return (
    <>
      <p>{t('ui.command.guardDetail', { within: formatDuration(command.confirmWithinMs, i18n.language) })}</p>
      <ol className={styles.inner}>
        {command.commands.map((inner) => (
          <li key={JSON.stringify(inner)}>
            <CommandRow view={pendingCommand(inner)} />
          </li>
        ))}
      </ol>
      <Fold title={t('ui.command.undo')}>
        <ScrollText text={command.undo} label={t('ui.command.undo')} />
      </Fold>
    </>
  );
};
