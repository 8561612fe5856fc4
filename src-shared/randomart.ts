// The picture that `ssh-keygen -lv` draws of a host key: a walk over a field of 17 by 9, two bits of the fingerprint a step
// (OpenSSH, sshkey.c, fingerprint_randomart). Every Debian prints it, and eyes that are tired see a picture that differs. Pure.

const [columns, rows] = [17, 9];
/** How often a place was visited, then the place of the start and of the end. */
const signs = ' .o+=*BOX@%&#/^SE';
const [start, end] = [signs.length - 2, signs.length - 1];

/** What stands in the frame's upper edge; a type's own size is known, that of an RSA key is not in its fingerprint. */
const titles: readonly (readonly [RegExp, string])[] = [
  [/^ssh-ed25519/, '[ED25519 256]'],
  [/^ecdsa-sha2-nistp(\d+)/, '[ECDSA $1]'],
  [/^ssh-rsa|^rsa-/, '[RSA]'],
];

/** The shift towards the near edge that OpenSSH gives a title, which is not in the middle when the rest is odd. */
const edge = (title: string): string => {
  const before = Math.floor((columns - title.length) / 2);
  return `+${'-'.repeat(before)}${title}${'-'.repeat(columns - title.length - before)}+`;
};

/** `type`: as SSH names it; `fingerprint`: `SHA256:…`. Eleven lines of nineteen signs; null for any other fingerprint. */
export function randomart(type: string, fingerprint: string): string | null {
  const [, encoded] = /^SHA256:([A-Za-z0-9+/]{43})$/.exec(fingerprint) ?? [];
  if (encoded === undefined) return null;
  const field = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  let [x, y] = [Math.floor(columns / 2), Math.floor(rows / 2)];
  for (const letter of atob(encoded)) {
    let byte = letter.charCodeAt(0);
    for (let pair = 0; pair < 4; pair += 1) {
      x = Math.min(columns - 1, Math.max(0, x + (byte & 1 ? 1 : -1)));
      y = Math.min(rows - 1, Math.max(0, y + (byte & 2 ? 1 : -1)));
      const row = field[y] ?? [];
      row[x] = Math.min(start - 1, (row[x] ?? 0) + 1);
      byte >>= 2;
    }
  }
  (field[Math.floor(rows / 2)] ?? [])[Math.floor(columns / 2)] = start;
  (field[y] ?? [])[x] = end;
  const [pattern = /^/, title = ''] = titles.find(([known]) => known.test(type)) ?? [];
  const drawn = field.map((row) => `|${row.map((visits) => signs[visits]).join('')}|`);
  const name = title === '' ? '' : (pattern.exec(type)?.[0] ?? '').replace(pattern, title);
  return [edge(name), ...drawn, edge('[SHA256]')].join('\n');
}
