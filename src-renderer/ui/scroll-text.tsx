// Plain text in a frame that scrolls: outputs, evidence, facts. Reachable by keyboard, never translated.
import styles from './scroll-text.module.css';

interface Props {
  readonly text: string;
  readonly label: string;
  /** As high as its place, instead of a few lines. */
  readonly tall?: boolean;
}

export const ScrollText = ({ text, label, tall = false }: Props) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
  <section className={`${styles.frame} ${tall ? styles.tall : ''}`} aria-label={label} tabIndex={0}>
    <pre dir="ltr" translate="no">
      {text}
    </pre>
  </section>
);
