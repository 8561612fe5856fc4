// What can be known before anything is changed: one line a check. Its id is the problem that it finds; how much that weighs
// and its four texts stand in the catalogue. Pure: facts in, parameters of findings out. Read by the preflight and by the docs.
import { inRange, isGlobalIpv6, parseAddress, parseRange, rangesOverlap } from '../../../src-shared/address.ts';
import type { Params, ProblemCode } from '../../../src-shared/problem.ts';
import { type Machine, type Role, type SitePlan, systemFacts, systemOf } from '../../../src-shared/site.ts';
import type { MachineFacts } from '../../target/machine-facts.ts';
import { proxyPort } from '../slapos.ts';
import type { PackageFacts } from './preflight-packages.ts';
import type { Room } from './preflight-room.ts';

export interface LaptopClock {
  readonly behindSeconds: number;
  readonly least: string;
}

/** What a check looks at. */
export interface Seen {
  readonly facts: MachineFacts;
  readonly packages: PackageFacts;
  /** Target's clock minus the laptop's, in seconds. */
  readonly clockOffSeconds: number;
  /** How far the laptop's clock is before a moment that it must be after, 0 when it is not; and that moment, ISO. */
  readonly laptop: LaptopClock;
  /** Folders of one mount, what is free there, and what they need together. */
  readonly rooms: readonly Room[];
  readonly machine: Machine;
  readonly site: SitePlan;
  /** Version of slapos-node on the medium, null before it was fetched. */
  readonly carriedSlapos: string | null;
  /** Installing slapos-node was begun and did not end: what dpkg left half done is that step's to mend. */
  readonly installing: boolean;
}

export interface Check {
  readonly id: ProblemCode;
  /** Machines it is made on: all, or those with one of these roles. */
  readonly roles: readonly Role[];
  /** Parameters of each finding but the machine's name; empty when all is well. */
  readonly finds: (seen: Seen) => readonly Params[];
}

const everyone: readonly Role[] = ['builder', 'master', 'node'];
/** A build machine is at the office, and online. */
const onSite: readonly Role[] = ['master', 'node'];
const when = (bad: boolean, params: Params = {}): readonly Params[] => (bad ? [params] : []);
const on = (id: ProblemCode, finds: Check['finds'], roles: readonly Role[] = everyone): Check => ({ id, roles, finds });

/** Certificates and apt's Valid-Until suffer beyond this. */
export const clockToleranceSeconds = 300;
const lookupPatienceMs = 5000;
/** A refused or unroutable connection fails at once; one that is swallowed takes this long and more. */
const beyondPatienceMs = 4000;
/** Before it, nat rules in the output chain act only beside others (nftables wiki, kernel 4.18). */
const oldestKernel = [4, 18] as const;
/** slapos derives a range for each partition from sixteen more bits than the interface's prefix has. */
const longestPrefix = 111;
/** Instances of the master's own release: root, two memcached, mariadb, zodb, balancer, wcfs, two families. */
const masterPartitions = 9;
const leastInodes: Readonly<Record<string, number>> = { '/opt': 300_000, '/srv': 100_000, '/usr': 50_000 };
const leastMemory: Readonly<Record<Role, number>> = {
  builder: 2e9,
  master: 4e9,
  node: 1e9,
  registry: 1e9,
  frontend: 2e9,
};
/** The program keeps a session for what it follows, one for what it asks, one for transfers. */
const leastSessions = 3;
const unfit = new Set(['tmpfs', 'ramfs', 'vfat', 'exfat', 'ntfs', 'ntfs3', 'fuseblk', 'nfs', 'nfs4', 'cifs', '9p']);
/** The master's web server and its balancer start here; on every address of the machine they would meet whoever is there. */
const masterPorts = [2150, 2151, 2152, 2153, 2154, 2155, 2200] as const;
const wild = new Set(['*', '0.0.0.0', '::']);
const loopback = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1', ...wild]);

const configured = ({ facts }: Seen): boolean => facts.slaposPaths.includes('/etc/opt/slapos/slapos.cfg');

const taken = ({ facts }: Seen, port: number, at: ReadonlySet<string>) =>
  facts.listeners.find((item) => item.port === port && at.has(item.address));

const interfaceThere = ({ facts, machine }: Seen): boolean => facts.interfaces.includes(machine.interface);

/** Global IPv6 addresses of the plan's interface with their lengths; those of single addresses are partitions'. */
const globals = ({ facts, machine }: Seen): readonly { readonly address: string; readonly length: number }[] =>
  facts.addresses.filter((item) => {
    const address = parseAddress(item.address);
    return item.interface === machine.interface && address !== null && isGlobalIpv6(address);
  });

function shortPrefix(seen: Seen): readonly Params[] {
  const wanted = seen.machine.addresses.flatMap((text) => parseRange(text)?.length ?? []);
  const lengths = [...globals(seen).map((item) => item.length), ...wanted];
  const length = Math.min(...lengths);
  return when(lengths.length > 0 && length > longestPrefix, { interface: seen.machine.interface, length });
}

function overlap({ facts, machine }: Seen): readonly Params[] {
  const partitions = parseRange(machine.ipv4Network);
  const met = facts.addresses.find((item) => {
    const range = parseRange(`${item.address}/${item.length}`);
    return range !== null && partitions !== null && item.length < 32 && rangesOverlap(range, partitions);
  });
  return met === undefined
    ? []
    : [{ network: machine.ipv4Network, interface: met.interface, address: `${met.address}/${met.length}` }];
}

const kernelTooOld = (text: string): boolean => {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,4})/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return true;
  return Number(major) < oldestKernel[0] || (Number(major) === oldestKernel[0] && Number(minor) < oldestKernel[1]);
};

const hostOf = (address: string): string => /^[a-z+]+:\/\/([^/:@]+)/.exec(address)?.[1] ?? '';
const known = /(^|\.)(debian\.org|ubuntu\.com)$|^(127\.|localhost$)/;
const foreign = (addresses: readonly string[]): readonly string[] => [
  ...new Set(addresses.map(hostOf).filter((host) => host !== '' && !known.test(host))),
];

/** Programs that reach our own cache on the loopback through a proxy would be told that it is not there. */
function proxies({ facts }: Seen): readonly Params[] {
  const spared = facts.proxies.some((line) => /^no_proxy=/i.test(line) && /127\.0\.0\.1|\*/.test(line));
  const set = facts.proxies.filter((line) => /^(http|all)_proxy=./i.test(line));
  return when(set.length > 0 && !spared, { setting: set[0] ?? '' });
}

const inodes = ({ facts }: Seen): readonly Params[] =>
  Object.entries(leastInodes).flatMap(([path, count]) => {
    const folder = facts.folders[path];
    return when(folder !== undefined && folder.inodes > 0 && folder.freeInodes < count, {
      path,
      count: folder?.freeInodes ?? 0,
      wanted: count,
    });
  });

const withOption = ({ facts }: Seen, option: string, paths: readonly string[]): readonly Params[] =>
  paths.flatMap((path) => when(facts.folders[path]?.options.includes(option) ?? false, { path }));

function memory({ facts, machine }: Seen): readonly Params[] {
  const needed = Math.max(...machine.roles.map((role) => leastMemory[role]));
  const there = facts.memoryBytes + facts.swapBytes;
  return when(there < needed, { free: there, needed });
}

const webPort = (seen: Seen): readonly Params[] => {
  const holder = seen.facts.listeners.find(
    (item) => item.port === 80 && (wild.has(item.address) || isOwn(seen, item.address)),
  );
  return holder === undefined ? [] : [{ holder: holder.program }];
};
/** What is led to the frontend later would take nothing from whoever serves there now; with HTTP/3 that is UDP as well. */
const frontendPort = (seen: Seen): readonly Params[] =>
  [
    { protocol: 'TCP', port: 80, among: seen.facts.listeners },
    { protocol: 'TCP', port: 443, among: seen.facts.listeners },
    { protocol: 'UDP', port: 443, among: seen.facts.datagrams },
  ].flatMap(({ protocol, port, among }) => {
    const holder = among.find((item) => item.port === port && (wild.has(item.address) || isOwn(seen, item.address)));
    return holder === undefined ? [] : [{ protocol, port, holder: holder.program }];
  });
const isOwn = ({ machine }: Seen, text: string): boolean => {
  const own = parseRange(`${machine.address}/${machine.address.includes(':') ? 128 : 32}`);
  const address = parseAddress(text);
  return own !== null && address !== null && inRange(address, own);
};

function masterPort(seen: Seen): readonly Params[] {
  const met = [
    ...(configured(seen) ? [] : [taken(seen, proxyPort, loopback)]),
    ...masterPorts.map((port) => taken(seen, port, wild)),
  ];
  return met.flatMap((item) => (item === undefined ? [] : [{ port: item.port, holder: item.program }]));
}

/** Who holds the port that content goes through; sshd does while one of our own connections has it open. */
function contentPort(seen: Seen): readonly Params[] {
  const { port } = seen.site.content;
  const holder = taken(seen, port, loopback);
  return when(holder !== undefined && !holder.program.startsWith('sshd'), { port, holder: holder?.program ?? '' });
}

/** In the order of the docs page; findings are shown by what blocks first. */
export const preflightChecks: readonly Check[] = [
  // what it is
  on('target-other-system', ({ facts, machine }) => {
    const wanted = systemFacts(systemOf(machine));
    const expected = `${wanted.distribution}-${wanted.release}`;
    return when(facts.system !== expected, { expected, found: facts.system });
  }),
  on('target-other-architecture', ({ facts, machine: { architecture: expected } }) =>
    when(facts.architecture !== expected, { expected, found: facts.architecture }),
  ),
  on('target-not-systemd', ({ facts }) => when(facts.init !== 'systemd')),
  on('target-kernel-old', ({ facts }) =>
    when(kernelTooOld(facts.kernel), { kernel: facts.kernel, oldest: oldestKernel.join('.') }),
  ),
  on('target-in-container', ({ facts }) => when(facts.container !== 'none', { kind: facts.container })),
  on('laptop-clock-behind', ({ laptop: { behindSeconds: seconds, least } }) =>
    when(seconds > clockToleranceSeconds, { behindMs: seconds * 1000, least }),
  ),
  on('target-clock-off', ({ clockOffSeconds: seconds }) =>
    when(Math.abs(seconds) > clockToleranceSeconds, { awayMs: seconds * 1000 }),
  ),
  on('target-memory-small', memory),
  on('target-reboot-required', ({ facts }) => when(facts.rebootRequired)),
  on('target-selinux-enforcing', ({ facts }) => when(facts.selinuxEnforcing)),
  on('target-umask-strict', ({ facts }) =>
    when((facts.umask & 0o055) !== 0, { umask: facts.umask.toString(8).padStart(4, '0') }),
  ),

  // room
  on('target-disk-small', ({ rooms }) =>
    rooms
      .filter((room) => room.freeBytes < room.neededBytes)
      .map(({ mount, folders, freeBytes, neededBytes }) => ({
        path: mount,
        folders: folders.join(', '),
        needed: neededBytes,
        free: freeBytes,
      })),
  ),
  on('target-inodes-few', inodes),
  on('target-read-only', (seen) => withOption(seen, 'ro', ['/opt', '/srv', '/tmp', '/usr', '/var'])),
  on('target-no-exec', (seen) => withOption(seen, 'noexec', ['/opt', '/srv', '/usr'])),
  on('target-tmp-no-exec', (seen) => withOption(seen, 'noexec', ['/tmp']).map(() => ({}))),
  on('target-file-system-unfit', ({ facts }) =>
    ['/opt', '/srv', '/var'].flatMap((path) => {
      const fileSystem = facts.folders[path]?.fileSystem ?? '';
      return when(unfit.has(fileSystem), { path, fileSystem });
    }),
  ),
  on('target-disk-errors', ({ facts }) => when(facts.diskErrors.length > 0, { detail: facts.diskErrors.at(-1) ?? '' })),

  // packages
  on('target-apt-broken', ({ facts, installing }) =>
    when(facts.aptTrouble !== '' && !installing, { detail: facts.aptTrouble }),
  ),
  on('target-apt-busy', ({ facts }) => when(facts.aptHolders.length > 0, { holder: facts.aptHolders.join(', ') })),
  on('target-upgrades-automatic', ({ facts }) => when(facts.automaticUpgrades)),
  on('target-packages-held', ({ packages }) =>
    when(packages.held.length > 0, { count: packages.held.length, first: packages.held[0] ?? '' }),
  ),
  on('target-packages-newer', ({ packages: { newer } }) => {
    const [first] = newer;
    return first === undefined
      ? []
      : [{ count: newer.length, first: first.name, installed: first.installed, carried: first.carried }];
  }),
  on(
    'target-sources-foreign',
    ({ facts }) => {
      const hosts = foreign(facts.sources);
      return when(hosts.length > 0, { hosts: hosts.join(', ') });
    },
    onSite,
  ),
  on('target-firewalld', ({ packages }) => when(packages.firewalld)),
  on('target-cron-stopped', ({ facts, packages }) => when(packages.cron && facts.cron !== 'active')),

  // network
  on('target-interface-missing', (seen) =>
    when(!interfaceThere(seen), {
      interface: seen.machine.interface,
      present: seen.facts.interfaces.join(', '),
    }),
  ),
  on('target-interface-down', (seen) =>
    when(interfaceThere(seen) && /^(down|lowerlayerdown|dormant|notpresent)$/.test(seen.facts.operational), {
      interface: seen.machine.interface,
    }),
  ),
  on('target-ipv6-disabled', (seen) =>
    when(interfaceThere(seen) && seen.facts.ipv6Disabled, { interface: seen.machine.interface }),
  ),
  on('target-addresses-unmanaged', (seen) =>
    when(
      interfaceThere(seen) &&
        !seen.facts.ipv6Disabled &&
        seen.machine.addresses.length === 0 &&
        globals(seen).length === 0,
      { interface: seen.machine.interface },
    ),
  ),
  on('target-prefix-long', shortPrefix),
  on('target-address-duplicate', ({ facts }) =>
    facts.addresses
      .filter((item) => item.duplicate)
      .map(({ interface: device, address }) => ({ interface: device, address })),
  ),
  // What the site writes down for good: the master's pages, the copy that nodes read, what re6st tells of a machine.
  on('target-address-lent', ({ facts, machine }) =>
    facts.addresses
      .filter((item) => item.interface === machine.interface && item.dynamic && !item.address.includes(':'))
      .map(({ interface: device, address }) => ({ interface: device, address })),
  ),
  on('target-network-overlaps', overlap),
  on('target-name-lookup-slow', ({ facts }) =>
    when(facts.lookupMs > lookupPatienceMs, { seconds: Math.round(facts.lookupMs / 1000) }),
  ),
  on(
    'target-route-black-hole',
    ({ facts }) => when((facts.beyondMs ?? 0) > beyondPatienceMs, { route: facts.defaultRoute }),
    onSite,
  ),
  on('target-localhost-unknown', ({ facts }) => when(!facts.localhostKnown)),
  on('target-own-name-unknown', ({ facts }) => when(!facts.ownNameKnown)),
  on('target-proxy-set', proxies),
  on('target-firewall-active', ({ facts }) =>
    when(facts.firewalls.length > 0, { firewall: facts.firewalls.join(', ') }),
  ),
  on('forward-port-taken', contentPort),
  on('target-port-taken', masterPort, ['master']),
  on('target-web-port-taken', webPort, ['master']),
  on('target-frontend-port-taken', frontendPort, ['frontend']),
  on('forwarding-forbidden', ({ facts }) => when(!facts.forwarding)),
  on('target-sessions-few', ({ facts }) =>
    when(facts.maxSessions < leastSessions, { count: facts.maxSessions, wanted: leastSessions }),
  ),

  // slapos
  on('target-slapos-foreign', ({ facts, packages }) =>
    when(facts.slaposPaths.includes('/opt/slapos/bin') && packages.slapos === null),
  ),
  on('target-slapos-other-version', ({ packages: { slapos: installed }, carriedSlapos: carried }) =>
    installed === null || carried === null ? [] : when(installed !== carried, { installed, carried }),
  ),
  on('target-slapproxy-left', (seen) =>
    when(!configured(seen) && seen.facts.slaposPaths.includes('/opt/slapos/slapproxy.db')),
  ),
  on('target-users-left', (seen) =>
    when(!configured(seen) && seen.facts.slapUsers > 0, { count: seen.facts.slapUsers }),
  ),
  on('slapos-config-duplicate-section', ({ facts }) =>
    facts.doubleSections.map((item) => ({ ...item, path: '/etc/opt/slapos/slapos.cfg' })),
  ),
  on(
    'partitions-below-master',
    ({ machine, site }) =>
      when(site.releases.some((item) => item.name === 'slapos-master') && machine.partitions < masterPartitions, {
        count: machine.partitions,
        wanted: masterPartitions,
      }),
    ['master'],
  ),
  on(
    'target-tunnel-missing',
    ({ facts, site }) =>
      when(
        !facts.tunnelDevice &&
          (site.ranges.re6st !== undefined || site.releases.some((item) => item.name === 're6stnet')),
      ),
    onSite,
  ),
];
