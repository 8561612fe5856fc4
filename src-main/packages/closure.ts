// Which packages an installation needs, starting from a machine that has none. Called by the solving job.
// Pure: an index and wishes in, packages out. It must never choose by chance: equal input gives equal output.
//
// Depends and Pre-Depends count, Recommends do not. Where the archive leaves a choice, the first alternative that can
// be had is taken, unless another one is chosen already or is preferred: what apt would do. Choices that follow from
// others are made first, so that the order in which packages are met does not matter.
// When a choice leads nowhere, the search goes back to the choice that caused it, not merely to the last one.
import { type ParamsOf, type Problem, problem } from '../../src-shared/problem.ts';
import type { Package, PackageIndex } from './package-index.ts';
import { formatGroup, type Relation, type RelationGroup, versionFits } from './relations.ts';

export interface ClosureRequest {
  readonly index: PackageIndex;
  /** All of them must hold together. */
  readonly roots: readonly RelationGroup[];
  readonly architecture: string;
  /** Target system, for the error text, e.g. `debian-12-amd64`. */
  readonly system: string;
  /** Names taken first where there is a choice: what a bare machine has anyway. */
  readonly preferred?: ReadonlySet<string>;
  /** What the machine has already: it meets what others ask for as long as no other version of it is taken. Roots are taken anyway. */
  readonly installed?: readonly Package[];
}

/**
 * The packages of the closure, by name. At most one version of each.
 * Throws `package-not-found` (a root is in no archive), `package-unsolvable` (something further down is missing),
 * `package-conflict` (two that are needed exclude each other); the evidence holds the chain that leads there.
 */
export function solveClosure(request: ClosureRequest): Package[] {
  const search = new Search(request);
  return search.run().sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A wish, and the chosen package that makes it; null for a root. */
interface Goal {
  readonly group: RelationGroup;
  readonly by: Package | null;
}

/** Why a branch failed: the chosen names it follows from, and the first place where nothing was left. */
interface Failure {
  readonly names: ReadonlySet<string>;
  readonly make: () => Problem;
}

/** Choices after which the search gives up. A closure of 500 packages takes 500. */
const choiceLimit = 100_000;

const priorityOrder = ['required', 'important', 'standard', 'optional', 'extra'];

class Search {
  private readonly request: ClosureRequest;
  private readonly chosen = new Map<string, Package>();
  private readonly chosenFor = new Map<string, Goal>();
  /** Chosen packages by what they provide. */
  private readonly providers = new Map<string, Package[]>();
  /** Conflicts of the chosen packages by the name they exclude. */
  private readonly exclusions = new Map<string, { relation: Relation; owner: Package }[]>();
  private readonly optionsOf = new Map<RelationGroup, readonly Package[]>();
  private readonly installed: readonly Package[];
  /** Installed packages by their own names and by what they provide. */
  private readonly there: ReadonlyMap<string, readonly Package[]>;
  private choices = 0;

  constructor(request: ClosureRequest) {
    this.request = request;
    this.installed = request.installed ?? [];
    this.there = byName(this.installed);
  }

  run(): Package[] {
    const failure = this.solve(this.request.roots.map((group) => ({ group, by: null })));
    if (failure !== null) throw failure.make();
    return [...this.chosen.values()];
  }

  private solve(goals: readonly Goal[]): Failure | null {
    const open = goals.filter((goal) => !this.isMet(goal));
    const goal = this.nextGoal(open);
    if (goal === null) return null;
    const names = new Set<string>(goal.by === null ? [] : [goal.by.name]);
    const blocked: { option: Package; blocker: Package }[] = [];
    let first: Failure | null = null;
    for (const option of this.options(goal.group)) {
      const blocker = this.blockerOf(option);
      if (blocker !== null) {
        names.add(blocker.name);
        blocked.push({ option, blocker });
        continue;
      }
      this.choices += 1;
      if (this.choices > choiceLimit) throw this.unsolvable(goal, 'too many choices');
      const undo = this.choose(option, goal);
      // What an installed package meets is open again once another version of it is taken.
      const left = this.installed.length === 0 ? open : goals;
      const failure = this.solve([...left, ...option.depends.map((group) => ({ group, by: option }))]);
      if (failure === null) return null;
      undo();
      if (!failure.names.has(option.name)) return failure;
      first ??= failure;
      for (const name of failure.names) if (name !== option.name) names.add(name);
    }
    const make = first?.make ?? this.describe(goal, blocked);
    return { names, make };
  }

  /** A goal with one name left goes first: it is no choice. Else the oldest. */
  private nextGoal(open: readonly Goal[]): Goal | null {
    for (const goal of open) {
      const left = this.options(goal.group).filter((option) => this.blockerOf(option) === null);
      if (left.every((option) => option.name === left[0]?.name)) return goal;
    }
    return open[0] ?? null;
  }

  private choose(option: Package, goal: Goal): () => void {
    this.chosen.set(option.name, option);
    this.chosenFor.set(option.name, goal);
    for (const { name } of option.provides) pushTo(this.providers, name, option);
    for (const relation of option.conflicts) pushTo(this.exclusions, relation.name, { relation, owner: option });
    return () => {
      for (const relation of option.conflicts) this.exclusions.get(relation.name)?.pop();
      for (const { name } of option.provides) this.providers.get(name)?.pop();
      this.chosenFor.delete(option.name);
      this.chosen.delete(option.name);
    };
  }

  private isMet({ group, by }: Goal): boolean {
    return group.some((relation) => {
      const there = by === null ? [] : (this.there.get(relation.name) ?? []);
      if (there.some((item) => !this.chosen.has(item.name) && this.matches(relation, item))) return true;
      const own = this.chosen.get(relation.name);
      if (own !== undefined && this.matches(relation, own)) return true;
      return (this.providers.get(relation.name) ?? []).some((item) => this.matches(relation, item));
    });
  }

  /** What could meet a group, best first. Depends on the index alone. */
  private options(group: RelationGroup): readonly Package[] {
    const known = this.optionsOf.get(group);
    if (known !== undefined) return known;
    const found = new Set<Package>();
    for (const relation of group) {
      const own = this.request.index.named(relation.name);
      const others = [...this.request.index.providing(relation.name)].sort(byPriority);
      for (const item of [...own, ...others]) if (this.matches(relation, item)) found.add(item);
    }
    const preferred = this.request.preferred ?? new Set();
    const sorted = [...found].sort((a, b) => Number(preferred.has(b.name)) - Number(preferred.has(a.name)));
    this.optionsOf.set(group, sorted);
    return sorted;
  }

  private matches(relation: Relation, item: Package): boolean {
    return meets(item, relation, this.request.architecture);
  }

  /** The chosen package that stands in an option's way, null when none does. */
  private blockerOf(option: Package): Package | null {
    const sameName = this.chosen.get(option.name);
    if (sameName !== undefined) return sameName === option ? null : sameName;
    for (const name of [option.name, ...option.provides.map((provided) => provided.name)]) {
      for (const { relation, owner } of this.exclusions.get(name) ?? []) {
        if (names(option, relation)) return owner;
      }
    }
    for (const relation of option.conflicts) {
      const own = this.chosen.get(relation.name);
      if (own !== undefined && names(own, relation)) return own;
      const provider = (this.providers.get(relation.name) ?? []).find((item) => names(item, relation));
      if (provider !== undefined) return provider;
    }
    return null;
  }

  private describe(goal: Goal, blocked: readonly { option: Package; blocker: Package }[]): () => Problem {
    const { system } = this.request;
    const evidence = [this.chainTo(goal)];
    const [hit] = blocked;
    if (hit !== undefined) {
      const reason = this.chosenFor.get(hit.blocker.name);
      if (reason !== undefined) evidence.push(`${this.chainTo(reason)} = ${labelOf(hit.blocker)}`);
      const params: ParamsOf<'package-conflict'> = { package: labelOf(hit.option), with: labelOf(hit.blocker), system };
      return () => problem('package-conflict', params, { evidence: evidence.join('\n') });
    }
    const [relation] = goal.group;
    if (goal.by === null && relation !== undefined) {
      const { version } = relation;
      const wanted = version === null ? '' : `${version.comparison} ${version.wanted}`;
      return () =>
        problem(
          'package-not-found',
          { package: relation.name, version: wanted, system },
          { evidence: evidence[0] ?? '' },
        );
    }
    return () => this.unsolvable(goal, formatGroup(goal.group), evidence[0]);
  }

  private unsolvable(goal: Goal, detail: string, evidence = this.chainTo(goal)): Problem {
    const asker = goal.by === null ? formatGroup(goal.group) : labelOf(goal.by);
    return problem('package-unsolvable', { package: asker, detail, system: this.request.system }, { evidence });
  }

  /** `root -> package that met it -> what that asks for`. */
  private chainTo(goal: Goal): string {
    const steps = [formatGroup(goal.group)];
    const seen = new Set<Package>();
    let by = goal.by;
    while (by !== null && !seen.has(by)) {
      seen.add(by);
      steps.push(labelOf(by));
      by = this.chosenFor.get(by.name)?.by ?? null;
    }
    return steps.reverse().join(' -> ');
  }
}

/** Packages by their own names and by what they provide. */
export function byName(items: readonly Package[]): ReadonlyMap<string, readonly Package[]> {
  const found = new Map<string, Package[]>();
  for (const item of items)
    for (const name of new Set([item.name, ...item.provides.map((provided) => provided.name)]))
      pushTo(found, name, item);
  return found;
}

/** Whether a package meets what another asks for on a machine of this architecture. */
export function meets(item: Package, relation: Relation, architecture: string): boolean {
  if (item.architecture !== architecture && item.architecture !== 'all') return false;
  const { qualifier } = relation;
  if (qualifier === 'any' && item.multiArch !== 'allowed') return false;
  if (qualifier !== null && qualifier !== 'any' && qualifier !== architecture) return false;
  return names(item, relation);
}

/** Whether a package is meant by a relation, by its own name or by one it provides. */
export function names(item: Package, relation: Relation): boolean {
  if (item.name === relation.name && versionFits(relation, item.version)) return true;
  return item.provides.some(
    ({ name, version }) =>
      name === relation.name && (relation.version === null || (version !== null && versionFits(relation, version))),
  );
}

/** Among providers the one the archive ranks higher goes first; the order of the index decides between equals. */
function byPriority(a: Package, b: Package): number {
  return rankOf(a) - rankOf(b);
}

function rankOf({ essential, priority }: Package): number {
  if (essential) return -1;
  const rank = priorityOrder.indexOf(priority);
  return rank < 0 ? priorityOrder.length : rank;
}

const labelOf = ({ name, version }: Package): string => `${name} ${version}`;

function pushTo<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}
