// Text that comes from a machine, made safe to show: no terminal sequences, no control characters, no reordering.
// Used for banners, names, logs and outputs before they reach a terminal, a window or a record.

const esc = '\\u001b';
/** ECMA-48 sequences: CSI with parameters; strings (OSC, DCS, SOS, PM, APC) with their content; two-character escapes. */
const escapes = new RegExp(
  [
    `(?:${esc}\\[|\\u009b)[0-?]*[ -/]*[@-~]?`,
    `(?:${esc}[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c]*(?:\\u0007|${esc}\\\\|\\u009c)?`,
    `${esc}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
);
/** All control characters but tab and line feed. */
const controls = /[^\P{Cc}\t\n]/gu;
/** Format characters: direction marks, overrides and isolates, soft hyphens, joiners; and the two Unicode line ends. */
const invisible = /[\p{Cf}\u2028\u2029]/gu;

/** Cleaned text; line feeds and tabs stay, carriage returns go (CR LF becomes LF). */
export const cleanText = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(escapes, '').replace(controls, '').replace(invisible, '');

/** Cleaned, on one line, and at most `limit` characters long. */
export function cleanLine(text: string, limit = 200): string {
  const line = cleanText(text).replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
