// What is handed to somebody who helps: shown whole before it leaves the laptop, copied or saved by the person.
import { Save } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { CheckInput } from '../ui/field.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import styles from './support-page.module.css';

export const SupportPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [hideAddresses, setHide] = useState(true);
  const [text, setText] = useState<string | null>(null);
  const [saved, setSaved] = useState<string | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  useEffect(() => {
    let current = true;
    setSaved(null);
    setText(null);
    setTrouble(null);
    call('support.read', { site: site.name, hideAddresses }).then(
      (answer) => current && setText(answer.text),
      (thrown: unknown) => current && setTrouble(toProblemData(thrown)),
    );
    // The text with the addresses, asked for before, never stands where they are hidden.
    return () => {
      current = false;
    };
  }, [site.name, hideAddresses]);
  const save = async () => {
    try {
      const picked = await call('pick.path', { kind: 'folder', title: t('ui.support.where') });
      if (picked === null) return;
      setSaved(null);
      const answer = await call('support.save', { site: site.name, hideAddresses, folder: picked.token });
      setSaved(answer.path);
      setTrouble(null);
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <div className={styles.page}>
      <Heading page={`support ${site.name}`} title={t('ui.support.title')} />
      <p className="quiet">{t('ui.support.hint')}</p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <CheckInput
        label={t('ui.support.hide')}
        hint={t('ui.support.hideHint')}
        checked={hideAddresses}
        onChange={setHide}
      />
      <div className={styles.text} aria-busy={text === null}>
        <ScrollText tall label={t('ui.support.text')} text={text ?? ''} />
      </div>
      <div className={styles.acts}>
        <Button kind="act" icon={<Save aria-hidden />} isDisabled={text === null} onPress={() => void save()}>
          {t('ui.support.save')}
        </Button>
        {text !== null && <CopyButton text={text} label={t('ui.support.copy')} />}
        <Terminal argv={terminalForms.support(site.name, hideAddresses)} />
        <span role="status" className="quiet">
          {saved === null ? '' : t('ui.support.saved', { path: saved })}
        </span>
      </div>
    </div>
  );
};
