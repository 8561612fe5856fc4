// What machines of the site have already, brought back as files: the medium can then be made for them instead of for empty ones. It only
// reads, machine by machine.
import { FolderOpen } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatCount } from '../../src-shared/format.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { surveyMachines } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { mediumKey } from '../state/live.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { Bar } from '../ui/bar.tsx';
import { Button } from '../ui/button.tsx';
import { CheckInput } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import { StopAct } from './stop-act.tsx';
import styles from './survey-panel.module.css';
import { Terminal } from './terminal.tsx';

export const SurveyPanel = ({ site }: { readonly site: OpenedSite }) => {
  const { t, i18n } = useTranslation();
  const { last, idle, stopping, stopped, stop } = useOutcome(site, 'machines.surveyed');
  const machines = site.machines.filter(({ roles }) => !roles.includes('builder'));
  const [left, setLeft] = useState<readonly string[]>([]);
  const chosen = machines.map(({ name }) => name).filter((name) => !left.includes(name));
  const live = site.live[mediumKey]?.surveying ?? null;
  const begin = async () => {
    const picked = await call('pick.path', { kind: 'folder', title: t('ui.survey.folder') });
    if (picked !== null) await surveyMachines(site.name, chosen, picked.token);
  };
  return (
    <section className={styles.panel} aria-labelledby="survey-title">
      <h2 id="survey-title">{t('ui.survey.title')}</h2>
      <p className="quiet">{t('ui.survey.hint')}</p>
      {machines.length === 0 && <p className="quiet">{t('ui.survey.none')}</p>}
      <fieldset className={styles.machines}>
        <legend className="unseen">{t('ui.survey.which')}</legend>
        {machines.map(({ name, address }) => (
          <CheckInput
            key={name}
            label={name}
            hint={address}
            checked={chosen.includes(name)}
            onChange={(on) => setLeft((now) => (on ? now.filter((item) => item !== name) : [...now, name]))}
          />
        ))}
      </fieldset>
      {live !== null && !idle && (
        <Bar
          label={t('ui.survey.going', { machine: live.machine })}
          done={live.done}
          total={live.total}
          text={t('ui.survey.of', { index: live.done + 1, total: live.total })}
        />
      )}
      <Acts>
        {live !== null && !idle ? (
          <StopAct stopping={stopping} onStop={stop} hint={t('ui.survey.stopHint')} />
        ) : (
          <Button
            kind="plain"
            icon={<FolderOpen aria-hidden />}
            isPending={!idle}
            isDisabled={chosen.length === 0}
            onPress={() => void begin()}
          >
            {t('ui.survey.start', { count: chosen.length })}
          </Button>
        )}
        <Terminal argv={terminalForms.survey(site.name, left.length === 0 ? [] : chosen)} />
      </Acts>
      <div role="status">
        {idle && last !== null && (
          <Notice
            kind={last.surveys.length === last.wanted ? 'good' : 'warn'}
            level={3}
            title={
              last.surveys.length === last.wanted
                ? t('ui.survey.came', { count: last.wanted })
                : t('ui.survey.cameSome', { done: last.surveys.length, count: last.wanted })
            }
          >
            <ul className={styles.list}>
              {last.surveys.map(({ machine, path, count, earlier }) => (
                <li key={machine}>
                  {t('ui.survey.machine', { machine, count, shown: formatCount(count, i18n.language) })}{' '}
                  <code dir="ltr" translate="no">
                    {path}
                  </code>
                  {earlier !== null && (
                    <>
                      {' '}
                      {t('ui.survey.earlier')}{' '}
                      <code dir="ltr" translate="no">
                        {earlier}
                      </code>
                    </>
                  )}
                </li>
              ))}
            </ul>
            <p>
              {t('ui.survey.next')} <a href={addressOf({ page: 'plan', site: site.name })}>{t('ui.menu.plan')}</a>
            </p>
          </Notice>
        )}
        {idle && stopped && <p>{t('ui.survey.stopped')}</p>}
      </div>
    </section>
  );
};
