// The help: how things work, the procedure step by step, every problem by its code, and the licences; searched here, without a network.
// On a site it is one of its pages, else a page of its own.
import { Search } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { Input, Label, SearchField } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { chapters } from '../../src-shared/step.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { call } from '../state/bridge.ts';
import { type HelpEntry, helpEntries, searchHelp, type Texts } from '../state/help.ts';
import type { OpenedSite } from '../state/store.ts';
import { AlonePage } from '../ui/alone-page.tsx';
import { Fold } from '../ui/fold.tsx';
import { ScrollPage } from '../ui/scroll-page.tsx';
import { ScrollText } from '../ui/scroll-text.tsx';
import styles from './help-page.module.css';

type Help = OutputOf<'help.read'>;

/** More of them nobody reads: another word finds what is meant. */
const mostFound = 40;

export const HelpPage = () => {
  const { t } = useTranslation();
  return (
    <AlonePage back={t('help.back')}>
      <Content page="help" />
    </AlonePage>
  );
};

export const HelpOnSite = ({ site }: { readonly site: OpenedSite }) => <Content page={`help ${site.name}`} />;

const Content = ({ page }: { readonly page: string }) => {
  const { t, i18n } = useTranslation();
  const [help, setHelp] = useState<Help | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const [wanted, setWanted] = useState('');
  useEffect(() => {
    call('help.read', {}).then(setHelp, (thrown: unknown) => setTrouble(toProblemData(thrown)));
  }, []);
  const entries = useMemo(
    () =>
      helpEntries(
        i18n.getResourceBundle(i18n.language, 'translation') as Texts,
        (help?.steps ?? []).map(({ id }) => id),
      ),
    [i18n, i18n.language, help],
  );
  const found = useMemo(() => (wanted.trim() === '' ? null : searchHelp(entries, wanted)), [entries, wanted]);
  return (
    <ScrollPage narrow>
      <Heading page={page} title={t('help.title')} />
      <p className="quiet">{t('help.hint')}</p>
      {trouble !== null && <ProblemPanel problem={trouble} />}
      <SearchField className={styles.search ?? ''} value={wanted} onChange={setWanted}>
        <Label>{t('help.search')}</Label>
        <span className={styles.field}>
          <Search aria-hidden size={18} />
          <Input placeholder={t('help.searchHint')} />
        </span>
      </SearchField>
      <p role="status" className="quiet">
        {found === null ? '' : found.length === 0 ? t('help.nothing') : t('help.found', { count: found.length })}
      </p>
      {found === null ? (
        <Contents entries={entries} help={help} />
      ) : (
        <>
          <ul className={styles.list}>
            {found.slice(0, mostFound).map((entry) => (
              <li key={`${entry.kind} ${entry.id}`}>
                <Found entry={entry} open={found.length <= 3} />
              </li>
            ))}
          </ul>
          {found.length > mostFound && <p className="quiet">{t('help.more', { count: found.length - mostFound })}</p>}
        </>
      )}
    </ScrollPage>
  );
};

/** What there is, while nothing is searched. */
const Contents = ({ entries, help }: { readonly entries: readonly HelpEntry[]; readonly help: Help | null }) => {
  const { t } = useTranslation();
  const topics = entries.filter(({ kind }) => kind === 'topic');
  const problems = entries.filter(({ kind }) => kind === 'problem');
  return (
    <>
      <section className={styles.part} aria-labelledby="help-topics">
        <h2 id="help-topics">{t('help.topics')}</h2>
        <List entries={topics} />
      </section>
      <section className={styles.part} aria-labelledby="help-procedure">
        <h2 id="help-procedure">{t('help.procedure')}</h2>
        {chapters.map((chapter) => (
          <Fold key={chapter} title={t(`ui.chapter.${chapter}`)}>
            {() => {
              const own = new Set(help?.steps.filter((step) => step.chapter === chapter).map(({ id }) => id));
              return (
                <ol className={styles.steps}>
                  {entries
                    .filter(({ kind, id }) => kind === 'step' && own.has(id))
                    .map((entry) => (
                      <li key={entry.id}>
                        <strong>{entry.title}</strong>
                        <Paragraphs entry={entry} />
                      </li>
                    ))}
                </ol>
              );
            }}
          </Fold>
        ))}
      </section>
      <section className={styles.part} aria-labelledby="help-problems">
        <h2 id="help-problems">{t('help.problems', { count: problems.length })}</h2>
        <p className="quiet">{t('help.problemsHint')}</p>
      </section>
      <section className={styles.part} aria-labelledby="help-licences">
        <h2 id="help-licences">{t('help.licences')}</h2>
        <p className="quiet">{t('help.licencesHint')}</p>
        {help?.licences.map(({ id, text }) => (
          <Fold key={id} title={t(`help.licence.${id}`)}>
            <ScrollText text={text} label={t(`help.licence.${id}`)} />
          </Fold>
        ))}
      </section>
    </>
  );
};

const List = ({ entries }: { readonly entries: readonly HelpEntry[] }) => (
  <ul className={styles.list}>
    {entries.map((entry) => (
      <li key={entry.id}>
        <Fold title={entry.title}>
          <Paragraphs entry={entry} />
        </Fold>
      </li>
    ))}
  </ul>
);

const Found = ({ entry, open }: { readonly entry: HelpEntry; readonly open: boolean }) => {
  const { t } = useTranslation();
  return (
    <Fold
      // Few that are left are read at once.
      key={String(open)}
      open={open}
      title={
        <>
          <span className="quiet small">{t(`help.kind.${entry.kind}`)}</span> {entry.title}
        </>
      }
    >
      <Paragraphs entry={entry} />
    </Fold>
  );
};

const Paragraphs = ({ entry }: { readonly entry: HelpEntry }) => (
  <div className={styles.paragraphs}>
    {entry.paragraphs.map((text) => (
      <p key={text}>{text}</p>
    ))}
    {entry.kind !== 'topic' && (
      <code className="quiet small" translate="no">
        {entry.id}
      </code>
    )}
  </div>
);
