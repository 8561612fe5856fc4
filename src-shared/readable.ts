// Parameters of a sentence as people read them. Used by the window and the command line wherever a text with parameters
// is shown (`Told`, problems, questions), so that both say "9.1 GB" and neither says 9100000000. Pure.
import { formatAway, formatBytes, formatDuration, formatMoment } from './format.ts';
import type { Params } from './problem.ts';

/** Problem parameters that are sizes in bytes when they are numbers. */
const sizes = new Set(['needed', 'free', 'size']);
/** Problem parameters that are lengths of time in seconds when they are numbers. */
const times = new Set(['limit']);
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Sizes (`…Bytes`, and the problems' `needed`, `free`, `size`) and times (`…Ms`, and `limit` in seconds) get their units, a clock that is
 * off (`awayMs`) its side, moments (ISO 8601) their local form, and what is empty a dash. Everything else stays: a port is no amount, and `count` must stay a
 * number for the plural forms.
 */
export function readableParams(params: Params, language: string): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (typeof value === 'string') return [name, readableText(value, language)];
      if (sizes.has(name) || /[bB]ytes$/.test(name)) return [name, formatBytes(value, language)];
      if (times.has(name)) return [name, formatDuration(value * 1000, language)];
      if (name === 'awayMs') return [name, formatAway(value, language)];
      if (/Ms$/.test(name)) return [name, formatDuration(value, language)];
      return [name, value];
    }),
  );
}

function readableText(value: string, language: string): string {
  if (value === '') return '–';
  return moment.test(value) && !Number.isNaN(Date.parse(value)) ? formatMoment(value, language) : value;
}
