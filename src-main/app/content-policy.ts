// What the page may load, as one response header. The scheme handler sends it with every answer, so that a page and
// its policy cannot come apart. Pure: the tests' web server sends the very same header.

/** Scheme and host of the window's own pages. */
export const pageScheme = 'app';
export const pageHost = 'kit';
export const pageOrigin = `${pageScheme}://${pageHost}`;
export const startPage = `${pageOrigin}/index.html`;

/** Stands in index.html where the nonce of this load goes. */
export const noncePlaceholder = '__CSP_NONCE__';

/**
 * The Content-Security-Policy of a page load. The nonce is for the one style element that the component library adds.
 * Nothing but our own origin, no inline script, no evaluation, no frames, no forms that leave.
 */
export function contentPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** True for an address the window may show or load; everything else is refused, whatever asks for it. */
export function isOwnAddress(address: string, developmentOrigin: string | null): boolean {
  const url = URL.parse ? URL.parse(address) : parseOrNull(address);
  if (url === null) return false;
  if (url.protocol === `${pageScheme}:`) return url.host === pageHost && url.username === '' && url.port === '';
  if (developmentOrigin === null) return false;
  return url.origin === developmentOrigin || url.origin === developmentOrigin.replace(/^http/, 'ws');
}

function parseOrNull(address: string): URL | null {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}
