// The bar with the next act: one button that says what it does, and the same act elsewhere (shell, terminal).
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { StepInfo } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { useWords } from '../i18n/words.ts';
import { answer, type StepInput } from '../state/actions.ts';
import { nextOf } from '../state/progress.ts';
import { go } from '../state/route.ts';
import { type Act, canUndo, saidOf } from '../state/step-state.ts';
import type { OpenedSite, Preview } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import styles from './act-bar.module.css';
import { Terminal } from './terminal.tsx';

interface Props {
  readonly site: OpenedSite;
  readonly instance: InstanceView;
  readonly info: StepInfo;
  readonly act: Act;
  readonly preview: Preview | undefined;
  readonly input: StepInput;
  /** Display names of picked paths, by token. */
  readonly names: Readonly<Record<string, string>>;
  /** A run is under way somewhere on this site. */
  readonly busy: boolean;
  /** Required fields are empty. */
  readonly empty: boolean;
  readonly onRead: () => void;
  readonly onPerform: (agreed: readonly string[]) => void;
}

export const ActBar = (props: Props) => {
  const { t } = useTranslation();
  const { site, instance, info, act, preview, input, names } = props;
  if (act.kind === 'doing') return null;
  const risky = act.kind === 'perform' || act.kind === 'confirm';
  const medium = info.input.some(({ kind }) => kind === 'medium');
  const others = [
    ...(medium ? [terminalForms.listMedia()] : []),
    ...(info.reveals ? [terminalForms.showPassword(site.name, instance.key)] : []),
    ...(canUndo(info, instance) ? [terminalForms.undo(site.name, instance.key)] : []),
  ];
  const shell = preview?.state === 'ready' ? preview.shell : '';
  return (
    <section
      className={styles.bar}
      aria-label={t('ui.act.title')}
      data-plan={act.kind === 'perform' || act.kind === 'confirm' ? act.plan.hash : undefined}
    >
      <div className={styles.main}>
        <MainAct {...props} />
        {risky && (
          <span className={info.risk === 'destroys' ? styles.destroys : 'quiet'}>{t(`ui.risk.${info.risk}`)}</span>
        )}
      </div>
      <div className={styles.more}>
        {act.kind === 'perform' && shell !== '' && <CopyButton text={shell} label={t('ui.act.copyShell')} />}
        <Terminal
          argv={terminalForms.runStep(site.name, instance.key, saidOf(info, input, instance.input, names))}
          also={others}
        />
      </div>
    </section>
  );
};

const MainAct = ({ site, instance, info, act, busy, empty, onRead, onPerform }: Props) => {
  const { t } = useTranslation();
  const words = useWords();
  const destroys = info.risk === 'destroys';
  const kind = destroys ? 'danger' : 'act';
  const shortcut = destroys ? undefined : 'act';
  /** What destroys is called by its name. */
  const perform = (count: number): string =>
    destroys ? t('ui.act.destroy', { step: words.instanceTitle(instance) }) : t('ui.act.perform', { count });
  switch (act.kind) {
    case 'confirm':
      return (
        <>
          <Button
            kind={kind}
            shortcut={shortcut}
            onPress={() => void answer(site.name, instance.key, act.run, act.plan.hash, 'yes')}
          >
            {perform(act.plan.commands.length)}
          </Button>
          <Button kind="plain" onPress={() => void answer(site.name, instance.key, act.run, act.plan.hash, 'no')}>
            {t('ui.act.refuse')}
          </Button>
        </>
      );
    case 'perform':
      return (
        <Button
          kind={kind}
          shortcut={shortcut}
          onPress={() => onPerform([act.plan.hash])}
          isPending={busy}
          isDisabled={empty}
        >
          {perform(act.plan.commands.length)}
        </Button>
      );
    case 'reading':
      return (
        <Button kind="plain" isPending>
          {t('ui.act.reading')}
        </Button>
      );
    case 'pass':
      return (
        <Button kind="act" shortcut="act" onPress={() => onPerform([])} isPending={busy} isDisabled={empty}>
          {t('ui.act.pass')}
        </Button>
      );
    case 'retry':
      return (
        <>
          {/* What destroys is shown anew and asked for anew. */}
          <Button
            kind={kind}
            shortcut={shortcut}
            onPress={() => onPerform(destroys ? [] : [instance.plan?.hash ?? ''])}
            isPending={busy}
            isDisabled={empty}
          >
            {t('ui.act.retry')}
          </Button>
          <Button kind="plain" onPress={onRead} isPending={busy} isDisabled={empty}>
            {t('ui.act.readAgain')}
          </Button>
        </>
      );
    default: {
      const next = instance.state === 'done' ? nextOf(site.view, site.steps) : null;
      return (
        <>
          {next !== null && (
            <Button kind="act" shortcut="act" onPress={() => go({ page: 'step', site: site.name, instance: next.key })}>
              {t('ui.act.next', { step: words.instanceTitle(next) })}
            </Button>
          )}
          <Button
            kind={next === null && instance.state !== 'done' ? 'act' : 'plain'}
            shortcut={next === null && instance.state !== 'done' ? 'act' : undefined}
            onPress={onRead}
            isPending={busy}
            isDisabled={empty}
          >
            {instance.readAt === null ? t('ui.act.read') : t('ui.act.readAgain')}
          </Button>
          {empty && <span className="quiet">{t('ui.act.fillIn')}</span>}
        </>
      );
    }
  }
};
