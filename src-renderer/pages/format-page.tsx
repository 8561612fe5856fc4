// Formatting a drive, a screen of its own: which drive, what would be lost with it, its name typed, and then the act.
// Nothing is chosen beforehand; drives that come and go change no choice and no typed word, and a drive that was exchanged
// is refused by its mark.
import { Eraser } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Label, Radio, RadioGroup } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import {
  type DriveLoss,
  type FormatChoice,
  type FormatKind,
  formatKinds,
  type VolumeLoss,
} from '../../src-shared/api.ts';
import { formatBytes, formatMoment } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import picker from '../panels/medium-picker.module.css';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useDrivesTurn } from '../state/use-drives.ts';
import { Button } from '../ui/button.tsx';
import { ChoiceInput, TextInput } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, ScrollPage } from '../ui/scroll-page.tsx';
import styles from './format-page.module.css';

export const FormatPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [drives, setDrives] = useState<readonly FormatChoice[] | null>(null);
  const [device, setDevice] = useState<string | null>(null);
  const [loss, setLoss] = useState<DriveLoss | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const turn = useDrivesTurn(site.name);
  // biome-ignore lint/correctness/useExhaustiveDependencies: drives that changed are asked for again
  useEffect(() => {
    let current = true;
    call('format.drives', { site: site.name }).then(
      (answer) => current && setDrives(answer),
      (thrown: unknown) => current && setTrouble(toProblemData(thrown)),
    );
    return () => {
      current = false;
    };
  }, [site.name, turn]);
  const look = async (wanted: string) => {
    setDevice(wanted);
    setLoss(null);
    setTrouble(null);
    setMade(null);
    try {
      setLoss(await call('format.look', { site: site.name, device: wanted }));
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <ScrollPage narrow>
      <Heading page={`format ${site.name}`} title={t('ui.format.title')} />
      <p className="quiet">{t('ui.format.hint')}</p>
      <RadioGroup value={device} onChange={(wanted) => void look(wanted)} className={picker.group ?? ''}>
        <Label className={picker.label}>{t('ui.format.which')}</Label>
        {drives === null && trouble === null && <p className="quiet">{t('ui.medium.looking')}</p>}
        {drives?.length === 0 && <p className="quiet">{t('ui.format.none')}</p>}
        {drives?.map((drive) => (
          <Choice key={drive.device} drive={drive} />
        ))}
      </RadioGroup>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {device !== null && loss === null && trouble === null && made === null && (
        <p role="status">{t('ui.format.counting')}</p>
      )}
      {loss !== null && made === null && (
        <Act
          key={loss.mark}
          site={site.name}
          loss={loss}
          onTrouble={setTrouble}
          onDone={(done) => {
            setMade(done);
            setTrouble(null);
          }}
        />
      )}
      {made !== null && (
        <div role="status">
          <Notice kind="plain" title={t('ui.format.done', { device: made })}>
            <Acts>
              <Button
                kind="act"
                onPress={() => go({ page: 'step', site: site.name, instance: instanceKey('choose-medium', theSite) })}
              >
                {t('ui.contents.choose')}
              </Button>
            </Acts>
          </Notice>
        </div>
      )}
    </ScrollPage>
  );
};

const Choice = ({ drive }: { readonly drive: FormatChoice }) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { device, label, sizeBytes, serial, why } = drive;
  const facts = [
    formatBytes(sizeBytes, i18n.language),
    serial === null ? '' : t('ui.medium.serial', { serial }),
  ].filter((fact) => fact !== '');
  return (
    <Radio value={device} isDisabled={why !== null} className={picker.choice ?? ''}>
      <span className={picker.dot} />
      <span>
        <span className={picker.name}>{label}</span>
        <span className="quiet"> {facts.join(' · ')}</span>
        <code dir="ltr" translate="no" className={picker.path}>
          {device}
        </code>
        {why !== null && <span className={picker.why}>{words.problem(why.code, 'title', why.params)}</span>}
      </span>
    </Radio>
  );
};

interface ActProps {
  readonly site: string;
  readonly loss: DriveLoss;
  readonly onTrouble: (problem: ProblemData | null) => void;
  readonly onDone: (device: string) => void;
}

const Act = ({ site, loss, onTrouble, onDone }: ActProps) => {
  const { t } = useTranslation();
  const [fileSystem, setFileSystem] = useState<FormatKind>('exfat');
  const [label, setLabel] = useState('FIELDKIT');
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const { device, mark, typeName, volumes } = loss;
  const format = async () => {
    setBusy(true);
    onTrouble(null);
    try {
      onDone((await call('format.perform', { site, device, mark, typed, fileSystem, label })).device);
    } catch (thrown) {
      onTrouble(toProblemData(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Notice kind="bad" title={t('ui.format.lost')}>
        {volumes.length === 0 && <p>{t('ui.format.nothing')}</p>}
        <ul className={styles.losses}>
          {volumes.map((volume) => (
            <Loss key={volume.device} volume={volume} />
          ))}
        </ul>
      </Notice>
      <ChoiceInput
        label={t('ui.format.fileSystem')}
        hint={t(`ui.format.kindHints.${fileSystem}`)}
        value={fileSystem}
        choices={formatKinds.map((id) => ({ id, text: t(`ui.format.kinds.${id}`) }))}
        onChange={(id) => setFileSystem(formatKinds.find((kind) => kind === id) ?? 'exfat')}
      />
      <TextInput label={t('ui.format.label')} hint={t('ui.format.labelHint')} value={label} onChange={setLabel} />
      <TextInput
        label={t('ui.format.type', { name: typeName })}
        hint={t('ui.format.typeHint')}
        value={typed}
        onChange={setTyped}
        mono
      />
      <Acts>
        <Button
          kind="danger"
          icon={<Eraser aria-hidden />}
          isPending={busy}
          isDisabled={typed.trim() !== typeName}
          onPress={() => void format()}
        >
          {t('ui.format.act', { name: typeName })}
        </Button>
        <Terminal argv={terminalForms.format(device, fileSystem, label)} />
        <span role="status" className="quiet">
          {busy ? t('ui.format.busy') : ''}
        </span>
      </Acts>
    </>
  );
};

const Loss = ({ volume }: { readonly volume: VolumeLoss }) => {
  const { t, i18n } = useTranslation();
  const { device, label, fileSystem, sizeBytes, readable, files, whole, newest, medium } = volume;
  const size = formatBytes(sizeBytes, i18n.language);
  return (
    <li>
      <strong>{label ?? device}</strong>{' '}
      <span className="quiet">{[fileSystem ?? '', size].filter(Boolean).join(', ')}</span>
      {medium !== null && <p>{t('ui.format.medium', { ...medium })}</p>}
      <p>
        {!readable
          ? t('ui.format.unreadable')
          : files === 0
            ? t('ui.format.empty')
            : t(whole ? 'ui.format.files' : 'ui.format.filesMore', { count: files })}
      </p>
      {newest !== null && (
        <p className={styles.newest}>
          {t('ui.format.newest', { path: newest.path, at: formatMoment(newest.at, i18n.language) })}
        </p>
      )}
    </li>
  );
};
