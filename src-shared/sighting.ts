// What a wait sees at a look, beyond "not yet": how far, what is not as it should be, the last that was said. A probe that can
// tell prints it line by line (`done 3 8`, `failing …`, `line …`); one that cannot, prints something else. Pure.
import { z } from 'zod';
import { cleanText } from './clean.ts';

export const sighting = z.strictObject({
  /** Partitions done of all that are known so far; null where nothing is counted. */
  done: z.int().nullable(),
  total: z.int().nullable(),
  /** What fails now and may still come right by itself. */
  failing: z.array(z.string()),
  /** The last line of the log that tells of it, empty for none. */
  line: z.string(),
});
export type Sighting = z.infer<typeof sighting>;

const lineLimit = 300;
const mostFailing = 8;

/** The sighting in a probe's output, null when there is none. */
export function sightingOf(output: string): Sighting | null {
  const lines = cleanText(output).split('\n');
  const after = (word: string): string[] =>
    lines.flatMap((line) =>
      line.startsWith(`${word} `)
        ? [
            line
              .slice(word.length + 1)
              .trim()
              .slice(0, lineLimit),
          ]
        : [],
    );
  const [, done, total] = /^(\d{1,6}) (\d{1,6})$/.exec(after('done').at(-1) ?? '') ?? [];
  const failing = after('failing').slice(0, mostFailing);
  const line = after('line').at(-1) ?? '';
  if (done === undefined && failing.length === 0 && line === '') return null;
  return {
    done: done === undefined ? null : Number(done),
    total: total === undefined ? null : Number(total),
    failing,
    line,
  };
}
