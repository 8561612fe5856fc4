// Every drive and folder that could be the medium, with the reason where it cannot be. Nothing is chosen beforehand.
import { FolderOpen, RotateCw } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
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
}

export const MediumPicker = ({ site, label, hint, value, names, onChange, onPicked }: Props) => {
  const { t } = useTranslation();
  const [choices, setChoices] = useState<readonly MediumChoice[] | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const look = useCallback(async () => {
    try {
      setChoices(await call('media.list', { site }));
      setTrouble(null);
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  }, [site]);
  useEffect(() => {
    void look();
  }, [look]);
  const pick = async () => {
    const picked = await call('pick.path', { kind: 'folder', title: label });
    if (picked === null) return;
    onPicked(picked.token, picked.display);
    onChange(picked.token);
  };
  const picked = value !== null && !(choices ?? []).some((choice) => choice.token === value) ? value : null;
  return (
    <div className={styles.picker}>
      <RadioGroup value={value} onChange={onChange} className={styles.group ?? ''}>
        <Label className={styles.label}>{label}</Label>
        {hint !== undefined && <span className="quiet">{hint}</span>}
        {choices === null && trouble === null && <p className="quiet">{t('ui.medium.looking')}</p>}
        {choices?.length === 0 && picked === null && <p className="quiet">{t('ui.medium.none')}</p>}
        {choices?.map((choice) => (
          <Choice key={choice.token} choice={choice} />
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
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <div className={styles.acts}>
        <Button kind="plain" onPress={() => void pick()} icon={<FolderOpen aria-hidden />}>
          {t('ui.medium.chooseFolder')}
        </Button>
        <Button kind="quiet" onPress={() => void look()} icon={<RotateCw aria-hidden />}>
          {t('ui.medium.again')}
        </Button>
      </div>
    </div>
  );
};

const Choice = ({ choice }: { readonly choice: MediumChoice }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { label, path, sizeBytes, freeBytes, fileSystem, why } = choice;
  const facts = [
    sizeBytes === null ? '' : formatBytes(sizeBytes, i18n.language),
    freeBytes === null ? '' : t('ui.medium.free', { size: formatBytes(freeBytes, i18n.language) }),
    fileSystem ?? '',
  ].filter((fact) => fact !== '');
  return (
    <Radio value={choice.token} isDisabled={why !== null} className={styles.choice ?? ''}>
      <span className={styles.dot} />
      <span>
        <span className={styles.name}>{label}</span>
        <span className="quiet"> {facts.join(' · ')}</span>
        <code dir="ltr" translate="no" className={styles.path}>
          {path}
        </code>
        {why !== null && <span className={styles.why}>{words.problem(why.code, 'title', why.params)}</span>}
      </span>
    </Radio>
  );
};
