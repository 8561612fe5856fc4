import { describe, expect, it } from 'vitest';
import { readStatus, solveForInstalled } from '../../../src-main/packages/installed.ts';
import { indexPackages } from '../../../src-main/packages/package-index.ts';
import { parseRelations } from '../../../src-main/packages/relations.ts';

const architecture = 'amd64';
const stanza = (head: string, more: string) => {
  const [name, version] = head.split(' ');
  return `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${more}`;
};
const hash = 'a'.repeat(64);
const offered = (...packages: readonly (readonly [head: string, more?: string])[]) =>
  indexPackages(
    Buffer.from(
      packages
        .map(([head, more = '']) => `${stanza(head, more)}Filename: pool/x.deb\nSize: 1\nSHA256: ${hash}\n`)
        .join('\n'),
    ),
    { source: 'debian', url: 'http://example.org', architecture },
  );
const has = (...packages: readonly (readonly [head: string, more?: string])[]) =>
  readStatus(
    packages.map(([head, more = '']) => stanza(head, `Status: install ok installed\n${more}`)).join('\n'),
    architecture,
  );
const solve = (wish: string, index: ReturnType<typeof offered>, installed: ReturnType<typeof has>) =>
  solveForInstalled({ index, installed, roots: parseRelations(wish), architecture, system: 'debian-12-amd64' }).map(
    ({ name, version }) => `${name} ${version}`,
  );

describe('what a machine has', () => {
  it('is read from its status; what was removed, or is of another architecture, is not there', () => {
    const text = [
      stanza('one 1', 'Status: install ok installed\n'),
      stanza('two 1', 'Status: deinstall ok config-files\n'),
      stanza('three 1', 'Status: install ok half-configured\n'),
      stanza('held 1', 'Status: hold ok installed\n'),
      stanza('foreign 1', 'Status: install ok installed\n').replace('amd64', 'i386'),
    ].join('\n');
    expect(readStatus(text, architecture).map(({ name }) => name)).toEqual(['one', 'held']);
  });

  it('is not fetched again, and what it lacks is', () => {
    const index = offered(['app 2', 'Depends: lib (>= 1), extra\n'], ['lib 2'], ['extra 1', 'Depends: lib\n']);
    expect(solve('app', index, has(['lib 1']))).toEqual(['app 2', 'extra 1']);
  });

  it('is fetched newer where a newer one is asked for', () => {
    const index = offered(['app 2', 'Depends: extra, lib\n'], ['lib 2'], ['extra 1', 'Depends: lib (>= 2)\n']);
    expect(solve('app', index, has(['lib 1']))).toEqual(['app 2', 'extra 1', 'lib 2']);
  });

  it('brings along what is tied to an older version of what is fetched newer', () => {
    const index = offered(['app 2', 'Depends: lib (>= 2)\n'], ['lib 2'], ['lib-bin 2', 'Depends: lib (= 2)\n']);
    expect(solve('app', index, has(['lib 1'], ['lib-bin 1', 'Depends: lib (= 1)\n']))).toEqual([
      'app 2',
      'lib 2',
      'lib-bin 2',
    ]);
  });

  it('is fetched newer when what comes breaks its older version', () => {
    const index = offered(['app 2', 'Breaks: old (<< 2)\n'], ['old 2']);
    expect(solve('app', index, has(['old 1']))).toEqual(['app 2', 'old 2']);
  });

  it('stands in the way when there is no newer one: told, not removed', () => {
    const index = offered(['app 2', 'Conflicts: rival\n'], ['rival 1']);
    expect(() => solve('app', index, has(['rival 1']))).toThrowError(
      expect.objectContaining({
        code: 'package-conflict',
        data: expect.objectContaining({ params: { package: 'app 2', with: 'rival 1', system: 'debian-12-amd64' } }),
      }),
    );
  });

  it('leaves a choice as it was made: an alternative that is there is kept', () => {
    const index = offered(['app 2', 'Depends: first | second\n'], ['first 1'], ['second 1']);
    expect(solve('app', index, has(['second 1']))).toEqual(['app 2']);
    expect(solve('app', index, has())).toEqual(['app 2', 'first 1']);
  });

  it('is carried all the same when it is what was asked for', () => {
    expect(solve('app', offered(['app 2']), has(['app 2']))).toEqual(['app 2']);
  });
});
