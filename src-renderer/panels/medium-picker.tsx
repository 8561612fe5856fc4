// Every drive and folder that could be the medium: what it is, why it may not be used and what would help. Nothing is chosen
// beforehand. Drives that are plugged in or pulled appear and go by themselves; the focus stays where it was.
import { FolderOpen, RotateCw } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Label, Radio, RadioGroup } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import type { MediumChoice } from '../../src-shared/api.ts';
import { formatBytes } from '../../src-shared/format.ts';
import type { ProblemData } from '../../src-shared/problem.ts';
import { toProblemData } from '../../src-shared/problem.ts';
import { useWords } from '../i18n/words.ts';
import { call } from '../state/bridge.ts';
import { Button } from '../ui/button.tsx';
import styles from './medium-picker.module.css';
import { ProblemPanel } from './problem-panel.tsx';

interface Props {
  readonly site: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly value: string | null;
  readonly names: Readonly<Record<string, string>>;
  readonly onChange: (token: string) => void;
  readonly onPicked: (token: string, display: string) => void;
  /** For a repair: what is kept from use by its damage alone can be chosen, and nothing is mounted by choosing it. */
  readonly repair?: boolean;
}

export const MediumPicker = ({ site, label, hint, value, names, onChange, onPicked, repair = false }: Props) => {
  const { t } = useTranslation();
  const [choices, setChoices] = useState<readonly MediumChoice[] | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn begins anew after a failure.
  useEffect(() => {
    let watching = true;
    const watch = async () => {
      for (let mark = ''; watching; ) {
        const now = await call('media.next', { site, mark });
        if (!watching || now.mark === mark) continue;
        mark = now.mark;
        const found = await call('media.list', { site });
        if (!watching) return;
        setChoices(found);
        setTrouble(null);
      }
    };
    watch().catch((thrown: unknown) => {
      if (watching) setTrouble(toProblemData(thrown));
    });
    return () => {
      watching = false;
    };
  }, [site, turn]);
  const pick = async () => {
    const picked = await call('pick.path', { kind: 'folder', title: label });
    if (picked === null) return;
    onPicked(picked.token, picked.display);
    onChange(picked.token);
  };
  // For a repair a drive may be away from the list, under another name, as it is unmounted and mounted again.
  const listed =
    (choices ?? []).some((choice) => choice.token === value) || (repair && names[value ?? ''] === undefined);
  const picked = listed ? null : value;
  return (
    <div className={styles.picker}>
      <RadioGroup value={value} onChange={onChange} className={styles.group ?? ''}>
        <Label className={styles.label}>{label}</Label>
        {hint !== undefined && <span className="quiet">{hint}</span>}
        {choices === null && trouble === null && <p className="quiet">{t('ui.medium.looking')}</p>}
        {choices?.length === 0 && picked === null && <p className="quiet">{t('ui.medium.none')}</p>}
        {choices?.map((choice) => (
          <Choice key={choice.token} choice={choice} repair={repair} />
        ))}
        {picked !== null && (
          <Radio value={picked} className={styles.choice ?? ''}>
            <span className={styles.dot} />
            <span>
              <span className={styles.name}>{t('ui.medium.folder')}</span>
              <code dir="ltr" translate="no" className={styles.path}>
                {names[picked] ?? picked}
              </code>
            </span>
          </Radio>
        )}
      </RadioGroup>
      <p className="quiet small" role="status">
        {choices === null || choices.length === 0 ? '' : t('ui.medium.count', { count: choices.length })}
      </p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <div className={styles.acts}>
        {trouble !== null && (
          <Button kind="plain" onPress={() => setTurn(turn + 1)} icon={<RotateCw aria-hidden />}>
            {t('ui.medium.again')}
          </Button>
        )}
        <Button kind="plain" onPress={() => void pick()} icon={<FolderOpen aria-hidden />}>
          {t('ui.medium.chooseFolder')}
        </Button>
      </div>
    </div>
  );
};

const Choice = ({ choice, repair }: { readonly choice: MediumChoice; readonly repair: boolean }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { label, path, serial, mounted, sizeBytes, freeBytes, fileSystem, limits, why } = choice;
  const damaged = repair && why?.params.reason === 'needs-repair';
  const facts = [
    sizeBytes === null ? '' : formatBytes(sizeBytes, i18n.language),
    freeBytes === null ? '' : t('ui.medium.free', { size: formatBytes(freeBytes, i18n.language) }),
    fileSystem ?? '',
    serial === null ? '' : t('ui.medium.serial', { serial }),
  ].filter((fact) => fact !== '');
  return (
    <Radio value={choice.token} isDisabled={why !== null && !damaged} className={styles.choice ?? ''}>
      <span className={styles.dot} />
      <span>
        <span className={styles.name}>{label}</span>
        <span className="quiet"> {facts.join(' · ')}</span>
        <code dir="ltr" translate="no" className={styles.path}>
          {path}
        </code>
        {why === null && !mounted && !repair && <span className={styles.note}>{t('ui.medium.mountsFirst')}</span>}
        {!repair &&
          limits.map((limit) => (
            <span key={limit} className={styles.note}>
              {t(`ui.medium.limits.${limit}`)}
            </span>
          ))}
        {why !== null && (
          <>
            <span className={styles.why}>{words.problem(why.code, 'title', why.params)}</span>
            {!damaged && <span className={styles.note}>{words.problem(why.code, 'next', why.params)}</span>}
          </>
        )}
      </span>
    </Radio>
  );
};
