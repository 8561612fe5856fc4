// Electron begins here. The installed program is two in one: its window, and the same engine on a terminal, which a technician
// calls as `fieldkit` (resources/fieldkit). Nothing of the window is made for the terminal: no page, no display, no lock.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app } from 'electron';
import { startWindow } from './window-program.ts';

const terminal = process.argv.indexOf('--terminal');
if (terminal < 0) startWindow();
else await onTerminal(process.argv.slice(terminal + 1));

/** Runs the command line program and ends with its exit code. Electron waits for it before it makes anything of a window. */
async function onTerminal(args: readonly string[]): Promise<void> {
  process.argv = [process.execPath, 'fieldkit', ...args];
  await import(/* @vite-ignore */ pathToFileURL(join(app.getAppPath(), 'out', 'cli', 'fieldkit.mjs')).href);
  app.exit(Number(process.exitCode ?? 0));
}
