// The sheet that is printed before leaving, shown as it prints. Its content comes from the site's folder; its style is the file's.
import { Printer } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import type { Sheet } from '../../src-shared/sheet.ts';
import { type SheetPage as Page, sheetPage } from '../../src-shared/sheet-page.ts';
import { sheetStyle } from '../../src-shared/sheet-style.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { calmly } from '../state/calm.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { Acts } from '../ui/scroll-page.tsx';
import styles from './sheet-page.module.css';

/** The one style of a sheet: adopted, so that no policy has to let inline styles through. */
function useSheetStyle(): void {
  useEffect(() => {
    const style = new CSSStyleSheet();
    style.replaceSync(sheetStyle);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== style);
    };
  }, []);
}

export const SheetPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t, i18n } = useTranslation();
  const [sheet, setSheet] = useState<Sheet | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  useSheetStyle();
  const reading = useRef<ReturnType<typeof calmly>>(null);
  useEffect(() => {
    let stale = false;
    const calm = calmly(async () => {
      try {
        const read = await call('site.sheet', { site: site.name });
        if (stale) return;
        setSheet(read);
        setTrouble(null);
      } catch (thrown) {
        if (!stale) setTrouble(toProblemData(thrown));
      }
    });
    reading.current = calm;
    return () => {
      stale = true;
      calm.stop();
    };
  }, [site.name]);
  // Every event may change what it says; the folder is read anew.
  const { seq } = site.view;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new event is the reason, not its use
  useEffect(() => reading.current?.ask(), [site.name, seq]);
  const page = sheet && sheetPage(sheet, { language: i18n.language, say: (key, params = {}) => t(key, { ...params }) });
  return (
    <div className={styles.scroll}>
      <div className={styles.bar}>
        <div>
          <Heading page={`sheet ${site.name}`} title={t('ui.menu.sheet')} />
          <p>{t('ui.sheet.hint')}</p>
        </div>
        <Acts>
          <Button kind="act" icon={<Printer aria-hidden />} isDisabled={page === null} onPress={() => window.print()}>
            {t('ui.sheet.print')}
          </Button>
          <Terminal argv={terminalForms.sheet(site.name)} />
        </Acts>
      </div>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      {page !== null && <Paper page={page} />}
    </div>
  );
};

const Box = ({ done }: { readonly done: boolean }) => (
  <span aria-hidden className="sheet-box">
    {done ? '✓' : ''}
  </span>
);

const Paper = ({ page }: { readonly page: Page }) => {
  const { fingerprint, medium, machines, bring, steps } = page;
  return (
    <article className="sheet">
      <header className="sheet-head">
        <p className="sheet-title">
          <span>{page.kind}</span>
          {page.title}
        </p>
        <p className="sheet-made">{page.made}</p>
      </header>
      {page.marks.map((mark) => (
        <p key={mark} className="sheet-mark">
          {mark}
        </p>
      ))}
      <div className="sheet-identity">
        <section>
          <h2>{fingerprint.title}</h2>
          <div className="sheet-print">
            <div className="sheet-groups" dir="ltr" translate="no">
              {fingerprint.groups.map((group, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: groups have no identity but their place
                <span key={index}>{group}</span>
              ))}
              {fingerprint.groups.length === 0 && '–'}
            </div>
            <p>{fingerprint.note}</p>
          </div>
        </section>
        <section>
          <h2>{medium.title}</h2>
          <dl className="sheet-medium">
            {medium.rows.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
      <section>
        <h2>{machines.title}</h2>
        <table>
          <thead>
            <tr>
              {machines.heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {machines.rows.map(({ name, roles, login, notes, hostKey }) => (
              <tr key={name}>
                <th scope="row">
                  {name}
                  <small>{roles}</small>
                </th>
                <td>
                  <code>{login}</code>
                  {notes.map((note) => (
                    <small key={note}>{note}</small>
                  ))}
                </td>
                <td>
                  {hostKey === null ? (
                    <>
                      <small>{machines.unknownKey}</small>
                      <span className="sheet-blank" />
                    </>
                  ) : (
                    <code>{hostKey}</code>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section>
        <h2>{bring.title}</h2>
        <div className="sheet-bring">
          {bring.groups.map(({ title, items }) => (
            <section key={title}>
              <h3>{title}</h3>
              <ul>
                {items.map((item) => (
                  <li key={item} className="sheet-item">
                    <Box done={false} />
                    {item}
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </section>
      <section className="sheet-paper">
        <h2>{steps.title}</h2>
        <p className="sheet-note">{steps.note}</p>
        <div className="sheet-steps">
          {steps.chapters.map(({ title, time, entries }) => (
            <section key={title}>
              <h3>
                {title} {time !== '' && <small>{time}</small>}
              </h3>
              <ul>
                {entries.map(({ text, person, boxes }) => (
                  <li key={text}>
                    <span>
                      {text}
                      {person && '\u00a0*'}
                    </span>
                    <span className="sheet-checks">
                      {boxes.map(({ subject, done }) => (
                        <span key={subject} className="sheet-check">
                          <Box done={done} />
                          {subject}
                        </span>
                      ))}
                    </span>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
        <p className="sheet-sign">{page.sign}</p>
      </section>
    </article>
  );
};
