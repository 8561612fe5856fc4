// The site's private keys, for the laptop that is to go on with its medium: written into an encrypted file, or read from one.
// Passphrases are typed here and go to main with the act; the page keeps them no longer than it is shown.
import { FileKey, FolderOutput } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { TextInput } from '../ui/field.tsx';
import { Fingerprint } from '../ui/fingerprint.tsx';
import { Acts, ScrollPage } from '../ui/scroll-page.tsx';
import styles from './keys-page.module.css';

type State = OutputOf<'keys.state'>;
type Hold = (act: () => Promise<void>) => Promise<ProblemData | null>;

interface WayProps {
  readonly site: OpenedSite;
  /** Keys are being written or read, here or in the other half of the page. */
  readonly busy: boolean;
  readonly hold: Hold;
}

export const KeysPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [state, setState] = useState<State | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [turn, setTurn] = useState(0);
  const [busy, setBusy] = useState(false);
  /** One at a time, since each opens the vault. Gives what went wrong. */
  const hold: Hold = async (act) => {
    setBusy(true);
    try {
      await act();
      return null;
    } catch (thrown) {
      return toProblemData(thrown);
    } finally {
      setBusy(false);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: keys that were read in are another state
  useEffect(() => {
    call('keys.state', { site: site.name }).then(setState, (thrown: unknown) => setTrouble(toProblemData(thrown)));
  }, [site.name, turn]);
  return (
    <ScrollPage narrow>
      <Heading page={`keys ${site.name}`} title={t('ui.keys.title')} />
      <p className="quiet">{t('ui.keys.hint')}</p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <section className={styles.state} aria-busy={state === null} aria-label={t('ui.keys.fingerprint')}>
        {state !== null && state.fingerprint !== null && (
          <>
            <p>{t(state.vault ? 'ui.keys.locked' : 'ui.keys.publicOnly')}</p>
            <Fingerprint text={state.fingerprint} />
          </>
        )}
        {state !== null && state.fingerprint === null && (
          <>
            <p>{t('ui.keys.none')}</p>
            <div>
              <Button
                kind="plain"
                onPress={() => go({ page: 'step', site: site.name, instance: instanceKey('make-keys', theSite) })}
              >
                {t('ui.keys.make')}
              </Button>
            </div>
          </>
        )}
      </section>
      {state !== null && (
        <>
          {state.fingerprint !== null && state.vault && <Export site={site} busy={busy} hold={hold} />}
          <Import site={site} vault={state.vault} busy={busy} hold={hold} onRead={() => setTurn(turn + 1)} />
        </>
      )}
    </ScrollPage>
  );
};

const Export = ({ site, busy, hold }: WayProps) => {
  const { t } = useTranslation();
  const [working, setWorking] = useState(false);
  const [said, setSaid] = useState({ vault: '', file: '', again: '' });
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<OutputOf<'keys.export'> | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const differs = said.again !== said.file;
  const write = async () => {
    setTried(true);
    if (said.vault === '' || said.file === '' || differs) return;
    const wrong = await hold(async () => {
      const picked = await call('pick.path', { kind: 'folder', title: t('ui.keys.where') });
      if (picked === null) return;
      setMade(null);
      setWorking(true);
      const { vault, file } = said;
      setMade(await call('keys.export', { site: site.name, folder: picked.token, vault, file }));
      setSaid({ vault: '', file: '', again: '' });
      setTried(false);
    });
    setWorking(false);
    setTrouble(wrong);
  };
  return (
    <section className={styles.way} aria-labelledby="keys-export">
      <h2 id="keys-export">{t('ui.keys.export.title')}</h2>
      <p className="quiet">{t('ui.keys.export.hint')}</p>
      <TextInput
        label={t('ui.keys.vault')}
        type="password"
        value={said.vault}
        onChange={(vault) => setSaid({ ...said, vault })}
        error={tried && said.vault === '' ? t('ui.keys.missing') : undefined}
      />
      <TextInput
        label={t('ui.keys.file')}
        hint={t('ui.keys.export.fileHint')}
        type="password"
        value={said.file}
        onChange={(file) => setSaid({ ...said, file })}
        error={tried && said.file === '' ? t('ui.keys.missing') : undefined}
      />
      <TextInput
        label={t('ui.question.again')}
        type="password"
        value={said.again}
        onChange={(again) => setSaid({ ...said, again })}
        error={tried && differs ? t('ui.question.differ') : undefined}
      />
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <Acts>
        <Button kind="plain" icon={<FolderOutput aria-hidden />} isDisabled={busy} onPress={() => void write()}>
          {t('ui.keys.export.act')}
        </Button>
        <Terminal command={`fieldkit keys export ${site.name}-keys.age --site ${site.name}`} />
      </Acts>
      <p role="status">
        {working ? t('ui.keys.busy') : made === null ? '' : t('ui.keys.export.done', { path: made.path })}
      </p>
    </section>
  );
};

interface ImportProps extends WayProps {
  /** False: the passphrase typed here makes one, so it is typed twice. */
  readonly vault: boolean;
  readonly onRead: () => void;
}

const Import = ({ site, vault, busy, hold, onRead }: ImportProps) => {
  const { t } = useTranslation();
  const [picked, setPicked] = useState<OutputOf<'pick.path'>>(null);
  const [said, setSaid] = useState({ vault: '', again: '', file: '' });
  const [tried, setTried] = useState(false);
  const [working, setWorking] = useState(false);
  const [read, setRead] = useState<OutputOf<'keys.import'> | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const differs = !vault && said.again !== said.vault;
  const pick = async () => {
    const wrong = await hold(async () => {
      const chosen = await call('pick.path', { kind: 'file', title: t('ui.keys.import.pick') });
      if (chosen !== null) setPicked(chosen);
    });
    setTrouble(wrong);
  };
  const take = async () => {
    setTried(true);
    if (picked === null || said.vault === '' || said.file === '' || differs) return;
    setRead(null);
    setWorking(true);
    const wrong = await hold(async () => {
      const { again: _, ...passphrases } = said;
      setRead(await call('keys.import', { site: site.name, path: picked.token, ...passphrases }));
      setSaid({ vault: '', again: '', file: '' });
      setTried(false);
      onRead();
    });
    setWorking(false);
    setTrouble(wrong);
  };
  return (
    <section className={styles.way} aria-labelledby="keys-import">
      <h2 id="keys-import">{t('ui.keys.import.title')}</h2>
      <p className="quiet">{t('ui.keys.import.hint')}</p>
      <Acts>
        <Button kind="plain" icon={<FileKey aria-hidden />} isDisabled={busy} onPress={() => void pick()}>
          {t('ui.keys.import.pick')}
        </Button>
        <span className={styles.path} dir="ltr" translate="no">
          {picked?.display ?? ''}
        </span>
      </Acts>
      {tried && picked === null && <p className={styles.error}>{t('ui.keys.import.noFile')}</p>}
      <TextInput
        label={t('ui.keys.file')}
        type="password"
        value={said.file}
        onChange={(file) => setSaid({ ...said, file })}
        error={tried && said.file === '' ? t('ui.keys.missing') : undefined}
      />
      <TextInput
        label={t('ui.keys.vault')}
        hint={vault ? undefined : t('ui.keys.newVault')}
        type="password"
        value={said.vault}
        onChange={(typed) => setSaid({ ...said, vault: typed })}
        error={tried && said.vault === '' ? t('ui.keys.missing') : undefined}
      />
      {!vault && (
        <TextInput
          label={t('ui.question.again')}
          type="password"
          value={said.again}
          onChange={(again) => setSaid({ ...said, again })}
          error={tried && differs ? t('ui.question.differ') : undefined}
        />
      )}
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <Acts>
        <Button kind="plain" isDisabled={busy} onPress={() => void take()}>
          {t('ui.keys.import.act')}
        </Button>
        <Terminal command={`fieldkit keys import ${site.name}-keys.age --site ${site.name}`} />
      </Acts>
      <p role="status">
        {working
          ? t('ui.keys.busy')
          : read === null
            ? ''
            : t(read.changed ? 'ui.keys.import.done' : 'ui.keys.import.same')}
      </p>
    </section>
  );
};
