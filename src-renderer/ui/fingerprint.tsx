// A fingerprint in groups of four, to be compared by eye or read over a phone.
import styles from './fingerprint.module.css';

export const Fingerprint = ({ text }: { readonly text: string }) => (
  <p className={styles.fingerprint} dir="ltr" translate="no">
    {(text.match(/.{1,4}/g) ?? []).map((group, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: groups have no identity but their place
      <span key={index}>{group}</span>
    ))}
  </p>
);
