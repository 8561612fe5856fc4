// The grammar of Depends, Conflicts, Provides and their like, as Debian policy 7.1 defines it for binary packages.
// Pure. Called by the package index and by the jobs that name roots. It must never guess at text it cannot read.
import { problem } from '../../src-shared/problem.ts';
import { type Comparison, isVersion, versionSatisfies } from './version.ts';

export interface Relation {
  readonly name: string;
  /** `any`, or an architecture; null when the relation has none. */
  readonly qualifier: string | null;
  /** Null when every version will do. */
  readonly version: { readonly comparison: Comparison; readonly wanted: string } | null;
}

/** Alternatives joined by `|`, in order of preference; one of them must hold. */
export type RelationGroup = readonly Relation[];

const relationPattern =
  /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([A-Za-z0-9.+~:-]+)\s*\))?$/;

/** Reads one relation, e.g. `python3:any (>= 3.11)`. Throws `index-malformed`. */
export function parseRelation(text: string): Relation {
  const match = relationPattern.exec(text.trim());
  const [, name, qualifier, sign, wanted] = match ?? [];
  if (name === undefined) throw malformed(text);
  if (sign === undefined || wanted === undefined) return { name, qualifier: qualifier ?? null, version: null };
  if (!isVersion(wanted)) throw malformed(text);
  return { name, qualifier: qualifier ?? null, version: { comparison: comparisonOf(sign), wanted } };
}

/** Reads a whole field: groups parted by commas, alternatives by `|`. An empty field has no groups. Throws `index-malformed`. */
export function parseRelations(field: string): readonly RelationGroup[] {
  return field
    .split(',')
    .filter((group) => group.trim() !== '')
    .map((group) => group.split('|').map(parseRelation));
}

/** The canonical text, which `parseRelation` reads back. */
function formatRelation({ name, qualifier, version }: Relation): string {
  const suffix = version === null ? '' : ` (${version.comparison} ${version.wanted})`;
  return `${name}${qualifier === null ? '' : `:${qualifier}`}${suffix}`;
}

export function formatGroup(group: RelationGroup): string {
  return group.map(formatRelation).join(' | ');
}

/** Whether a version fits the relation's limits. */
export function versionFits(relation: Relation, version: string): boolean {
  const { version: limit } = relation;
  return limit === null || versionSatisfies(version, limit.comparison, limit.wanted);
}

/** The single signs are read as dpkg reads them: `<` has always meant `<=`. */
function comparisonOf(sign: string): Comparison {
  if (sign === '<') return '<=';
  if (sign === '>') return '>=';
  return sign as Comparison;
}

const malformed = (text: string) => problem('index-malformed', { file: 'Packages', detail: text.trim().slice(0, 200) });
