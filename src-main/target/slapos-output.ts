// What slapos prints, understood. Called by the steps' reads; pure. Forms seen with slapos.core 1.10 to 1.24.
import { cleanText } from '../../src-shared/clean.ts';

/** A log line's text without time, logger and level: `2024-05-06 10:00:00 slapos[12] INFO text`, or the log file's form. */
const logPrefix =
  /^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d+)? [^\s[]+(?:\[\d+\])? (DEBUG|INFO|WARNING|ERROR|CRITICAL)|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\] (DEBUG|INFO|WARNING|ERROR|CRITICAL)) ?/;

interface CacheRow {
  /** As `gcc -dumpmachine` says it, e.g. `x86_64-linux-gnu`. */
  readonly multiarch: string;
  readonly distribution: string;
  readonly version: string;
  readonly codename: string;
  readonly compatible: boolean;
  readonly verified: boolean;
}

export interface CacheLookup {
  /** `absent`: the index has no document for this URL. `failed`: the look-up itself failed. */
  readonly state: 'found' | 'absent' | 'failed';
  readonly url: string | null;
  readonly md5: string | null;
  readonly rows: readonly CacheRow[];
  /** At least one row that this machine would take. The command's exit code does not say it: it is 0 without any. */
  readonly usable: boolean;
  /** What it came to, in a line. */
  readonly detail: string;
}

/** Reads what `slapos cachelookup binary-sr URL` prints; the table is on standard error. Give both outputs together. */
export function parseCacheLookup(output: string, exit: number): CacheLookup {
  const lines = cleanText(output)
    .split('\n')
    .map((line) => line.replace(logPrefix, '').trim());
  const field = (name: string): string | null =>
    lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? null;
  const rows = lines.flatMap((line): CacheRow[] => {
    const words = line.split(/\s+/);
    const [compatible, verified] = words.slice(-2);
    if (words.length < 5 || !/^(yes|no)$/.test(compatible ?? '') || !/^(yes|no)$/.test(verified ?? '')) return [];
    const [multiarch = '', distribution = '', version = '', ...codename] = words.slice(0, -2);
    const flags = { compatible: compatible === 'yes', verified: verified === 'yes' };
    return [{ multiarch, distribution, version, codename: codename.join(' '), ...flags }];
  });
  const absent = lines.some(
    (line) => line.includes('not found in binary cache') || line.includes('has no binary entries'),
  );
  const failed = exit !== 0 || (rows.length === 0 && field('MD5') === null);
  return {
    state: absent ? 'absent' : failed ? 'failed' : 'found',
    url: field('Software URL'),
    md5: field('MD5'),
    rows,
    usable: rows.some((row) => row.compatible && row.verified),
    detail: absent
      ? 'not found in binary cache'
      : rows.length > 0
        ? rows.map(rowText).join('; ')
        : (lines.findLast((line) => line !== '') ?? '').slice(0, 300),
  };
}

const rowText = ({ multiarch, distribution, version, compatible, verified }: CacheRow): string =>
  `${distribution} ${version} ${multiarch}: compatible ${compatible ? 'yes' : 'no'}, verified ${verified ? 'yes' : 'no'}`;

/** Why a software release did not come. `poisoned`: its folder exists unfinished, and the cache is never asked again. */
type SoftwareFailure = 'poisoned' | 'cache-refused' | 'checksum' | 'buildout' | 'disk-space' | 'other';

export interface SoftwarePass {
  /** `none`: no pass in this log. `running`: the last one has no end yet. */
  readonly state: 'none' | 'running' | 'clean' | 'failed';
  /** It was unpacked from the cache in this pass. */
  readonly extracted: boolean;
  readonly failure: SoftwareFailure | null;
  /** The line that says it, cleaned. */
  readonly detail: string;
}

/** Strongest first: a poisoned folder is also reported as a forced cache that failed. */
const failures: readonly (readonly [SoftwareFailure, RegExp])[] = [
  ['poisoned', /Binary cache forced for .*directory .* already exists|but directory .* already exists, will retry/],
  ['disk-space', /not enough (?:free )?(?:disk )?space|DiskSpaceError|No space left on device/i],
  ['checksum', /invalid checksum/],
  ['cache-refused', /Binary cache forced for .*failed to download/],
  ['buildout', /Failed to run buildout profile in directory/],
];

/** Reads the end of slapos-node-software.log (or a pass's own output): the last pass, and how it ended. */
export function parseSoftwareLog(log: string): SoftwarePass {
  const lines = cleanText(log).split('\n');
  const from = lines.findLastIndex((line) => line.includes('Processing software releases...'));
  if (from < 0) return { state: 'none', extracted: false, failure: null, detail: '' };
  const pass = lines.slice(from);
  const ended = pass.some((line) => line.includes('Finished software releases.'));
  const extracted = pass.some((line) => line.includes('Extracting archive of cached software release'));
  for (const [failure, pattern] of failures) {
    const line = pass.find((one) => pattern.test(one));
    if (line !== undefined) return { state: 'failed', extracted, failure, detail: line.replace(logPrefix, '').trim() };
  }
  const error = pass.find((line) => /^(?:\S+ \S+ \S+ |\[[^\]]+\] )(?:ERROR|CRITICAL)\b/.test(line));
  if (error !== undefined) {
    return { state: 'failed', extracted, failure: 'other', detail: error.replace(logPrefix, '').trim() };
  }
  return { state: ended ? 'clean' : 'running', extracted, failure: null, detail: '' };
}

/** Exit 10 of slapgrid: another one of its kind is at work. That is a wait, not a failure. */
export const anotherRuns = (exit: number): boolean => exit === 10;

export type Supply = 'recorded' | 'wrong-arguments' | 'not-configured' | 'proxy-silent' | 'failed';

/** Reads what `slapos supply URL COMPUTER` answered. Recording the wish is all it does: a mistyped URL is recorded too. */
export function parseSupply(output: string, exit: number): Supply {
  const text = cleanText(output);
  if (exit === 0) return /^(?:.* )?Done\.$/m.test(text) ? 'recorded' : 'failed';
  if (exit === 2) return 'wrong-arguments';
  if (/ConfigError|Configuration file does not exist|ParsingError|DuplicateSectionError/.test(text))
    return 'not-configured';
  if (/ConnectionError|Couldn't connect to the server|Connection refused/.test(text)) return 'proxy-silent';
  return 'failed';
}

/** `slapos 1.22.1 (Python 3.11.2)`: the version of slapos.core, null when the text is something else. */
export const parseSlaposVersion = (text: string): string | null =>
  /^slapos (\d[\w.+-]*)/m.exec(cleanText(text))?.[1] ?? null;
