// What was done on the machines of a site, in order, out of the journal: the source of every export. Only what was performed
// counts, so an export says what is known to work, and nothing that a machine was merely asked for. Pure.
import type { JournalEvent } from '../../../src-shared/journal.ts';
import { type Command, machineOf, type Plan } from '../../../src-shared/step.ts';

/** The commands of one step on one machine, in the order they were performed. */
export interface PerformedStep {
  readonly instance: string;
  readonly machine: string;
  readonly commands: readonly Command[];
}

/**
 * Runs of performed commands, each of one instance on one machine. Work on the laptop is left out, and so is everything that was
 * undone later. A step that was performed several times is told by its last run.
 */
export function performedSteps(events: Iterable<JournalEvent>, machines: readonly string[]): readonly PerformedStep[] {
  const plans = new Map<string, Plan>();
  const runs = new Map<string, Command[]>();
  /** Runs under way; several machines are worked on side by side. */
  const open = new Map<string, Command[]>();
  for (const event of events) {
    if (event.kind === 'run-started') open.set(event.instance, []);
    // What was done on the machine before it was installed anew is told no more.
    else if (event.kind === 'renewed')
      for (const instance of [...runs.keys()]) {
        if (instance.endsWith(`@machine:${event.machine}`)) runs.delete(instance);
      }
    else if (event.kind === 'plan') plans.set(`${event.instance} ${event.plan.hash}`, event.plan);
    else if (event.kind === 'command-ended' && event.outcome === 'performed') {
      const command = plans.get(`${event.instance} ${event.hash}`)?.commands[event.index];
      if (command !== undefined) open.get(event.instance)?.push(command);
    } else if (event.kind === 'run-ended') {
      const current = open.get(event.instance) ?? [];
      open.delete(event.instance);
      if (event.outcome === 'undone') runs.delete(event.instance);
      else if (event.outcome === 'done' && current.some((command) => machineOf(command) !== null)) {
        // Anew at the end: a step that was done again comes after what it was done for.
        runs.delete(event.instance);
        runs.set(event.instance, current);
      }
    }
  }
  return [...runs].flatMap(([instance, commands]) => {
    const machine = commands.map(machineOf).find((name) => name !== null) ?? null;
    return machine === null || !machines.includes(machine)
      ? []
      : [{ instance, machine, commands: commands.filter((command) => machineOf(command) !== null) }];
  });
}
