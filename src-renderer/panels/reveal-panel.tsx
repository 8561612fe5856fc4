// A secret that a person needs now: asked for, shown for a minute, gone when the page is left. Until then it is not in the page.
import { Copy, Eye, EyeOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { call } from '../state/bridge.ts';
import { Button } from '../ui/button.tsx';
import { ProblemPanel } from './problem-panel.tsx';
import styles from './reveal-panel.module.css';

const shownMs = 60_000;

export const RevealPanel = ({ site, instance }: { readonly site: string; readonly instance: string }) => {
  const { t } = useTranslation();
  const [value, setValue] = useState<string | null>(null);
  const [copied, setCopied] = useState(false);
  const [problem, setProblem] = useState<ProblemData | null>(null);
  useEffect(() => {
    if (value === null) return;
    const timer = setTimeout(() => setValue(null), shownMs);
    return () => clearTimeout(timer);
  }, [value]);
  const show = async () => {
    setProblem(null);
    try {
      setValue((await call('secrets.show', { site, instance })).value);
    } catch (thrown) {
      setProblem(toProblemData(thrown));
    }
  };
  const copy = async () => {
    if (value === null) return;
    await navigator.clipboard.writeText(value);
    setCopied(true);
    // Also when this page has been left meanwhile.
    setTimeout(() => {
      setCopied(false);
      void navigator.clipboard.writeText('').catch(() => undefined);
    }, shownMs);
  };
  return (
    <section className={styles.panel} aria-label={t('ui.reveal.title')}>
      <strong>{t('ui.reveal.title')}</strong>
      {value !== null && (
        <output className={styles.value} dir="ltr" translate="no">
          {value}
        </output>
      )}
      <div className={styles.acts}>
        {value === null ? (
          <Button kind="plain" icon={<Eye aria-hidden />} onPress={() => void show()}>
            {t('ui.reveal.show')}
          </Button>
        ) : (
          <>
            <Button kind="plain" icon={<Copy aria-hidden />} onPress={() => void copy()}>
              {copied ? t('ui.copied') : t('ui.copy')}
            </Button>
            <Button kind="plain" icon={<EyeOff aria-hidden />} onPress={() => setValue(null)}>
              {t('ui.reveal.hide')}
            </Button>
          </>
        )}
      </div>
      <p className="quiet small">{t('ui.reveal.hint')}</p>
      {problem !== null && <ProblemPanel problem={problem} />}
    </section>
  );
};
