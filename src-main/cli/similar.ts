// What somebody may have meant: names that are spelled alike. Pure.

/** At most five candidates, the nearest first; those that hold the word count as near. */
export function similarTo(word: string, candidates: readonly string[]): readonly string[] {
  const near = [...new Set(candidates)].flatMap((candidate) => {
    const distance = candidate.includes(word) && word.length > 2 ? 0 : editsBetween(word, candidate);
    return distance <= Math.max(2, Math.floor(word.length / 3)) ? [{ candidate, distance }] : [];
  });
  return near
    .sort((a, b) => a.distance - b.distance || a.candidate.length - b.candidate.length)
    .slice(0, 5)
    .map(({ candidate }) => candidate);
}

/** Levenshtein's distance: letters to add, drop or change. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[to.length] ?? 0;
}
