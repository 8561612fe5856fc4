// Order of Debian version numbers, as deb-version(7) defines it. Called by the closure and by whoever picks the newest.
// Pure. It must never throw on odd input: whatever an index holds has some place in the order.

/** The comparison signs of a relation; `<` and `>` of very old packages mean `<=` and `>=` and are read so by `relations.ts`. */
export type Comparison = '<<' | '<=' | '=' | '>=' | '>>';

const versionPattern = /^(?:\d+:)?[A-Za-z0-9.+~:-]+$/;

/** True for text that dpkg accepts as a version. */
export function isVersion(text: string): boolean {
  if (!versionPattern.test(text)) return false;
  const { upstream, epoch, revision } = splitVersion(text);
  return /^\d{1,9}$/.test(epoch) && /^\d/.test(upstream) && (!text.includes('-') || revision !== '');
}

/** Negative when `a` comes before `b`, positive when after, 0 when dpkg holds them equal (`1.0` and `1.0-0`). */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const left = splitVersion(a);
  const right = splitVersion(b);
  return (
    compareDigits(left.epoch, right.epoch) ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  );
}

/** Whether `version` stands in the given relation to `wanted`. */
export function versionSatisfies(version: string, comparison: Comparison, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  switch (comparison) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}

interface Parts {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
}

function splitVersion(version: string): Parts {
  const colon = version.indexOf(':');
  const rest = colon < 0 ? version : version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? '0' : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** `~` sorts before the end of the text, letters before all other signs. */
function weight(code: number): number {
  if (Number.isNaN(code) || isDigit(code)) return 0;
  if (code === 126) return -1;
  const letter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return letter ? code : code + 256;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** Alternating runs: signs compared one by one by weight, then digits compared as numbers of any length. */
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const order = weight(a.charCodeAt(i)) - weight(b.charCodeAt(j));
      if (order !== 0) return order;
      i += 1;
      j += 1;
    }
    const leftStart = i;
    const rightStart = j;
    while (isDigit(a.charCodeAt(i))) i += 1;
    while (isDigit(b.charCodeAt(j))) j += 1;
    const order = compareDigits(a.slice(leftStart, i), b.slice(rightStart, j));
    if (order !== 0) return order;
  }
  return 0;
}

/** Digits as numbers without a limit of size; empty counts as zero. */
function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  if (left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
