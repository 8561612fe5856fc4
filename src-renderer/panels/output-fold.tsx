// The whole output of an ended command, fetched when it is wanted.
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from '../../src-shared/clean.ts';
import { toProblemData } from '../../src-shared/problem.ts';
import { useWords } from '../i18n/words.ts';
import { call } from '../state/bridge.ts';
import { useStore } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import styles from './output-fold.module.css';

export const OutputFold = ({ hash }: { readonly hash: string }) => {
  const { t } = useTranslation();
  const words = useWords();
  const site = useStore((state) => state.site?.name ?? '');
  const [shown, setShown] = useState<{ text: string; cut: boolean } | null>(null);
  const toggle = async () => {
    if (shown !== null) return setShown(null);
    try {
      const { text, cut } = await call('blobs.read', { site, hash });
      setShown({ text: cleanText(text), cut });
    } catch (thrown) {
      const { code, params } = toProblemData(thrown);
      setShown({ text: words.problem(code, 'title', params), cut: false });
    }
  };
  return (
    <div className={styles.fold}>
      <Button kind="quiet" onPress={() => void toggle()} aria-expanded={shown !== null}>
        {shown === null ? t('ui.output.show') : t('ui.output.hide')}
      </Button>
      {shown !== null && (
        <>
          <CopyButton text={shown.text} label={t('ui.output.copy')} />
          <ScrollText text={shown.text} label={t('ui.output.title')} />
          {shown.cut && <p className="quiet small">{t('ui.output.cut')}</p>}
        </>
      )}
    </div>
  );
};
