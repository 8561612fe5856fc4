// What was done on the machines of a site, in order, out of the journal: the source of every export. Only what was performed
// counts, so an export says what is known to work, and nothing that a machine was merely asked for. Pure.
import type { JournalEvent } from '../../../src-shared/journal.ts';
import { type Command, machineOf, type Plan } from '../../../src-shared/step.ts';

/** Commands of one step on one machine, in the order they were performed. */
export interface PerformedStep {
  readonly instance: string;
  readonly machine: string;
  readonly commands: readonly Command[];
}

/**
 * What was performed, run by run, in order. A step may come several times: what a later run did may stand on the earlier one, and what
 * was done in between on both. A run that failed tells what it had done before. Work on the laptop is left out, and so is everything
 * that was undone later, or done on a machine that was installed anew since.
 */
export function performedSteps(events: Iterable<JournalEvent>, machines: readonly string[]): readonly PerformedStep[] {
  const plans = new Map<string, Plan>();
  let runs: { readonly instance: string; readonly commands: Command[] }[] = [];
  /** Runs under way; several machines are worked on side by side. */
  const open = new Map<string, Command[]>();
  for (const event of events) {
    if (event.kind === 'run-started') {
      const commands: Command[] = [];
      open.set(event.instance, commands);
      runs.push({ instance: event.instance, commands });
    } else if (event.kind === 'renewed') {
      // What a step did for it on other machines stands; what other steps did on it is gone.
      for (const { commands } of runs) {
        const left = commands.filter((command) => machineOf(command) !== event.machine);
        commands.splice(0, commands.length, ...left);
      }
    } else if (event.kind === 'plan') plans.set(`${event.instance} ${event.plan.hash}`, event.plan);
    else if (event.kind === 'command-ended' && event.outcome === 'performed') {
      const command = plans.get(`${event.instance} ${event.hash}`)?.commands[event.index];
      if (command !== undefined && machineOf(command) !== null) open.get(event.instance)?.push(command);
    } else if (event.kind === 'run-ended') {
      open.delete(event.instance);
      if (event.outcome === 'undone') runs = runs.filter(({ instance }) => instance !== event.instance);
    }
  }
  return runs.flatMap(({ instance, commands }) => stretches(instance, commands, machines));
}

/** A step may act on several machines: each stretch of commands belongs to one. */
function stretches(
  instance: string,
  commands: readonly Command[],
  machines: readonly string[],
): readonly PerformedStep[] {
  const found: { readonly instance: string; readonly machine: string; readonly commands: Command[] }[] = [];
  for (const command of commands) {
    const machine = machineOf(command);
    if (machine === null || !machines.includes(machine)) continue;
    if (found.at(-1)?.machine !== machine) found.push({ instance, machine, commands: [] });
    found.at(-1)?.commands.push(command);
  }
  return found;
}
