// What an archive offers, by name and by what is provided. Called by the closure and by the vendor look-up.
// A Packages file of 50 MB stays as bytes: only the names are read at once, a stanza when it is asked for.
// It must never hold two truths: a package is what its signed stanza says.
import { problem } from '../../src-shared/problem.ts';
import { fieldOf, parseStanza, type Stanza } from './control.ts';
import { parseRelations, type Relation, type RelationGroup } from './relations.ts';
import { compareVersions, isVersion } from './version.ts';

/** One version of one package, from its stanza. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** The target's architecture, or `all`. */
  readonly architecture: string;
  /** `no`, `same`, `foreign` or `allowed`. */
  readonly multiArch: string;
  readonly essential: boolean;
  /** `required`, `important`, `standard`, `optional` or `extra`. */
  readonly priority: string;
  /** Pre-Depends, then Depends. */
  readonly depends: readonly RelationGroup[];
  /** Conflicts and Breaks: for a finished installation they mean the same. */
  readonly conflicts: readonly Relation[];
  /** A version is there only when it was given with `=`. */
  readonly provides: readonly Provided[];
  readonly sizeBytes: number;
  /** Bytes it takes when unpacked, as its maker said; 0 when unsaid. */
  readonly installedBytes: number;
  readonly sha256: string;
  /** Absolute. */
  readonly url: string;
  /** Name of the archive it was read from. */
  readonly source: string;
}

interface Provided {
  readonly name: string;
  readonly version: string | null;
}

export interface PackageIndex {
  /** Every version under a name, newest first. */
  named(name: string): readonly Package[];
  /** Packages whose Provides name it; newest first within one name, names in order of the alphabet. */
  providing(name: string): readonly Package[];
  /** The newest version of every package of these priorities, or that is essential when `essential` is among them. */
  ranked(ranks: readonly (Rank | 'essential')[]): readonly Package[];
}

type Rank = 'required' | 'important' | 'standard' | 'optional' | 'extra';

export interface IndexOrigin {
  /** Name of the archive. */
  readonly source: string;
  /** Base that `Filename` is relative to, without a final slash. */
  readonly url: string;
  /** Stanzas of other architectures than this and `all` are left out. */
  readonly architecture: string;
}

const encoder = new TextEncoder();

/** Reads a Packages file. Throws `index-malformed`, now for what has no name, later for a stanza that cannot be read. */
export function indexPackages(bytes: Uint8Array, origin: IndexOrigin): PackageIndex {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = stanzaStarts(buffer);
  const places = new Map<string, number[]>();
  starts.forEach((start, place) => {
    add(places, nameAt(buffer, start, starts[place + 1] ?? buffer.length), place);
  });
  const read = new Map<number, Package>();
  const packageAt = (place: number): Package => {
    const known = read.get(place);
    if (known !== undefined) return known;
    const made = readPackage(stanzaText(buffer, starts, place), origin);
    read.set(place, made);
    return made;
  };
  const fits = (item: Package): boolean => item.architecture === origin.architecture || item.architecture === 'all';
  const packagesAt = (found: readonly number[] | undefined): Package[] =>
    (found ?? []).map(packageAt).filter(fits).sort(byNameThenNewest);
  const providers = lazily(() => readProviders(buffer, starts));
  return {
    named: (name) => packagesAt(places.get(name)),
    providing: (name) => packagesAt(providers().get(name)),
    ranked: (ranks) => {
      const found = new Set<number>();
      for (const rank of ranks) {
        const line = rank === 'essential' ? '\nEssential: yes' : `\nPriority: ${rank}`;
        for (const place of placesOf(buffer, starts, line)) found.add(place);
      }
      return newestOfEach(packagesAt([...found]));
    },
  };
}

/** Several indexes as one. The same package in two of them (same name, version and hash) is taken from the first. */
export function combineIndexes(indexes: readonly PackageIndex[]): PackageIndex {
  const gather = (pick: (index: PackageIndex) => readonly Package[]): Package[] => {
    const kept = new Map<string, Package>();
    for (const item of indexes.flatMap(pick)) {
      const key = `${item.name} ${item.version} ${item.architecture} ${item.sha256}`;
      if (!kept.has(key)) kept.set(key, item);
    }
    return [...kept.values()].sort(byNameThenNewest);
  };
  return {
    named: (name) => gather((index) => index.named(name)),
    providing: (name) => gather((index) => index.providing(name)),
    ranked: (ranks) => newestOfEach(gather((index) => index.ranked(ranks))),
  };
}

/** The index narrowed to what `keep` lets through. */
export function filterIndex(index: PackageIndex, keep: (item: Package) => boolean): PackageIndex {
  return {
    named: (name) => index.named(name).filter(keep),
    providing: (name) => index.providing(name).filter(keep),
    ranked: (ranks) => index.ranked(ranks).filter(keep),
  };
}

/** A package from its stanza. Throws `index-malformed`. */
export function packageOf(stanza: Stanza, origin: IndexOrigin): Package {
  const name = fieldOf(stanza, 'Package');
  const text = (field: string): string => {
    const value = fieldOf(stanza, field);
    if (value === null || value === '') throw malformed(origin, `${name ?? '?'}: ${field}`);
    return value;
  };
  const number = (field: string, fallback: string): number => {
    const value = fieldOf(stanza, field) ?? fallback;
    if (!/^\d{1,15}$/.test(value)) throw malformed(origin, `${name ?? '?'}: ${field}`);
    return Number(value);
  };
  const groups = (field: string): readonly RelationGroup[] => parseRelations(fieldOf(stanza, field) ?? '');
  const version = text('Version');
  if (!isVersion(version)) throw malformed(origin, `${name ?? '?'}: Version`);
  const sha256 = text('SHA256').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw malformed(origin, `${name ?? '?'}: SHA256`);
  return {
    name: text('Package'),
    version,
    architecture: text('Architecture'),
    multiArch: fieldOf(stanza, 'Multi-Arch') ?? 'no',
    essential: fieldOf(stanza, 'Essential') === 'yes',
    priority: fieldOf(stanza, 'Priority') ?? 'optional',
    depends: [...groups('Pre-Depends'), ...groups('Depends')],
    conflicts: [...groups('Conflicts'), ...groups('Breaks')].flat(),
    provides: groups('Provides').flat().map(providedOf),
    sizeBytes: number('Size', ''),
    installedBytes: number('Installed-Size', '0') * 1024,
    sha256,
    url: urlOf(text('Filename'), origin),
    source: origin.source,
  };
}

/** A signed index may still name a path that leaves the archive; such a one is refused. */
function urlOf(filename: string, origin: IndexOrigin): string {
  const path = filename.replace(/^(\.\/)+/, '');
  const steps = path.split('/');
  if (path.startsWith('/') || steps.includes('..') || /[\s\\?#]/.test(path)) throw malformed(origin, filename);
  return `${origin.url}/${steps.map(encodePart).join('/')}`;
}

/** Archives write file names plain or already with %3a for the colon; a server gets the form it listed. */
const encodePart = (part: string): string => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%2B', '+');

const providedOf = ({ name, version }: Relation): Provided => ({
  name,
  version: version?.comparison === '=' ? version.wanted : null,
});

function readPackage(text: string, origin: IndexOrigin): Package {
  return packageOf(parseStanza(text, origin.source), origin);
}

function stanzaStarts(buffer: Buffer): number[] {
  const starts: number[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (buffer[at] === 10) {
      at += 1;
      continue;
    }
    starts.push(at);
    const end = buffer.indexOf('\n\n', at, 'latin1');
    at = end < 0 ? buffer.length : end + 2;
  }
  return starts;
}

const nameField = encoder.encode('Package: ');

function nameAt(buffer: Buffer, start: number, end: number): string {
  const first = start + nameField.length;
  if (buffer.compare(nameField, 0, nameField.length, start, Math.min(first, end)) === 0) {
    const lineEnd = buffer.indexOf(10, first);
    return buffer.toString('latin1', first, lineEnd < 0 ? end : lineEnd).trim();
  }
  const name = fieldOf(parseStanza(buffer.toString('utf8', start, end), 'Packages'), 'Package');
  if (name === null) throw problem('index-malformed', { file: 'Packages', detail: `stanza at byte ${start}: Package` });
  return name;
}

function stanzaText(buffer: Buffer, starts: readonly number[], place: number): string {
  return buffer.toString('utf8', starts[place], starts[place + 1] ?? buffer.length).trimEnd();
}

/** Places of the stanzas that hold a line beginning with `line` (which begins with a line feed). */
function placesOf(buffer: Buffer, starts: readonly number[], line: string): number[] {
  const found: number[] = [];
  let place = 0;
  for (let at = buffer.indexOf(line, 0, 'latin1'); at >= 0; at = buffer.indexOf(line, at + 1, 'latin1')) {
    while ((starts[place + 1] ?? Number.POSITIVE_INFINITY) <= at) place += 1;
    if (found.at(-1) !== place) found.push(place);
  }
  return found;
}

function readProviders(buffer: Buffer, starts: readonly number[]): Map<string, number[]> {
  const providers = new Map<string, number[]>();
  for (const place of placesOf(buffer, starts, '\nProvides:')) {
    const stanza = parseStanza(stanzaText(buffer, starts, place), 'Packages');
    const names = parseRelations(fieldOf(stanza, 'Provides') ?? '').flat();
    for (const name of new Set(names.map((relation) => relation.name))) add(providers, name, place);
  }
  return providers;
}

function newestOfEach(sorted: readonly Package[]): Package[] {
  return sorted.filter((item, place) => sorted[place - 1]?.name !== item.name);
}

function byNameThenNewest(a: Package, b: Package): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return compareVersions(b.version, a.version);
}

function add<K>(map: Map<K, number[]>, key: K, place: number): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [place]);
  else found.push(place);
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const malformed = (origin: IndexOrigin, detail: string) => problem('index-malformed', { file: origin.source, detail });
