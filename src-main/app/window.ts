// The one window: sandboxed, isolated, without Node. Keeps its size, and asks before it closes while a step runs.
import { join } from 'node:path';
import { app, BrowserWindow, dialog } from 'electron';
import type { Settings } from '../../src-shared/api.ts';
import type { Desk } from '../runbook/desk.ts';
import { startPage } from './content-policy.ts';
import { texts } from './texts.ts';
import { keepWindowSize, readWindowSize } from './window-size.ts';

interface WindowOptions {
  readonly desk: Desk;
  readonly developmentOrigin: string | null;
  readonly language: () => Settings['language'];
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

function askBeforeClosing(window: BrowserWindow, { desk, language }: WindowOptions, sizeFile: string): void {
  let asking = false;
  window.on('close', (event) => {
    const { width, height } = window.getNormalBounds();
    keepWindowSize(sizeFile, { width, height, maximized: window.isMaximized() });
    if (!desk.busy()) return;
    event.preventDefault();
    if (asking) return;
    asking = true;
    const words = texts(language()).main;
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
