// Long work on the target as transient systemd units: a cut connection does not touch them, a new one finds them again.
// Called by connection.ts. Each run keeps a folder /var/lib/fieldkit/runs/<name>/ with `log` and, at its end, `exit`.
// It must never start a run twice: a run whose folder is there was started, whatever became of it.

import { problem } from '../../src-shared/problem.ts';
import { quoteArgv } from '../../src-shared/quote.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { sha256Of } from '../platform/files.ts';
import type { Link } from './link.ts';
import { runUnitPrefix, workFolder } from './our-paths.ts';
import { asUserScript } from './rights.ts';
import { runScript, scriptFailed, shortMs } from './script.ts';
import type { FollowOptions, UnitEnd, UnitOptions, UnitState } from './target.ts';

const runsFolder = `${workFolder}/runs`;
const chunkBytes = 256 * 1024;
const tailBytes = 64 * 1024;
const usualPollMs = 1000;

/** A name for folder and unit: the id when it is plain enough, else made so and told apart by a hash. */
export function unitName(id: string): string {
  if (/^[A-Za-z0-9_.-]{1,120}$/.test(id) && !id.startsWith('.')) return id;
  const short = sha256Of(id).slice(0, 12);
  return `${id.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 100)}-${short}`;
}

const argsOf = (id: string): [folder: string, unit: string] => [
  `${runsFolder}/${unitName(id)}`,
  `${runUnitPrefix}${unitName(id)}.service`,
];

/**
 * Becomes the unit's main process: takes the input out of memory, runs the command and what is to be run afterwards, leaves
 * the command's exit code atomically.
 */
const wrapper = [
  'f=$1; i=$2; a=$3; shift 3',
  'if [ -f "$i" ]; then exec <"$i"; rm -f -- "$i"; else exec </dev/null; fi',
  '"$@" >>"$f/log" 2>&1',
  'c=$?',
  'if [ -f "$a" ]; then /bin/sh "$a" >>"$f/log" 2>&1 </dev/null; fi',
  'printf "%s\\n" "$c" >"$f/exit.part" && sync "$f/exit.part" "$f/log"; mv -f "$f/exit.part" "$f/exit"',
].join('\n');

const starter = [
  'f=$1; u=$2; i=$3; w=$4; has=$5; a=$6; after=$7; shift 7',
  'umask 077',
  'mkdir -p "$(dirname -- "$f")" /run/fieldkit || exit 1',
  // The folder is the mark: only who makes it starts the unit.
  'mkdir "$f" 2>/dev/null || { [ -d "$f" ] && exit 0; exit 1; }',
  ': >"$f/log" || exit 1',
  'if [ "$has" = yes ]; then cat >"$i" || exit 1; fi',
  // systemd itself does it when the wrapper was killed; done once, the file is gone, and the failing is of no account.
  'if [ -n "$after" ]; then printf "%s\\nrm -f -- \\"\\$0\\"\\n" "$after" >"$a" || exit 1; fi',
  'systemd-run --quiet --collect --unit="$u" --setenv=LC_ALL=C.UTF-8 --setenv=HOME=/root --property=IgnoreSIGPIPE=no' +
    ' ${after:+"--property=ExecStopPost=-/bin/sh $a"} -- /bin/sh -c "$w" sh "$f" "$i" "$a" "$@"',
  'c=$?',
  'if [ "$c" != 0 ]; then rm -rf -- "$f" "$i" "$a"; fi',
  'exit "$c"',
].join('\n');

/** systemd puts its own environment in the place of `$NAME` and `${NAME}` in a unit's command; a doubled sign is one that it leaves. */
const asWritten = (word: string): string => word.replaceAll('$', '$$$$');

/** Starts a run, or does nothing when there is one with this id. Throws `target-not-systemd`, `command-failed`, `connection-lost`. */
export async function startUnit(
  link: Link,
  id: string,
  argv: readonly string[],
  options: UnitOptions = {},
): Promise<void> {
  const [folder, unit] = argsOf(id);
  const as = options.as === 'login' ? link.machine.user : (options.as ?? 'root');
  const command = as === 'root' ? argv : ['/bin/sh', '-c', asUserScript, 'sh', as, ...argv];
  const input = `/run/fieldkit/${unitName(id)}.stdin`;
  const has = options.stdin === undefined ? 'no' : 'yes';
  const late = `/run/fieldkit/${unitName(id)}.afterwards`;
  const lateText = quoteArgv(options.afterwards ?? []);
  const args = [folder, unit, input, asWritten(wrapper), has, late, lateText, ...command.map(asWritten)];
  const result = await runScript(link, starter, args, {
    limitMs: shortMs,
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (result.exit === 127 || /not been booted with systemd/.test(result.stderr)) {
    throw problem('target-not-systemd', { machine: link.machine.name }, { evidence: result.stderr });
  }
  if (result.exit !== 0) throw scriptFailed(link, 'systemd-run', result);
}

/** Prints `absent`, `running`, or `ended CODE`; the exit file is looked for again after the unit was seen gone. */
const stateShell = [
  'state() {',
  '  [ -d "$f" ] || { echo absent; return; }',
  '  [ -f "$f/exit" ] || ! systemctl --quiet is-active "$u" 2>/dev/null || { echo running; return; }',
  '  if [ -f "$f/exit" ]; then echo "ended $(cat "$f/exit")"; else echo ended; fi',
  '}',
].join('\n');

export async function unitState(link: Link, id: string): Promise<UnitState> {
  const result = await runScript(link, `f=$1; u=$2\n${stateShell}\nstate`, argsOf(id), { limitMs: shortMs });
  if (result.exit !== 0) throw scriptFailed(link, 'systemctl is-active', result);
  return parseState(result.stdout);
}

/** Reads the line that the state function prints. */
export function parseState(line: string): UnitState {
  const [word, code] = line.trim().split(' ');
  if (word === 'absent' || word === 'running') return { state: word };
  return { state: 'ended', exit: code !== undefined && /^\d+$/.test(code) ? Number(code) : null };
}

/** State first, then the log from an offset: what was written before the end is never missed. */
const followScript = `f=$1; u=$2\n${stateShell}\nstate\ntail -c "+$3" "$f/log" 2>/dev/null | head -c ${chunkBytes} | base64\n`;
const tailScript = `tail -c ${tailBytes} "$1/log" 2>/dev/null; exit 0`;

/**
 * Waits for a run's end and hands out its log's lines. Works on any connection to the machine: after a loss, call it again
 * with the last offset. Throws `connection-lost`, `cancelled` (the run goes on; see `stopUnit`), `command-failed` when absent.
 */
export async function followUnit(
  link: Link,
  id: string,
  options: FollowOptions = {},
  clock: Clock = systemClock,
): Promise<UnitEnd> {
  const { signal } = options;
  const args = argsOf(id);
  const limits = { limitMs: shortMs, ...(signal === undefined ? {} : { signal }) };
  let offset = options.fromByte ?? 0;
  let rest = Buffer.alloc(0);
  for (;;) {
    const result = await runScript(link, followScript, [...args, String(offset + rest.length + 1)], limits);
    const at = result.stdout.indexOf('\n');
    const state = parseState(result.stdout.slice(0, at));
    if (result.exit !== 0 || state.state === 'absent') throw scriptFailed(link, `follow ${id}`, result);
    const fresh = Buffer.from(result.stdout.slice(at + 1), 'base64');
    rest = Buffer.concat([rest, fresh]);
    const finished = state.state === 'ended' && fresh.length < chunkBytes;
    const cut = finished ? rest.length : rest.lastIndexOf(10) + 1;
    if (cut > 0) {
      const lines = rest.toString('utf8', 0, cut).split('\n');
      if (lines.at(-1) === '') lines.pop();
      for (const line of lines) options.onLine?.(line.replace(/\r$/, ''));
      offset += cut;
      rest = rest.subarray(cut);
      options.onOffset?.(offset);
    }
    if (finished) {
      const tail = await runScript(link, tailScript, [args[0]], limits);
      return { exit: state.exit, tail: tail.stdout };
    }
    if (fresh.length < chunkBytes) await clock.sleep(options.pollMs ?? usualPollMs, signal);
  }
}

/** Ends a run and everything it started. Its state is then `ended` with exit null. */
export async function stopUnit(link: Link, id: string): Promise<void> {
  const script = 'systemctl stop "$2" 2>/dev/null; ! systemctl --quiet is-active "$2"';
  const result = await runScript(link, script, argsOf(id), { limitMs: 2 * shortMs });
  if (result.exit !== 0) throw scriptFailed(link, 'systemctl stop', result);
}

/** Removes an ended run's folder; the same id may then be started again. A running one is refused (`command-failed`). */
export async function forgetUnit(link: Link, id: string): Promise<void> {
  const script = `f=$1; u=$2\n${stateShell}\n[ "$(state)" != running ] || { echo "still running" >&2; exit 9; }\nrm -rf -- "$f"`;
  const result = await runScript(link, script, argsOf(id), { limitMs: shortMs });
  if (result.exit !== 0) throw scriptFailed(link, `forget ${id}`, result);
}
