// What changes between two texts, line by line, as one sees it before a file is written. Used by the window, the
// command line and the record. Pure.

export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
  /** Line number before, from 1; null for an added line. */
  readonly before: number | null;
  /** Line number after, from 1; null for a removed line. */
  readonly after: number | null;
  /** The file ends here without a line end. */
  readonly unended: boolean;
}

/** Some lines of a diff that lie together, with context around the changes. */
export interface Hunk {
  /** Unchanged lines left out since the former hunk or the beginning. */
  readonly skipped: number;
  readonly lines: readonly DiffLine[];
}

/** Lines with their line ends, so that a missing last one is a difference as well. */
const linesOf = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

const shown = (raw: string): Pick<DiffLine, 'text' | 'unended'> =>
  raw.endsWith('\n') ? { text: raw.slice(0, -1), unended: false } : { text: raw, unended: true };

/** Beyond this many compared pairs the middle is shown as replaced whole: exact, only longer than need be. */
const pairLimit = 4_000_000;

/** All lines of both texts in order. A null `before` is a file that is not there: everything is added. */
export function diffLines(before: string | null, after: string): readonly DiffLine[] {
  const old = linesOf(before ?? '');
  const now = linesOf(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  ) {
    tail += 1;
  }
  const result: DiffLine[] = [];
  const same = (oldIndex: number, newIndex: number): void => {
    result.push({ kind: 'same', ...shown(now[newIndex] ?? ''), before: oldIndex + 1, after: newIndex + 1 });
  };
  for (let index = 0; index < head; index += 1) same(index, index);
  for (const [oldIndex, newIndex] of middle(old, now, head, tail)) {
    if (oldIndex !== null && newIndex !== null) same(oldIndex, newIndex);
    else if (oldIndex !== null) {
      result.push({ kind: 'removed', ...shown(old[oldIndex] ?? ''), before: oldIndex + 1, after: null });
    } else if (newIndex !== null) {
      result.push({ kind: 'added', ...shown(now[newIndex] ?? ''), before: null, after: newIndex + 1 });
    }
  }
  for (let index = tail; index > 0; index -= 1) same(old.length - index, now.length - index);
  return result;
}

type Pair = readonly [old: number | null, now: number | null];

/** The longest common subsequence of what lies between the equal head and tail; removals before additions. */
function middle(old: readonly string[], now: readonly string[], head: number, tail: number): readonly Pair[] {
  const rows = old.length - head - tail;
  const columns = now.length - head - tail;
  const replaced: Pair[] = [
    ...Array.from({ length: rows }, (_, index): Pair => [head + index, null]),
    ...Array.from({ length: columns }, (_, index): Pair => [null, head + index]),
  ];
  if (rows === 0 || columns === 0 || rows * columns > pairLimit) return replaced;
  const width = columns + 1;
  const common = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        old[head + row] === now[head + column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const pairs: Pair[] = [];
  let row = 0;
  let column = 0;
  while (row < rows || column < columns) {
    if (row < rows && column < columns && old[head + row] === now[head + column]) {
      pairs.push([head + row, head + column]);
      row += 1;
      column += 1;
    } else if (row < rows && (column === columns || at(row + 1, column) >= at(row, column + 1))) {
      pairs.push([head + row, null]);
      row += 1;
    } else {
      pairs.push([null, head + column]);
      column += 1;
    }
  }
  return pairs;
}

/** The changed places with `context` unchanged lines around each; empty when the texts are equal. */
export function hunksOf(lines: readonly DiffLine[], context = 3): readonly Hunk[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => {
    if (line.kind !== 'same') near.fill(1, Math.max(0, index - context), index + context + 1);
  });
  const hunks: { skipped: number; lines: DiffLine[] }[] = [];
  let skipped = 0;
  let open: { skipped: number; lines: DiffLine[] } | null = null;
  lines.forEach((line, index) => {
    if (near[index] === 1) {
      if (open === null) {
        open = { skipped, lines: [] };
        hunks.push(open);
      }
      open.lines.push(line);
      skipped = 0;
    } else {
      open = null;
      skipped += 1;
    }
  });
  return hunks;
}

/** Unified text of a change, in the format that `patch` reads. Empty when nothing changes. */
export function diffText(before: string | null, after: string, context = 3): string {
  const signs = { same: ' ', added: '+', removed: '-' } as const;
  return hunksOf(diffLines(before, after), context)
    .map(({ lines }) => {
      const old = lines.filter((line) => line.before !== null);
      const now = lines.filter((line) => line.after !== null);
      // A side without lines is numbered by the line it follows, as diff does it.
      const oldStart = old[0]?.before ?? (now[0]?.after ?? 1) - 1;
      const newStart = now[0]?.after ?? (old[0]?.before ?? 1) - 1;
      const body = lines
        .map((line) => `${signs[line.kind]}${line.text}${line.unended ? '\n\\ No newline at end of file' : ''}`)
        .join('\n');
      return `@@ -${oldStart},${old.length} +${newStart},${now.length} @@\n${body}`;
    })
    .join('\n');
}
