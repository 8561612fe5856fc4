// How far an act on every byte of a medium is, with speed and time left.
import { useTranslation } from 'react-i18next';
import { formatBytes, formatDuration } from '../../src-shared/format.ts';
import { Bar } from '../ui/bar.tsx';

interface Props {
  readonly label: string;
  readonly far: {
    readonly doneBytes: number;
    readonly totalBytes: number | null;
    readonly speed: number | null;
    readonly leftMs: number | null;
  };
}

export const MediumBar = ({ label, far }: Props) => {
  const { t, i18n } = useTranslation();
  const { doneBytes, totalBytes, speed, leftMs } = far;
  const size = (bytes: number): string => formatBytes(bytes, i18n.language);
  const parts = [
    totalBytes === null ? '' : t('ui.progress.of', { done: size(doneBytes), total: size(totalBytes) }),
    speed === null ? '' : t('ui.progress.speed', { speed: size(speed) }),
    leftMs === null ? '' : t('ui.progress.left', { time: formatDuration(leftMs, i18n.language) }),
  ];
  const text = parts.filter((part) => part !== '').join(' · ');
  return <Bar label={label} done={doneBytes} total={totalBytes} text={text} />;
};
