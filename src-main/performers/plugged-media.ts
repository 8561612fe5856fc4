// Media plugged into machines, for as long as a session holds them: what serve-content has mounted is started again in a new
// session, and everything is unmounted when the session ends, so that the medium can be pulled. Used by the hands.
import type { Connection } from '../target/connection.ts';

export interface PluggedMedia {
  /** Takes note of one that a step has mounted. */
  readonly hold: (machine: string) => void;
  /** Mounts it and starts the server again; without the medium it stays closed, and the step says what is missing. */
  readonly open: (machine: string, signal: AbortSignal) => Promise<void>;
  readonly isHeld: (machine: string) => boolean;
  /** Stops the servers and unmounts. Never throws: a machine that is gone has nothing to pull. */
  readonly closeAll: () => Promise<void>;
}

const units = ['run-fieldkit-medium.mount', 'fieldkit-content.service'];
const patienceMs = 30_000;

export function pluggedMedia(
  withSudo: <T>(machine: string, signal: AbortSignal, act: (connection: Connection) => Promise<T>) => Promise<T>,
): PluggedMedia {
  const held = new Set<string>();
  const systemctl = (machine: string, words: readonly string[], signal: AbortSignal) =>
    withSudo(machine, signal, (connection) =>
      connection.exec(['systemctl', ...words], { as: 'root', limitMs: patienceMs, signal }),
    );
  return {
    hold: (machine) => void held.add(machine),
    isHeld: (machine) => held.has(machine),
    open: async (machine, signal) => {
      if ((await systemctl(machine, ['start', ...units], signal)).exit === 0) held.add(machine);
    },
    closeAll: async () => {
      const machines = [...held];
      held.clear();
      await Promise.all(
        machines.map((machine) =>
          systemctl(machine, ['stop', ...[...units].reverse()], AbortSignal.timeout(patienceMs)).catch(() => undefined),
        ),
      );
    },
  };
}
