// The log of a step: a virtual list that can be searched and followed. Closed until wanted; opens on a failure.
import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronUp } from 'lucide-react';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Button as AriaButton, Input, SearchField } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { linesOf, listenToLines } from '../state/log.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { CheckInput } from '../ui/field.tsx';
import styles from './log-panel.module.css';

interface Props {
  readonly instance: string;
  readonly failed: boolean;
}

export const LogPanel = ({ instance, failed }: Props) => {
  const { t } = useTranslation();
  const lines = useSyncExternalStore(
    (listener) => listenToLines(instance, listener),
    () => linesOf(instance),
  );
  const [open, setOpen] = useState(failed);
  useEffect(() => {
    if (failed) setOpen(true);
  }, [failed]);
  if (lines.length === 0) return null;
  const Arrow = open ? ChevronDown : ChevronUp;
  return (
    <section className={styles.panel} aria-label={t('ui.log.title')}>
      <AriaButton className={styles.handle ?? ''} onPress={() => setOpen(!open)} aria-expanded={open}>
        <Arrow aria-hidden size={18} />
        {t('ui.log.title')}
        <span className="quiet">{t('ui.log.lines', { count: lines.length })}</span>
      </AriaButton>
      {open && <LogBody instance={instance} />}
    </section>
  );
};

const LogBody = ({ instance }: { readonly instance: string }) => {
  const { t } = useTranslation();
  const lines = useSyncExternalStore(
    (listener) => listenToLines(instance, listener),
    () => linesOf(instance),
  );
  const [search, setSearch] = useState('');
  const [follow, setFollow] = useState(true);
  const shown = useMemo(() => {
    const wanted = search.toLowerCase();
    return wanted === '' ? lines : lines.filter((line) => line.text.toLowerCase().includes(wanted));
  }, [lines, search]);
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: shown.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 21,
    overscan: 20,
  });
  useEffect(() => {
    if (follow && shown.length > 0) list.scrollToIndex(shown.length - 1, { align: 'end' });
  }, [follow, shown.length, list]);
  return (
    <div className={styles.body}>
      <div className={styles.tools}>
        <SearchField
          aria-label={t('ui.log.search')}
          value={search}
          onChange={setSearch}
          className={styles.search ?? ''}
        >
          <Input placeholder={t('ui.log.search')} className={styles.searchInput ?? ''} />
        </SearchField>
        {search !== '' && <span className="quiet">{t('ui.log.found', { count: shown.length })}</span>}
        <CheckInput label={t('ui.log.follow')} checked={follow} onChange={setFollow} />
        <CopyButton text={shown.map((line) => line.text).join('\n')} label={t('ui.log.copy')} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <div ref={frame} className={styles.frame} role="log" aria-live="off" aria-label={t('ui.log.title')} tabIndex={0}>
        <div className={styles.inner} dir="ltr" translate="no" style={{ blockSize: list.getTotalSize() }}>
          {list.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={list.measureElement}
              data-index={item.index}
              className={styles.line}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {shown[item.index]?.text}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
};
