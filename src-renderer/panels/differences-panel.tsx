// What differs from a record, as the last comparison found it: machine by machine, in words.
import { useTranslation } from 'react-i18next';
import { difference } from '../../src-shared/as-built.ts';
import { formatMoment } from '../../src-shared/format.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import type { OpenedSite } from '../state/store.ts';
import styles from './record-view.module.css';

const facts = difference.array();

/** Shows nothing while the site was not compared with this record. */
export const DifferencesPanel = ({ site, number }: { readonly site: OpenedSite; readonly number: number }) => {
  const { t, i18n } = useTranslation();
  const view = site.view.instances[instanceKey('compare-with-record', theSite)];
  const read = view?.facts as { readonly number?: unknown; readonly differences?: unknown } | null | undefined;
  const found = facts.safeParse(read?.differences).data;
  if (found === undefined || read?.number !== number) return null;
  const at = view?.readAt == null ? '' : formatMoment(view.readAt, i18n.language);
  return (
    <section className={styles.part} aria-labelledby="differences-title">
      <h2 id="differences-title">
        {found.length === 0 ? t('record.same') : t('record.compared', { count: found.length, number })}
      </h2>
      <p className="quiet">{t('ui.records.comparedAt', { at })}</p>
      <ul className={styles.list}>
        {found.map(({ machine, part, name, was, is }) => (
          <li key={`${machine} ${part} ${name}`}>
            <strong>{machine}</strong> {t(`record.part.${part}`)} <code translate="no">{name}</code>{' '}
            <span className={styles.value}>
              {was === null
                ? t('record.new', { is: is ?? '' })
                : is === null
                  ? t('record.gone', { was })
                  : t('record.changed', { was, is })}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
};
