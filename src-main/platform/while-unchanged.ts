// Keeps what was made of files for as long as they are the same by name, place, size and time: for what is looked at again and again and
// seldom changes. Never for a decision, as a file may change and look the same; only for what is shown.
import { stat } from 'node:fs/promises';

export type Remember<T> = (what: string, paths: readonly string[], make: () => Promise<T>) => Promise<T>;

/** `what` names one thing: it is kept once, and made anew when any of its files looks otherwise, appears or goes. */
export function whileUnchanged<T>(): Remember<T> {
  const kept = new Map<string, { readonly marks: string; readonly made: Promise<T> }>();
  return async (what, paths, make) => {
    const marks = (await Promise.all(paths.map(markOf))).join('\n');
    const known = kept.get(what);
    if (known?.marks === marks) return known.made;
    const made = make();
    kept.set(what, { marks, made });
    // A failure is not kept: the next look tries again.
    made.catch(() => {
      if (kept.get(what)?.made === made) kept.delete(what);
    });
    return made;
  };
}

const markOf = (path: string): Promise<string> =>
  stat(path).then(
    ({ ino, size, mtimeMs, ctimeMs }) => `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs}`,
    () => `${path} -`,
  );
