// Facts of a machine in one round trip: probes become one script for `sh -s`, its framed output becomes answers.
// Called by connection.ts; the two halves are pure. The script must never write anything, temporary files included,
// and uses only what the smallest Debian has: sh, coreutils, findutils, setpriv.
//
// Frame of one probe: `P <index>`, lines of base64, `-`, lines of base64, `.`. The first block is standard output followed
// by a line feed and the exit code, so that output and exit travel in order; the second is standard error. `E` ends it all.
import { type Problem, problem } from '../../src-shared/problem.ts';
import { quoteArgv } from '../../src-shared/quote.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';
import { asUserScript } from './rights.ts';

const readLimitMs = 20_000;
const runLimitMs = 30_000;
/** Longer files are cut: facts are small, and a log read by mistake must not fill the memory. */
const readLimitBytes = 16 * 1024 * 1024;

export interface RawAnswer {
  readonly exit: number;
  readonly out: Uint8Array;
  readonly err: Uint8Array;
}

const limitOf = (probe: Probe): number => (probe.kind === 'run' ? (probe.limitMs ?? runLimitMs) : readLimitMs);

/** How long the whole script may take at most. */
export const probesLimitMs = (probes: readonly Probe[]): number =>
  probes.reduce((sum, probe) => sum + limitOf(probe) + 6000, 10_000);

const frame = [
  'exec 5>&1',
  'fk() {',
  // Inside: command output and exit code go through base64 to the real output (5); its errors through the substitution.
  `  fk_err=$( { { "$@" </dev/null 5>&-; printf '\\n%s' "$?"; } | base64 >&5; } 2>&1 | base64 )`,
  `  printf '%s\\n' - "$fk_err" .`,
  '}',
].join('\n');

/** The script for some probes; `loginUser` is who `as: 'login'` means. */
export function probeScript(probes: readonly Probe[], loginUser: string): string {
  const calls = probes.map((probe, index) => {
    const seconds = String(Math.max(1, Math.ceil(limitOf(probe) / 1000)));
    const argv = ['timeout', '-k', '5', seconds, ...argvOf(probe, loginUser)];
    return `printf 'P %s\\n' ${index}\nfk ${quoteArgv(argv)}`;
  });
  return `${[frame, ...calls].join('\n')}\nprintf 'E\\n'\n`;
}

function argvOf(probe: Probe, loginUser: string): readonly string[] {
  if (probe.kind === 'read') return ['head', '-c', String(readLimitBytes), '--', absolute(probe.path)];
  // `/.` makes a file in the folder's place an error. A name with a line feed cannot be one line; it is left out.
  if (probe.kind === 'list') {
    const found = ['-mindepth', '1', '-maxdepth', '1', '!', '-name', '*\n*', '-printf', '%y %s %f\\n'];
    return ['find', '-H', `${absolute(probe.path)}/.`, ...found];
  }
  if (probe.kind === 'stat') return ['stat', '-c', '%f %a %U:%G %s', '--', absolute(probe.path)];
  const as = probe.as === 'login' ? loginUser : (probe.as ?? 'root');
  return as === 'root' ? probe.argv : ['/bin/sh', '-c', asUserScript, 'sh', as, ...probe.argv];
}

/** find has no `--`: a path is absolute or it is a fault of the step. */
function absolute(path: string): string {
  if (!path.startsWith('/')) throw problem('internal', { detail: `not an absolute path: ${path}` });
  return path;
}

/** The answers in order of the probes, or null when the output is cut short or not ours. */
export function parseFrames(text: string, count: number): readonly RawAnswer[] | null {
  const lines = text.split('\n');
  const answers: RawAnswer[] = [];
  let at = 0;
  const block = (end: string): Buffer | null => {
    const from = at;
    while (at < lines.length && lines[at] !== end) at += 1;
    if (at >= lines.length) return null;
    const bytes = Buffer.from(lines.slice(from, at).join(''), 'base64');
    at += 1;
    return bytes;
  };
  for (let index = 0; index < count; index += 1) {
    if (lines[at] !== `P ${index}`) return null;
    at += 1;
    const out = block('-');
    const err = block('.');
    if (out === null || err === null) return null;
    const exitAt = out.lastIndexOf(10);
    const exit = exitAt < 0 ? '' : out.toString('latin1', exitAt + 1);
    if (!/^\d{1,3}$/.test(exit)) return null;
    answers.push({ exit: Number(exit), out: out.subarray(0, exitAt), err });
  }
  return lines[at] === 'E' ? answers : null;
}

/** Raw answers as the steps see them: text, the fixed forms of `list` and `stat`, by probe id. */
export function answersOf(probes: readonly Probe[], raw: readonly RawAnswer[]): Record<string, Answer> {
  const answers: Record<string, Answer> = {};
  probes.forEach((probe, index) => {
    const { exit, out, err } = raw[index] as RawAnswer;
    const text = Buffer.from(out).toString('utf8');
    const shaped =
      exit !== 0 ? text : probe.kind === 'list' ? listed(text) : probe.kind === 'stat' ? statted(text) : text;
    answers[probe.id] = { exit, out: shaped, err: Buffer.from(err).toString('utf8') };
  });
  return answers;
}

/** `type size name`, sorted by name so that equal folders give equal facts. */
function listed(text: string): string {
  const rows = text.split('\n').filter((line) => line !== '');
  const nameOf = (row: string): string => row.replace(/^\S+ \S+ /, '');
  return rows
    .map((row) => row.replace(/^./, (type) => ('fdl'.includes(type) ? type : 'o')))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .map((row) => `${row}\n`)
    .join('');
}

/** File type bits of st_mode (inode(7)). */
const typeOfMode: Readonly<Record<number, string>> = { 32768: 'f', 16384: 'd', 40960: 'l' };

/** `type mode owner:group size`. */
const statted = (text: string): string =>
  text.trim().replace(/^[0-9a-f]+/, (hex) => typeOfMode[Number.parseInt(hex, 16) & 0xf000] ?? 'o');

/** The problem of output that is not whole. */
export const cutShort = (machine: string, exit: number, stderr: string): Problem =>
  problem('command-failed', { command: 'sh', exit, machine, detail: 'answers cut short' }, { evidence: stderr });
