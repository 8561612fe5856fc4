// Serves the built window at app://kit/ from one folder, so that the page has a real origin and needs no file access.
// `registerScheme` runs before Electron is ready, `setupScheme` after.
import { randomBytes } from 'node:crypto';
import { protocol, type Session } from 'electron';
import { pageHost, pageScheme } from './content-policy.ts';
import { serveFile } from './served-file.ts';

export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: pageScheme, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

/** `root`: absolute path of the folder with the built window. */
export function setupScheme(session: Session, root: string): void {
  session.protocol.handle(pageScheme, async (request) => {
    const url = new URL(request.url);
    if (url.host !== pageHost || request.method !== 'GET') return new Response('not here', { status: 404 });
    const served = await serveFile(root, url.pathname, randomBytes(16).toString('base64'));
    return new Response(served.body as BodyInit, { status: served.status, headers: { ...served.headers } });
  });
}
