// What a machine that has packages already would fetch, as apt there decides it: what is new, and what must be newer for it.
// Called by the solving job. Pure. A package that would have to go for another is a conflict, told before anybody leaves.
import { problem } from '../../src-shared/problem.ts';
import { byName, type ClosureRequest, meets, names, solveClosure } from './closure.ts';
import { fieldOf, parseStanzas } from './control.ts';
import { type Package, packageOf } from './package-index.ts';
import type { RelationGroup } from './relations.ts';

/** Packages that a machine has, from its `/var/lib/dpkg/status`. Throws `index-malformed`. */
export function readStatus(text: string, architecture: string): readonly Package[] {
  // What an index says of a file, and a machine no longer knows.
  const unknown = { Filename: 'installed', Size: '0', SHA256: '0'.repeat(64) };
  const fields = Object.entries(unknown).map(([name, value]) => ({ name, value }));
  return parseStanzas(text, 'status')
    .filter((stanza) => / ok installed$/.test(fieldOf(stanza, 'Status') ?? ''))
    .map((stanza) => packageOf([...stanza, ...fields], { source: 'installed', url: '', architecture }))
    .filter((item) => item.architecture === architecture || item.architecture === 'all');
}

/**
 * What a machine has that was installed a moment ago: the packages that the archive calls essential, required or important, and
 * what they need, as its installer chooses it. Throws as `solveClosure`.
 */
export function freshRelease({ index, architecture, system }: Omit<ClosureRequest, 'roots' | 'preferred'>): Package[] {
  const names = index.ranked(['essential', 'required', 'important']).map(({ name }) => name);
  const roots = names.map((name) => [{ name, qualifier: null, version: null }]);
  return solveClosure({ index, roots, architecture, system, preferred: new Set(names) });
}

export interface InstalledRequest extends ClosureRequest {
  readonly installed: readonly Package[];
}

/**
 * The packages that must be at hand for the roots on a machine with these installed; the roots themselves always.
 * Throws as `solveClosure`, and `package-conflict` for an installed one that stands in the way and has no newer version.
 */
export function solveForInstalled(request: InstalledRequest): readonly Package[] {
  const upgrades = new Map<string, RelationGroup>();
  for (;;) {
    const found = solveClosure({ ...request, roots: [...request.roots, ...upgrades.values()] });
    const broken = brokenBy(found, request).filter(({ item }) => !upgrades.has(item.name));
    if (broken.length === 0) return found;
    for (const { item, by } of broken) {
      const newer = { name: item.name, qualifier: null, version: { comparison: '>>' as const, wanted: item.version } };
      if (!request.index.named(item.name).some((one) => meets(one, newer, request.architecture)))
        throw problem('package-conflict', { package: labelOf(by), with: labelOf(item), system: request.system });
      upgrades.set(item.name, [newer]);
    }
  }
}

interface Broken {
  readonly item: Package;
  /** The found package that cannot stand beside it. */
  readonly by: Package;
}

/** Installed packages that stay, and could not stay as they are. */
function brokenBy(found: readonly Package[], { installed, architecture }: InstalledRequest): readonly Broken[] {
  const taken = new Map(found.map((item) => [item.name, item]));
  const staying = installed.filter(({ name }) => !taken.has(name));
  const replaced = installed.filter(({ name }) => taken.has(name));
  const [before, after] = [byName(replaced), byName([...staying, ...found])];
  const holds = (group: RelationGroup, state: ReadonlyMap<string, readonly Package[]>): boolean =>
    group.some((relation) => (state.get(relation.name) ?? []).some((item) => meets(item, relation, architecture)));
  return staying.flatMap((item): Broken[] => {
    const foe = found.find(
      (one) =>
        one.conflicts.some((relation) => names(item, relation)) ||
        item.conflicts.some((relation) => names(one, relation)),
    );
    if (foe !== undefined) return [{ item, by: foe }];
    // Only what a replaced package has met until now can be lost.
    const lost = item.depends.find((group) => !holds(group, after) && holds(group, before));
    const former = lost && replaced.find((one) => lost.some((relation) => meets(one, relation, architecture)));
    const by = former && taken.get(former.name);
    return by === undefined ? [] : [{ item, by }];
  });
}

const labelOf = ({ name, version }: Package): string => `${name} ${version}`;
