// The one window: sandboxed, isolated, without Node. Keeps its size, and asks before it closes while a step runs.
import { join } from 'node:path';
import { app, BrowserWindow, dialog } from 'electron';
import { startPage } from './content-policy.ts';
import type { Engine } from './engine.ts';
import { keepWindowSize, readWindowSize } from './window-size.ts';

interface WindowOptions {
  /** Comes while the window draws already. */
  readonly engine: Promise<Engine>;
  readonly developmentOrigin: string | null;
}

let current: BrowserWindow | null = null;

/** The window while it lives. */
export const theWindow = (): BrowserWindow | null => current;

export function bringToFront(): void {
  if (current === null) return;
  if (current.isMinimized()) current.restore();
  current.show();
  current.focus();
}

export function setupWindow(options: WindowOptions): BrowserWindow {
  const sizeFile = join(app.getPath('userData'), 'window.json');
  const size = readWindowSize(sizeFile);
  const window = new BrowserWindow({
    width: size.width,
    height: size.height,
    minWidth: 720,
    minHeight: 480,
    show: false,
    autoHideMenuBar: true,
    title: app.name,
    webPreferences: {
      preload: join(app.getAppPath(), 'out', 'preload', 'index.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    },
  });
  current = window;
  if (size.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('closed', () => {
    current = null;
  });
  askBeforeClosing(window, options, sizeFile);
  void window.loadURL(options.developmentOrigin ?? startPage);
  return window;
}

function askBeforeClosing(window: BrowserWindow, { engine }: WindowOptions, sizeFile: string): void {
  let asking = false;
  let come: Engine | null = null;
  // Each call of the window is told of an engine that does not come.
  void engine.then(
    (started) => {
      come = started;
    },
    () => undefined,
  );
  window.on('close', (event) => {
    const { width, height } = window.getNormalBounds();
    keepWindowSize(sizeFile, { width, height, maximized: window.isMaximized() });
    if (come === null || !come.desk.busy()) return;
    const { desk, words: wordsNow } = come;
    event.preventDefault();
    if (asking) return;
    asking = true;
    const words = wordsNow();
    void dialog
      .showMessageBox(window, {
        type: 'question',
        message: words.closeTitle,
        detail: words.closeDetail,
        buttons: [words.closeStay, words.closeLeave],
        defaultId: 0,
        cancelId: 0,
        noLink: true,
      })
      .then(async ({ response }) => {
        asking = false;
        if (response !== 1) return;
        await desk.close();
        window.destroy();
      });
  });
}
