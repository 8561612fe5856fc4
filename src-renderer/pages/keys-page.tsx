// The site's private keys, for the laptop that is to go on with its medium: written into an encrypted file, or read from one.
// Passphrases are typed here and go to main with the act; the page keeps them no longer than it is shown.
import { FileKey, FolderInput, FolderOutput } from 'lucide-react';
import { Fragment, type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
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

interface SharedProps {
  readonly site: string;
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
  const shared = { site: site.name, busy, hold };
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
          {state.fingerprint !== null && state.vault && <Export {...shared} />}
          <Import {...shared} vault={state.vault} onRead={() => setTurn(turn + 1)} />
        </>
      )}
    </ScrollPage>
  );
};

const Export = (shared: SharedProps) => {
  const { t } = useTranslation();
  const perform: WayProps['perform'] = async (passphrases, begin) => {
    const picked = await call('pick.path', { kind: 'folder', title: t('ui.keys.where') });
    if (picked === null) return null;
    begin();
    const { path } = await call('keys.export', { site: shared.site, folder: picked.token, ...passphrases });
    return t('ui.keys.export.done', { path });
  };
  return (
    <Way
      {...shared}
      id="export"
      icon={<FolderOutput aria-hidden />}
      order={['vault', 'file']}
      fresh="file"
      hint={t('ui.keys.export.fileHint')}
      perform={perform}
    />
  );
};

interface ImportProps extends SharedProps {
  /** False: the passphrase typed here makes one, so it is typed twice. */
  readonly vault: boolean;
  readonly onRead: () => void;
}

const Import = ({ vault, onRead, ...shared }: ImportProps) => {
  const { t } = useTranslation();
  const [picked, setPicked] = useState<OutputOf<'pick.path'>>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const pick = async () => {
    const wrong = await shared.hold(async () => {
      const chosen = await call('pick.path', { kind: 'file', title: t('ui.keys.import.pick') });
      if (chosen !== null) setPicked(chosen);
    });
    setTrouble(wrong);
  };
  const perform: WayProps['perform'] = async (passphrases, begin) => {
    if (picked === null) return null;
    begin();
    const { changed } = await call('keys.import', { site: shared.site, path: picked.token, ...passphrases });
    onRead();
    return t(changed ? 'ui.keys.import.done' : 'ui.keys.import.same');
  };
  return (
    <Way
      {...shared}
      id="import"
      icon={<FolderInput aria-hidden />}
      order={['file', 'vault']}
      fresh={vault ? null : 'vault'}
      hint={t('ui.keys.newVault')}
      lacking={picked === null ? t('ui.keys.import.noFile') : null}
      perform={perform}
    >
      <Acts>
        <Button kind="plain" icon={<FileKey aria-hidden />} isPending={shared.busy} onPress={() => void pick()}>
          {t('ui.keys.import.pick')}
        </Button>
        <span className={styles.path} dir="ltr" translate="no">
          {picked?.display ?? ''}
        </span>
      </Acts>
      {trouble !== null && <ProblemPanel problem={trouble} />}
    </Way>
  );
};

type Passphrase = 'vault' | 'file';
const unsaid = { vault: '', file: '', again: '' };

interface WayProps extends SharedProps {
  readonly id: 'export' | 'import';
  readonly icon: ReactNode;
  readonly order: readonly Passphrase[];
  /** The one that is made here: it is typed twice. Null: both are there already. */
  readonly fresh: Passphrase | null;
  /** Said of the fresh one. */
  readonly hint: string;
  /** What else is missing; null: nothing. */
  readonly lacking?: string | null;
  /** `begin`: from here on it works. Gives what to say of it; null when the person left it. */
  readonly perform: (passphrases: Record<Passphrase, string>, begin: () => void) => Promise<string | null>;
  readonly children?: ReactNode;
}

/** One half of the page: two passphrases, the one that is new typed twice, and the act. */
const Way = ({ site, busy, hold, id, icon, order, fresh, hint, lacking = null, perform, children }: WayProps) => {
  const { t } = useTranslation();
  const [said, setSaid] = useState(unsaid);
  const [tried, setTried] = useState(false);
  const [working, setWorking] = useState(false);
  const [done, setDone] = useState<string | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const differs = fresh !== null && said.again !== said[fresh];
  const act = async () => {
    setTried(true);
    if (lacking !== null || said.vault === '' || said.file === '' || differs) return;
    const wrong = await hold(async () => {
      const { again: _, ...passphrases } = said;
      const words = await perform(passphrases, () => {
        setDone(null);
        setWorking(true);
      });
      if (words === null) return;
      setDone(words);
      setSaid(unsaid);
      setTried(false);
    });
    setWorking(false);
    setTrouble(wrong);
  };
  return (
    <section className={styles.way} aria-labelledby={`keys-${id}`}>
      <h2 id={`keys-${id}`}>{t(`ui.keys.${id}.title`)}</h2>
      <p className="quiet">{t(`ui.keys.${id}.hint`)}</p>
      {children}
      {tried && lacking !== null && <p className={styles.error}>{lacking}</p>}
      {order.map((key) => (
        <Fragment key={key}>
          <TextInput
            label={t(`ui.keys.${key}`)}
            hint={key === fresh ? hint : undefined}
            type="password"
            value={said[key]}
            onChange={(text) => setSaid({ ...said, [key]: text })}
            error={tried && said[key] === '' ? t('ui.keys.missing') : undefined}
          />
          {key === fresh && (
            <TextInput
              label={t('ui.question.again')}
              type="password"
              value={said.again}
              onChange={(again) => setSaid({ ...said, again })}
              error={tried && differs ? t('ui.question.differ') : undefined}
            />
          )}
        </Fragment>
      ))}
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <Acts>
        <Button kind="plain" icon={icon} isPending={busy} onPress={() => void act()}>
          {t(`ui.keys.${id}.act`)}
        </Button>
        <Terminal argv={id === 'export' ? terminalForms.exportKeys(site) : terminalForms.importKeys(site)} />
      </Acts>
      <p role="status">{working ? t('ui.keys.busy') : (done ?? '')}</p>
    </section>
  );
};
