// A medium beside another: copied onto it with every file compared on its way, or compared with it by their lists.
import { Copy, GitCompareArrows } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MediaComparison, MediumContents, OutputOf } from '../../src-shared/api.ts';
import { formatBytes } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { cloneMedium } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { mediumKey } from '../state/live.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { usePicked } from '../state/use-picked.ts';
import { Button } from '../ui/button.tsx';
import { Fingerprint } from '../ui/fingerprint.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import { MediumBar } from './medium-bar.tsx';
import styles from './medium-copies.module.css';
import { MediumPicker } from './medium-picker.tsx';
import { ProblemPanel } from './problem-panel.tsx';
import { StopAct } from './stop-act.tsx';
import { Terminal } from './terminal.tsx';

interface Props {
  readonly site: OpenedSite;
  /** Of the medium that is shown: a token of the picker's, null for the site's own. */
  readonly token: string | null;
  readonly contents: MediumContents;
}

export const MediumCopies = (props: Props) => {
  const { t } = useTranslation();
  const { site } = props;
  const { last, idle, stopping, stopped, stop } = useOutcome(site, 'media.cloned');
  const live = site.live[mediumKey]?.cloning ?? null;
  return (
    <section className={styles.panel} aria-labelledby="copies-title">
      <h2 id="copies-title">{t('ui.copies.title')}</h2>
      <p className="quiet">{t('ui.copies.hint')}</p>
      {live !== null && !idle && (
        <>
          <MediumBar label={t('ui.copies.going', { path: live.path })} far={live} />
          <Acts>
            <StopAct stopping={stopping} onStop={stop} hint={t('ui.copies.stopHint')} />
          </Acts>
        </>
      )}
      {/* Nothing else can be done with the two of them meanwhile; what was chosen is kept. */}
      <div className={styles.choices} hidden={live !== null && !idle}>
        <Fold title={t('ui.copies.clone')}>
          <Clone {...props} idle={idle} />
        </Fold>
        <Fold title={t('ui.copies.compare')}>
          <Compare {...props} />
        </Fold>
      </div>
      {/* There before its words are: what is put into it later is read out. */}
      <div role="status">
        {idle && last !== null && <Came {...last} />}
        {idle && stopped && <p>{t('ui.copies.stopped')}</p>}
      </div>
    </section>
  );
};

const Came = ({ to, files, sizeBytes, generation, fingerprint }: NonNullable<OutputOf<'media.cloned'>>) => {
  const { t, i18n } = useTranslation();
  const size = formatBytes(sizeBytes, i18n.language);
  return (
    <Notice kind="good" level={3} title={t('ui.copies.came', { count: files, size, generation })}>
      <code dir="ltr" translate="no" className={styles.place}>
        {to}
      </code>
      <p>{t('ui.copies.cameNext')}</p>
      <Fingerprint text={fingerprint} />
    </Notice>
  );
};

const Clone = ({ site, token, contents, idle }: Props & { readonly idle: boolean }) => {
  const { t, i18n } = useTranslation();
  const { chosen, setChosen, names, picked, shown } = usePicked();
  const { sealed } = contents;
  const size = formatBytes(sealed?.sizeBytes ?? 0, i18n.language);
  return (
    <div className={styles.act}>
      <p className="quiet">{t('ui.copies.cloneHint')}</p>
      <MediumPicker
        site={site.name}
        label={t('ui.copies.to')}
        value={chosen}
        names={names}
        onChange={setChosen}
        onPicked={picked}
      />
      <Acts>
        <Button
          kind="plain"
          icon={<Copy aria-hidden />}
          isPending={!idle}
          isDisabled={sealed === null || chosen === null}
          onPress={() => chosen !== null && void cloneMedium(site.name, token, chosen)}
        >
          {t('ui.copies.start', { size })}
        </Button>
        <Terminal argv={terminalForms.cloneMedium(contents.path, shown ?? 'FOLDER')} />
        {sealed === null && <span className="quiet">{t('ui.copies.notSealed')}</span>}
      </Acts>
    </div>
  );
};

const Compare = ({ site, token, contents }: Props) => {
  const { t } = useTranslation();
  const { chosen, setChosen, names, picked, shown } = usePicked();
  const [found, setFound] = useState<MediaComparison | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  /** What is being compared with; an answer that belongs to another choice is not shown. */
  const [busy, setBusy] = useState(false);
  const wanted = useRef<string | null>(null);
  const compare = async (other: string) => {
    setTrouble(null);
    setFound(null);
    setBusy(true);
    wanted.current = other;
    const show = (tell: () => void) => {
      if (wanted.current !== other) return;
      setBusy(false);
      tell();
    };
    await call('media.compare', { site: site.name, path: token, other }).then(
      (answer) => show(() => setFound(answer)),
      (thrown: unknown) => show(() => setTrouble(toProblemData(thrown))),
    );
  };
  return (
    <div className={styles.act}>
      <p className="quiet">{t('ui.copies.compareHint')}</p>
      <MediumPicker
        site={site.name}
        label={t('ui.copies.other')}
        value={chosen}
        names={names}
        onChange={(next) => {
          setChosen(next);
          setFound(null);
          setTrouble(null);
          setBusy(false);
          wanted.current = null;
        }}
        onPicked={picked}
      />
      <Acts>
        <Button
          kind="plain"
          icon={<GitCompareArrows aria-hidden />}
          isPending={busy}
          isDisabled={contents.sealed === null || chosen === null}
          onPress={() => chosen !== null && void compare(chosen)}
        >
          {t('ui.copies.startCompare')}
        </Button>
        <Terminal argv={terminalForms.compareMedia(contents.path, shown ?? 'FOLDER')} />
      </Acts>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <div role="status">
        {busy && <p>{t('ui.copies.comparing')}</p>}
        {found !== null && <Differences found={found} />}
      </div>
    </div>
  );
};

/** So many of two media that have little in common say enough. */
const mostShown = 50;

const Differences = ({ found }: { readonly found: MediaComparison }) => {
  const { t } = useTranslation();
  const { first, second, onlyFirst, onlySecond, differing } = found;
  const count = onlyFirst.length + onlySecond.length + differing.length;
  return (
    <Notice
      kind={count === 0 ? 'good' : 'plain'}
      level={3}
      title={count === 0 ? t('ui.copies.alike') : t('ui.copies.differ', { count })}
    >
      <p>{t('ui.copies.this', first)}</p>
      <p>{t('ui.copies.that', second)}</p>
      {(['onlyFirst', 'onlySecond', 'differing'] as const).map((kind) => {
        const paths = found[kind];
        if (paths.length === 0) return null;
        return (
          <Fold key={kind} title={t(`ui.copies.${kind}`, { count: paths.length })}>
            <FirstOf items={paths} most={mostShown} className={styles.names}>
              {(path) => (
                <code translate="no">
                  <ShortHashes text={path} />
                </code>
              )}
            </FirstOf>
          </Fold>
        );
      })}
    </Notice>
  );
};
