// Each act of the window as the command that does the same: shown on its page, to be read and copied. A contract test parses every
// one of them with the command line's own program.

type Argv = readonly string[];

/** `fieldkit`, words, and the site last: it is the same everywhere. */
const of = (site: string, ...words: readonly string[]): Argv => ['fieldkit', ...words, '--site', site];

/** What the interview holds so far, as it is typed. */
interface Asked {
  readonly name: string;
  readonly master: string;
  readonly interface: string;
  readonly user: string;
  readonly system: string;
  readonly nodes: readonly string[];
  readonly re6st: string;
  readonly domain: string;
}

/** What was typed into a step's form, by field. */
type Said = Readonly<Record<string, string>>;

const inputs = (said: Readonly<Record<string, Said>>): Argv =>
  Object.entries(said).flatMap(([instance, fields]) =>
    Object.entries(fields).flatMap(([field, value]) => ['--input', `${instance}.${field}=${value}`]),
  );

export const terminalForms = {
  newSite: (said: Asked): Argv => [
    ...['fieldkit', 'sites', 'new', said.name || 'NAME', '--master', said.master || 'ADDRESS'],
    ...['--interface', said.interface || 'INTERFACE', '--user', said.user, '--system', said.system],
    ...said.nodes.flatMap((address) => ['--node', address]),
    ...(said.re6st === '' ? [] : ['--re6st', said.re6st]),
    ...(said.domain === '' ? [] : ['--domain', said.domain]),
  ],
  /** The plan is a file: any editor will do. What is wrong in it is said by every command that reads it. */
  editPlan: (path: string): Argv => ['editor', path],
  takeOver: (medium: string): Argv => ['fieldkit', 'sites', 'take-over', medium],
  practise: (): Argv => ['fieldkit', 'practice'],
  fault: (id: string, state: 'on' | 'off'): Argv => ['fieldkit', 'practice', 'faults', id, state],
  check: (site: string): Argv => of(site, 'check'),
  runStep: (site: string, instance: string, input: Said): Argv =>
    of(site, 'run', instance, ...inputs({ [instance]: input })),
  /** One yes for all of them, as "Run until something needs me"; `said`: by instance. */
  runAll: (site: string, chapters: readonly string[], said: Readonly<Record<string, Said>>): Argv =>
    of(site, 'run', ...chapters, '--yes', ...inputs(said)),
  undo: (site: string, instance: string): Argv => of(site, 'undo', instance),
  showPassword: (site: string, instance: string): Argv => of(site, 'show-password', instance),
  sheet: (site: string): Argv => of(site, 'sheet', '--output', `${site}.html`),
  addMachines: (site: string, words: readonly string[]): Argv => of(site, 'machines', 'add', ...words),
  renewMachine: (site: string, name: string): Argv => of(site, 'machines', 'renew', name),
  removeMachine: (site: string, name: string, lost: boolean): Argv =>
    of(site, 'machines', 'remove', name, ...(lost ? ['--lost'] : [])),
  exportKeys: (site: string): Argv => of(site, 'keys', 'export', `${site}-keys.age`),
  importKeys: (site: string): Argv => of(site, 'keys', 'import', `${site}-keys.age`),
  listMedia: (): Argv => ['fieldkit', 'medium', 'list'],
  showMedium: (folder: string): Argv => ['fieldkit', 'medium', 'show', folder],
  compareMedia: (folder: string, other: string): Argv => ['fieldkit', 'medium', 'compare', folder, other],
  cloneMedium: (folder: string, to: string): Argv => ['fieldkit', 'medium', 'clone', folder, to],
  restoreMedium: (folder: string, generation: number): Argv => [
    ...['fieldkit', 'medium', 'restore', folder, '--generation', String(generation)],
  ],
  cleanMedium: (folder: string, yes: boolean): Argv => [
    ...['fieldkit', 'medium', 'clean', folder, ...(yes ? ['--yes'] : [])],
  ],
  repairMedium: (place: string, yes: boolean): Argv => [
    'fieldkit',
    'medium',
    'repair',
    place,
    ...(yes ? ['--yes'] : []),
  ],
  listCache: (): Argv => ['fieldkit', 'cache', 'list'],
  verifyCache: (): Argv => ['fieldkit', 'cache', 'verify'],
  clearCache: (unusedDays: number | null): Argv => [
    ...['fieldkit', 'cache', 'clear', ...(unusedDays === null ? [] : ['--older-than', String(unusedDays)])],
  ],
  limitCache: (gigabytes: number): Argv => ['fieldkit', 'cache', 'limit', `${gigabytes}GB`],
  survey: (site: string, machines: readonly string[]): Argv => of(site, 'survey', ...machines, '--output', '.'),
  /** `fingerprint`: the one that this laptop knows; null where it knows none. */
  verifyMedium: (folder: string, fingerprint: string | null): Argv => [
    ...['fieldkit', 'medium', 'verify', folder],
    ...(fingerprint === null ? [] : ['--fingerprint', fingerprint]),
  ],
  testSources: (site: string): Argv => of(site, 'sources', 'test'),
  exportSite: (site: string, kind: string): Argv => of(site, 'export', kind, '.'),
  rehearse: (site: string): Argv => of(site, 'medium', 'rehearse'),
  format: (device: string, fileSystem: string, label: string): Argv => [
    ...['fieldkit', 'medium', 'format', device, '--as', fileSystem, '--label', label],
  ],
  verifyRecord: (folder: string): Argv => ['fieldkit', 'record', 'verify', folder],
  support: (site: string, hideAddresses: boolean): Argv =>
    of(site, 'support', ...(hideAddresses ? ['--hide-addresses'] : []), '--output', '.'),
} as const;

/** The command needs the site for itself: as long as a window has it open, it is refused. */
export const needsSite = ([, first, second]: Argv): boolean =>
  ['run', 'check', 'undo', 'show-password', 'keys', 'survey'].includes(first ?? '') ||
  (first === 'machines' && second !== undefined && !second.startsWith('-'));

export type TerminalForm = keyof typeof terminalForms;
