// What the window is not allowed: permissions, other addresses, other windows, the network. All of it refused here and
// nowhere else. Called by entry.ts once Electron is ready, before the first window.
import { app, type Session } from 'electron';
import { isOwnAddress } from './content-policy.ts';

/**
 * The browser part has no name resolved for it, so that nothing of it can ask the network, whatever it is: the pages need none,
 * and the main process has its own. Called before Electron is ready.
 */
export function closeNetwork(developmentOrigin: string | null): void {
  const spared = developmentOrigin === null ? '' : `, EXCLUDE ${new URL(developmentOrigin).hostname}`;
  app.commandLine.appendSwitch('host-resolver-rules', `MAP * ~NOTFOUND${spared}`);
}

/** `developmentOrigin`: the development server's origin, null in every built program. */
export function setupPolicy(session: Session, developmentOrigin: string | null): void {
  // Electron's own default answer is yes. Writing to the clipboard is what the copy buttons need, nothing else is.
  session.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === 'clipboard-sanitized-write'),
  );
  session.setPermissionCheckHandler((_contents, permission) => permission === 'clipboard-sanitized-write');
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, answer) =>
    answer({ cancel: !isOwnAddress(details.url, developmentOrigin) && !isDevelopmentTool(details.url) }),
  );
  session.on('will-download', (event) => event.preventDefault());
  session.setSpellCheckerEnabled(false);
  // Off is not enough: the dictionary of the system's language would still be fetched (electron/electron#22995).
  session.setSpellCheckerLanguages([]);

  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => {
      if (!isOwnAddress(event.url, developmentOrigin)) event.preventDefault();
    });
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.on('will-frame-navigate', (event) => {
      if (!isOwnAddress(event.url, developmentOrigin)) event.preventDefault();
    });
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

/** Pages of the developer tools are inside the browser itself. */
const isDevelopmentTool = (address: string): boolean => address.startsWith('devtools://');
