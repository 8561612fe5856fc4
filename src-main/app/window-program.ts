// The window's program, from start to end: a list of what is set up, in order. Called by the entry, before Electron is ready.
import { join } from 'node:path';
import { app, session } from 'electron';
import { setupIpc } from './ipc.ts';
import { setupMenu } from './menu.ts';
import { closeNetwork, setupPolicy } from './policy.ts';
import { setupPower } from './power.ts';
import { isRoot, setupRootRefusal } from './root.ts';
import { registerScheme, setupScheme } from './scheme.ts';
import { setupSingleInstance } from './single-instance.ts';
import { bringToFront, setupWindow, theWindow } from './window.ts';

/** The development server's address; a packaged program never has one. */
const developmentOrigin = app.isPackaged ? null : (process.env.ELECTRON_RENDERER_URL ?? null);

/** Everything that must be said before Electron is ready, then the window once it is. */
export function startWindow(): void {
  // What another start of the same person finds, and what a test keeps apart from everything else.
  if (process.env.FIELDKIT_HOME) app.setPath('userData', join(process.env.FIELDKIT_HOME, 'window'));
  // As root Chromium has no sandbox to offer: its processes would die at once. A packaged program refuses root below.
  if (!isRoot()) app.enableSandbox();
  registerScheme();
  closeNetwork(developmentOrigin);

  if (setupSingleInstance(bringToFront)) void app.whenReady().then(start);
  else app.quit();
}

async function start(): Promise<void> {
  if (!(await setupRootRefusal())) return app.exit(2);
  setupPolicy(session.defaultSession, developmentOrigin);
  setupScheme(session.defaultSession, join(app.getAppPath(), 'out', 'renderer'));
  setupMenu();

  // An import is read after this has run: the page is on its way before the engine, which takes as long to read in as the page to draw.
  const engine = import('./engine.ts').then(({ startEngine }) => startEngine());
  setupIpc({ engine, window: theWindow, developmentOrigin });
  setupWindow({ engine, developmentOrigin });
  app.on('window-all-closed', () => app.quit());
  closeBeforeQuitting(() =>
    engine.then(
      ({ desk }) => desk.close(),
      () => undefined,
    ),
  );
  await engine.then(
    (come) => setupPower(come, theWindow, bringToFront),
    // The window says so by itself; this is for a terminal that it was started from.
    (thrown: unknown) => process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`),
  );
}

/** Sites are closed in order before the program ends, however the end was asked for. */
function closeBeforeQuitting(close: () => Promise<void>): void {
  let closed = false;
  app.on('will-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    void close().finally(() => {
      closed = true;
      // Not at once: while this event is still being told, Electron would ignore it.
      setImmediate(() => app.quit());
    });
  });
}
