// What is typed and not yet saved, kept on this laptop across pages, reloads and crashes of the program. Never for a secret.
import { useState } from 'react';

const nameOf = (key: string): string => `typed ${key}`;

/** What was typed under this key and neither saved nor forgotten; null when there is nothing, or nothing of this shape. */
export function keptOf<T>(key: string, isOne: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(nameOf(key)) ?? 'null');
    return isOne(value) ? value : null;
  } catch {
    return null;
  }
}

/** Null forgets it. A store that is full or shut keeps nothing, and hinders nobody who types. */
export function keep(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(nameOf(key));
    else localStorage.setItem(nameOf(key), JSON.stringify(value));
  } catch {
    // What is on the page is still there.
  }
}

/** Fields by name, with what was typed into them before. The last value forgets them, once they are saved. */
export function useKeptFields<T extends Readonly<Record<string, string>>>(
  key: string,
  initial: T,
): readonly [T, (next: T) => void, () => void] {
  const [fields, setFields] = useState<T>(() => ({ ...initial, ...keptOf(key, fieldsLike(initial)) }));
  const change = (next: T): void => {
    setFields(next);
    keep(key, next);
  };
  return [fields, change, () => keep(key, null)];
}

/** The same names, each with a text: what an older version of a form kept is not taken. */
const fieldsLike =
  <T extends Readonly<Record<string, string>>>(initial: T) =>
  (value: unknown): value is T =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).sort().join() === Object.keys(initial).sort().join() &&
    Object.values(value).every((item) => typeof item === 'string');
