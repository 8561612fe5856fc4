// A new site: the few questions nobody can answer for the technician. What is said here becomes the site plan, which is
// shown next and can be edited.
import { ArrowLeft } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { interview, interviewSystems } from '../../src-shared/interview.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { useKeptFields } from '../state/kept.ts';
import { addressOf, go } from '../state/route.ts';
import { makeSite } from '../state/sites.ts';
import { Button } from '../ui/button.tsx';
import { ChoiceInput, TextInput } from '../ui/field.tsx';
import styles from './new-site-page.module.css';

const texts = ['name', 'master', 'user', 'interface', 're6st', 'domain'] as const;
/** Left empty, they are not wanted. */
const wishes: readonly string[] = ['re6st', 'domain'];

export const NewSitePage = () => {
  const { t } = useTranslation();
  const [said, setSaid, forget] = useKeptFields('new site', {
    name: '',
    master: '',
    user: 'root',
    interface: '',
    nodes: '',
    re6st: '',
    domain: '',
    system: 'debian-12',
  });
  const [tried, setTried] = useState(false);
  const [problem, setProblem] = useState<ProblemData | null>(null);
  const nodes = said.nodes.split(/[\s,]+/).filter((item) => item !== '');
  const parsed = interview.safeParse({
    ...said,
    nodes,
    re6st: said.re6st || undefined,
    domain: said.domain || undefined,
  });
  const wrong = new Set(parsed.success || !tried ? [] : parsed.error.issues.map((issue) => issue.path[0]));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!parsed.success) return;
    try {
      const site = await makeSite({ interview: parsed.data });
      forget();
      go({ page: 'plan', site });
    } catch (thrown) {
      setProblem(toProblemData(thrown));
    }
  };
  const field = (key: (typeof texts)[number]) => (
    <TextInput
      key={key}
      label={t(`ui.newSite.${key}.label`)}
      hint={t(`ui.newSite.${key}.hint`)}
      error={wrong.has(key) ? t(`ui.newSite.${key}.wrong`) : undefined}
      required={!wishes.includes(key)}
      value={said[key]}
      onChange={(value) => {
        setSaid({ ...said, [key]: value.trim() });
        setProblem(null);
      }}
      mono
    />
  );
  return (
    <div className={styles.page}>
      <main className={styles.main}>
        <a className={styles.back} href={addressOf({ page: 'start' })}>
          <ArrowLeft aria-hidden size={18} /> {t('ui.menu.start')}
        </a>
        <Heading page="new" title={t('ui.newSite.title')} />
        <p className="quiet">{t('ui.newSite.why')}</p>
        <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
          {field('name')}
          <ChoiceInput
            label={t('ui.newSite.system.label')}
            hint={t('ui.newSite.system.hint')}
            value={said.system}
            choices={interviewSystems.map((id) => ({ id, text: t(`ui.newSite.system.${id.replace('.', '-')}`) }))}
            onChange={(value) => setSaid({ ...said, system: value })}
          />
          {field('master')}
          <TextInput
            label={t('ui.newSite.nodes.label')}
            hint={t('ui.newSite.nodes.hint')}
            error={wrong.has('nodes') ? t('ui.newSite.nodes.wrong') : undefined}
            required={false}
            lines
            mono
            value={said.nodes}
            onChange={(value) => setSaid({ ...said, nodes: value })}
          />
          {field('re6st')}
          {field('domain')}
          {field('user')}
          {field('interface')}
          {problem !== null && <ProblemPanel problem={problem} />}
          <div className={styles.acts}>
            <Button kind="act" type="submit">
              {t('ui.newSite.make')}
            </Button>
            <Terminal argv={terminalForms.newSite({ ...said, nodes })} />
            <span className="quiet" role="status">
              {wrong.size > 0
                ? t('ui.newSite.toMend', { count: wrong.size })
                : t('ui.newSite.sum', { count: nodes.length })}
            </span>
          </div>
        </form>
      </main>
    </div>
  );
};
