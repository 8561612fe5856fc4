// What the window is not allowed: permissions, other addresses, other windows, the network. All of it refused here and
// nowhere else. Called by entry.ts once Electron is ready, before the first window.
import { app, type Session } from 'electron';
import { isOwnAddress } from './content-policy.ts';

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
