// A text with names of files that are hashes: each takes the room of a word, and is whole to whom points at it, copies or hears it.
import styles from './short-hashes.module.css';

/** A file's name by its content or its address, after a slash: what is to be compared by eye never stands there. */
const hash = /(?<=\/)([0-9a-f]{32,})/;

export const ShortHashes = ({ text }: { readonly text: string }) =>
  text.split(hash).map((part, index) =>
    // Split by a group: every second part is what it found.
    index % 2 === 0 ? (
      part
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts have no identity but their place
      <span key={index} className={styles.hash} title={part}>
        {part}
      </span>
    ),
  );
