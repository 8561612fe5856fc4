// The downloads that every site and medium of this laptop shares: what is there, whether it is whole, what may go, how much is kept.
import { ScanLine, Trash2 } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CacheCheck, InputOf, OutputOf } from '../../src-shared/api.ts';
import { formatBytes, formatCount, formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { MediumBar } from '../panels/medium-bar.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { StopAct } from '../panels/stop-act.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { AlonePage } from '../ui/alone-page.tsx';
import { Button } from '../ui/button.tsx';
import { ChoiceInput, TextInput } from '../ui/field.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, PageHead, ScrollPage } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import styles from './cache-page.module.css';

type Cache = OutputOf<'cache.read'>;

export const CachePage = () => {
  const { t } = useTranslation();
  return (
    <AlonePage back={t('ui.cache.back')}>
      <Content />
    </AlonePage>
  );
};

const Content = () => {
  const { t, i18n } = useTranslation();
  const [cache, setCache] = useState<Cache | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const read = useCallback(async () => {
    try {
      setCache(await call('cache.read', {}));
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  }, []);
  useEffect(() => void read(), [read]);
  const size = (bytes: number): string => formatBytes(bytes, i18n.language);
  return (
    <ScrollPage narrow>
      <PageHead>
        <Heading page="cache" title={t('ui.cache.title')} />
        <Terminal argv={terminalForms.listCache()} />
      </PageHead>
      <p className="quiet">{t('ui.cache.hint')}</p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {cache === null && trouble === null && <p className="quiet">{t('ui.cache.looking')}</p>}
      {cache !== null && (
        <>
          <p>
            {cache.count === 0
              ? t('ui.cache.empty')
              : t('ui.cache.sum', {
                  count: cache.count,
                  shown: formatCount(cache.count, i18n.language),
                  size: size(cache.sizeBytes),
                })}
          </p>
          <code dir="ltr" translate="no" className={styles.place}>
            {cache.folder}
          </code>
          {cache.kinds.length > 0 && (
            <ul className={styles.kinds}>
              {cache.kinds.map(({ kind, count, sizeBytes, usedAt }) => (
                <li key={kind}>
                  <strong>{t(`ui.cache.kinds.${kind}`)}</strong>
                  <span>{size(sizeBytes)}</span>
                  <span className="quiet">
                    {t('ui.cache.files', {
                      count,
                      shown: formatCount(count, i18n.language),
                      at: formatMoment(usedAt, i18n.language),
                    })}
                  </span>
                </li>
              ))}
            </ul>
          )}
          <Check key={cache.count} empty={cache.count === 0} />
          <Clear empty={cache.count === 0} onChanged={() => void read()} />
          <Limit cache={cache} onChanged={() => void read()} />
        </>
      )}
    </ScrollPage>
  );
};

/** How often one that goes on is looked at. */
const lookMs = 500;

const Check = ({ empty }: { readonly empty: boolean }) => {
  const { t } = useTranslation();
  const [check, setCheck] = useState<CacheCheck | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const act = useCallback(async (what: 'start' | 'look' | 'stop') => {
    try {
      setCheck(await call('cache.check', { act: what }));
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  }, []);
  useEffect(() => void act('look'), [act]);
  const going = check?.state === 'going';
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(() => void act('look'), lookMs);
    return () => clearInterval(timer);
  }, [going, act]);
  return (
    <section className={styles.part} aria-labelledby="cache-check">
      <h2 id="cache-check">{t('ui.cache.check')}</h2>
      <p className="quiet">{t('ui.cache.checkHint')}</p>
      {going && <MediumBar label={t('ui.cache.checking')} far={check} />}
      <Acts>
        {going ? (
          <StopAct onStop={() => void act('stop')} hint={t('ui.stop.onlyRead')} />
        ) : (
          <Button
            kind="plain"
            icon={<ScanLine aria-hidden />}
            isDisabled={empty || check === null}
            onPress={() => void act('start')}
          >
            {t('ui.cache.startCheck')}
          </Button>
        )}
        <Terminal argv={terminalForms.verifyCache()} />
      </Acts>
      {/* There before its words are: what is put into it later is read out. */}
      <div role="status">
        {check?.state === 'stopped' && <p>{t('ui.cache.stopped', { count: check.count })}</p>}
        {check?.state === 'over' && <Came check={check} />}
      </div>
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </section>
  );
};

/** So many of a disk that is going to pieces say enough. */
const mostShown = 20;

const Came = ({ check }: { readonly check: CacheCheck }) => {
  const { t } = useTranslation();
  const { count, damaged } = check;
  return (
    <Notice
      kind={damaged.length > 0 ? 'bad' : 'good'}
      level={3}
      title={damaged.length > 0 ? t('ui.cache.damaged', { count: damaged.length }) : t('ui.cache.whole', { count })}
    >
      {damaged.length > 0 && (
        <>
          <p>{t('ui.cache.damagedNext')}</p>
          <FirstOf items={damaged} most={mostShown} className={styles.names}>
            {(path) => (
              <code translate="no">
                <ShortHashes text={path} />
              </code>
            )}
          </FirstOf>
        </>
      )}
    </Notice>
  );
};

interface ActProps {
  /** What is kept is other than it was. */
  readonly onChanged: () => void;
}

/** How many go and their size, in words of the language. */
function useTold(): (what: OutputOf<'cache.trim'>) => Readonly<Record<'count' | 'shown' | 'size', string | number>> {
  const { i18n } = useTranslation();
  return ({ count, sizeBytes }) => ({
    count,
    shown: formatCount(count, i18n.language),
    size: formatBytes(sizeBytes, i18n.language),
  });
}

/** What would go, while `what` says of what; null until it is known. Asked anew when `since` is other: something went or came. */
function useWould(
  what: Omit<InputOf<'cache.trim'>, 'remove'> | null,
  since: readonly unknown[],
  onTrouble: (trouble: ProblemData) => void,
): OutputOf<'cache.trim'> | null {
  const [would, setWould] = useState<OutputOf<'cache.trim'> | null>(null);
  const key = JSON.stringify(what);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what is asked
  useEffect(() => {
    let current = true;
    setWould(null);
    if (what === null) return;
    call('cache.trim', { ...what, remove: false }).then(
      (answer) => current && setWould(answer),
      (thrown: unknown) => current && onTrouble(toProblemData(thrown)),
    );
    return () => {
      current = false;
    };
  }, [key, ...since]);
  return would;
}

const spans = ['90', '30', 'all'] as const;

/** Nothing goes before what would go was shown. */
const Clear = ({ empty, onChanged }: ActProps & { readonly empty: boolean }) => {
  const { t } = useTranslation();
  const told = useTold();
  const [span, setSpan] = useState<(typeof spans)[number]>('90');
  const [gone, setGone] = useState<OutputOf<'cache.trim'> | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const unusedDays = span === 'all' ? null : Number(span);
  const what = { unusedDays, keepBytes: null };
  const would = useWould(what, [empty, gone], setTrouble);
  const remove = async () => {
    setTrouble(null);
    try {
      setGone(await call('cache.trim', { ...what, remove: true }));
      onChanged();
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <section className={styles.part} aria-labelledby="cache-clear">
      <h2 id="cache-clear">{t('ui.cache.clear')}</h2>
      <ChoiceInput
        label={t('ui.cache.span')}
        value={span}
        choices={spans.map((id) => ({ id, text: t(`ui.cache.spans.${id}`) }))}
        onChange={(id) => {
          setSpan(spans.find((one) => one === id) ?? '90');
          setGone(null);
        }}
      />
      <Acts>
        <Button
          kind="danger"
          icon={<Trash2 aria-hidden />}
          isDisabled={would === null || would.count === 0}
          onPress={() => void remove()}
        >
          {would === null || would.count === 0 ? t('ui.cache.nothing') : t('ui.cache.remove', told(would))}
        </Button>
        <Terminal argv={terminalForms.clearCache(unusedDays)} />
      </Acts>
      <p role="status">{gone === null ? '' : t('ui.cache.removed', told(gone))}</p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </section>
  );
};

const gigabyte = 1e9;

const Limit = ({ cache, onChanged }: ActProps & { readonly cache: Cache }) => {
  const { limitBytes, sizeBytes } = cache;
  const { t, i18n } = useTranslation();
  const told = useTold();
  const [text, setText] = useState(String(Math.round(limitBytes / 1e8) / 10));
  const [kept, setKept] = useState<OutputOf<'cache.limit'> | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const asked = /^\d+([.,]\d+)?$/.test(text.trim()) ? Number(text.trim().replace(',', '.')) : Number.NaN;
  const usable = asked > 0;
  const would = useWould(usable ? { unusedDays: null, keepBytes: asked * gigabyte } : null, [sizeBytes], setTrouble);
  const keep = async () => {
    setTrouble(null);
    try {
      setKept(await call('cache.limit', { limitBytes: asked * gigabyte }));
      onChanged();
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <section className={styles.part} aria-labelledby="cache-limit">
      <h2 id="cache-limit">{t('ui.cache.limit')}</h2>
      <TextInput
        label={t('ui.cache.limitField')}
        hint={t('ui.cache.limitHint')}
        mode="numeric"
        value={text}
        onChange={(typed) => {
          setText(typed);
          setKept(null);
        }}
        {...(usable ? {} : { error: t('ui.cache.limitWrong') })}
      />
      {would !== null && would.count > 0 && <p>{t('ui.cache.limitWould', told(would))}</p>}
      <Acts>
        {/* Not before it was shown what would go. */}
        <Button
          kind={would !== null && would.count > 0 ? 'danger' : 'plain'}
          isDisabled={would === null || Math.abs(asked * gigabyte - limitBytes) < 1}
          onPress={() => void keep()}
        >
          {t('ui.cache.keep', { size: formatBytes(usable ? asked * gigabyte : limitBytes, i18n.language) })}
        </Button>
        <Terminal argv={terminalForms.limitCache(usable ? asked : limitBytes / gigabyte)} />
      </Acts>
      <p role="status">
        {kept === null ? '' : kept.count > 0 ? t('ui.cache.removed', told(kept)) : t('ui.cache.limitKept')}
      </p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </section>
  );
};
