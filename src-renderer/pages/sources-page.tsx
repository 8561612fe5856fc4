// Where the content of a site comes from: each source of its plan, asked whether it answers. At the office, before hours of fetching.
import { Radar } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type OutputOf, sourceLimitMs } from '../../src-shared/api.ts';
import { formatCount } from '../../src-shared/format.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { proxyScriptOf } from '../../src-shared/site.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { QuestionPanel } from '../panels/question-panel.tsx';
import { StopAct } from '../panels/stop-act.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, ScrollPage } from '../ui/scroll-page.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './sources-page.module.css';

type Tested = OutputOf<'sources.test'>;

export const SourcesPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [tested, setTested] = useState<Tested | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [busy, setBusy] = useState(false);
  const [stopped, setStopped] = useState(false);
  const test = async (password: string | null = null) => {
    setBusy(true);
    setTrouble(null);
    setTested(null);
    setStopped(false);
    try {
      setTested(await call('sources.test', { site: site.name, password }));
    } catch (thrown) {
      const data = toProblemData(thrown);
      if (data.code === 'cancelled') setStopped(true);
      else setTrouble(data);
    } finally {
      setBusy(false);
    }
  };
  return (
    <ScrollPage>
      <Heading page={`sources ${site.name}`} title={t('ui.sources.title')} />
      <p className="quiet">{t('ui.sources.hint')}</p>
      <Acts>
        <Button kind="act" shortcut="act" icon={<Radar aria-hidden />} isPending={busy} onPress={() => void test()}>
          {t('ui.sources.test')}
        </Button>
        {busy && <StopAct onStop={() => void call('sources.stop', { site: site.name })} hint={t('ui.stop.onlyRead')} />}
        <Terminal argv={terminalForms.testSources(site.name)} />
      </Acts>
      <p role="status">
        {busy ? t('ui.sources.asking', { seconds: sourceLimitMs / 1000 }) : stopped ? t('ui.sources.stopped') : ''}
      </p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {tested?.asks && (
        <QuestionPanel
          question={tested.asks}
          technician=""
          onTechnician={() => undefined}
          onAnswer={(password) => void test(password)}
        />
      )}
      {tested !== null && tested.answers.length > 0 && <Answers {...tested} />}
    </ScrollPage>
  );
};

const Answers = ({ proxy, answers }: Tested) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const script = proxy === null ? null : proxyScriptOf(proxy);
  const silent = answers.filter(({ problem }) => problem !== null);
  return (
    <>
      <Notice
        kind={silent.length > 0 ? 'bad' : 'good'}
        title={
          silent.length > 0
            ? t('ui.sources.some', { count: silent.length, total: answers.length })
            : t('ui.sources.all', { count: answers.length })
        }
      >
        {proxy !== null && (
          <p>{script === null ? t('ui.sources.proxy', { proxy }) : t('ui.sources.script', { script })}</p>
        )}
        {silent.length > 0 && <p>{t('ui.sources.next')}</p>}
      </Notice>
      <ul className={styles.list}>
        {[...silent, ...answers.filter(({ problem }) => problem === null)].map(
          ({ kind, name, address, tookMs, way, problem }) => (
            <li key={`${kind} ${name} ${address}`} className={problem === null ? styles.item : styles.silent}>
              <p className={styles.head}>
                <strong>{t(`ui.sources.kind.${kind}`, { name })}</strong>
                <StateMark state={problem === null ? 'done' : 'failed'}>
                  {problem === null
                    ? t('ui.sources.answered', { ms: formatCount(tookMs, i18n.language) })
                    : t('ui.sources.silent')}
                </StateMark>
                {way !== null && (
                  <span>{way === 'direct' ? t('ui.sources.direct') : t('ui.sources.through', { way })}</span>
                )}
              </p>
              {problem === null ? (
                <code dir="ltr" translate="no">
                  {address}
                </code>
              ) : (
                words.problem(problem.code, 'title', problem.params)
              )}
            </li>
          ),
        )}
      </ul>
    </>
  );
};
