// What should be known before the act: steps that come first, an interruption, what is waited for, why one cannot know.
import { useTranslation } from 'react-i18next';
import { formatMoment } from '../../src-shared/format.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { useWords } from '../i18n/words.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Notice } from '../ui/notice.tsx';

/** Steps after which the sheet is worth printing: once the site is described, and before leaving. */
const beforeLeaving: ReadonlySet<string> = new Set(['describe-site', 'seal-medium']);

interface Props {
  readonly site: OpenedSite;
  readonly instance: InstanceView;
  readonly missing: readonly InstanceView[];
}

export const StepNotices = ({ site, instance, missing }: Props) => {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const { verdict, state, doneAt } = instance;
  return (
    <>
      {state === 'interrupted' && (
        <Notice kind="warn" title={t('ui.notice.interrupted')}>
          <p>{t('ui.notice.interruptedNext')}</p>
        </Notice>
      )}
      {missing.length > 0 && state !== 'doing' && (
        <Notice kind="plain" title={t('ui.notice.first')}>
          <ul>
            {missing.map((item) => (
              <li key={item.key}>
                <a href={addressOf({ page: 'step', site: site.name, instance: item.key })}>
                  {words.instanceTitle(item)}
                </a>
              </li>
            ))}
          </ul>
        </Notice>
      )}
      {state === 'waiting' && verdict?.state === 'waiting' && (
        <Notice kind="plain" title={t('ui.notice.waiting')}>
          <p>{words.told(verdict.for)}</p>
        </Notice>
      )}
      {state === 'unsure' && verdict?.state === 'unsure' && (
        <Notice kind="warn" title={t('ui.notice.unsure')}>
          <p>{words.told(verdict.why)}</p>
        </Notice>
      )}
      {state === 'done' && beforeLeaving.has(instance.step) && (
        <p>
          <a href={addressOf({ page: 'sheet', site: site.name })}>{t('ui.sheet.open')}</a>
        </p>
      )}
      {state === 'done' && doneAt !== null && (
        <p className="quiet">{t('ui.notice.doneAt', { at: formatMoment(doneAt, i18n.language) })}</p>
      )}
    </>
  );
};
