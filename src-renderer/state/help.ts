// What the help holds and how it is searched: how things work, every step, every problem, from the same texts as everything else.
// Pure: the texts are handed in.

export const helpKinds = ['topic', 'step', 'problem'] as const;
export type HelpKind = (typeof helpKinds)[number];

export interface HelpEntry {
  readonly kind: HelpKind;
  /** A topic's name, a step's id, a problem's code. */
  readonly id: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
}

/** Texts of one language: files, and below them keys. */
export interface Texts {
  readonly [key: string]: string | Texts;
}

const below = (texts: Texts | undefined, key: string): Texts => {
  const found = texts?.[key];
  return typeof found === 'object' ? found : {};
};
const textAt = (texts: Texts, key: string): string => {
  const found = texts[key];
  return typeof found === 'string' ? found : '';
};

/** A sentence with its parameters as names, as nobody can know them here: `‹machine›`. */
const named = (text: string): string => text.replaceAll(/\$t\(([^)]*)\)/g, '…').replaceAll(/\{\{(\w+)\}\}/g, '‹$1›');

const parts = { topic: ['text'], step: ['why'], problem: ['cause', 'untouched', 'next'] } as const;

/** Everything of one language; `steps` in the order of the procedure. */
export function helpEntries(texts: Texts, steps: readonly string[]): readonly HelpEntry[] {
  const entry = (kind: HelpKind, id: string, from: Texts): HelpEntry => ({
    kind,
    id,
    title: named(textAt(from, 'title')),
    paragraphs: parts[kind].map((part) => named(textAt(from, part))).filter((text) => text !== ''),
  });
  const topics = below(below(texts, 'help'), 'topic');
  const problems = below(texts, 'problems');
  return [
    ...Object.keys(topics).map((id) => entry('topic', id, below(topics, id))),
    ...steps.map((id) => entry('step', id, below(below(texts, 'steps'), id))),
    ...Object.keys(problems)
      .sort()
      .map((id) => entry('problem', id, below(problems, id))),
  ].filter(({ title }) => title !== '');
}

/** Without accents and capitals, as people type. */
const folded = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();

/** Entries that hold every word, those first that hold more of them in their title or code. All, for no word. */
export function searchHelp(entries: readonly HelpEntry[], wanted: string): readonly HelpEntry[] {
  const words = folded(wanted)
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return entries;
  const ranked = entries.flatMap((entry) => {
    const head = folded(`${entry.title} ${entry.id}`);
    const whole = `${head} ${folded(entry.paragraphs.join(' '))}`;
    if (!words.every((word) => whole.includes(word))) return [];
    return [{ entry, weight: words.filter((word) => head.includes(word)).length }];
  });
  return ranked.sort((one, other) => other.weight - one.weight).map(({ entry }) => entry);
}
