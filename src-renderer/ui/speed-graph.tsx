// The course of a speed, for the eye: a slow stick or a stall shows at once. The numbers are in the text beside it.
import styles from './speed-graph.module.css';

interface Props {
  readonly speeds: readonly { readonly atMs: number; readonly speed: number }[];
}

/** As in the drawing's own units. */
const width = 240;
const height = 40;

export const SpeedGraph = ({ speeds }: Props) => {
  const [first] = speeds;
  const last = speeds.at(-1);
  if (first === undefined || last === undefined || last.atMs === first.atMs) return null;
  const most = Math.max(...speeds.map((item) => item.speed), 1);
  const points = speeds.map(({ atMs, speed }) => {
    const x = ((atMs - first.atMs) / (last.atMs - first.atMs)) * width;
    return `${x.toFixed(1)},${(height - (speed / most) * height).toFixed(1)}`;
  });
  return (
    <svg className={styles.graph} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
      <polyline points={points.join(' ')} />
    </svg>
  );
};
