import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { solveCarried } from '../../../src-main/packages/carried.ts';
import { solveClosure } from '../../../src-main/packages/closure.ts';
import {
  combineIndexes,
  indexPackages,
  type Package,
  type PackageIndex,
} from '../../../src-main/packages/package-index.ts';
import { parseRelations, versionFits } from '../../../src-main/packages/relations.ts';
import { Problem } from '../../../src-shared/problem.ts';

/** `name version: field; field`, e.g. `a 1: Depends: b; Provides: c (= 2)`. */
const indexOf = (...lines: string[]): PackageIndex =>
  indexPackages(
    Buffer.from(
      lines
        .map((line, place) => {
          const [head = '', ...fields] = line.split(/: (.*)/);
          const [name, version = '1'] = head.split(' ');
          const rest = (fields[0] ?? '').split('; ').filter((field) => field !== '');
          const hash = place.toString(16).padStart(64, '0');
          const architecture = rest.some((field) => field.startsWith('Architecture')) ? [] : ['Architecture: amd64'];
          const stanza = [`Package: ${name}`, `Version: ${version}`, ...architecture, ...rest];
          return [...stanza, `Filename: ${name}_${version}.deb`, 'Size: 1', `SHA256: ${hash}`, ''].join('\n');
        })
        .join('\n'),
    ),
    { source: 'test', url: 'http://x', architecture: 'amd64' },
  );

const solve = (index: PackageIndex, wish: string, preferred?: string[]): string[] =>
  solveClosure({
    index,
    roots: parseRelations(wish),
    architecture: 'amd64',
    system: 'test-1-amd64',
    ...(preferred === undefined ? {} : { preferred: new Set(preferred) }),
  }).map(({ name, version }) => (version === '1' ? name : `${name} ${version}`));

const refusal = (act: () => unknown): Problem => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
};

describe('a closure', () => {
  it('follows Depends and Pre-Depends, not Recommends', () => {
    const index = indexOf('a: Depends: b; Pre-Depends: c; Recommends: d', 'b: Depends: e', 'c', 'd', 'e');
    expect(solve(index, 'a')).toEqual(['a', 'b', 'c', 'e']);
  });

  it('goes round in circles without harm', () => {
    expect(solve(indexOf('a: Depends: b', 'b: Depends: a'), 'a')).toEqual(['a', 'b']);
  });

  it('takes the first alternative that exists, unless another is chosen or preferred', () => {
    const index = indexOf('a: Depends: none | b | c', 'b', 'c', 'd: Depends: c');
    expect(solve(index, 'a')).toEqual(['a', 'b']);
    expect(solve(index, 'a, d')).toEqual(['a', 'c', 'd']);
    expect(solve(index, 'd, a')).toEqual(['a', 'c', 'd']);
    expect(solve(index, 'a', ['c'])).toEqual(['a', 'c']);
  });

  it('prefers a real package to one that provides it, and among providers the higher priority', () => {
    const index = indexOf(
      'a: Depends: mail',
      'x: Provides: mail; Priority: optional',
      'y: Provides: mail; Priority: important',
    );
    expect(solve(index, 'a')).toEqual(['a', 'y']);
    expect(solve(combineIndexes([index, indexOf('mail')]), 'a')).toEqual(['a', 'mail']);
  });

  it('lets only a versioned Provides answer a versioned wish', () => {
    const index = indexOf(
      'a: Depends: api (>= 2)',
      'old: Provides: api (= 1)',
      'bare: Provides: api',
      'new: Provides: api (= 2)',
    );
    expect(solve(index, 'a')).toEqual(['a', 'new']);
  });

  it('takes the newest version that fits', () => {
    const index = indexOf('a: Depends: b (<< 3)', 'b 1', 'b 2', 'b 3');
    expect(solve(index, 'a')).toEqual(['a', 'b 2']);
    expect(solve(index, 'b')).toEqual(['b 3']);
    expect(solve(index, 'b, a')).toEqual(['a', 'b 2']);
  });

  it('keeps packages of one source together when their versions are tied', () => {
    const index = indexOf('dev: Depends: lib (= 1)', 'lib 1', 'lib 2', 'app: Depends: lib');
    expect(solve(index, 'app, dev')).toEqual(['app', 'dev', 'lib']);
  });

  it('knows what :any and an architecture ask for', () => {
    const index = indexOf(
      'a: Depends: p:any',
      'b: Depends: q:any',
      'c: Depends: q:amd64',
      'p: Multi-Arch: allowed',
      'q',
    );
    expect(solve(index, 'a, c')).toEqual(['a', 'c', 'p', 'q']);
    expect(refusal(() => solve(index, 'b')).code).toBe('package-unsolvable');
  });

  it('takes packages for all architectures', () => {
    expect(solve(indexOf('a: Depends: data', 'data: Architecture: all'), 'a')).toEqual(['a', 'data']);
  });

  it('goes round a conflict by another alternative, however far back the choice lies', () => {
    const chain = Array.from({ length: 30 }, (_, place) => `n${place}: Depends: m${place} | k${place}, n${place + 1}`);
    const fillers = Array.from({ length: 30 }, (_, place) => [`m${place}`, `k${place}`]).flat();
    const index = indexOf(
      'a: Depends: x | y, n0',
      'x',
      'y',
      ...chain,
      ...fillers,
      'n30: Depends: z | w',
      'z: Depends: z2',
      'z2: Conflicts: x',
      'w: Depends: w2',
      'w2: Depends: gone',
    );
    const found = solve(index, 'a');
    expect(found).toContain('y');
    expect(found).toContain('z');
    expect(found).not.toContain('x');
  });

  it('respects Breaks by version, in both directions, and virtual conflicts', () => {
    const index = indexOf(
      'a: Depends: b; Breaks: c (<< 2)',
      'b',
      'c 1',
      'c 2',
      'm: Provides: mta; Conflicts: mta',
      'n: Provides: mta; Conflicts: mta',
    );
    expect(solve(index, 'a, c')).toEqual(['a', 'b', 'c 2']);
    expect(solve(index, 'c, a')).toEqual(['a', 'b', 'c 2']);
    expect(solve(index, 'm')).toEqual(['m']);
    expect(refusal(() => solve(index, 'm, n')).code).toBe('package-conflict');
    expect(refusal(() => solve(index, 'c (= 1), a')).code).toBe('package-conflict');
    const oneSided = indexOf('o: Provides: mta', 'p: Conflicts: mta');
    expect(refusal(() => solve(oneSided, 'o, p')).code).toBe('package-conflict');
    expect(refusal(() => solve(oneSided, 'p, o')).code).toBe('package-conflict');
  });
});

describe('a closure that cannot be', () => {
  it('names a root that is in no archive, with the version asked for', () => {
    const { data } = refusal(() => solve(indexOf('a'), 'a, gone (>= 2)'));
    expect(data).toMatchObject({
      code: 'package-not-found',
      params: { package: 'gone', version: '>= 2', system: 'test-1-amd64' },
    });
  });

  it('names what is missing further down, and the chain to it', () => {
    const { data } = refusal(() => solve(indexOf('a: Depends: b', 'b 5: Depends: gone (>= 2) | lost'), 'a'));
    expect(data.params).toEqual({ package: 'b 5', detail: 'gone (>= 2) | lost', system: 'test-1-amd64' });
    expect(data.evidence).toBe('a 1 -> b 5 -> gone (>= 2) | lost');
  });

  it('names two that exclude each other, and both chains', () => {
    const { data } = refusal(() => solve(indexOf('a: Depends: b', 'b', 'c: Depends: d', 'd: Conflicts: b'), 'a, c'));
    expect(data.code).toBe('package-conflict');
    expect(new Set([data.params.package, data.params.with])).toEqual(new Set(['b 1', 'd 1']));
    expect(data.evidence).toMatch(/a 1 -> b/);
    expect(data.evidence).toMatch(/c 1 -> d/);
  });
});

describe('closures in general', () => {
  const names = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
  const relation = fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('', ' (>= 2)', ' (<< 2)', ' (= 1)'))
    .map(([name, version]) => name + version);
  const groups = fc.array(
    fc.array(relation, { minLength: 1, maxLength: 3 }).map((group) => group.join(' | ')),
    { maxLength: 2 },
  );
  const item = fc
    .tuple(groups, fc.array(relation, { maxLength: 1 }))
    .map(([depends, conflicts]) => `Depends: ${depends.join(', ')}; Conflicts: ${conflicts.join(', ')}`);
  const world = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom('1', '2'), item), {
    minLength: 1,
    maxLength: 12,
  });

  /** Every set of versions there is, tried one by one: slow, and certain. */
  const solvable = (packages: readonly Package[], wish: string): boolean => {
    const byName = names.map((name) => [null, ...packages.filter((one) => one.name === name)]);
    const tryFrom = (place: number, chosen: readonly Package[]): boolean => {
      const options = byName[place];
      if (options === undefined) return isRight(chosen, wish);
      return options.some((one) => tryFrom(place + 1, one === null ? chosen : [...chosen, one]));
    };
    return tryFrom(0, []);
  };
  const isRight = (chosen: readonly Package[], wish: string): boolean => {
    const meets = (group: readonly Parameters<typeof versionFits>[0][]): boolean =>
      group.some((one) => chosen.some((found) => found.name === one.name && versionFits(one, found.version)));
    return (
      parseRelations(wish).every(meets) &&
      chosen.every((one) => one.depends.every(meets)) &&
      chosen.every(
        (one) =>
          !one.conflicts.some((rule) =>
            chosen.some(
              (other) => other.name !== one.name && other.name === rule.name && versionFits(rule, other.version),
            ),
          ),
      )
    );
  };

  it('are found exactly when one exists, hold together, and are the same every time', () => {
    let found = 0;
    fc.assert(
      fc.property(world, (entries) => {
        const lines = [...new Map(entries.map((one) => [`${one[0]} ${one[1]}`, one])).values()];
        const index = indexOf(...lines.map(([name, version, fields]) => `${name} ${version}: ${fields}`));
        const packages = names.flatMap((name) => [...index.named(name)]);
        const wish = names.slice(0, 2).join(', ');
        const request = { index, roots: parseRelations(wish), architecture: 'amd64', system: 's' };
        let result: Package[] | null = null;
        try {
          result = solveClosure(request);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: expect.stringMatching(/^package-/) });
        }
        expect(result !== null).toBe(solvable(packages, wish));
        if (result === null) return;
        found += 1;
        expect(isRight(result, wish)).toBe(true);
        expect(solveClosure(request)).toEqual(result);
      }),
      { numRuns: 1500 },
    );
    expect(found).toBeGreaterThan(30);
  });
});

describe('what a repository carries', () => {
  const index = indexOf(
    'app: Depends: lib2, awk',
    'lib2 2',
    'base-files: Essential: yes; Priority: required; Depends: awk',
    'mawk: Priority: required; Provides: awk',
    'gawk: Priority: optional; Provides: awk',
    'daemon 2: Priority: important; Depends: lib2 (= 2), extra',
    'extra',
    'broken: Priority: important; Depends: lib2 (= 2), gone',
    'loose: Priority: important; Depends: lib2 (>= 1)',
    'rare: Priority: optional; Depends: lib2 (= 2)',
  );
  const carried = solveCarried({ index, roots: parseRelations('app'), architecture: 'amd64', system: 's' });
  const names = (list: readonly Package[]) => list.map(({ name }) => name);

  it('is the closure, with what a bare machine has preferred', () => {
    expect(names(carried.closure)).toEqual(['app', 'lib2', 'mawk']);
  });

  it('and the base, and usual packages tied to it, but none that are loose, rare or not to be had', () => {
    expect(names(carried.beside)).toEqual(['base-files', 'daemon', 'extra']);
  });
});
