// The records of a site: which there are, whether they are as they were signed, one of them whole, and what has changed since.
// The record is drawn from its JSON; nothing of its page is ever put into this one.
import { FolderOutput, GitCompare, Printer } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ExportKind, exportKinds, type OutputOf } from '../../src-shared/api.ts';
import { recordName } from '../../src-shared/dossier.ts';
import { formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { DifferencesPanel } from '../panels/differences-panel.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { RecordView } from '../panels/record-view.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { ChoiceInput } from '../ui/field.tsx';
import { Fingerprint } from '../ui/fingerprint.tsx';
import { Fold } from '../ui/fold.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, PageHead, ScrollPage } from '../ui/scroll-page.tsx';
import styles from './records-page.module.css';

type Listed = OutputOf<'records.list'>;
type Opened = OutputOf<'records.read'>;

export const RecordsPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t, i18n } = useTranslation();
  const [list, setList] = useState<Listed | null>(null);
  const [number, setNumber] = useState<number | null>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [saved, setSaved] = useState('');
  /** Of saving or exporting: what a record itself is lacking stays said meanwhile. */
  const [unsaved, setUnsaved] = useState<ProblemData | null>(null);
  const doneAt = site.view.instances[instanceKey('record-site', theSite)]?.doneAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another record is there once that step was done again
  useEffect(() => {
    call('records.list', { site: site.name }).then(
      (answer) => {
        setList(answer);
        setNumber(answer.at(-1)?.number ?? null);
      },
      (thrown: unknown) => setTrouble(toProblemData(thrown)),
    );
  }, [site.name, doneAt]);
  useEffect(() => {
    setOpened(null);
    setTrouble(null);
    setSaved('');
    setUnsaved(null);
    if (number === null) return;
    let current = true;
    call('records.read', { site: site.name, number }).then(
      (answer) => current && setOpened(answer),
      (thrown: unknown) => current && setTrouble(toProblemData(thrown)),
    );
    return () => {
      current = false;
    };
  }, [site.name, number]);
  /** Into a picked folder; `write` returns what is said of it. */
  const saveInto: SaveInto = async (title, write) => {
    try {
      const picked = await call('pick.path', { kind: 'folder', title });
      if (picked === null) return;
      setSaved('');
      setUnsaved(null);
      setSaved(await write(picked.token));
    } catch (thrown) {
      setUnsaved(toProblemData(thrown));
    }
  };
  const save = (of: number) =>
    saveInto(t('ui.records.where'), async (folder) => {
      const { path } = await call('records.save', { site: site.name, number: of, folder });
      return t('ui.records.saved', { path });
    });
  const toStep = (step: string) => go({ page: 'step', site: site.name, instance: instanceKey(step, theSite) });
  const nameOf = ({ number: of, summary }: Listed[number]): string =>
    summary === null
      ? `${recordName(of)} · ${t('ui.records.damaged')}`
      : `${recordName(of)} · ${formatMoment(summary.madeAt, i18n.language)}`;
  return (
    <ScrollPage>
      <PageHead>
        <Heading page={`records ${site.name}`} title={t('ui.records.title')} />
        {opened !== null && (
          <Acts>
            <Button kind="plain" icon={<Printer aria-hidden />} onPress={() => window.print()}>
              {t('ui.records.print')}
            </Button>
            <Button kind="plain" icon={<FolderOutput aria-hidden />} onPress={() => void save(opened.record.number)}>
              {t('ui.records.save')}
            </Button>
            <Button kind="plain" icon={<GitCompare aria-hidden />} onPress={() => toStep('compare-with-record')}>
              {t('ui.records.compare')}
            </Button>
            <Terminal argv={terminalForms.verifyRecord(opened.folder)} />
          </Acts>
        )}
      </PageHead>
      <p className="quiet">{t('ui.records.hint')}</p>
      {list?.length === 0 && (
        <div className={styles.none}>
          <p>{t('ui.records.none')}</p>
          <Button kind="act" onPress={() => toStep('record-site')}>
            {t('ui.records.make')}
          </Button>
        </div>
      )}
      {list !== null && list.length > 1 && (
        <div className={styles.choice}>
          <ChoiceInput
            label={t('ui.records.which')}
            value={String(number ?? '')}
            choices={[...list].reverse().map((item) => ({ id: String(item.number), text: nameOf(item) }))}
            onChange={(value) => setNumber(Number(value))}
          />
        </div>
      )}
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {list !== null && <Export site={site.name} saveInto={saveInto} />}
      {unsaved !== null && <ProblemPanel problem={unsaved} />}
      <p role="status" className="quiet">
        {saved}
      </p>
      {opened !== null && (
        <>
          <Notice kind="good" title={t('ui.records.whole')}>
            <Fingerprint text={opened.fingerprint} />
            <p className={`${styles.folder} quiet`}>{t('ui.records.folder', { path: opened.folder })}</p>
          </Notice>
          <DifferencesPanel site={site} number={opened.record.number} />
          <RecordView record={opened.record} />
        </>
      )}
    </ScrollPage>
  );
};

type SaveInto = (title: string, write: (folder: string) => Promise<string>) => Promise<void>;

interface ExportProps {
  readonly site: string;
  readonly saveInto: SaveInto;
}

/** What was done, for those who go on past one laptop. */
const Export = ({ site, saveInto }: ExportProps) => {
  const { t } = useTranslation();
  const save = (kind: ExportKind) =>
    saveInto(t('ui.records.exportWhere'), async (folder) => {
      const { path, steps } = await call('records.export', { site, kind, folder });
      return t('ui.records.exported', { count: steps, path });
    });
  return (
    <Fold title={t('ui.records.export')}>
      <div className={styles.export}>
        <p className="quiet">{t('ui.records.exportHint')}</p>
        <Acts>
          {exportKinds.map((kind) => (
            <Button key={kind} kind="plain" onPress={() => void save(kind)}>
              {t(`ui.records.exportAs.${kind}`)}
            </Button>
          ))}
          <Terminal argv={terminalForms.exportSite(site, 'ansible')} also={[terminalForms.exportSite(site, 'shell')]} />
        </Acts>
      </div>
    </Fold>
  );
};
