/**
 * Who may import whom, as a table, and a small reader of import statements that checks it. The table is the house rule
 * of docs/architecture; used by imports.test.ts. Never loads the files it looks at.
 */

/** One room of the house: a folder or file of the sources, and what it may import from. */
interface Room {
  readonly room: string;
  /** Own rooms and files, as path prefixes. A room may always import from itself. */
  readonly may: readonly string[];
  /** Of these only types, because the room must not call them. */
  readonly mayTypes?: readonly string[];
  /** Packages by name; `node:` stands for every built-in module that no keeper holds. */
  readonly packages: readonly string[];
}

const shared = 'src-shared/';
const platform = 'src-main/platform/';
const runbook = 'src-main/runbook/';
const fourRooms = ['src-main/medium/', 'src-main/packages/', 'src-main/software/', 'src-main/target/'];
const texts = 'resources/locales/';

/** The most particular room that holds a file counts, so `preload` comes before the rest of src-main. */
export const rooms: readonly Room[] = [
  {
    room: 'src-renderer/',
    may: [shared, texts],
    packages: [
      'react',
      'react-dom',
      'zustand',
      'react-aria-components',
      'lucide-react',
      'i18next',
      'react-i18next',
      '@tanstack/react-virtual',
      'zod',
    ],
  },
  { room: 'src-shared/', may: [], packages: ['zod'] },
  {
    room: 'src-main/platform/',
    may: [shared],
    packages: [
      'node:',
      '@jitl/quickjs-singlefile-cjs-release-sync',
      'age-encryption',
      'quickjs-emscripten-core',
      'undici',
      'zod',
    ],
  },
  { room: 'src-main/medium/', may: [platform, shared], packages: ['node:', 'drivelist', 'zod'] },
  {
    room: 'src-main/packages/',
    may: [platform, shared],
    packages: ['node:', 'openpgp', 'tar-stream', 'xz-decompress', 'zod'],
  },
  {
    room: 'src-main/software/',
    may: [platform, shared],
    packages: ['node:', 'tar-stream', 'xz-decompress', '@peculiar/x509', 'reflect-metadata', 'zod'],
  },
  { room: 'src-main/target/', may: [platform, shared], packages: ['node:', 'ssh2', 'zod'] },
  { room: 'src-main/runbook/', may: [platform, shared], packages: ['node:', 'yaml', 'zod'] },
  {
    room: 'src-main/steps/',
    may: [...fourRooms, shared, 'src-main/runbook/define.ts'],
    mayTypes: [runbook],
    packages: ['zod', 'node:path'],
  },
  { room: 'src-main/preload/', may: ['src-shared/channels.ts'], packages: ['electron'] },
  {
    // One program, window or terminal: the only place that knows both.
    room: 'src-main/app/entry.ts',
    may: ['src-main/app/window-program.ts', 'src-main/cli/entry.ts'],
    packages: ['electron'],
  },
  {
    room: 'src-main/app/',
    may: ['src-main/compose.ts', runbook, shared, texts],
    packages: ['node:', 'electron', 'i18next', 'zod'],
  },
  {
    room: 'src-main/cli/',
    may: ['src-main/compose.ts', runbook, shared, texts],
    packages: ['node:', 'commander', 'i18next', 'zod', 'yaml'],
  },
  {
    room: 'src-main/performers/',
    may: [platform, ...fourRooms, runbook, shared],
    packages: ['node:', 'zod'],
  },
  {
    // Stands beside the real world: it has a machine's reading and a repository's writing, but no engine and no step.
    room: 'src-main/practice/',
    may: [platform, 'src-main/packages/', 'src-main/software/', 'src-main/target/', shared],
    packages: ['node:', 'tar-stream', 'zod'],
  },
  {
    room: 'src-main/compose',
    may: [
      platform,
      ...fourRooms,
      runbook,
      'src-main/performers/',
      'src-main/steps/',
      'src-main/practice/',
      shared,
      texts,
    ],
    packages: ['node:', 'i18next', 'zod'],
  },
];

/** Modules that one room keeps for itself, whatever the table above allows. */
export const keepers: Readonly<Record<string, readonly string[]>> = {
  electron: ['src-main/app/', 'src-main/preload/'],
  ssh2: ['src-main/target/'],
  drivelist: ['src-main/medium/'],
  openpgp: ['src-main/packages/'],
  'age-encryption': ['src-main/platform/'],
  // What runs a script of others runs in a thread of its own.
  'quickjs-emscripten-core': ['src-main/platform/pac-sandbox.ts'],
  'node:child_process': ['src-main/platform/'],
};

export interface ImportStatement {
  /** As written; `null` for an `import(…)` whose address is computed. */
  readonly from: string | null;
  readonly typesOnly: boolean;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * The imports of a TypeScript source. Static ones are found at the beginning of a line, where the formatter puts them;
 * `import(…)` anywhere, in a type as well; style sheets and globs count too.
 */
export function importsOf(source: string): readonly ImportStatement[] {
  const found: ImportStatement[] = [];
  const add = (index: number, from: string | null, typesOnly: boolean): void => {
    found.push({ from, typesOnly, line: source.slice(0, index).split('\n').length });
  };
  for (const match of source.matchAll(/^(?:import|export)\s+(type\s)?(?:[\w$\s{},*]+?\sfrom\s*)?['"]([^'"]+)['"]/gm)) {
    add(match.index, match[2] ?? null, match[1] !== undefined || namesOnlyTypes(match[0]));
  }
  for (const match of source.matchAll(/(?<![\w.$])(?:import|require)\(\s*(?:['"]([^'"]+)['"])?/g)) {
    add(match.index, match[1] ?? null, false);
  }
  for (const match of source.matchAll(/import\.meta\.glob(?:<[^(]*>)?\(\s*(?:['"]([^'"]+)['"])?/g)) {
    add(match.index, match[1] ?? null, false);
  }
  return found;
}

/** `import { type A, type B } from …` */
function namesOnlyTypes(statement: string): boolean {
  const names = /\{([^}]*)\}\s*from/
    .exec(statement)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  const given = names?.filter((name) => name !== '') ?? [];
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}

/** What is wrong with one file, one line each; empty when it keeps the rules. Paths are relative to the project. */
export function violations(file: string, source: string): readonly string[] {
  const room = rooms.find((each) => file.startsWith(each.room));
  if (room === undefined) return [`${file}: lies in no room of the house`];
  return importsOf(source).flatMap((statement) => {
    const wrong = judge(file, room, statement);
    return wrong === null ? [] : [`${file}:${statement.line}: ${wrong}`];
  });
}

function judge(file: string, room: Room, { from, typesOnly }: ImportStatement): string | null {
  if (from === null) return 'imports a computed address, which nobody can check';
  if (from.startsWith('.')) {
    const goal = resolve(file, from);
    const allowed = [room.room, ...room.may, ...(typesOnly ? (room.mayTypes ?? []) : [])];
    return allowed.some((prefix) => goal.startsWith(prefix)) ? null : `${room.room} may not import ${goal}`;
  }
  const name = packageOf(from);
  const keeper = keepers[name];
  if (keeper !== undefined && !keeper.some((prefix) => file.startsWith(prefix))) {
    return `${name} is only for ${keeper.join(' and ')}`;
  }
  const allowed = room.packages.some((each) => each === name || (each === 'node:' && name.startsWith('node:')));
  return allowed ? null : `${room.room} may not import ${name}`;
}

function packageOf(from: string): string {
  if (from.startsWith('node:')) return from.split('/')[0] ?? from;
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolve(file: string, from: string): string {
  const parts = file.split('/').slice(0, -1);
  for (const part of from.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
