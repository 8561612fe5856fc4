// The window's program, from start to end: a list of what is set up, in order. Called by the entry, before Electron is ready.
import { join } from 'node:path';
import { app, session } from 'electron';
import type { Settings } from '../../src-shared/api.ts';
import { compose } from '../compose.ts';
import { makeDesk } from '../runbook/desk.ts';
import { allHandlers } from './handlers.ts';
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
  if (!setupRootRefusal()) return app.exit(2);
  // Tests of a checkout may make simulated work take no time.
  const practicePace = app.isPackaged ? 1 : Number(process.env.FIELDKIT_PRACTICE_PACE ?? 1);
  const { parts } = compose({ env: process.env, practicePace });
  const desk = makeDesk(parts);
  const language = await keepLanguage(desk.handlers['settings.get']);
  const handlers = allHandlers(desk, parts.dataFolder, language.learn);

  setupPolicy(session.defaultSession, developmentOrigin);
  setupScheme(session.defaultSession, join(app.getAppPath(), 'out', 'renderer'));
  setupMenu();
  setupIpc({ handlers, onEvent: desk.onEvent, window: theWindow, developmentOrigin, checkOutput: !app.isPackaged });
  setupPower({ desk, window: theWindow, language: language.now });
  setupWindow({ desk, developmentOrigin, language: language.now });

  app.on('window-all-closed', () => app.quit());
  closeBeforeQuitting(() => desk.close());
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

/** The language of dialogs and notifications follows the window's. */
async function keepLanguage(get: (input: Record<string, never>) => Promise<Settings>) {
  let { language } = await get({});
  return {
    now: () => language,
    learn: (settings: Settings) => {
      language = settings.language;
    },
  };
}
