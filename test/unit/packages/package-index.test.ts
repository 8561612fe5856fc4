import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineIndexes, type IndexOrigin, indexPackages } from '../../../src-main/packages/package-index.ts';

const origin: IndexOrigin = { source: 'debian', url: 'http://archive.example/debian', architecture: 'amd64' };
const tail = (name: string) => `Filename: pool/${name}.deb\nSize: 10\nSHA256: ${'ab'.repeat(32)}\n`;
const stanza = (name: string, version: string, more = '') =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${more}${tail(name)}`;
const indexOf = (...stanzas: string[]) => indexPackages(Buffer.from(stanzas.join('\n')), origin);

describe('an index of packages', () => {
  it('reads every field that counts', () => {
    const [item] = indexOf(
      stanza(
        'thing',
        '2:1.0-1',
        'Multi-Arch: allowed\nEssential: yes\nPriority: required\nInstalled-Size: 12\nPre-Depends: dpkg (>= 1.2)\n' +
          'Depends: a | b (<< 3),\n c:any\nConflicts: d\nBreaks: e (<< 1)\nProvides: f (= 4), g\n',
      ),
    ).named('thing');
    expect(item).toMatchObject({
      name: 'thing',
      version: '2:1.0-1',
      multiArch: 'allowed',
      essential: true,
      priority: 'required',
      installedBytes: 12 * 1024,
      sizeBytes: 10,
      url: 'http://archive.example/debian/pool/thing.deb',
    });
    expect(item?.depends.map((group) => group.map(({ name }) => name))).toEqual([['dpkg'], ['a', 'b'], ['c']]);
    expect(item?.conflicts.map(({ name }) => name)).toEqual(['d', 'e']);
    expect(item?.provides).toEqual([
      { name: 'f', version: '4' },
      { name: 'g', version: null },
    ]);
  });

  it('finds a package among others wherever it stands, in any amount of empty lines', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 3 }), (before, after, gaps) => {
        const filler = (count: number, word: string) =>
          Array.from({ length: count }, (_, place) => stanza(`${word}${place}`, '1', 'Provides: filler\n'));
        const all = [...filler(before, 'b'), stanza('wanted', '7', 'Provides: wish\n'), ...filler(after, 'a')];
        const index = indexPackages(Buffer.from(all.join('\n'.repeat(gaps))), origin);
        expect(index.named('wanted').map(({ version }) => version)).toEqual(['7']);
        expect(index.providing('wish').map(({ name }) => name)).toEqual(['wanted']);
        expect(index.providing('filler')).toHaveLength(before + after);
      }),
      { numRuns: 40 },
    );
  });

  it('sorts versions newest first and keeps other architectures out', () => {
    const foreign = stanza('thing', '9').replace('amd64', 'arm64');
    const index = indexOf(stanza('thing', '1.9'), stanza('thing', '1.10'), stanza('thing', '1.10~rc1'), foreign);
    expect(index.named('thing').map(({ version }) => version)).toEqual(['1.10', '1.10~rc1', '1.9']);
  });

  it('ranks by priority and by being essential, newest only', () => {
    const index = indexOf(
      stanza('base', '1', 'Essential: yes\nPriority: required\n'),
      stanza('base', '2', 'Essential: yes\nPriority: required\n'),
      stanza('other', '1', 'Priority: optional\n'),
      stanza('mail', '1', 'Priority: standard\n'),
    );
    expect(index.ranked(['essential', 'standard']).map(({ name, version }) => `${name} ${version}`)).toEqual([
      'base 2',
      'mail 1',
    ]);
  });

  it('joins indexes without doubling what is in both', () => {
    const one = indexOf(stanza('thing', '1'), stanza('only', '1'));
    const both = combineIndexes([one, indexOf(stanza('thing', '1'), stanza('thing', '2'))]);
    expect(both.named('thing').map(({ version }) => version)).toEqual(['2', '1']);
    expect(both.named('only')).toHaveLength(1);
  });

  it.each([
    ['a version that is none', stanza('x', 'v1')],
    ['a relation that is none', stanza('x', '1', 'Depends: a ( 1)\n')],
    ['a file outside the archive', stanza('x', '1').replace('pool/', '../')],
    ['an absolute file', stanza('x', '1').replace('pool/', '/pool/')],
    ['a hash that is none', stanza('x', '1').replace('abab', 'zz')],
    ['a size that is none', stanza('x', '1').replace('Size: 10', 'Size: -1')],
    ['a field given twice', stanza('x', '1', 'Version: 2\n')],
    ['a line that is no field', stanza('x', '1', 'nonsense\n')],
  ])('refuses %s when that package is asked for, and only then', (_, text) => {
    const index = indexOf(stanza('good', '1'), text);
    expect(index.named('good')).toHaveLength(1);
    expect(() => index.named('x')).toThrow(expect.objectContaining({ code: 'index-malformed' }));
  });

  it('refuses a stanza without a name at once', () => {
    expect(() => indexOf('Version: 1\n')).toThrow(expect.objectContaining({ code: 'index-malformed' }));
  });

  it('reads names where Package is not the first field', () => {
    expect(indexOf(`Version: 1\nPackage: late\nArchitecture: all\n${tail('late')}`).named('late')).toHaveLength(1);
  });
});
