// Reading a medium back, every byte against its signed list: started here, followed with speed and time left, and what it came to.
import { ScanLine } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MediumContents, OutputOf } from '../../src-shared/api.ts';
import { formatBytes, formatMoment } from '../../src-shared/format.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { useWords } from '../i18n/words.ts';
import { verifyMedium } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { mediumKey } from '../state/live.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { Button } from '../ui/button.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import { MediumBar } from './medium-bar.tsx';
import { StopAct } from './stop-act.tsx';
import { Terminal } from './terminal.tsx';
import styles from './verify-panel.module.css';

interface Props {
  readonly site: OpenedSite;
  /** Of the medium that is shown: a token of the picker's, null for the site's own. */
  readonly token: string | null;
  /** Null while nobody can say what lies there; what is being read is shown all the same, and can be stopped. */
  readonly contents: MediumContents | null;
}

export const VerifyPanel = ({ site, token, contents }: Props) => {
  const { t } = useTranslation();
  const { last, idle, stopping, stopped, stop } = useOutcome(site, 'media.verified');
  /** Of this site's key, as this laptop knows it; of another medium nobody can say whose it should be. */
  const [pinned, setPinned] = useState<string | null>(null);
  const live = site.live[mediumKey]?.verifying ?? null;
  const under = live === null ? null : (site.runs[0]?.run ?? null);
  const sealed = contents?.sealed ?? null;
  useEffect(() => {
    call('keys.state', { site: site.name }).then(
      ({ fingerprint }) => setPinned(fingerprint),
      () => undefined,
    );
  }, [site.name]);
  return (
    <section
      className={styles.panel}
      aria-labelledby="verify-title"
      hidden={contents === null && live === null && !stopped}
    >
      <h2 id="verify-title">{t('ui.verify.title')}</h2>
      <p className="quiet">{t('ui.verify.hint')}</p>
      {live !== null && (
        <MediumBar
          label={live.path === null ? t('ui.verify.going') : t('ui.verify.goingOn', { path: live.path })}
          far={live}
        />
      )}
      <Acts>
        {under === null ? (
          <Button
            kind="plain"
            icon={<ScanLine aria-hidden />}
            isPending={!idle}
            isDisabled={sealed === null}
            onPress={() => void verifyMedium(site.name, token)}
          >
            {t('ui.verify.start')}
          </Button>
        ) : (
          <StopAct stopping={stopping} onStop={stop} hint={t('ui.verify.stopHint')} />
        )}
        {contents !== null && (
          <Terminal argv={terminalForms.verifyMedium(contents.path, token === null ? pinned : null)} />
        )}
        {contents !== null && sealed === null && <span className="quiet">{t('ui.verify.notSealed')}</span>}
      </Acts>
      {/* There before its words are: what is put into it later is read out. */}
      <div role="status">
        {idle && last !== null && last.mark === sealed?.mark && <Came site={site.name} {...last} />}
        {idle && stopped && <p>{t('ui.verify.stopped')}</p>}
      </div>
    </section>
  );
};

/** So many of a medium that is going to pieces say enough. */
const mostShown = 20;

const Came = ({ site, report, at }: NonNullable<OutputOf<'media.verified'>> & { readonly site: string }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { files, sizeBytes, generation, fingerprintTrusted, cacheBypassed, findings } = report;
  const bad = findings.filter(({ code }) => code !== 'medium-file-unlisted');
  return (
    <Notice
      kind={bad.length > 0 ? 'bad' : 'good'}
      level={3}
      title={
        bad.length > 0
          ? t('ui.verify.bad', { count: bad.length })
          : t('ui.verify.good', { count: files, size: formatBytes(sizeBytes, i18n.language), generation })
      }
    >
      <p className="quiet">{t('ui.verify.at', { at: formatMoment(at, i18n.language) })}</p>
      {!fingerprintTrusted && <p>{t('ui.verify.untrusted')}</p>}
      {!cacheBypassed && <p>{t('ui.verify.cached')}</p>}
      {findings.length > 0 && (
        <FirstOf
          items={findings}
          most={mostShown}
          className={styles.list}
          keyOf={({ code, params }) => `${code} ${JSON.stringify(params)}`}
        >
          {({ code, params }) => <ShortHashes text={words.problem(code, 'title', params)} />}
        </FirstOf>
      )}
      {bad[0] !== undefined && (
        <>
          <p>{words.problem(bad[0].code, 'next', bad[0].params)}</p>
          <p>
            {t('ui.verify.pulled')} <a href={addressOf({ page: 'repair', site })}>{t('ui.repair.title')}</a>
          </p>
        </>
      )}
    </Notice>
  );
};
