import { describe, expect, it } from 'vitest';
import {
  cacheOf,
  originOf,
  planFaults,
  sitePlan,
  sourcesOf,
  systemFacts,
  systemsFrom,
} from '../../../src-shared/site.ts';

const machine = { roles: ['master'], interface: 'eth0' };
const plan = (release: object, sources: object = {}) =>
  sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [
      { ...machine, name: 'a', address: 'fd00::1', release: '12' },
      { ...machine, name: 'b', roles: ['node'], address: 'fd00::2', release: '13', architecture: 'arm64' },
    ],
    releases: [{ name: 'slapos-master', url: 'https://example.org/software.cfg', ...release }],
    sources,
  });

const from = (release: object) => {
  const parsed = plan(release);
  const [first] = parsed.releases;
  if (first === undefined) throw new Error('no release');
  return { file: systemsFrom(parsed, first, 'file'), cache: systemsFrom(parsed, first, 'cache'), first };
};

describe('where a release comes from', () => {
  it.each<[string, object, readonly string[], readonly string[]]>([
    ['no archive named', {}, [], ['debian-12-amd64', 'debian-13-arm64']],
    ['one named', { archives: { 'debian-12-amd64': '/x' } }, ['debian-12-amd64'], ['debian-13-arm64']],
    ['from: file', { from: 'file' }, ['debian-12-amd64', 'debian-13-arm64'], []],
    ['from: cache', { from: 'cache' }, [], ['debian-12-amd64', 'debian-13-arm64']],
  ])('%s', (_what, release, file, cache) => {
    const found = from(release);
    expect([found.file, found.cache]).toEqual([file, cache]);
    for (const system of file) expect(originOf(found.first, system)).toBe('file');
  });

  it('refuses an archive that would not be used', () => {
    const faults = planFaults(plan({ from: 'cache', archives: { 'debian-12-amd64': '/x' } }));
    expect(faults.map(({ path }) => path.join('.'))).toEqual(['releases.0.archives.debian-12-amd64']);
    expect(planFaults(plan({ archives: { 'debian-12-amd64': '/x' } }))).toEqual([]);
  });
});

describe('the software cache of a plan', () => {
  it('is the public one, which nobody is trusted for, unless the plan says otherwise', () => {
    expect(cacheOf(plan({}))).toEqual({
      index: 'http://shadir.nxdcdn.com',
      blobs: 'http://shacache.nxdcdn.com',
      certificates: [],
    });
    const own = plan({}, { cache: { index: 'http://127.0.0.1/dir', certificates: ['a.pem'] } });
    expect(cacheOf(own)).toMatchObject({ index: 'http://127.0.0.1/dir', certificates: ['a.pem'] });
    expect(sourcesOf(own, 'debian-12-amd64')?.archives.map(({ suites }) => suites[0])).toEqual([
      'bookworm',
      'bookworm-security',
    ]);
  });

  it.each([
    { cache: { index: 'ftp://example.org' } },
    { cache: { certificate: 'a.pem' } },
    { 'debian-12-amd64': { index: 'http://example.org' } },
  ])('refuses %j', (sources) => {
    expect(() => plan({}, sources)).toThrow();
  });
});

it.each([
  ['debian-12-amd64', 'bookworm', 'x86_64-linux-gnu'],
  ['ubuntu-24.04-arm64', 'noble', 'aarch64-linux-gnu'],
  ['debian-99-amd64', '', 'x86_64-linux-gnu'],
])('%s is %s, %s', (system, codename, multiarch) => {
  expect(systemFacts(system)).toMatchObject({ codename, multiarch });
  expect(sourcesOf(plan({}), system) === null).toBe(codename === '');
});
