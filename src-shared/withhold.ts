// Takes what looks like a secret out of a text that is to leave the laptop, whoever wrote it: a file of a machine may hold a
// password that nobody ever told us. Beside the redaction of the secrets of a session, which are known by value. Pure.

export const withheld = '[secret]';

const secretName = String.raw`[\w.-]*(?:password|passwd|passphrase|passwort|motdepasse|secret|token|credential|api[_-]?key|private[_-]?key)[\w.-]*`;

/** A name that says where something lies, or how long it is, names no secret. */
const place = '(?:[_-]?(?:file|path|folder|length|id))';

const rules: readonly (readonly [RegExp, string])[] = [
  // Whole, or cut off before its end.
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----[\s\S]*?(?:-----END \1-----|$)/g, withheld],
  // user:password@ in an address.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]*:[^\s/@"'<>]*@/gi, `$1${withheld}@`],
  // An authorization header.
  [/(\bauthorization["']?\s*[:=]\s*["']?(?:basic|bearer|digest)\s+)[^\s"']+/gi, `$1${withheld}`],
  // <parameter id="inituser-password">…</parameter>
  [new RegExp(`(<[^<>]*["']${secretName}["'][^<>]*>)[^<]+`, 'gi'), `$1${withheld}`],
  // "password": "…"
  [
    new RegExp(String.raw`(["']${secretName}["']\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`, 'gi'),
    `$1"${withheld}"`,
  ],
  // A line of a configuration: the whole value.
  [
    new RegExp(String.raw`^([ \t]*(?!${secretName}${place}\b)${secretName}[ \t]*[=:][ \t]*)(?!\[secret\])\S.*$`, 'gim'),
    `$1${withheld}`,
  ],
  // In the middle of a line: password=…, ?token=…
  [
    new RegExp(
      String.raw`([\s;,{(?&-])((?!${secretName}${place}\b)${secretName}=)(?!\[secret\])("[^"]*"|'[^']*'|[^\s;,&"']+)`,
      'gi',
    ),
    `$1$2${withheld}`,
  ],
  // --password …
  [new RegExp(String.raw`(--(?!\S*${place}\b)${secretName}\s+)(?!-)("[^"]*"|'[^']*'|\S+)`, 'gi'), `$1${withheld}`],
  // A hash of a password, as /etc/shadow has it.
  [/\$(?:1|2[aby]|5|6|7|y|gy)\$[./A-Za-z0-9$=,]{10,}/g, withheld],
];

/** The text without what looks like a secret. Twice is as once. */
export const withoutSecrets = (text: string): string =>
  rules.reduce((clean, [pattern, instead]) => clean.replace(pattern, instead), text);

/** Whether a setting's name says that its value is a secret. */
export const isSecretName = (name: string): boolean =>
  new RegExp(`^${secretName}$`, 'i').test(name) && !/(?:file|path|folder|length|id)$/i.test(name);
