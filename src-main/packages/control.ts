// Stanzas of `Field: value` lines (deb822), as in Release, Packages and a package's control file.
// Pure. Called by the archive reader, the .deb reader and the repository writer. It must never drop or reorder a field.
import { problem } from '../../src-shared/problem.ts';

export interface Field {
  readonly name: string;
  /** Text after the colon. Continuation lines keep their leading blank, each after a line feed. */
  readonly value: string;
}

/** The fields of one stanza in the order of the file. */
export type Stanza = readonly Field[];

/** Value of a field, null when it is missing. Field names are not case-sensitive (Debian policy 5.1). */
export function fieldOf(stanza: Stanza, name: string): string | null {
  const exact = stanza.find((field) => field.name === name);
  if (exact !== undefined) return exact.value;
  const lower = name.toLowerCase();
  return stanza.find((field) => field.name.toLowerCase() === lower)?.value ?? null;
}

/**
 * Reads one stanza. `file` names the place for the error.
 * Throws `index-malformed` for a line that is no field, a continuation without a field, or a field given twice.
 */
export function parseStanza(text: string, file: string): Stanza {
  const fields: { name: string; value: string }[] = [];
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const last = fields.at(-1);
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (last === undefined) throw malformed(file, line);
      last.value += `\n${line.trimEnd()}`;
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!/^[!-,./-9;-~][!-9;-~]*$/.test(name)) throw malformed(file, line);
    const lower = name.toLowerCase();
    if (seen.has(lower)) throw malformed(file, line);
    seen.add(lower);
    fields.push({ name, value: line.slice(colon + 1).trim() });
  }
  return fields;
}

/** Reads a text of several stanzas parted by empty lines. For a whole Packages file use `indexPackages`, which is quicker. */
export function parseStanzas(text: string, file: string): readonly Stanza[] {
  return text
    .split(/\n[ \t]*\n/)
    .filter((part) => part.trim() !== '')
    .map((part) => parseStanza(part, file));
}

/** The stanza as text, ending in one line feed. */
export function formatStanza(stanza: Stanza): string {
  return stanza.map(({ name, value }) => `${name}:${value.startsWith('\n') ? '' : ' '}${value}\n`).join('');
}

const malformed = (file: string, line: string) => problem('index-malformed', { file, detail: line.slice(0, 200) });
