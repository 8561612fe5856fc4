// Finds and reads a file of the built window inside one root folder. Called by the scheme handler and by the tests'
// web server. It must never read anything outside that folder, however the address is spelled.
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { contentPolicy, noncePlaceholder } from './content-policy.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

export interface ServedFile {
  readonly status: 200 | 404;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** Absolute path for a URL's path name inside `root`, or null when it leaves the folder or cannot be decoded. */
export function resolveInside(root: string, pathName: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(pathName);
  } catch {
    return null;
  }
  if (decoded.includes('\0') || decoded.includes('\\') || decoded.split('/').includes('..')) return null;
  const path = normalize(join(root, decoded === '/' ? 'index.html' : decoded));
  return path.startsWith(root.endsWith(sep) ? root : root + sep) ? path : null;
}

/** The answer for one address of the page. `nonce` is fresh for each load of an HTML page. */
export async function serveFile(root: string, pathName: string, nonce: string): Promise<ServedFile> {
  const headers = {
    'Content-Security-Policy': contentPolicy(nonce),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  };
  const path = resolveInside(root, pathName);
  const type = path === null ? undefined : contentTypes[extname(path)];
  const bytes = path === null || type === undefined ? null : await readFile(path).catch(() => null);
  if (bytes === null || type === undefined) {
    return { status: 404, headers: { ...headers, 'Content-Type': 'text/plain' }, body: 'not here' };
  }
  const body = type.startsWith('text/html') ? bytes.toString('utf8').replaceAll(noncePlaceholder, nonce) : bytes;
  return { status: 200, headers: { ...headers, 'Content-Type': type }, body };
}
