// What lies on a medium: its seal, the packages of each system, the releases, earlier states, and what is not ours.
// It shows lists and sizes; whether the bytes are right is said by sealing and by verifying.
import { Eraser, FolderOpen, RotateCw, Usb, Wrench } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MediumContents } from '../../src-shared/api.ts';
import { formatBytes, formatCount, formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { BatteryNotice } from '../panels/battery-notice.tsx';
import { MediumCopies } from '../panels/medium-copies.tsx';
import { MediumStates } from '../panels/medium-states.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { RehearsalPanel } from '../panels/rehearsal-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { VerifyPanel } from '../panels/verify-panel.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useDrivesTurn } from '../state/use-drives.ts';
import { Button } from '../ui/button.tsx';
import { Fingerprint } from '../ui/fingerprint.tsx';
import { FirstOf } from '../ui/first-of.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, PageHead, ScrollPage } from '../ui/scroll-page.tsx';
import { ShortHashes } from '../ui/short-hashes.tsx';
import styles from './medium-page.module.css';

export const MediumPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  /** Null: the site's own; else a folder that was picked, and how it is shown. */
  const [other, setOther] = useState<{ readonly token: string; readonly display: string } | null>(null);
  const [contents, setContents] = useState<MediumContents | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [again, setAgain] = useState(0);
  const turn = useDrivesTurn(site.name);
  const sealedAt = site.view.instances[instanceKey('seal-medium', theSite)]?.doneAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: drives that changed, a new seal and a click ask again
  useEffect(() => {
    let current = true;
    call('media.contents', { site: site.name, path: other?.token ?? null }).then(
      (answer) => {
        if (!current) return;
        setContents(answer);
        setTrouble(null);
      },
      (thrown: unknown) => {
        if (!current) return;
        setContents(null);
        setTrouble(toProblemData(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [site.name, other, again, turn, sealedAt]);
  const pick = async () => {
    const picked = await call('pick.path', { kind: 'folder', title: t('ui.contents.which') });
    if (picked !== null) setOther(picked);
  };
  const choose = instanceKey('choose-medium', theSite);
  return (
    <ScrollPage>
      <PageHead>
        <Heading page={`medium ${site.name}`} title={t('ui.contents.title')} />
        <Acts>
          <Button kind="plain" icon={<RotateCw aria-hidden />} onPress={() => setAgain(again + 1)}>
            {t('ui.contents.again')}
          </Button>
          <Button kind="plain" icon={<FolderOpen aria-hidden />} onPress={() => void pick()}>
            {t('ui.contents.other')}
          </Button>
          {other !== null && (
            <Button kind="plain" icon={<Usb aria-hidden />} onPress={() => setOther(null)}>
              {t('ui.contents.own')}
            </Button>
          )}
          {contents !== null && <Terminal argv={terminalForms.showMedium(contents.path)} />}
        </Acts>
      </PageHead>
      <p className="quiet">{t('ui.contents.hint')}</p>
      {contents !== null && <BatteryNotice site={site} act="long" />}
      {trouble?.code === 'medium-not-chosen' ? (
        <div className={styles.none}>
          <p>{t('ui.contents.none')}</p>
          <Button kind="act" onPress={() => go({ page: 'step', site: site.name, instance: choose })}>
            {t('ui.contents.choose')}
          </Button>
        </div>
      ) : (
        trouble !== null && <ProblemPanel problem={trouble} />
      )}
      {contents !== null && <Seal contents={contents} shown={other?.display ?? contents.path} />}
      <VerifyPanel site={site} token={other?.token ?? null} contents={contents} />
      {contents !== null && (
        <>
          <MediumCopies
            key={`copies ${other?.token ?? ''}`}
            site={site}
            token={other?.token ?? null}
            contents={contents}
          />
          <MediumStates
            key={`states ${other?.token ?? ''}`}
            site={site}
            token={other?.token ?? null}
            contents={contents}
            onChanged={() => setAgain((now) => now + 1)}
          />
          {other === null && <RehearsalPanel site={site} sealed={contents.sealed !== null} />}
          <Sizes contents={contents} />
          <Software contents={contents} />
          <Foreign foreign={contents.foreign} />
        </>
      )}
      <div className={styles.section}>
        <h2>{t('ui.contents.drive')}</h2>
        <p className="quiet">{t('ui.contents.driveHint')}</p>
        <Acts>
          <Button kind="plain" icon={<Wrench aria-hidden />} onPress={() => go({ page: 'repair', site: site.name })}>
            {t('ui.repair.open')}
          </Button>
          <Button kind="plain" icon={<Eraser aria-hidden />} onPress={() => go({ page: 'format', site: site.name })}>
            {t('ui.format.open')}
          </Button>
        </Acts>
      </div>
    </ScrollPage>
  );
};

const Seal = ({ contents, shown }: { readonly contents: MediumContents; readonly shown: string }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { sealed, why } = contents;
  const place = (
    <code dir="ltr" translate="no" className={styles.place}>
      {shown}
    </code>
  );
  if (sealed === null) {
    const code = why?.code ?? 'medium-unsealed';
    return (
      <Notice kind="warn" title={words.problem(code, 'title', why?.params ?? {})}>
        <p>{words.problem(code, 'next', why?.params ?? {})}</p>
        {place}
      </Notice>
    );
  }
  const { site, generation, sealedAt, program, fingerprint, kept, updating, lacking } = sealed;
  return (
    <>
      <Notice kind="good" title={t('ui.contents.sealed', { site, generation })}>
        <p className="quiet">{t('ui.contents.when', { at: formatMoment(sealedAt, i18n.language), program })}</p>
        {place}
        <p>{t('ui.contents.compare')}</p>
        <Fingerprint text={fingerprint} />
        {kept.length > 0 && <p className="quiet">{t('ui.contents.kept', { numbers: kept.join(', ') })}</p>}
      </Notice>
      {updating && <Notice kind="plain" title={t('ui.contents.updating', { generation })} />}
      {lacking > 0 && <Notice kind="bad" title={t('ui.contents.lacking', { count: lacking })} />}
    </>
  );
};

const Table = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
  <section className={styles.box} tabIndex={0} aria-label={label}>
    <table className={styles.table}>{children}</table>
  </section>
);

const Sizes = ({ contents }: { readonly contents: MediumContents }) => {
  const { t, i18n } = useTranslation();
  const { kinds, freeBytes, fileSystem } = contents;
  return (
    <div className={styles.section}>
      <h2>{t('ui.contents.sizes')}</h2>
      <Table label={t('ui.contents.sizes')}>
        <tbody>
          {kinds.map(({ kind, count, sizeBytes }) => (
            <tr key={kind}>
              <th scope="row">{t(`ui.contents.kinds.${kind}`)}</th>
              <td>{t('ui.contents.files', { count, shown: formatCount(count, i18n.language) })}</td>
              <td className={styles.number}>{formatBytes(sizeBytes, i18n.language)}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">{t('ui.contents.free')}</th>
            <td>{fileSystem}</td>
            <td className={styles.number}>{formatBytes(freeBytes, i18n.language)}</td>
          </tr>
        </tbody>
      </Table>
    </div>
  );
};

const Software = ({ contents }: { readonly contents: MediumContents }) => {
  const { t, i18n } = useTranslation();
  const { systems, releases } = contents;
  return (
    <>
      {systems.length > 0 && (
        <div className={styles.section}>
          <h2>{t('ui.contents.packages')}</h2>
          {systems.map(({ system, packages, sizeBytes }) => {
            const size = formatBytes(sizeBytes, i18n.language);
            return (
              <Fold key={system} title={t('ui.contents.system', { system, count: packages.length, size })}>
                <Table label={system}>
                  <tbody>
                    {packages.map(({ name, version, sizeBytes: bytes }) => (
                      <tr key={`${name} ${version}`}>
                        <th scope="row">{name}</th>
                        <td>{version}</td>
                        <td className={styles.number}>{formatBytes(bytes, i18n.language)}</td>
                      </tr>
                    ))}
                  </tbody>
                </Table>
              </Fold>
            );
          })}
        </div>
      )}
      {releases.length > 0 && (
        <div className={styles.section}>
          <h2>{t('ui.contents.releases')}</h2>
          <Table label={t('ui.contents.releases')}>
            <tbody>
              {releases.map(({ url, system, sizeBytes }) => (
                <tr key={`${url} ${system}`}>
                  <th scope="row" className={styles.address}>
                    {url}
                  </th>
                  <td>{system}</td>
                  <td className={sizeBytes === null ? styles.missing : styles.number}>
                    {sizeBytes === null ? t('ui.contents.missing') : formatBytes(sizeBytes, i18n.language)}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </div>
      )}
    </>
  );
};

/** A stick that is used for other things holds thousands; the first ones say what it is. */
const namesShown = 50;

const Foreign = ({ foreign }: Pick<MediumContents, 'foreign'>) => {
  const { t } = useTranslation();
  const { beside, unlisted } = foreign;
  const list = (names: readonly string[]) => (
    <FirstOf items={names} most={namesShown} className={styles.names}>
      {(name) => <ShortHashes text={name} />}
    </FirstOf>
  );
  return (
    <div className={styles.section}>
      <h2>{t('ui.contents.foreign')}</h2>
      {beside.length + unlisted.length === 0 && <p className="quiet">{t('ui.contents.nothingForeign')}</p>}
      {beside.length > 0 && (
        <Fold title={t('ui.contents.beside', { count: beside.length })}>
          {list(beside.map(({ name, folder }) => (folder ? `${name}/` : name)))}
        </Fold>
      )}
      {unlisted.length > 0 && (
        <Fold title={t('ui.contents.unlisted', { count: unlisted.length })}>{list(unlisted)}</Fold>
      )}
    </div>
  );
};
