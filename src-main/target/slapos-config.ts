// slapos.cfg read and edited line by line. Called by the steps that point slapos somewhere else; pure.
// The rules are Python configparser's as slapos uses it: strict, `=` or `:`, full-line comments with # or ;, continuation
// lines deeper than their key, `%` interpolation. An edit must never touch a byte outside the values it was asked to set.
import { problem } from '../../src-shared/problem.ts';

export const slaposConfigPath = '/etc/opt/slapos/slapos.cfg';

/** For the problems' sentences. */
export interface ConfigPlace {
  readonly machine: string;
  readonly path: string;
}

/** A list becomes one line each below the key (certificates, prefixes); null removes the key. */
export type ConfigValue = string | readonly string[] | null;

export interface Config {
  readonly sections: readonly string[];
  /** Keys (lower case) and values of a section as slapos would see them, defaults included; null when there is no such section. */
  section(name: string): ReadonlyMap<string, string> | null;
  /** One value, null when section or key is absent. */
  get(section: string, key: string): string | null;
}

interface Option {
  readonly key: string;
  readonly indent: number;
  /** Line numbers from 0: the key's own, and the last line that belongs to the value. */
  readonly first: number;
  last: number;
  /** Lines inside the value that are comments: kept when the value is replaced. */
  readonly comments: number[];
  readonly value: string[];
}

interface Section {
  readonly name: string;
  readonly indent: number;
  readonly line: number;
  readonly options: Option[];
}

interface Document {
  readonly lines: readonly string[];
  /** Each line's own ending; the last may have none. */
  readonly endings: readonly string[];
  readonly sections: readonly Section[];
}

// Python's idea of white space: the separators 1c to 1f and 85 count, the byte order mark does not.
const white = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${white}*`);
const around = new RegExp(`^${white}+|${white}+$`, 'g');
const atEnd = new RegExp(`${white}+$`);
const strip = (text: string): string => text.replace(around, '');
const indentOf = (line: string): number => leading.exec(line)?.[0].length ?? 0;

function splitLines(text: string): { lines: string[]; endings: string[] } {
  const lines: string[] = [];
  const endings: string[] = [];
  for (const [, line, ending] of text.matchAll(/([^\r\n]*)(\r\n|\n|\r|$)/g)) {
    if (line === '' && ending === '') continue;
    lines.push(line ?? '');
    endings.push(ending ?? '');
  }
  return { lines, endings };
}

function read(text: string, place: ConfigPlace): Document {
  const { lines, endings } = splitLines(text);
  const sections: Section[] = [];
  const malformed = (line: number, what: string) =>
    problem('slapos-config-malformed', { ...place, detail: `line ${line + 1}: ${what}` });
  let section: Section | null = null;
  let option: Option | null = null;
  let level = 0;
  lines.forEach((line, at) => {
    const content = strip(line);
    const comment = content.startsWith('#') || content.startsWith(';');
    if (content === '' || comment) {
      if (comment) option?.comments.push(at);
      else option?.value.push('');
      return;
    }
    const indent = indentOf(line);
    if (section !== null && option !== null && indent > level) {
      option.value.push(content);
      option.last = at;
      return;
    }
    level = indent;
    const header = /^\[([^\]]+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      const known = sections.find(({ name }) => name === header);
      if (known !== undefined && header !== 'DEFAULT') {
        const lineNumbers = { first: known.line + 1, second: at + 1 };
        throw problem('slapos-config-duplicate-section', { ...place, section: header, ...lineNumbers });
      }
      section = { name: header, indent, line: at, options: [] };
      sections.push(section);
      option = null;
      return;
    }
    if (section === null) throw malformed(at, 'no section before it');
    const parts = /^(.*?)[=:](.*)$/s.exec(content);
    const key = strip(parts?.[1] ?? '').toLowerCase();
    if (parts === null || key === '') throw malformed(at, 'neither a section, nor a key with a value, nor indented');
    const twice = sections.find((one) => one.name === section?.name && one.options.some((other) => other.key === key));
    if (twice !== undefined) throw malformed(at, `second ${key} in [${section.name}]`);
    option = { key, indent, first: at, last: at, comments: [], value: [strip(parts[2] ?? '')] };
    section.options.push(option);
  });
  return { lines, endings, sections };
}

const textOf = (option: Option): string => option.value.join('\n').replace(atEnd, '');

/** Reads a configuration. Throws `slapos-config-malformed`, `slapos-config-duplicate-section` with both line numbers. */
export function parseConfig(text: string, place: ConfigPlace = { machine: '', path: slaposConfigPath }): Config {
  const { sections } = read(text, place);
  const defaults = new Map(
    sections
      .filter(({ name }) => name === 'DEFAULT')
      .flatMap(({ options }) => options.map((one) => [one.key, textOf(one)])),
  );
  const section = (name: string): ReadonlyMap<string, string> | null => {
    const found = sections.find((one) => one.name === name);
    if (found === undefined || name === 'DEFAULT') return null;
    const raw = new Map([...defaults, ...found.options.map((one) => [one.key, textOf(one)] as const)]);
    return new Map([...raw].map(([key, value]) => [key, interpolate(value, raw, `[${name}] ${key}`, place, 0)]));
  };
  return {
    sections: sections.map(({ name }) => name).filter((name) => name !== 'DEFAULT'),
    section,
    get: (name, key) => section(name)?.get(key.toLowerCase()) ?? null,
  };
}

function interpolate(
  value: string,
  raw: ReadonlyMap<string, string>,
  where: string,
  place: ConfigPlace,
  depth: number,
): string {
  const bad = (what: string) => problem('slapos-config-malformed', { ...place, detail: `${where}: ${what}` });
  if (depth > 10) throw bad('refers to itself');
  return value.replace(/%(%|\(([^)]+)\)s|)/g, (_all, what: string, name: string | undefined) => {
    if (what === '%') return '%';
    if (name === undefined) throw bad('a single %, which must be written %%');
    const other = raw.get(name.toLowerCase());
    if (other === undefined) throw bad(`refers to ${name}, which is not there`);
    return interpolate(other, raw, where, place, depth + 1);
  });
}

/**
 * The same text with some values of one section set. Comments, order, other keys and line ends stay; a value that is already
 * as asked keeps its bytes; a missing section is added at the end. Values are plain: `%` is escaped here.
 * Throws as `parseConfig` does, and `internal` for a value that the file cannot hold (a line that would read as a comment).
 */
export function editConfig(
  text: string,
  section: string,
  values: Readonly<Record<string, ConfigValue>>,
  place: ConfigPlace = { machine: '', path: slaposConfigPath },
): string {
  const document = read(text, place);
  const newline = document.endings.find((ending) => ending !== '') ?? '\n';
  const index = document.sections.findIndex(({ name }) => name === section);
  const found = document.sections[index];
  /** What each old line becomes; lines not named here stay. */
  const replaced = new Map<number, readonly string[]>();
  const added: string[] = [];
  const after = found?.options.at(-1);
  const next = document.sections[index + 1];
  const indent = ' '.repeat(after?.indent ?? (found === undefined ? 0 : Math.max(found.indent, next?.indent ?? 0)));
  for (const [name, value] of Object.entries(values)) {
    const key = name.toLowerCase();
    const option = found?.options.find((one) => one.key === key);
    const wanted = value === null ? null : wantedLines(name, value);
    if (option === undefined) {
      if (wanted !== null) added.push(...written(indent, name, wanted));
      continue;
    }
    if (wanted !== null && textOf(option) === wanted.join('\n')) continue;
    const kept = option.comments.filter((line) => line < option.last).map((line) => document.lines[line] ?? '');
    for (let line = option.first; line <= option.last; line += 1) replaced.set(line, []);
    const spelled = /^[^=:]*/.exec(document.lines[option.first] ?? '')?.[0].replace(atEnd, '') ?? name;
    replaced.set(option.first, [...(wanted === null ? [] : written('', spelled, wanted, option.indent)), ...kept]);
  }
  if (found === undefined && added.length > 0)
    return `${endWithNewline(text, newline)}${newSection(text, section, added, newline)}`;
  const insertAfter = after?.last ?? found?.line ?? -1;
  let result = '';
  document.lines.forEach((line, at) => {
    const ending = document.endings[at] ?? '';
    const lines = replaced.get(at);
    if (lines === undefined) result += line + ending;
    else for (const one of lines) result += one + (ending === '' ? newline : ending);
    if (at !== insertAfter) return;
    if (added.length > 0) result = endWithNewline(result, newline);
    for (const one of added) result += one + newline;
  });
  return result;
}

const endWithNewline = (text: string, newline: string): string =>
  text === '' || /[\r\n]$/.test(text) ? text : text + newline;

const newSection = (text: string, section: string, lines: readonly string[], newline: string): string =>
  [...(strip(text) === '' ? [] : ['']), `[${section}]`, ...lines].map((line) => line + newline).join('');

/** A value as the parser will give it back: lines stripped, none at the end empty, percent signs doubled. */
function wantedLines(key: string, value: string | readonly string[]): readonly string[] {
  if (!/^[^\s=:#;[\]%][^=:\r\n]*$/.test(key)) throw problem('internal', { detail: `not a configuration key: ${key}` });
  const list =
    typeof value === 'string' ? value.split(/\r\n|\n|\r/) : ['', ...value.flatMap((one) => one.split(/\r\n|\n|\r/))];
  const lines = list.map((line) => strip(line).replaceAll('%', '%%'));
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  const comment = lines.find((line, at) => at > 0 && /^[#;]/.test(line));
  if (comment !== undefined)
    throw problem('internal', { detail: `value of ${key} would read as a comment: ${comment}` });
  return lines;
}

function written(before: string, key: string, lines: readonly string[], indent = before.length): readonly string[] {
  const [first = '', ...rest] = lines;
  const deeper = ' '.repeat(indent + 2);
  return [
    `${before}${key} =${first === '' ? '' : ` ${first}`}`,
    ...rest.map((line) => (line === '' ? '' : deeper + line)),
  ];
}
