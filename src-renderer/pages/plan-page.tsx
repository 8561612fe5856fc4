// The site plan: as a form and as the file it is, side by side, with each problem at its field and its line. Saved only when
// it can stand, and only over the text that the editor began with.
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlanReading } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import type { FormPath } from '../../src-shared/plan-form.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { PlanForm } from '../panels/plan-form.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { keep, keptOf } from '../state/kept.ts';
import { loadSite } from '../state/sites.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import styles from './plan-page.module.css';

/** How long nobody types before the text is read again. */
const pauseMs = 350;

/** As in an address with a name and a password. */
const password = /:\/\/[^\s/@]*:[^\s/@]*@/;

interface Typed {
  readonly text: string;
  readonly base: string;
}

const isTyped = (value: unknown): value is Typed =>
  typeof value === 'object' &&
  value !== null &&
  'text' in value &&
  typeof value.text === 'string' &&
  'base' in value &&
  typeof value.base === 'string';

export const PlanPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const words = useWords();
  const folder = useStore((state) => state.info?.dataFolder ?? '');
  const draft = `plan of ${site.name}`;
  const [saved, setSaved] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [reading, setReading] = useState<PlanReading | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [said, setSaid] = useState('');
  /** What was typed before over another text than the file holds now. */
  const [aside, setAside] = useState<Typed | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const summary = useRef<HTMLElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  /** The text as it is now, for what was asked before it changed. */
  const latest = useRef('');
  latest.current = text;

  const read = async (typed: Typed | null) => {
    try {
      const plan = await call('site.plan', { site: site.name });
      setReading(plan);
      setSaved(plan.text);
      setTrouble(null);
      // Over the text it was begun with it goes on; where the file is another one since, it is only handed back.
      const goesOn = typed !== null && typed.base === plan.text;
      setText(goesOn ? typed.text : plan.text);
      setSaid(goesOn ? t('ui.plan.again') : '');
      setAside(goesOn ? null : typed);
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: read once for each site
  useEffect(() => {
    void read(keptOf(draft, isTyped));
  }, [site.name]);
  // A text that holds a password, which the plan refuses, is kept nowhere.
  const keepTyped = (next: string, base: string) =>
    keep(draft, next === base || password.test(next) ? null : { text: next, base });
  const change = (next: string) => {
    setText(next);
    if (saved !== null) keepTyped(next, saved);
  };
  const forgetAside = () => {
    setAside(null);
    keepTyped(text, saved ?? text);
  };
  const revert = () => {
    keep(draft, null);
    void read(null);
  };

  useEffect(() => {
    if (reading === null || text === reading.text) return;
    const timer = setTimeout(() => void edit([]), pauseMs);
    return () => clearTimeout(timer);
  });

  const edit = async (edits: readonly { readonly path: FormPath; readonly value: Json }[]) => {
    const asked = latest.current;
    try {
      const answer = await call('site.editPlan', {
        text: asked,
        edits: edits.map(({ path, value }) => ({ path: [...path], value })),
      });
      if (latest.current !== asked) return;
      change(answer.text);
      setReading(answer);
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };

  const save = async () => {
    setSaid('');
    try {
      const answer = await call('site.savePlan', { site: site.name, text, base: saved ?? '' });
      setReading((known) => known && { ...known, problems: answer.problems });
      setTrouble(null);
      if (answer.saved) {
        setSaved(text);
        keepTyped(latest.current, text);
        setSaid(t('ui.plan.saved'));
        // Roles and machines are not in the record: the picture has them from the plan.
        await loadSite(site.name);
      } else {
        setSaid(t('ui.plan.notSaved', { count: answer.problems.length }));
        summary.current?.focus();
      }
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };

  const goToLine = (line: number) => {
    const field = area.current;
    if (field === null) return;
    const lines = text.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, item) => sum + item.length + 1, 0);
    field.focus();
    field.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    field.scrollTop = Math.max(0, (line - 4) * lineHeight);
  };

  const problems = reading?.problems ?? [];
  const wrong = new Set(problems.map((item) => item.line));
  const changed = saved !== null && text !== saved;
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <Heading page={`plan ${site.name}`} title={t('ui.plan.title')} />
        <p className="quiet">{t('ui.plan.hint')}</p>
      </header>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {aside !== null && (
        <div className={styles.aside}>
          <Notice kind="warn" title={t('ui.plan.aside')}>
            <Acts>
              <CopyButton text={aside.text} label={t('ui.plan.copyTyped')} />
              <Button kind="quiet" onPress={forgetAside}>
                {t('ui.plan.forgetTyped')}
              </Button>
            </Acts>
          </Notice>
        </div>
      )}
      {problems.length > 0 && (
        <section ref={summary} tabIndex={-1} className={styles.problems} aria-labelledby="plan-problems">
          <h2 id="plan-problems">{t('ui.plan.problems', { count: problems.length })}</h2>
          <ul>
            {problems.map((item) => (
              <li key={`${item.path} ${item.line} ${item.code} ${item.value}`}>
                {item.line !== null && (
                  <Button kind="quiet" onPress={() => goToLine(item.line ?? 1)}>
                    {t('ui.plan.line', { line: item.line })}
                  </Button>
                )}
                <span>
                  {item.path !== '' && <code translate="no">{item.path}</code>} {words.planFault(item)}
                  {item.code.startsWith('yaml') && item.other !== '' && (
                    <span lang="en" className="quiet small">
                      {' '}
                      {item.other}
                    </span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className={styles.panes}>
        <section className={styles.pane} aria-label={t('ui.plan.form')}>
          {reading !== null && reading.value === null && <p className="quiet">{t('ui.plan.unreadable')}</p>}
          {reading !== null && reading.value !== null && (
            <PlanForm reading={reading} set={(path, value) => void edit([{ path, value }])} />
          )}
        </section>
        <div className={styles.editor}>
          <div ref={gutter} className={styles.gutter} aria-hidden>
            {text.split('\n').map((_, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a line number is its place
              <div key={index} className={wrong.has(index + 1) ? styles.wrong : undefined}>
                {index + 1}
              </div>
            ))}
          </div>
          <textarea
            ref={area}
            className={styles.text}
            aria-label={t('ui.plan.text')}
            value={text}
            onChange={(event) => {
              change(event.target.value);
              setSaid('');
            }}
            onScroll={(event) => {
              if (gutter.current !== null) gutter.current.scrollTop = event.currentTarget.scrollTop;
            }}
            spellCheck={false}
            wrap="off"
            dir="ltr"
          />
        </div>
      </div>
      <div className={styles.acts}>
        <Button kind="act" shortcut="act" onPress={() => void save()} isDisabled={!changed}>
          {t('ui.plan.save')}
        </Button>
        <Button kind="plain" onPress={revert} isDisabled={!changed}>
          {t('ui.plan.revert')}
        </Button>
        <Terminal argv={terminalForms.editPlan(`${folder}/sites/${site.name}/site.yaml`)} />
        <span role="status" className="quiet">
          {said !== '' ? said : changed ? t('ui.plan.changed') : ''}
        </span>
      </div>
    </div>
  );
};

/** As in the style sheet. */
const lineHeight = 21;
