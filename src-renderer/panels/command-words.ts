// The exact words of a command, for the plan list. Secrets and captured values stay names: a plan never holds them.
import { quoteArgv } from '../../src-shared/quote.ts';
import type { Command, Probe, Text } from '../../src-shared/step.ts';

/** A text with its references by name, as `‹name›`. */
export const plainText = (text: Text): string =>
  typeof text === 'string'
    ? text
    : text
        .map((part) => (typeof part === 'string' ? part : `‹${'secret' in part ? part.secret : part.captured}›`))
        .join('');

const probeText = (probe: Probe): string =>
  probe.kind === 'run' ? quoteArgv(probe.argv) : `${probe.kind} ${probe.path}`;

/** What is performed, exactly; null where the words above it say all. */
export function exactText(command: Command): string | null {
  switch (command.kind) {
    case 'run':
      return quoteArgv(command.argv.map((word) => (typeof word === 'string' ? word : `‹${word.captured}›`)));
    case 'write':
      return command.path;
    case 'send':
    case 'receive':
      return `${command.from} → ${command.to}`;
    case 'copy':
      return `fieldkit/ → ${command.to}`;
    case 'get':
      return `${command.url} → ${command.to}`;
    case 'work': {
      const args = Object.entries(command.args).map(([name, value]) =>
        typeof value === 'string' ? `${name}=${value}` : `${name}=${JSON.stringify(value)}`,
      );
      return [command.job, ...args].join(' ');
    }
    case 'until':
      return probeText(command.probe);
    case 'guard':
      return command.undo;
    case 'reboot':
    case 'ask':
      return null;
  }
}

/** Where a command acts, null when that is the laptop or nowhere. */
export const machineNameOf = (command: Command): string | null =>
  'on' in command && command.on !== 'laptop' ? command.on.machine : null;
