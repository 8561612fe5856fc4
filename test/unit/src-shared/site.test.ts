import { describe, expect, it } from 'vitest';
import {
  cacheOf,
  compiledOn,
  frontendSerialisation,
  holdsNewMaster,
  machineNamed,
  originOf,
  planFaults,
  planWarnings,
  re6stMachines,
  sitePlan,
  sourcesOf,
  systemFacts,
  systemsFrom,
  systemsOf,
  vendorPackagesOf,
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

describe('a builder', () => {
  const twelve = { name: 'build', roles: ['builder'], address: 'fd00::9', release: '12', interface: 'eth0' };
  const master = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg';
  const withBuilders = (release: object, ...builders: readonly object[]) => {
    const { machines, ...rest } = plan(release);
    return sitePlan.parse({ ...rest, machines: [...machines, ...builders] });
  };
  const faultsOf = (release: object, ...builders: readonly object[]) =>
    planFaults(withBuilders(release, ...builders)).map(
      ({ path, code, value, other }) => `${path.join('.')}: ${[code, value, other].join(' ').trim()}`,
    );

  it('compiles what the plan wants from it, release by release and system by system', () => {
    const mixed = withBuilders({ from: { 'debian-12-amd64': 'builder', 'debian-13-arm64': 'cache' } }, { ...twelve });
    expect(planFaults(mixed)).toEqual([]);
    const builder = machineNamed(mixed, 'build');
    if (builder === undefined) throw new Error('no builder');
    expect(compiledOn(mixed, builder).map(({ name }) => name)).toEqual(['slapos-master']);
    expect(systemsOf(mixed)).toEqual(['debian-12-amd64', 'debian-13-arm64']);
    expect(compiledOn(withBuilders({}, twelve), builder)).toEqual([]);
  });

  it.each<[string, object, readonly object[], RegExp]>([
    ['with another role', {}, [{ ...twelve, roles: ['builder', 'node'] }], /^machines\.2\.roles: builder-other-role$/],
    [
      'of a system that no machine has',
      {},
      [{ ...twelve, release: '11' }],
      /^machines\.2\.release: builder-unfit debian-11-amd64/,
    ],
    [
      'beside another one for its system',
      {},
      [twelve, { ...twelve, name: 'second', address: 'fd00::8' }],
      /^machines\.3\.roles: builder-taken debian-12-amd64 build$/,
    ],
    ['that is not there', { from: 'builder' }, [twelve], /^releases\.0\.from: builder-missing debian-13-arm64$/],
    ['named for a system nobody has', { from: { 'debian-11-amd64': 'cache' } }, [], /^releases\.0\.from\.debian-11/],
  ])('is refused %s', (_what, release, builders, fault) => {
    const faults = faultsOf(release, ...builders);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  it('is no site by itself', () => {
    const alone = sitePlan.parse({ format: 1, name: 'x', machines: [twelve] });
    expect(planFaults(alone)).toHaveLength(1);
  });

  it('is what the new master needs before 1.0.359, not the cache', () => {
    const systems = { 'debian-12-amd64': 'builder', 'debian-13-arm64': 'cache' };
    const faults = faultsOf({ url: master, newMaster: true, from: systems }, twelve);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/newMaster: .*debian-13-arm64/);
    expect(faultsOf({ url: master.replace('358', '359'), newMaster: true, from: systems }, twelve)).toEqual([]);
    expect(faultsOf({ name: 're6stnet', newMaster: true })).toHaveLength(1);
  });

  it.each([
    ['1.0.349', false],
    ['1.0.358', false],
    ['1.0.358.9', false],
    ['1.0.359', true],
    ['1.0.364.2', true],
    ['1.1', true],
    ['1.0', false],
    ['2.0.1', true],
    ['master', null],
  ])('knows whether %s holds the new master: %s', (tag, held) => {
    expect(holdsNewMaster(master.replace('1.0.358', tag))).toBe(held);
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

it.each([
  ['1.0.344', 'xml'],
  ['1.0.464', 'xml'],
  ['1.0.464.3', 'xml'],
  ['1.0.465', 'json-in-xml'],
  ['1.0.465.1', 'json-in-xml'],
  ['1.0.499', 'json-in-xml'],
  ['1.1', 'json-in-xml'],
  ['master', 'json-in-xml'],
])('a frontend of release %s reads its parameters as %s', (tag, form) => {
  for (const raw of ['raw', '-/raw'])
    expect(frontendSerialisation(`https://lab.example.org/slapos/${raw}/${tag}/software/rapid-cdn/software.cfg`)).toBe(
      form,
    );
});

describe('services on a node, and the way to a machine', () => {
  const { machines, ...rest } = plan({});
  const node = { name: 'c', roles: ['node'], address: 'fd00::3', release: '12', interface: 'eth0' };
  const frontend = { domain: 'shop.example.org', certificate: 'site.crt', key: 'site.key' };
  const faultsWith = (...more: readonly object[]) =>
    planFaults(
      sitePlan.parse({
        ...rest,
        ranges: { re6st: 'fd00:6::/48' },
        machines: [...machines, ...more],
        ...(JSON.stringify(more).includes('"frontend"') ? { frontend } : {}),
      }),
    ).map(({ path }) => path.join('.'));

  it('wants the frontend’s block with the role, and the role with the block', () => {
    const faults = (more: object, ...roles: string[]) =>
      planFaults(sitePlan.parse({ ...rest, machines: [...machines, { ...node, roles }], ...more })).map(({ path }) =>
        path.join('.'),
      );
    expect(faults({}, 'node', 'frontend')).toEqual(['machines.2.roles']);
    expect(faults({ frontend }, 'node')).toEqual(['frontend']);
    expect(faults({ frontend: { ...frontend, key: 'site.crt' } }, 'node', 'frontend')).toEqual(['frontend.key']);
    const publicAddresses = ['10.0.0.1', 'fd00::1', '10.0.0.1'];
    expect(faults({ frontend: { ...frontend, publicAddresses } }, 'node', 'frontend')).toEqual([
      'frontend.publicAddresses.2',
    ]);
    for (const domain of ['shop', '-a.org', 'a..org', 'A.org', '10.0.0.1', 'a.org.'])
      expect(sitePlan.safeParse({ ...rest, machines, frontend: { ...frontend, domain } }).success, domain).toBe(false);
  });

  it.each<[string, readonly object[], readonly string[]]>([
    ['a node with both services', [{ ...node, roles: ['node', 'registry', 'frontend'] }], []],
    ['a service beside the role node', [{ ...node, roles: ['frontend'] }], ['machines.2.roles']],
    ['a node on the master', [{ ...node, roles: ['master', 'node'] }], ['machines', 'machines.2.roles']],
    [
      'the registry twice',
      [
        { ...node, roles: ['node', 'registry'] },
        { ...node, name: 'd', address: 'fd00::4', roles: ['node', 'registry'] },
      ],
      ['machines.3.roles'],
    ],
    ['a way through the master', [{ ...node, jump: 'a' }], []],
    ['a way through nobody', [{ ...node, jump: 'x' }], ['machines.2.jump']],
    ['a way through itself', [{ ...node, jump: 'c' }], ['machines.2.jump']],
  ])('%s', (_what, more, faults) => {
    expect([...faultsWith(...more)].sort()).toEqual([...faults].sort());
  });

  it('needs the range of the network that a registry is for', () => {
    const held = sitePlan.parse({ ...rest, machines: [...machines, { ...node, roles: ['node', 'registry'] }] });
    expect(planFaults(held).map(({ path }) => path.join('.'))).toEqual(['ranges.re6st']);
  });

  it.each<[string, string, object, readonly string[], readonly string[]]>([
    ['two ranges apart', 'fd00:7::/48', {}, [], []],
    ['the same range twice', 'fd00:6::/48', {}, ['ranges.re6st'], ['fd00:6::/48 in fd00:6::/48']],
    ['the same, with a host in it', 'fd00:6::1/48', {}, ['ranges.re6st'], ['fd00:6::1/48 in fd00:6::/48']],
    ['a local network inside of re6st’s', 'fd00:6:0:1::/64', {}, [], ['fd00:6:0:1::/64 in fd00:6::/48']],
    ['re6st’s inside of the local network', 'fd00::/16', {}, [], ['fd00:6::/48 in fd00::/16']],
    [
      'a machine’s own address inside',
      'fd00:7::/48',
      { addresses: ['fd00:6::9/64'] },
      [],
      ['fd00:6::9/64 in fd00:6::/48'],
    ],
    [
      'a machine’s own range',
      'fd00:7::/48',
      { addresses: ['fd00:6::9/48'] },
      ['ranges.re6st'],
      ['fd00:6::9/48 in fd00:6::/48'],
    ],
  ])(
    'refuses re6st’s range where it is the local one, and warns of one inside the other: %s',
    (_, lan, more, refused, warned) => {
      const ranges = { lan, re6st: 'fd00:6::/48' };
      const site = sitePlan.parse({ ...rest, ranges, machines: [...machines, { ...node, ...more }] });
      expect(planFaults(site).map(({ path }) => path.join('.'))).toEqual(refused);
      const told = planWarnings(site).map(({ code, params }) => [code, `${params.first} in ${params.second}`]);
      expect(told).toEqual(warned.map((text) => ['ranges-overlap', text]));
    },
  );

  it('joins the registry first, then the master, then the nodes', () => {
    const more = [node, { ...node, name: 'd', roles: ['node', 'registry'] }];
    const site = sitePlan.parse({ ...rest, machines: [...machines, ...more] });
    const master = site.machines.find(({ roles }) => roles.includes('master'));
    expect(re6stMachines(site).map(({ name }) => name)).toEqual(['d', master?.name, 'b', 'c']);
    expect(vendorPackagesOf(site)).toEqual({ 'slapos-node': 'newest', 're6st-node': 'newest' });
    // Nothing more is done for one that leaves: its own steps are gone, and the site's must not wait for it.
    const leaver = sitePlan.parse({
      ...rest,
      machines: [...machines, ...more.map((item) => (item.name === 'd' ? item : { ...item, leaving: true }))],
    });
    expect(re6stMachines(leaver).map(({ name }) => name)).toEqual(['d', master?.name, 'b']);
    expect(re6stMachines(plan({}))).toEqual([]);
    expect(Object.keys(vendorPackagesOf(plan({})))).toEqual(['slapos-node']);
  });

  it('needs a master to register with', () => {
    const alone = sitePlan.parse({ ...rest, releases: [], machines: [node] });
    expect(planFaults(alone).map(({ path }) => path.join('.'))).toEqual(['machines.0.roles']);
  });
});

describe('where sources are reached', () => {
  it.each(['http://proxy.lan:99999', 'http://fd00::7:3128', 'http://'])('%s is no address', (proxy) => {
    expect(() => plan({}, { proxy, proxyUser: 'ada' })).toThrow(/"sources",\s*"proxy"/);
  });
  it.each(['http://proxy.lan:3128', 'http://[fd00::7]:3128'])('%s is one', (proxy) => {
    expect(plan({}, { proxy, proxyUser: 'ada' }).sources.proxy).toBe(proxy);
  });
});
