// What the repository on a medium must carry for one target system: the closure of what is to be installed, and what a
// bare machine of that system may have to upgrade beside it. Called by the solving job. Pure.
// It must never drop a package of the closure.
//
// A target has packages already, perhaps older than ours. apt there takes from us only what it needs, but whatever is
// tied to what it takes must be at hand as well:
// - the base (essential and required packages): nobody declares a dependency on it, so the closure does not reach it;
// - companions: packages usually present (`important`, `standard`) that ask for an exact or a highest version of
//   something we carry, or that something we carry breaks in their older versions. Upgrading libsystemd0 without
//   systemd, or perl-base without perl, would be refused.
import { type ClosureRequest, solveClosure } from './closure.ts';
import type { Package } from './package-index.ts';
import type { Relation } from './relations.ts';

export interface Carried {
  /** What apt would install on an empty machine, base packages preferred where there is a choice. */
  readonly closure: readonly Package[];
  /** What else may have to be upgraded, with what that needs. No name stands in both lists. */
  readonly beside: readonly Package[];
}

/** Throws as `solveClosure` does, for the roots only: a companion that cannot be had is left out. */
export function solveCarried(request: Omit<ClosureRequest, 'preferred'>): Carried {
  const base = request.index.ranked(['essential', 'required']);
  const closure = solveClosure({ ...request, preferred: new Set(base.map(({ name }) => name)) });
  const carried = new Map(closure.map((item) => [item.name, item]));
  const usual = request.index.ranked(['essential', 'required', 'important', 'standard']);
  const waiting = new Map(usual.map((item) => [item.name, item]));
  for (const { name } of base) addWithNeeds(name, carried, request);
  for (let grown = true; grown; ) {
    grown = false;
    for (const [name, item] of waiting) {
      if (!carried.has(name) && !isTied(item, carried)) continue;
      waiting.delete(name);
      grown = addWithNeeds(name, carried, request) || grown;
    }
  }
  const closureNames = new Set(closure.map(({ name }) => name));
  const beside = [...carried.values()].filter(({ name }) => !closureNames.has(name));
  return { closure, beside: beside.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** Solved alone, so that companions need not be installable together; what is carried already is preferred. */
function addWithNeeds(
  name: string,
  carried: Map<string, Package>,
  request: Omit<ClosureRequest, 'preferred'>,
): boolean {
  if (carried.has(name)) return false;
  const roots = [[{ name, qualifier: null, version: null }]];
  let found: readonly Package[];
  try {
    found = solveClosure({ ...request, roots, preferred: new Set(carried.keys()) });
  } catch {
    return false;
  }
  for (const item of found) if (!carried.has(item.name)) carried.set(item.name, item);
  return true;
}

function isTied(item: Package, carried: ReadonlyMap<string, Package>): boolean {
  const ties = item.depends.flat().some((relation) => isUpperBound(relation) && carried.has(relation.name));
  if (ties) return true;
  return [...carried.values()].some((owner) =>
    owner.conflicts.some((relation) => relation.name === item.name && isUpperBound(relation)),
  );
}

const isUpperBound = ({ version }: Relation): boolean =>
  version !== null && (version.comparison === '=' || version.comparison === '<<' || version.comparison === '<=');
