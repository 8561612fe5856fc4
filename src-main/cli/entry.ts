// fieldkit: the same engine on a terminal. Each command is a few lines over the bench; exit codes are those of the problems.
import { CommanderError } from 'commander';
import { exitCodes } from '../../src-shared/problem.ts';
import { program } from './program.ts';

// Who reads our output may have seen enough; what runs goes on.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
// Node 20 and 22 say of Ed25519, which they have had for years, that it may change. That is no news for a technician.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

try {
  // As in any Node, also inside the packed program.
  await program.parseAsync(process.argv, { from: 'node' });
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else {
    process.stderr.write(`internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = exitCodes.internal;
  }
}
