// Text that comes from a machine, made safe to show: no terminal sequences, no control characters, no reordering.
// Used for banners, names, logs and outputs before they reach a terminal, a window or a record.

// ECMA-48: CSI, then the string sequences (OSC, DCS, SOS, PM, APC) with their content, then two-character escapes.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const escapes =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Direction marks, embeddings, overrides and isolates; invisible separators and joiners that hide in names. */
const invisible = /[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** Cleaned text; line feeds and tabs stay, carriage returns go (CR LF becomes LF). */
export const cleanText = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(escapes, '').replace(controls, '').replace(invisible, '');

/** Cleaned, on one line, and at most `limit` characters long. */
export function cleanLine(text: string, limit = 200): string {
  const line = cleanText(text).replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
