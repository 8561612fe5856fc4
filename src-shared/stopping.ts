// What a stop does this moment: said beside the button before it is pressed, by the engine when it was, and what the engine then does.
import type { InstanceView } from './journal.ts';
import type { Command } from './step.ts';

/**
 * `goesOn`: the command under way goes on on the target without us. `stopsWaiting`: we look no more, and what is awaited goes on.
 * `asks`: it waits for a person, who is asked again. `ends`: it only looks, asks for a secret, copies under a temporary name, or ends itself where nothing is lost.
 * `stopsAfter`: it is short, and is let through to its end. `between`: none is under way.
 */
export type Stopping = 'goesOn' | 'stopsWaiting' | 'asks' | 'ends' | 'stopsAfter' | 'between';

/** What a stop does to a command. */
export function stoppingOf(command: Command): Exclude<Stopping, 'between'> {
  if (command.kind === 'until') return 'stopsWaiting';
  if (command.kind === 'ask') return 'asks';
  if (command.kind !== 'run') return ['write', 'guard', 'reboot'].includes(command.kind) ? 'stopsAfter' : 'ends';
  if (command.long === true) return 'goesOn';
  return command.endsWell === true || command.keeps !== undefined ? 'ends' : 'stopsAfter';
}

/** What a stop does while an instance runs, by its commands as the journal has them. */
export function stoppingNow({ commands }: Pick<InstanceView, 'commands'>): Stopping {
  const under = commands.find(({ state }) => state === 'running')?.command;
  return under === undefined ? 'between' : stoppingOf(under);
}
