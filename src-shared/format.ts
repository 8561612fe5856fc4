// Numbers as people read them: sizes, speeds, lengths of time, in the person's language. Used by the window and the
// command line. Pure.

const steps = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** A size in decimal units with at most three significant digits: `9.1 GB`, `9,1 Go`. */
export function formatBytes(bytes: number, language: string): string {
  let value = bytes;
  let index = 0;
  while (Math.abs(value) >= 999.5 && index < steps.length - 1) {
    value /= 1000;
    index += 1;
  }
  const digits = index === 0 || value >= 99.95 ? 0 : 1;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: steps[index] ?? 'byte',
    unitDisplay: index === 0 ? 'long' : 'short',
    minimumFractionDigits: 0,
    maximumFractionDigits: digits,
  }).format(value);
}

const count = (value: number, unit: 'second' | 'minute' | 'hour' | 'day', language: string): string =>
  new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 }).format(
    value,
  );

/** A length of time, coarser the longer it is: `40 sec`, `4 min`, `1 hr 10 min`, `3 days`. Never less than a second. */
export function formatDuration(durationMs: number, language: string): string {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  if (seconds < 90) return count(seconds, 'second', language);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return count(minutes, 'minute', language);
  if (minutes >= 48 * 60) return count(Math.round(minutes / 60 / 24), 'day', language);
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return rest === 0
    ? count(hours, 'hour', language)
    : `${count(hours, 'hour', language)} ${count(rest, 'minute', language)}`;
}

/** How far a clock is from another one, and to which side: `3 hr behind`, `3 h de retard`. Below zero it is behind. */
export function formatAway(awayMs: number, language: string): string {
  const [behind, ahead] = language.startsWith('fr') ? ['de retard', 'd’avance'] : ['behind', 'ahead'];
  return `${formatDuration(Math.abs(awayMs), language)} ${awayMs < 0 ? behind : ahead}`;
}

/** A whole number with the language's own grouping. */
export const formatCount = (value: number, language: string): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value);

/** A number of things a second, with one decimal while it is small. */
export const formatRate = (value: number, language: string): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);

/** Time of day, `14:02`. */
export const formatTime = (at: string, language: string): string =>
  new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at));

/** Day and time, `22 Nov 2026, 14:02`. */
export const formatMoment = (at: string, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }).format(new Date(at));

/** A fingerprint as people compare it: groups of four. */
export const groupedFingerprint = (fingerprint: string): string => fingerprint.match(/.{1,4}/g)?.join(' ') ?? '';
