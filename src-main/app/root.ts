// What happens when the program is started as root. A packaged one explains and stops: as root the browser sandbox
// would be off and files would get the wrong owner. A checkout goes on and says so (containers, test machines).
import { app, dialog } from 'electron';

export const isRoot = (): boolean => process.getuid?.() === 0;

/** False when the program must end now. Call once Electron is ready. */
export async function setupRootRefusal(): Promise<boolean> {
  if (!isRoot()) return true;
  // Read in for nobody else: all sentences of the window are in one file.
  const { texts } = await import('./texts.ts');
  const words = texts('en').main;
  if (app.isPackaged) {
    process.stderr.write(`${words.rootRefused}\n`);
    if (process.env.DISPLAY || process.env.WAYLAND_DISPLAY) dialog.showErrorBox(words.rootTitle, words.rootRefused);
    return false;
  }
  if (app.commandLine.hasSwitch('no-sandbox')) process.stderr.write(`${words.rootNotice}\n`);
  return true;
}
