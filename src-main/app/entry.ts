// Electron begins here. The installed program is two in one: its window, and the same engine on a terminal, which a technician
// calls as `fieldkit` (resources/fieldkit). Nothing of the window is made for the terminal: no page, no display, no lock.
import { app } from 'electron';

const terminal = process.argv.indexOf('--terminal');
if (terminal < 0) (await import('./window-program.ts')).startWindow();
else {
  process.argv = [process.execPath, 'fieldkit', ...process.argv.slice(terminal + 1)];
  // Electron waits for this import, which is the whole command, before it makes anything of a window.
  await import('../cli/entry.ts');
  app.exit(Number(process.exitCode ?? 0));
}
