// The overview of a site: the next act, the picture, and the chapters with "run until something needs me".
import { FastForward, RotateCw } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { Chapter } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { BatteryNotice } from '../panels/battery-notice.tsx';
import { FaultsPanel } from '../panels/faults-panel.tsx';
import { GuidePanel } from '../panels/guide-panel.tsx';
import { MachineTable } from '../panels/machine-table.tsx';
import { Picture } from '../panels/picture.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { check, run } from '../state/actions.ts';
import { type ChapterView, chaptersOf, countDone, nextOf } from '../state/progress.ts';
import { go } from '../state/route.ts';
import { saidOf } from '../state/step-state.ts';
import type { OpenedSite } from '../state/store.ts';
import { useTimeLeft } from '../state/time-left.ts';
import { Button } from '../ui/button.tsx';
import { PageHead, ScrollPage } from '../ui/scroll-page.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './overview-page.module.css';

export const OverviewPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const words = useWords();
  const all = Object.values(site.view.instances);
  const next = nextOf(site.view, site.steps);
  const running = site.view.running === null ? undefined : site.view.instances[site.view.running];
  const shown = running ?? next;
  const busy = site.runs.length > 0;
  const left = useTimeLeft(all, site.machines);
  const chapters = chaptersOf(site.view, site.steps);
  const open = chapters.find(({ state }) => state !== 'done');
  const onSite = chapters.filter(({ chapter, state }) => !apart.has(chapter) && state !== 'done');
  const prepared = chapters.every(({ chapter, state }) => chapter !== 'prepare' || state === 'done');
  return (
    <ScrollPage wide>
      <PageHead>
        <Heading page={`site ${site.name}`} title={site.name} />
        <span className="quiet">
          <span>{t('ui.side.sum', { done: countDone(all), total: all.length })}</span>
          {left !== '' && ` · ${left}`}
        </span>
      </PageHead>
      <section className={styles.next} aria-labelledby="next-title">
        <div>
          <h2 id="next-title">{running !== undefined ? t('ui.overview.running') : t('ui.overview.next')}</h2>
          <p className={styles.nextStep}>{shown === null ? t('ui.overview.allDone') : words.instanceTitle(shown)}</p>
        </div>
        {shown !== null && (
          <Button kind="act" shortcut="act" onPress={() => go({ page: 'step', site: site.name, instance: shown.key })}>
            {running !== undefined ? t('ui.overview.look') : t('ui.overview.go')}
          </Button>
        )}
      </section>
      <Picture name={site.name} view={site.view} steps={site.steps} drawn={site.machines} />
      {site.practice && <GuidePanel site={site} whole />}
      <section className={styles.chapters} aria-labelledby="chapters-title">
        <div className={styles.chaptersHead}>
          <h2 id="chapters-title">{t('ui.chapters')}</h2>
          {prepared && onSite.length > 1 && (
            <Button
              kind="plain"
              icon={<FastForward aria-hidden />}
              isPending={busy}
              onPress={() =>
                runOpen(
                  site,
                  onSite.flatMap((chapter) => chapter.instances),
                )
              }
            >
              {t('ui.overview.runSite')}
            </Button>
          )}
          <Button
            kind="quiet"
            icon={<RotateCw aria-hidden />}
            isPending={busy}
            onPress={() => void check(site.name, [])}
          >
            {t('ui.overview.checkAll')}
          </Button>
          {open !== undefined && (
            <Terminal
              argv={runForm(site, prepared && onSite.length > 0 ? onSite : [open])}
              also={[terminalForms.check(site.name)]}
            />
          )}
        </div>
        <BatteryNotice site={site} act={all} />
        <ul className={styles.list}>
          {chapters.map((chapter) => (
            <li key={chapter.chapter}>
              <ChapterRow site={site} chapter={chapter} busy={busy} first={chapter === open} />
            </li>
          ))}
        </ul>
      </section>
      <MachineTable name={site.name} view={site.view} steps={site.steps} />
      {site.practice && <FaultsPanel site={site} />}
    </ScrollPage>
  );
};

/** Chapters that are begun for themselves: the office's work, and handing over. */
const apart: ReadonlySet<Chapter> = new Set<Chapter>(['prepare', 'close']);

/** Runs what is not done yet, in order, until something needs a person. */
function runOpen(site: OpenedSite, instances: readonly InstanceView[]): void {
  const open = instances.filter((item) => item.state !== 'done').map((item) => item.key);
  const inputs = Object.fromEntries(
    open.map((key) => [key, site.drafts[key] ?? site.view.instances[key]?.input ?? {}]),
  ) as Parameters<typeof run>[1]['inputs'];
  void run(site.name, { instances: open, consent: 'phase', agreed: [], skip: [], inputs });
}

/** The same on a terminal, with what stands in the forms of these steps. */
function runForm(site: OpenedSite, wanted: readonly ChapterView[]): readonly string[] {
  const open = wanted.flatMap(({ instances }) => instances).filter(({ state }) => state !== 'done');
  const said = open.flatMap(({ key, step, input }) => {
    const info = site.steps.find(({ id }) => id === step);
    const draft = site.drafts[key];
    return info === undefined || draft === undefined ? [] : [[key, saidOf(info, draft, input)] as const];
  });
  return terminalForms.runAll(
    site.name,
    wanted.map(({ chapter }) => chapter),
    Object.fromEntries(said),
  );
}

interface RowProps {
  readonly site: OpenedSite;
  readonly chapter: ChapterView;
  readonly busy: boolean;
  /** The first chapter that is not done: what a person would run now. */
  readonly first: boolean;
}

const ChapterRow = ({ site, chapter, busy, first }: RowProps) => {
  const { t } = useTranslation();
  const { instances, done, state } = chapter;
  const left = useTimeLeft(instances, site.machines);
  const name = t(`ui.chapter.${chapter.chapter}`);
  const open = instances.some((item) => item.state !== 'done');
  return (
    <div className={styles.row}>
      <div className={styles.rowName}>
        <h3>{name}</h3>
        <span className="quiet">
          {t('ui.overview.chapterSum', { done, total: instances.length })}
          {left !== '' && ` · ${left}`}
        </span>
      </div>
      <StateMark state={state} />
      {open && (
        <Button
          kind={first ? 'plain' : 'quiet'}
          icon={<FastForward aria-hidden />}
          isPending={busy}
          aria-label={`${t('ui.overview.runChapter')}: ${name}`}
          onPress={() => runOpen(site, instances)}
        >
          {t('ui.overview.runChapter')}
        </Button>
      )}
    </div>
  );
};
