// What can become of a machine of the plan: met anew, or taken out. Each act closed until it is wanted, then whole: what will be done,
// what is not touched, the button, and the same on a terminal.
import { Eraser, RotateCcw } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { instanceKey } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { useWords } from '../i18n/words.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CheckInput, TextInput } from '../ui/field.tsx';
import { Fold } from '../ui/fold.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import styles from './machine-acts.module.css';
import { Terminal } from './terminal.tsx';

type Outlook = OutputOf<'machines.look'>;

interface Props {
  readonly site: OpenedSite;
  readonly name: string;
  readonly outlook: Outlook;
}

interface RenewProps extends Props {
  /** How many of its steps are done now. */
  readonly doneSteps: number;
  readonly onAct: () => Promise<void>;
}

export const RenewMachine = ({ site, name, outlook, doneSteps, onAct }: RenewProps) => {
  const { t } = useTranslation();
  const { computer, hostKey, baseline } = outlook;
  return (
    <Fold title={t('ui.machine.renew.title')}>
      <div className={styles.act}>
        <p className="quiet">{t('ui.machine.renew.hint')}</p>
        <Preview stays={t('ui.machine.renew.stays')}>
          {hostKey && <li>{t('ui.machine.renew.hostKey')}</li>}
          <li>{t('ui.machine.renew.steps', { count: doneSteps })}</li>
          {baseline && <li>{t('ui.machine.renew.baseline')}</li>}
          {computer !== null && <li>{t('ui.machine.renew.computer', { computer })}</li>}
        </Preview>
        <Acts>
          <Button
            kind="plain"
            icon={<RotateCcw aria-hidden />}
            isPending={site.runs.length > 0}
            onPress={() => void onAct()}
          >
            {t('ui.machine.renew.act', { name })}
          </Button>
          <Terminal argv={terminalForms.renewMachine(site.name, name)} />
        </Acts>
      </div>
    </Fold>
  );
};

interface RemoveProps extends Props {
  readonly onAct: (typed: string, lost: boolean) => Promise<void>;
}

export const RemoveMachine = ({ site, name, outlook, onAct }: RemoveProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const [lost, setLost] = useState(false);
  const [typed, setTyped] = useState('');
  const { computer, emptied, removal } = outlook;
  const leaves = removal === 'leaving' && !lost;
  const waits = removal === 'waits' && !lost;
  const goes = !leaves && !waits;
  const problems = leaves ? outlook.leavingProblems : goes ? outlook.problems : [];
  const stands = problems.length > 0;
  return (
    <Fold title={t('ui.machine.remove.title')}>
      <div className={styles.act}>
        {waits ? (
          <p>
            {t('ui.machine.remove.waits', { name })}{' '}
            <a
              href={addressOf({
                page: 'step',
                site: site.name,
                instance: instanceKey('take-out-node', { kind: 'machine', name }),
              })}
            >
              {t('ui.machine.remove.goEmpty')}
            </a>
          </p>
        ) : (
          <Preview stays={t('ui.machine.remove.stays')}>
            <li>{t(`ui.machine.remove.${leaves ? 'leaving' : 'removed'}`, { name })}</li>
            {leaves && <li>{t('ui.machine.remove.leavingNext')}</li>}
            {goes && emptied && computer !== null && <li>{t('ui.machine.remove.emptied', { computer })}</li>}
            {goes && !emptied && computer !== null && <li>{t('ui.machine.remove.atMaster', { computer })}</li>}
          </Preview>
        )}
        {removal !== 'removed' && (
          <CheckInput
            label={t('ui.machine.remove.lost')}
            hint={t('ui.machine.remove.lostHint')}
            checked={lost}
            onChange={setLost}
          />
        )}
        {stands && (
          <div className={styles.stands}>
            <p>{t('ui.machine.remove.stands')}</p>
            <ul className={styles.list}>
              {problems.map((fault) => (
                <li key={`${fault.path} ${fault.code}`}>
                  {fault.path !== '' && <code translate="no">{fault.path}</code>} {words.planFault(fault)}
                </li>
              ))}
            </ul>
          </div>
        )}
        {!waits && !stands && (
          <TextInput mono label={t('ui.machine.remove.type', { name })} value={typed} onChange={setTyped} />
        )}
        <Acts>
          {!waits && (
            <Button
              kind="danger"
              icon={<Eraser aria-hidden />}
              isPending={site.runs.length > 0}
              isDisabled={stands || typed.trim() !== name}
              onPress={() => void onAct(typed.trim(), lost)}
            >
              {t(`ui.machine.remove.${leaves ? 'actLeaving' : 'act'}`, { name })}
            </Button>
          )}
          <Terminal argv={terminalForms.removeMachine(site.name, name, lost)} />
        </Acts>
      </div>
    </Fold>
  );
};

interface PreviewProps {
  readonly stays: string;
  /** What will be done, as list items. */
  readonly children: ReactNode;
}

const Preview = ({ stays, children }: PreviewProps) => {
  const { t } = useTranslation();
  return (
    <>
      <h3>{t('ui.machine.does')}</h3>
      <ul className={styles.list}>{children}</ul>
      <h3>{t('ui.machine.stays')}</h3>
      <p>{stays}</p>
    </>
  );
};
