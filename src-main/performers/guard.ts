// Changes that can cut our own line. The undo is armed on the target first, as an installed timer that survives a reboot;
// it is disarmed only over a fresh connection. Called by compose's hands for `guard` commands.
import { Problem, problem } from '../../src-shared/problem.ts';
import type { CommandOf } from '../../src-shared/step.ts';
import type { Performed, Performing } from '../runbook/performer.ts';
import { performRun, performWrite, type TargetMeans, unitId } from './on-target.ts';

const folder = '/var/lib/fieldkit/guards';
/** Left between our last try and the undo, so that both never race. */
const marginMs = 15_000;

interface Guard {
  readonly id: string;
  readonly undo: string;
  readonly seconds: number;
}

const unit = (id: string): string => `fieldkit-guard-${id}`;

/** Writes script, service and timer, and starts the timer. Reads the undo on standard input, so that no quoting can hurt it. */
const armScript = ({ id, seconds }: Guard): string => `set -e
install -d -m 0700 ${folder}
cat > ${folder}/${id}.sh
rm -f ${folder}/${id}.undone
cat > /etc/systemd/system/${unit(id)}.service <<'UNIT'
[Unit]
Description=SlapOS Field Kit takes back a change that was not confirmed
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'touch ${folder}/${id}.undone; /bin/sh ${folder}/${id}.sh; systemctl disable ${unit(id)}.timer'
UNIT
cat > /etc/systemd/system/${unit(id)}.timer <<'UNIT'
[Unit]
Description=SlapOS Field Kit waits for a change to be confirmed
[Timer]
OnActiveSec=${seconds}
AccuracySec=1
[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
systemctl enable --now ${unit(id)}.timer
`;

/** Exit 3: the undo has already run. */
const disarmScript = (id: string): string => `systemctl disable --now ${unit(id)}.timer 2>/dev/null
undone=0
[ -e ${folder}/${id}.undone ] && undone=3
rm -f /etc/systemd/system/${unit(id)}.service /etc/systemd/system/${unit(id)}.timer ${folder}/${id}.sh ${folder}/${id}.undone
systemctl daemon-reload
rmdir ${folder} 2>/dev/null
exit $undone
`;

const undoNowScript = (id: string): string =>
  `systemctl start ${unit(id)}.service; ${disarmScript(id).replace('exit $undone', 'exit 0')}`;

/**
 * Performs the guarded commands and confirms them over a fresh connection.
 * Throws `guard-undone` when the machine could not be reached again in time: it has then taken the change back itself.
 */
export async function performGuard(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'guard'>,
  context: Performing,
): Promise<Performed> {
  const { clock } = means;
  const guard: Guard = { id: unitId(context), undo: command.undo, seconds: Math.ceil(command.confirmWithinMs / 1000) };
  const target = await means.target(machine, context.signal);
  const armed = await target.exec(['sh', '-c', armScript(guard)], {
    as: 'root',
    stdin: `${guard.undo}\n`,
    limitMs: 30_000,
  });
  if (armed.exit !== 0)
    throw problem('command-failed', {
      command: 'guard',
      exit: armed.exit,
      machine,
      detail: armed.stderr.trim().slice(-300),
    });
  const deadline = clock.monotonicMs() + command.confirmWithinMs - marginMs;
  try {
    for (const inner of command.commands) {
      if (inner.kind === 'run') await performRun(means, machine, inner, context);
      else await performWrite(means, machine, inner, context);
    }
  } catch (error) {
    // A lost line is what the guard is for; anything else is taken back at once.
    if (!(error instanceof Problem) || error.code !== 'connection-lost') {
      await target.exec(['sh', '-c', undoNowScript(guard.id)], { as: 'root', limitMs: 60_000 }).catch(() => undefined);
      throw error;
    }
  }
  const started = clock.monotonicMs();
  while (clock.monotonicMs() < deadline) {
    await means.drop(machine);
    const confirmed = await means
      .target(
        machine,
        AbortSignal.any([
          context.signal,
          AbortSignal.timeout(Math.max(1000, Math.ceil(deadline - clock.monotonicMs()))),
        ]),
      )
      .then((fresh) => fresh.exec(['sh', '-c', disarmScript(guard.id)], { as: 'root', limitMs: 30_000 }))
      .catch(() => null);
    if (confirmed?.exit === 0) return { exit: null, output: '' };
    if (confirmed?.exit === 3) break;
    context.signal.throwIfAborted();
    context.onAwaiting(clock.monotonicMs() - started, 3000);
    await clock.sleep(3000, context.signal);
  }
  throw problem('guard-undone', { machine, seconds: guard.seconds });
}
