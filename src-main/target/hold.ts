// The hold on a machine: one small file there that says which laptop is at work on it, since when, and when it last said so.
// Called by the performers before they change anything. It must never take a hold from another laptop by itself, but one that
// has been silent for long; time is the machine's own, so that laptops with wrong clocks agree.
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import type { ExecResult, Target } from './target.ts';

/** Who holds a machine, for people. */
export interface Holder {
  readonly person: string;
  readonly laptop: string;
  readonly program: string;
  /** When the hold began, by the laptop's clock, ISO 8601. */
  readonly since: string;
}

export type Hold =
  /** Ours: taken now, or renewed. `from`: who held it before and fell silent, or was relieved. */
  | { readonly state: 'ours'; readonly from: (Holder & { readonly silentMs: number }) | null }
  | { readonly state: 'held'; readonly id: string; readonly by: Holder; readonly silentMs: number };

export interface HoldRequest {
  /** Names the site on this laptop: random, the same at every start. */
  readonly id: string;
  readonly holder: Holder;
  /** A hold without a sign of life for this long may be taken. */
  readonly staleMs: number;
  /** The id of another's hold that a person chose to take. */
  readonly takeFrom: string | null;
}

/** Gone with a reboot, as is all that a laptop had under way there; closing a site finds nothing of it. */
const folder = '/run/fieldkit';
const path = `${folder}/hold`;
/** Its first line is the id of who holds the machine; whoever runs commands there can read it. */
export const holdPath = path;

/** The command was not begun: the machine's hold is not, or not any more, the one that it was to be begun under. */
export class HoldLost extends Error {
  constructor(machine: string) {
    super(`the hold on ${machine} is another one`);
  }
}
const limitMs = 30_000;

/**
 * One turn at a time, by a lock on the folder. The file: the id on the first line, JSON for people on the second; its time of
 * change is the last sign of life. Prints `ours`, or `was|held SILENT_SECONDS` with the file.
 */
const takeScript = `# fieldkit-hold
set -e
id=$1; stale=$2; from=$3
install -d -m 0755 ${folder}
exec 9<${folder}
flock -w 10 9
if [ -e ${path} ]; then
  who=$(head -n 1 ${path})
  if [ "$who" = "$id" ]; then touch ${path}; echo ours; exit; fi
  silent=$(( $(date +%s) - $(stat -c %Y ${path}) ))
  if [ "$silent" -lt "$stale" ] && [ "$who" != "$from" ]; then echo "held $silent"; cat ${path}; exit; fi
  echo "was $silent"; cat ${path}
fi
{ echo "$id"; cat; } >${path}.new
chmod 0644 ${path}.new
mv -f ${path}.new ${path}
echo ours
`;

/** Gives back what is ours alone, and leaves no empty folder. */
const releaseScript = `# fieldkit-hold
[ -e ${path} ] || exit 0
exec 9<${folder}
flock -w 10 9 || exit 0
[ "$(head -n 1 ${path})" = "$1" ] && rm -f ${path}
rmdir ${folder} 2>/dev/null
exit 0
`;

/** Takes or renews the hold. Throws `command-failed`, and what `exec` throws. */
export async function takeHold(target: Pick<Target, 'exec' | 'name'>, request: HoldRequest): Promise<Hold> {
  const { id, holder, staleMs, takeFrom } = request;
  const words = [id, String(Math.round(staleMs / 1000)), takeFrom ?? ''];
  const result = await target.exec(['sh', '-c', takeScript, 'sh', ...words], {
    as: 'root',
    stdin: `${JSON.stringify(holder)}\n`,
    limitMs,
  });
  const hold = result.exit === 0 ? readHold(result) : null;
  if (hold !== null) return hold;
  const detail = cleanLine(result.stderr.trim().split('\n').at(-1) ?? '');
  throw problem('command-failed', { command: 'hold', exit: result.exit, machine: target.name, detail });
}

/** Gives the hold back; one that another has taken meanwhile is left alone. */
export async function releaseHold(target: Pick<Target, 'exec'>, id: string): Promise<void> {
  await target.exec(['sh', '-c', releaseScript, 'sh', id], { as: 'root', limitMs });
}

/** What the script printed, null when it is none of its answers. */
export function readHold({ stdout }: Pick<ExecResult, 'stdout'>): Hold | null {
  const lines = stdout.trim().split('\n');
  if (lines.at(-1) === 'ours' && lines.length === 1) return { state: 'ours', from: null };
  const [, word, seconds] = /^(was|held) (-?\d+)$/.exec(lines[0] ?? '') ?? [];
  if (word === undefined) return null;
  // A clock that was set back makes it seem to come from the future.
  const silentMs = Math.max(0, Number(seconds) * 1000);
  const by = holderIn(lines[2] ?? '');
  if (word === 'held') return { state: 'held', id: lines[1] ?? '', by, silentMs };
  return lines.at(-1) === 'ours' ? { state: 'ours', from: { ...by, silentMs } } : null;
}

/** A damaged file is a hold by somebody unknown. */
function holderIn(text: string): Holder {
  const word = (value: unknown): string =>
    typeof value === 'string' && value !== '' ? cleanLine(value).slice(0, 120) : '?';
  let data: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) data = parsed as Record<string, unknown>;
  } catch {
    // Not one of ours.
  }
  return { person: word(data.person), laptop: word(data.laptop), program: word(data.program), since: word(data.since) };
}
