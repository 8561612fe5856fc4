// Changes that can cut our own line. The undo is armed on the target first, as an installed timer that survives a reboot;
// it is disarmed only over a fresh connection. Called by compose's hands for `guard` commands.
import { problem } from '../../src-shared/problem.ts';
import type { CommandOf } from '../../src-shared/step.ts';
import type { Performed, Performing } from '../runbook/performer.ts';
import { guardUnitPrefix, workFolder } from '../target/our-paths.ts';
import { commandFailed } from '../target/script.ts';
import type { Target } from '../target/target.ts';
import { passing, performRun, performWrite, type TargetMeans, unitId } from './on-target.ts';

const folder = `${workFolder}/guards`;
/** Left between our last try and the undo, so that both never race. */
const marginMs = 15_000;

interface Guard {
  readonly id: string;
  readonly undo: string;
  readonly seconds: number;
}

const unit = (id: string): string => `${guardUnitPrefix}${id}`;

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

/** Exit 3: the machine has taken the change back already; 0: it was taken back by this. */
const undoNowScript = (
  id: string,
): string => `if [ -e ${folder}/${id}.undone ]; then early=3; else early=0; systemctl start ${unit(id)}.service; fi
${disarmScript(id).replace('exit $undone', 'exit $early')}`;

/** Whether this very connection still carries a command there and back. */
const stillAnswers = (target: Target): Promise<boolean> =>
  target.exec(['true'], { as: 'login', limitMs: 5000, signal: AbortSignal.timeout(8000) }).then(
    ({ exit }) => exit === 0,
    () => false,
  );

/**
 * Performs the guarded commands and confirms them over a fresh connection.
 * Throws `guard-undone` when the machine could not be reached again in time: it has then taken the change back itself. It does so as well
 * where another machine answers in its place (`host-key-changed`).
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
    // systemd reads all its units anew: on a busy machine that takes its time, and the machine's own timer runs only from then on.
    limitMs: 120_000,
  });
  if (armed.exit !== 0)
    throw commandFailed(
      { command: 'guard', exit: armed.exit, machine, detail: armed.stderr.trim().slice(-300) },
      armed.stderr,
    );
  const deadline = clock.monotonicMs() + command.confirmWithinMs - marginMs;
  try {
    for (const inner of command.commands) {
      if (inner.kind === 'run') await performRun(means, machine, inner, context);
      else await performWrite(means, machine, inner, context);
    }
  } catch (error) {
    // A line that is gone is what the guard is for: the machine takes the change back. While it stands we do so at once.
    if (await stillAnswers(target)) {
      const undone = await target
        .exec(['sh', '-c', undoNowScript(guard.id)], { as: 'root', limitMs: 60_000 })
        .catch(() => null);
      if (undone?.exit === 3) throw problem('guard-undone', { machine, seconds: guard.seconds });
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
      .catch(passing(null));
    if (confirmed?.exit === 0) return { exit: null, output: '' };
    if (confirmed?.exit === 3) break;
    context.signal.throwIfAborted();
    context.onAwaiting(clock.monotonicMs() - started, 3000);
    await clock.sleep(3000, context.signal);
  }
  throw problem('guard-undone', { machine, seconds: guard.seconds });
}

/**
 * What became of a guard that was cut off: reaching the machine again is the confirmation that its timer waits for.
 * Null when there is nothing left to disarm; whether the change stands, the facts say.
 */
export async function settleGuard(means: TargetMeans, machine: string, context: Performing): Promise<Performed | null> {
  const target = await means.target(machine, context.signal);
  const id = unitId(context);
  const armed = await target.exec(['systemctl', 'cat', `${unit(id)}.timer`], { as: 'root', limitMs: 30_000 });
  if (armed.exit !== 0) return null;
  const { exit } = await target.exec(['sh', '-c', disarmScript(id)], { as: 'root', limitMs: 30_000 });
  return { exit, output: '' };
}
