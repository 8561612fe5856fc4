// The guided first run of the practice site: one fault after the other, met where the program notices it and put right again.
// `whole` on the overview, with all lessons; on a step's page only what is under way.
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useWords } from '../i18n/words.ts';
import { type LessonView, lessonNow, lessonsOf, noticed, setFault } from '../state/lessons.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import styles from './guide-panel.module.css';

interface Props {
  readonly site: OpenedSite;
  readonly whole?: boolean;
}

export const GuidePanel = ({ site, whole = false }: Props) => {
  const { t } = useTranslation();
  const all = lessonsOf(site);
  const now = lessonNow(all);
  useNoticing(site, now);
  const learned = all.filter(({ state }) => state === 'learned').length;
  if (all.length === 0 || (!whole && now === null)) return null;
  return (
    <section className={styles.panel} aria-labelledby="guide-title">
      <div className={styles.head}>
        <h2 id="guide-title">{t('ui.guide.title')}</h2>
        <span className="quiet small">{t('ui.guide.sum', { done: learned, total: all.length })}</span>
      </div>
      {whole && <p className="quiet">{t('ui.practice.banner')}</p>}
      <div className={styles.body}>
        {whole && (
          <ol className={styles.lessons}>
            {all.map((lesson) => (
              <li
                key={lesson.fault}
                className={styles[lesson.state]}
                aria-current={lesson === now ? 'step' : undefined}
              >
                {t(`ui.guide.${lesson.fault}.title`)}
                <span className="quiet small">{t(`ui.guide.state.${lesson.state}`)}</span>
              </li>
            ))}
          </ol>
        )}
        {now !== null ? (
          <Now site={site} lesson={now} />
        ) : (
          <p>{learned === all.length ? t('ui.guide.over') : <Ahead all={all} />}</p>
        )}
      </div>
    </section>
  );
};

/** Where the next lesson waits. */
const Ahead = ({ all }: { readonly all: readonly LessonView[] }) => {
  const { t } = useTranslation();
  const words = useWords();
  const next = all.find(({ state }) => state === 'ahead');
  return next === undefined ? null : t('ui.guide.ahead', { step: words.instanceTitle(next.step) });
};

const Now = ({ site, lesson }: { readonly site: OpenedSite; readonly lesson: LessonView }) => {
  const { t } = useTranslation();
  const words = useWords();
  const { fault, state, step } = lesson;
  const change = (on: boolean) => void setFault(site.name, { id: fault, on, met: state === 'met' });
  const go = <a href={addressOf({ page: 'step', site: site.name, instance: step.key })}>{words.instanceTitle(step)}</a>;
  return (
    <div className={styles.now} role="status">
      <h3>{t(`ui.guide.${fault}.title`)}</h3>
      {state === 'ready' && <p>{t(`ui.guide.${fault}.story`)}</p>}
      {state === 'armed' && (
        <p>
          {t('ui.guide.try')} {go}
        </p>
      )}
      {state === 'met' && <p>{t(`ui.guide.${fault}.seen`)}</p>}
      {state === 'again' && (
        <p>
          {t('ui.guide.again')} {go}
        </p>
      )}
      {state === 'ready' && (
        <Button kind="plain" onPress={() => change(true)}>
          {t(`ui.guide.${fault}.arm`)}
        </Button>
      )}
      {state === 'met' && (
        <Button kind="plain" onPress={() => change(false)}>
          {t(`ui.guide.${fault}.mend`)}
        </Button>
      )}
    </div>
  );
};

/** Keeps that the program noticed the fault, as soon as it says so anywhere in the window. */
function useNoticing(site: OpenedSite, now: LessonView | null): void {
  const struck = now !== null && now.state === 'armed' && noticed(site, now);
  const fault = now?.fault;
  useEffect(() => {
    if (struck && fault !== undefined) void setFault(site.name, { id: fault, on: true, met: true });
  }, [struck, fault, site.name]);
}
