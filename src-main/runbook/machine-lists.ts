// Machines out of lists that people have already: CSV, an ssh_config, an Ansible inventory. Used to add them to a plan. Pure: it reads texts, and never guesses what a list does not say. Formats: RFC 4180; ssh_config(5), where the first value
// found counts; Ansible's INI and YAML inventories with their host variables and those of groups.
import { parse, YAMLParseError } from 'yaml';
import { type ListKind, machineListLimits } from '../../src-shared/api.ts';
import { type Json, jsonObject } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { machine } from '../../src-shared/site.ts';

/** A machine as a list tells of it: fields of the plan, as far as they are known. */
export interface ListedMachine {
  readonly name: string;
  readonly fields: Readonly<Record<string, Json>>;
}

/** By the name of the file, where it tells. */
export function kindOfList(path: string): ListKind {
  if (/\.csv$/i.test(path)) return 'csv';
  return /(^|[/\\])(ssh_)?config(\.[^/\\]*)?$|\.ssh[/\\]/i.test(path) ? 'ssh-config' : 'inventory';
}

/** Throws `machine-list-invalid` with the place, also for a list above `machineListLimits`. */
export function readMachineList(text: string, kind: ListKind, path: string): readonly ListedMachine[] {
  const wrong: Wrong = (line, detail) => problem('machine-list-invalid', { path, line, detail });
  if (text.length > machineListLimits.textLength)
    throw wrong(1, `larger than ${machineListLimits.textLength / 1024} KiB`);
  const listed = { csv: fromCsv, 'ssh-config': fromSshConfig, inventory: fromInventory }[kind](text, wrong);
  if (listed.length === 0) throw wrong(1, 'no machine is named here');
  return listed;
}

type Wrong = (line: number, detail: string) => Error;

/** Checked while a list is read, as a few ranges can name more machines than a laptop holds. */
function requireFew(count: number, line: number, wrong: Wrong): void {
  if (count > machineListLimits.machines) throw wrong(line, `more than ${machineListLimits.machines} machines`);
}

/** A name as plans allow it, from a host's name: `Web_1.example.org` becomes `web-1`. */
const nameFrom = (text: string): string =>
  (/^[\d.]+$|:/.test(text) ? text : (text.split('.')[0] ?? ''))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 41);

const numbers: ReadonlySet<string> = new Set(['port', 'partitions']);
const lists: ReadonlySet<string> = new Set(['roles', 'addresses']);

/** A field's text as the plan holds it. */
function fieldOf(name: string, text: string): Json {
  if (numbers.has(name) && /^\d+$/.test(text)) return Number(text);
  return lists.has(name) ? text.split(/[\s,;]+/).filter((part) => part !== '') : text;
}

// ---------------------------------------------------------------- CSV

/** The first line names fields of a machine in the plan; empty cells say nothing. */
function fromCsv(text: string, wrong: Wrong): readonly ListedMachine[] {
  const [head, ...rows] = csvRows(text, wrong);
  if (head === undefined) return [];
  // A host key is pinned by a person before the machine's own console alone, never by a list.
  const known = Object.keys(machine.shape).filter((field) => field !== 'hostKey');
  const columns = head.cells.map((cell) => cell.trim());
  const unknown = columns.find((column) => !known.includes(column));
  if (unknown !== undefined) throw wrong(1, `unknown column ${unknown}; known are ${known.join(', ')}`);
  for (const needed of ['name', 'address']) if (!columns.includes(needed)) throw wrong(1, `no column ${needed}`);
  requireFew(rows.length, rows[machineListLimits.machines]?.line ?? 1, wrong);
  return rows.map(({ cells, line }) => {
    if (cells.length !== columns.length) throw wrong(line, `${cells.length} cells under ${columns.length} columns`);
    const given = columns.flatMap((column, at) => {
      const value = cells[at]?.trim() ?? '';
      return value === '' ? [] : [[column, fieldOf(column, value)] as const];
    });
    const { name, ...fields } = Object.fromEntries(given);
    if (typeof name !== 'string') throw wrong(line, 'no name');
    return { name, fields };
  });
}

function csvRows(text: string, wrong: Wrong): { readonly cells: string[]; readonly line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  const separator = /^[^\n"]*;/.test(text) && !/^[^\n";]*,/.test(text) ? ';' : ',';
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let begun = 1;
  const endRow = () => {
    cells.push(cell);
    if (cells.length > 1 || cell.trim() !== '') rows.push({ cells, line: begun });
    cells = [];
    cell = '';
    begun = line;
  };
  const source = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  for (let at = 0; at < source.length; at += 1) {
    const sign = source[at] ?? '';
    if (sign === '\n') line += 1;
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (source[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (sign === '"' && cell === '') quoted = true;
    else if (sign === separator) {
      cells.push(cell);
      cell = '';
    } else if (sign === '\n') endRow();
    else cell += sign;
  }
  if (quoted) throw wrong(begun, 'a quote that is not closed');
  endRow();
  return rows;
}

// ---------------------------------------------------------------- ssh_config

interface Block {
  readonly patterns: readonly string[];
  readonly options: Map<string, string>;
}

/** `*` is any text, `?` any sign. Step by step, as a regular expression of many stars would take for ever. */
function fits(pattern: string, host: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), host.toLowerCase()];
  let [at, seen, star, from] = [0, 0, -1, 0];
  while (seen < given.length) {
    if (wanted[at] === '*') {
      star = at;
      from = seen;
      at += 1;
    } else if (wanted[at] === '?' || wanted[at] === given[seen]) {
      at += 1;
      seen += 1;
    } else if (star >= 0) {
      // The last star takes one sign more.
      from += 1;
      at = star + 1;
      seen = from;
    } else return false;
  }
  return /^\**$/.test(wanted.slice(at));
}

/** `Host` blocks with a name of their own; `Match` and `Include` are not followed. */
function fromSshConfig(text: string, wrong: Wrong): readonly ListedMachine[] {
  const blocks: Block[] = [{ patterns: ['*'], options: new Map() }];
  let skipping = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const [, keyword = '', rest = ''] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(raw) ?? [];
    if (/^\s*(#|$)/.test(raw)) continue;
    if (keyword === '') throw wrong(index + 1, 'neither a keyword with a value nor a comment');
    const value = rest.replace(/^"(.*)"$/, '$1');
    const key = keyword.toLowerCase();
    if (key === 'host') {
      blocks.push({ patterns: value.split(/\s+/), options: new Map() });
      skipping = false;
    } else if (key === 'match') skipping = true;
    else if (!skipping) {
      const options = blocks.at(-1)?.options;
      if (options !== undefined && !options.has(key)) options.set(key, value);
    }
  }
  const hosts = [...new Set(blocks.flatMap(({ patterns }) => patterns.filter((one) => !/[*?!]/.test(one))))];
  requireFew(hosts.length, 1, wrong);
  return hosts.map((host) => {
    const of = (key: string): string | undefined =>
      blocks
        .find(
          ({ patterns, options }) =>
            options.has(key) &&
            patterns.some((one) => !one.startsWith('!') && fits(one, host)) &&
            !patterns.some((one) => one.startsWith('!') && fits(one.slice(1), host)),
        )
        ?.options.get(key);
    const jump = of('proxyjump');
    return {
      name: nameFrom(host),
      fields: {
        address: (of('hostname') ?? host).replaceAll('%h', host),
        ...given('port', of('port')),
        ...given('user', of('user')),
        ...given('keyFile', of('identityfile')),
        ...(jump === undefined || jump === 'none'
          ? {}
          : { jump: nameFrom(jump.replace(/^.*@/, '').replace(/:\d+$/, '')) }),
      },
    };
  });
}

const given = (name: string, value: string | undefined): Record<string, Json> =>
  value === undefined || value === '' ? {} : { [name]: fieldOf(name, value) };

// ---------------------------------------------------------------- Ansible

/** What Ansible calls the fields, and what it called them before. */
const ansibleFields: Readonly<Record<string, string>> = {
  ansible_host: 'address',
  ansible_ssh_host: 'address',
  ansible_port: 'port',
  ansible_ssh_port: 'port',
  ansible_user: 'user',
  ansible_ssh_user: 'user',
  ansible_ssh_private_key_file: 'keyFile',
  ansible_private_key_file: 'keyFile',
};

type Variables = Readonly<Record<string, string>>;

/** What Ansible would make of a template is known to Ansible alone: it is refused where it stands, never taken for a value. */
const inventoryMachine = (host: string, variables: Variables, text: string, wrong: Wrong): ListedMachine => {
  const fields = Object.entries(variables).flatMap(([key, value]) => {
    const field = Object.hasOwn(ansibleFields, key) ? ansibleFields[key] : undefined;
    return field === undefined ? [] : [[field, fieldOf(field, value)] as const];
  });
  const jump = /ProxyJump[= ]["']?(?:[^@\s"']+@)?([^\s:"',]+)/.exec(variables.ansible_ssh_common_args ?? '')?.[1];
  for (const value of [...fields.map(([, value]) => String(value)), jump ?? ''])
    if (/\{[{%]/.test(value)) {
      const line = text.split('\n').findIndex((one) => one.includes(value)) + 1;
      throw wrong(Math.max(1, line), `${host}: ${value} is a template of Ansible; write the value itself`);
    }
  return {
    name: nameFrom(host),
    fields: { address: host, ...Object.fromEntries(fields), ...(jump === undefined ? {} : { jump: nameFrom(jump) }) },
  };
};

/** A YAML inventory begins with a key; a host of the other form may have a colon inside, never at its end. */
function fromInventory(text: string, wrong: Wrong): readonly ListedMachine[] {
  const first = text.split(/\r?\n/).find((line) => !/^\s*([#;].*)?$/.test(line)) ?? '';
  return /^(---|\S+:(\s|$))/.test(first) ? fromYamlInventory(text, wrong) : fromIniInventory(text, wrong);
}

function fromIniInventory(text: string, wrong: Wrong): readonly ListedMachine[] {
  const hosts = new Map<string, Record<string, string>>();
  const members = new Map<string, Set<string>>();
  const groupVariables = new Map<string, Record<string, string>>();
  let group = 'ungrouped';
  let part = '';
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/(^|\s)[#;].*$/, '').trim();
    if (line === '') continue;
    const header = /^\[([^\]:]+)(?::(\w+))?\]$/.exec(line);
    if (header !== null) {
      group = header[1] ?? '';
      part = header[2] ?? '';
      continue;
    }
    if (line.startsWith('[')) throw wrong(index + 1, 'a group without its end');
    if (part === 'vars') {
      const [, key = '', value = ''] = /^([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? [];
      if (key === '') throw wrong(index + 1, 'a variable without a value');
      groupVariables.set(group, { ...groupVariables.get(group), [key]: unquoted(value) });
      continue;
    }
    const [name = '', ...rest] = line.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? [];
    const named = part === 'children' ? [`@${name}`] : rangeOf(name, index + 1, wrong);
    const inGroup = members.get(group) ?? new Set();
    for (const one of named) inGroup.add(one);
    members.set(group, inGroup);
    if (part === 'children') continue;
    const own = Object.fromEntries(
      rest.map((word) => {
        const at = word.indexOf('=');
        if (at < 1) throw wrong(index + 1, `${word} is no variable`);
        return [word.slice(0, at), unquoted(word.slice(at + 1))];
      }),
    );
    for (const host of named) hosts.set(host, { ...hosts.get(host), ...own });
    requireFew(hosts.size, index + 1, wrong);
  }
  /** Each group is looked into once: groups may hold each other in more ways than could be walked. */
  const hostsIn = (name: string, seen: Set<string>): readonly string[] => {
    if (name === 'all') return [...hosts.keys()];
    if (seen.has(name)) return [];
    seen.add(name);
    return [...(members.get(name) ?? [])].flatMap((one) => (one.startsWith('@') ? hostsIn(one.slice(1), seen) : [one]));
  };
  const shared = [...groupVariables].map(([name, variables]) => ({
    variables,
    among: new Set(hostsIn(name, new Set())),
  }));
  return [...hosts].map(([host, own]) => {
    const ofGroups = shared.filter(({ among }) => among.has(host)).map(({ variables }) => variables);
    return inventoryMachine(host, Object.assign({}, ...ofGroups, own) as Variables, text, wrong);
  });
}

const unquoted = (text: string): string => text.replace(/^(["'])(.*)\1$/, '$2');

/** `node-[1:3]` is three hosts. */
function rangeOf(name: string, line: number, wrong: Wrong): readonly string[] {
  const [, head = '', from = '', to = '', tail = ''] = /^(.*)\[(\d+):(\d+)\](.*)$/.exec(name) ?? [];
  if (from === '') return [name];
  const length = Math.max(0, Number(to) - Number(from) + 1);
  requireFew(length, line, wrong);
  return Array.from(
    { length },
    (_, index) => `${head}${String(Number(from) + index).padStart(from.length, '0')}${tail}`,
  );
}

function fromYamlInventory(text: string, wrong: Wrong): readonly ListedMachine[] {
  let data: unknown;
  try {
    data = parse(text, { maxAliasCount: 20 });
  } catch (error) {
    const line = error instanceof YAMLParseError ? (error.linePos?.[0].line ?? 1) : 1;
    throw wrong(line, error instanceof Error ? (error.message.split('\n')[0] ?? '') : '');
  }
  const found = new Map<string, Variables>();
  const texts = (value: unknown): Variables => {
    const parsed = jsonObject.safeParse(value ?? {});
    const entries = Object.entries(parsed.success ? parsed.data : {});
    return Object.fromEntries(entries.map(([key, one]) => [key, typeof one === 'object' ? '' : String(one)]));
  };
  const walk = (group: unknown, above: Variables, depth: number): void => {
    const { hosts, children, vars } = (typeof group === 'object' && group !== null ? group : {}) as Record<
      string,
      unknown
    >;
    const shared = { ...above, ...texts(vars) };
    for (const [host, own] of Object.entries((hosts ?? {}) as Record<string, unknown>))
      for (const name of rangeOf(host, 1, wrong)) {
        found.set(name, { ...shared, ...found.get(name), ...texts(own) });
        requireFew(found.size, 1, wrong);
      }
    if (depth < 20)
      for (const child of Object.values((children ?? {}) as Record<string, unknown>)) walk(child, shared, depth + 1);
  };
  if (typeof data === 'object' && data !== null) for (const group of Object.values(data)) walk(group, {}, 0);
  return [...found].map(([host, variables]) => inventoryMachine(host, variables, text, wrong));
}
