// Two journals of one site, on a laptop and on a medium: which of them went on. Used before one is copied over the other.
// Pure; lines are compared as they are, so that only what was truly copied counts as the same.

/** `ahead`: the first went on, the second did not. `behind`: the other way. `diverged`: both did. */
export type Relation = 'same' | 'ahead' | 'behind' | 'diverged';

/** Events that a look at the site leaves behind: a journal that has only these more has not gone on. */
const looks = new Set(['opened', 'revealed', 'instances', 'facts', 'lease', 'run-started', 'run-ended']);

/** What the first journal is to the second. A last line that is not whole does not count. */
export function relationOf(first: string, second: string): Relation {
  const mine = linesOf(first);
  const theirs = linesOf(second);
  let common = 0;
  while (common < mine.length && common < theirs.length && mine[common] === theirs[common]) common += 1;
  if (common === mine.length && common === theirs.length) return 'same';
  const wentOn = (lines: readonly string[]): boolean => lines.slice(common).some((line) => !looks.has(kindOf(line)));
  const [iDid, theyDid] = [wentOn(mine), wentOn(theirs)];
  if (iDid && theyDid) return 'diverged';
  if (iDid) return 'ahead';
  if (theyDid) return 'behind';
  // Neither did anything: the longer one knows more, and where only one has more, nothing is lost by it.
  return mine.length >= theirs.length ? 'ahead' : 'behind';
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n');
  lines.pop();
  return lines;
}

const kindOf = (line: string): string => {
  const { kind } = eventIn(line);
  return typeof kind === 'string' ? kind : '';
};

function eventIn(line: string): Readonly<Record<string, unknown>> {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === 'object' && event !== null ? (event as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Who wrote a journal last, and when: `person@laptop`, ISO 8601; empty where it does not say. */
export function lastHand(text: string): { readonly owner: string; readonly at: string } {
  let owner = '';
  let at = '';
  for (const line of linesOf(text).toReversed()) {
    const event = eventIn(line);
    if (at === '' && typeof event.at === 'string') at = event.at;
    if (event.kind !== 'opened') continue;
    owner = `${event.who}@${event.laptop}`;
    break;
  }
  return { owner, at };
}
