// Going on with the site on a medium: what it carries, what to compare, what this laptop cannot do, and the act.
// Nothing is taken before a person has typed the fingerprint that stands on the printed sheet, or compared it with the shown one.
import { FolderOpen, Usb } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf, SiteOnMedium } from '../../src-shared/api.ts';
import { formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import { listSites } from '../state/sites.ts';
import { Button } from '../ui/button.tsx';
import { Fingerprint } from '../ui/fingerprint.tsx';
import { ProblemPanel } from './problem-panel.tsx';
import styles from './take-over.module.css';
import { Terminal } from './terminal.tsx';

type Carriers = OutputOf<'sites.onMedium'>;
interface Chosen {
  readonly path: string;
  readonly site: SiteOnMedium;
}

export const TakeOver = () => {
  const { t } = useTranslation();
  const [carriers, setCarriers] = useState<Carriers>([]);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [problem, setProblem] = useState<ProblemData | null>(null);
  const look = async (path: string | null) => {
    try {
      const found = await call('sites.onMedium', { path });
      setProblem(null);
      if (path === null) return setCarriers(found);
      setCarriers(found);
      const [only, ...more] = found.flatMap(({ path: at, sites }) => sites.map((site) => ({ path: at, site })));
      // Of several, the person chooses.
      if (only !== undefined && more.length === 0) setChosen(only);
    } catch (thrown) {
      setProblem(toProblemData(thrown));
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(() => void look(null), []);
  const pick = async () => {
    try {
      const picked = await call('pick.path', { kind: 'folder', title: t('ui.takeOver.pick') });
      if (picked !== null) await look(picked.token);
    } catch (thrown) {
      setProblem(toProblemData(thrown));
    }
  };
  return (
    <section className={styles.panel} aria-labelledby="take-over-title">
      <h2 id="take-over-title">{t('ui.takeOver.title')}</h2>
      <p className="quiet">{t('ui.takeOver.hint')}</p>
      {problem !== null && <ProblemPanel problem={problem} />}
      {chosen === null ? (
        <div className={styles.acts}>
          {carriers.flatMap(({ path, label, sites }) =>
            sites.map((site) => (
              <Button
                key={`${path} ${site.name}`}
                kind="plain"
                icon={<Usb aria-hidden />}
                onPress={() => setChosen({ path, site })}
              >
                {t('ui.takeOver.goOn', { name: site.name, label })}
              </Button>
            )),
          )}
          <Button kind="plain" icon={<FolderOpen aria-hidden />} onPress={() => void pick()}>
            {t('ui.takeOver.pick')}
          </Button>
          <Terminal argv={terminalForms.takeOver(carriers[0]?.path ?? 'FOLDER')} />
        </div>
      ) : (
        <Compare chosen={chosen} onBack={() => setChosen(null)} />
      )}
    </section>
  );
};

const Compare = ({ chosen, onBack }: { readonly chosen: Chosen; readonly onBack: () => void }) => {
  const { t, i18n } = useTranslation();
  const { path, site } = chosen;
  const [problem, setProblem] = useState<ProblemData | null>(null);
  const [busy, setBusy] = useState(false);
  const [aside, setAside] = useState<string | null>(null);
  const open = () => go({ page: 'site', site: site.name });
  const take = async (keep: 'medium' | 'laptop' | null) => {
    setBusy(true);
    setProblem(null);
    try {
      const taken = await call('sites.takeOver', { path, site: site.name, fingerprint: site.fingerprint, keep });
      await listSites();
      if (taken.setAside === null) open();
      else setAside(taken.setAside);
    } catch (thrown) {
      setProblem(toProblemData(thrown));
      setBusy(false);
    }
  };
  const moment = (at: string) => (at === '' ? '–' : formatMoment(at, i18n.language));
  if (aside !== null)
    return (
      <div className={styles.compare}>
        <p role="status" className={styles.aside}>
          {t('ui.takeOver.aside', { path: aside })}
        </p>
        <div className={styles.acts}>
          <Button kind="act" onPress={open}>
            {t('ui.takeOver.open', { name: site.name })}
          </Button>
        </div>
      </div>
    );
  return (
    <div className={styles.compare}>
      <p>
        {t('ui.takeOver.site', {
          name: site.name,
          owner: site.owner,
          at: moment(site.at),
          done: site.done,
          total: site.total,
        })}
      </p>
      <p className={styles.relation}>{t(`ui.takeOver.relation.${site.relation}`)}</p>
      <h3>{t(site.known ? 'ui.takeOver.known' : 'ui.takeOver.compare')}</h3>
      <Fingerprint text={site.fingerprint} />
      <p className="quiet small">
        {t('ui.takeOver.sealed', { generation: site.generation, at: moment(site.sealedAt) })}
      </p>
      <h3>{t('ui.takeOver.machines')}</h3>
      <ul className={styles.machines}>
        {site.machines.map(({ name, address, hostKey }) => (
          <li key={name}>
            <strong>{name}</strong> <span dir="ltr">{address}</span>
            <code dir="ltr" translate="no">
              {hostKey ?? t('ui.takeOver.noHostKey')}
            </code>
          </li>
        ))}
      </ul>
      <h3>{t('ui.takeOver.before')}</h3>
      <ul className={styles.said}>
        <li>{t('ui.takeOver.secrets')}</li>
        <li>{t('ui.takeOver.keys', { owner: site.owner })}</li>
        {site.absent.length > 0 && (
          <li>
            {t('ui.takeOver.absent')}
            {site.absent.map((file) => (
              <code key={file} dir="ltr" translate="no">
                {file}
              </code>
            ))}
          </li>
        )}
      </ul>
      {problem !== null && <ProblemPanel problem={problem} />}
      <div className={styles.acts}>
        {site.relation === 'new' ? (
          <Button kind="act" isPending={busy} onPress={() => void take(null)}>
            {t('ui.takeOver.same')}
          </Button>
        ) : (
          <>
            <Button
              kind={site.relation === 'ahead' ? 'act' : 'plain'}
              isPending={busy}
              onPress={() => void take('medium')}
            >
              {t('ui.takeOver.keepMedium')}
            </Button>
            <Button
              kind={site.relation === 'ahead' ? 'plain' : 'act'}
              isPending={busy}
              onPress={() => void take('laptop')}
            >
              {t('ui.takeOver.keepLaptop')}
            </Button>
          </>
        )}
        <Button kind="plain" isDisabled={busy} onPress={onBack}>
          {t('ui.takeOver.back')}
        </Button>
      </div>
    </div>
  );
};
