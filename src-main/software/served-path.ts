// From a request's target to a file of the medium. Pure; called by the content server alone.
// It must never yield a path that leaves the three served folders, whatever the target holds.

const part = '[A-Za-z0-9_+~%-][A-Za-z0-9._+~%-]*';
const served = new RegExp(`^(?:bdir/[0-9a-f]{32}|bcache/[0-9a-f]{128}|debian(?:/${part}){2,8})$`);

/**
 * Paths relative to the medium's root that a request's target may mean, best first; empty when it means none.
 * A file name on the medium writes `:` as `%3a` (FAT forbids the colon), and clients differ in whether they quote the
 * percent sign, so both readings of a target are tried.
 */
export function servedPaths(target: string): readonly string[] {
  const [path = ''] = target.split(/[?#]/, 1);
  if (!path.startsWith('/') || path.length > 2048) return [];
  const decoded = decode(path.slice(1));
  if (decoded === null) return [];
  // apt writes a flat repository's `./` into the path as it is; RFC 3986 says that such a part means nothing.
  const plain = decoded.replaceAll('/./', '/');
  const readings = [plain, plain.replaceAll(':', '%3a')];
  return [...new Set(readings)].filter((reading) => served.test(reading));
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
