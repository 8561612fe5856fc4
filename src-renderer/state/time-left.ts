// How long what is left takes, about: by the steps' own minutes, as on the sheet. Said where the progress is said.
import { useTranslation } from 'react-i18next';
import { formatDuration } from '../../src-shared/format.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { joinedByRe6st } from '../../src-shared/picture.ts';
import { isTimed, minutesLeft } from '../../src-shared/sheet.ts';
import type { OpenedSite } from './store.ts';

/** Nobody knows it to the minute: the longer, the rounder. */
const coarse = (minutes: number): number => {
  const grain = minutes > 60 ? 10 : minutes > 20 ? 5 : 1;
  return Math.ceil(minutes / grain) * grain;
};

/** Empty when only steps of seconds are left, and while something is to be fetched or copied: nobody knows then, and it is said where it goes on. */
export function useTimeLeft(instances: readonly InstanceView[], machines: OpenedSite['machines']): string {
  const { t, i18n } = useTranslation();
  if (!isTimed(instances)) return '';
  const minutes = coarse(minutesLeft(instances, joinedByRe6st(machines).length));
  return minutes === 0 ? '' : t('ui.side.left', { time: formatDuration(minutes * 60_000, i18n.language) });
}
