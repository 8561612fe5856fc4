// The site plan: what must stand. One YAML file that a technician reads and edits; this is its schema, its defaults
// and the rules across fields. Everything else (needs, steps' instances, plans) is derived from it.
import { z } from 'zod';
import { isLinkLocal, parseAddress, parseRange, parseScoped, rangesEqual, rangesOverlap } from './address.ts';
import type { PlanFaultCode, PlanFaultSaid } from './plan-fault.ts';
import type { Finding } from './step.ts';

/** A message of the schema is the code of what is wrong: people read its words. */
const fault = (code: PlanFaultCode): string => code;

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, fault('name'));
const address = z
  .string()
  .refine(
    (value) =>
      parseAddress(value) !== null || value.includes('%') || /^(?!-)[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*$/.test(value),
    fault('address'),
  )
  // Without its scope a link-local address cannot be dialled, and with one nothing else can.
  .refine((value) => parseScoped(value) !== null || !(value.includes('%') || isLinkLocal(value)), fault('scope'))
  .refine((value) => parseAddress(value) !== null || !/^[0-9.]+$/.test(value), fault('ipv4-parts'));
const range = z.string().refine((value) => parseRange(value) !== null, fault('range'));
const ipv6Range = range.refine((value) => parseRange(value)?.bits === 128, fault('ipv6-range'));
const ipv4Range = range.refine((value) => parseRange(value)?.bits === 32, fault('ipv4-range'));
const fingerprint = z.string().regex(/^SHA256:[A-Za-z0-9+/=]{40,}$/, fault('fingerprint'));
const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s/]+\S*$/, fault('url'))
  // A port that is none, an address without its brackets.
  .refine((value) => URL.canParse(value), fault('url'));

const scriptMark = 'pac+';
/** A proxy, or a script (PAC) that says which proxies there are: `pac+` before its address, which may be a file's. */
const proxy = z
  .string()
  .regex(/^((pac\+)?https?:\/\/[^\s/]+\S*|pac\+file:\/\/\/\S+)$/, fault('url'))
  .refine((value) => URL.canParse(value), fault('url'))
  .refine((value) => !/^[a-z+]+:\/\/[^/]*@/.test(value), fault('url-with-password'));
/** Address of the script that a plan's proxy names; null when it names the proxy itself. */
export const proxyScriptOf = (address: string): string | null =>
  address.startsWith(scriptMark) ? address.slice(scriptMark.length) : null;

/** What a site may be called: a folder's name everywhere. */
export const siteName = name;

export const architectures = ['amd64', 'arm64'] as const;
export const distributions = ['debian', 'ubuntu'] as const;
/** `registry` (of re6st) and `frontend` are services on a registered node. */
export const roles = ['builder', 'master', 'node', 'registry', 'frontend'] as const;
export type Role = (typeof roles)[number];

/**
 * Where a machine's packages and releases come from while it is worked on. `connection`: the medium in the laptop, through SSH.
 * `resident`: a copy that stays on the master and is served by it. `medium`: the medium plugged into the machine itself.
 */
export const contentWays = ['connection', 'resident', 'medium'] as const;
export type ContentWay = (typeof contentWays)[number];

/** A machine of the site. */
export const machine = z.strictObject({
  name,
  roles: z.array(z.enum(roles)).min(1),
  address,
  port: z.int().min(1).max(65535).default(22),
  /** Who logs in; another than root needs sudo. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/, fault('user-name'))
    .default('root'),
  /** Who asks the master for services on this machine, an ordinary user; without one, the user who logs in. */
  client: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/, fault('user-name'))
    .optional(),
  /** A machine of the plan through which this one is reached. */
  jump: name.optional(),
  /** Private key file on the laptop; the agent and a password are tried as well. */
  keyFile: z.string().optional(),
  /** Pinned when a person has compared it with the console. */
  hostKey: fingerprint.optional(),
  distribution: z.enum(distributions).default('debian'),
  release: z.string().regex(/^\d+(\.\d+)?$/, fault('release-number')),
  architecture: z.enum(architectures).default('amd64'),
  /** The network interface whose IPv6 prefix the partitions take theirs from. */
  interface: z.string().regex(/^[a-zA-Z0-9_.@-]{1,15}$/, fault('interface')),
  /** Global IPv6 addresses the interface must have; empty when the network gives them. */
  addresses: z.array(ipv6Range).default([]),
  partitions: z.int().min(1).max(200).default(20),
  ipv4Network: ipv4Range.default('10.0.0.0/16'),
  /**
   * What the machine has already: the path of its survey on the laptop (its dpkg status, as `fieldkit survey` brings it back), or
   * `release` for one freshly installed, as new as the archive. Without it the medium carries everything down to an empty machine.
   */
  baseline: z.string().min(1).optional(),
  /** How this machine gets its content, where it differs from the site's way. */
  content: z.enum(contentWays).optional(),
  /** A node that is to be taken out of the site: nothing more is built on it, and take-out-node empties it. */
  leaving: z.literal(true).optional(),
});
export type Machine = z.infer<typeof machine>;

/** Where the same files lie below the same names: tried in turn when the address before does not answer. */
const mirrors = z.array(httpUrl).optional();

const archive = z.strictObject({
  name,
  url: httpUrl,
  mirrors,
  suites: z.array(z.string()).min(1),
  components: z.array(z.string()).min(1),
  /** Name of a key in the program's trust folder, or the path of an armored public key. */
  key: z.string(),
});

/** Where the packages of one target system come from. */
export const systemSources = z.strictObject({
  vendor: z.strictObject({ url: httpUrl, mirrors, key: z.string() }),
  archives: z.array(archive).min(1),
});
export type SystemSources = z.infer<typeof systemSources>;

/** Where compiled software comes from: a file on the laptop, the public software cache, or a build machine. */
const origins = ['file', 'cache', 'builder'] as const;
export type Origin = (typeof origins)[number];

/** The public software cache: its index, its archives, and by whose signature its entries are believed. */
const softwareCache = z.strictObject({
  index: httpUrl.default('http://shadir.nxdcdn.com'),
  blobs: httpUrl.default('http://shacache.nxdcdn.com'),
  /** Names of certificates in the program's trust folder, or paths of PEM files; relative ones count from the plan. */
  certificates: z.array(z.string().min(1)).default([]),
});
export type SoftwareCache = z.infer<typeof softwareCache>;

/** A software release: one URL, byte for byte, used by the mirror, the supply and the request alike. */
export const release = z.strictObject({
  name: z.enum(['slapos-master', 're6stnet', 'rapid-cdn']),
  url: z.string().regex(/^https?:\/\/\S+\.cfg$/, fault('release-url')),
  /** Compiled archives by target system, as paths on the laptop. */
  archives: z.record(z.string(), z.string()).default({}),
  /** For all target systems, or by target system. Without it: the file where `archives` names one, else the cache. */
  from: z.union([z.enum(origins), z.record(z.string(), z.enum(origins))]).optional(),
  /** Brings the new master into a compiled slapos-master that is older than it; the archive is then ours alone. */
  newMaster: z.boolean().default(false),
});
export type Release = z.infer<typeof release>;

/** What the master is told when it is asked for: who it is, where, and where its certificate authority lies. */
export const master = z.strictObject({
  /** Name under which slapproxy knows it. */
  instance: name.default('slapos-master'),
  siteId: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,30}$/, fault('site-id'))
    .default('erp5'),
  city: z.string().min(1).default('Lille'),
  company: z.string().min(1).default('ViFiB SARL'),
  countryCode: z
    .string()
    .regex(/^[A-Z]{2}$/, fault('country'))
    .default('FR'),
  email: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$/, fault('mail'))
    .default('admin@example.org'),
  state: z.string().min(1).default('Nord-Pas-de-Calais'),
  timezone: z
    .string()
    .regex(/^[A-Za-z0-9_+/-]+$/, fault('time-zone'))
    .default('UTC'),
  /** Folder of the certificate authority, shared by the partitions. */
  caFolder: z
    .string()
    .regex(/^(\/[A-Za-z0-9_-]+){3,}$/, fault('ca-folder'))
    .default('/srv/slapcommon/erp5-ssl'),
});
export type Master = z.infer<typeof master>;

/** The site's frontend: the domain whose names it answers, and what it is told. */
export const frontend = z.strictObject({
  /** Names below it are the frontend's. */
  domain: z
    .string()
    .regex(/^(?=.{3,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, fault('domain'))
    .refine((value) => parseAddress(value) === null, fault('domain-not-address')),
  /** PEM files on the laptop: the certificate with its chain, and its private key. Relative paths count from the plan. */
  certificate: z.string().min(1),
  key: z.string().min(1),
  /** Where its users reach it; empty: the machine's own addresses. */
  publicAddresses: z.array(z.string().refine((value) => parseAddress(value) !== null, fault('ip-address'))).default([]),
  /** The local DNS server that answers for names below the domain; without one, the machine's resolver stays as it is. */
  dns: z
    .string()
    .refine((value) => parseAddress(value) !== null, fault('ip-address'))
    .optional(),
  /** Name under which the master knows it. */
  instance: name.default('master-frontend'),
});
export type Frontend = z.infer<typeof frontend>;

/** How many nodes go side by side when nobody says otherwise; the first one of a site goes alone. */
export const nodesAtOnce = 5;

export const sitePlan = z.strictObject({
  format: z.literal(1),
  name,
  machines: z.array(machine).min(1),
  releases: z.array(release).default([]),
  master: master.prefault({}),
  frontend: frontend.optional(),
  /** Versions of the vendor's packages; `newest` is fixed when they are fetched. */
  packages: z
    .strictObject({ 'slapos-node': z.string().default('newest'), 're6st-node': z.string().default('newest') })
    .prefault({}),
  /** Sources by target system; the public ones when a system is not named. */
  sources: z
    .object({
      cache: softwareCache.optional(),
      /** Proxy for all of them, without user name and password; or the script that says which. */
      proxy: proxy.optional(),
      /** Who logs in at that proxy; the password is asked for. */
      proxyUser: z.string().min(1).optional(),
      /** PEM file of authorities to trust besides the system's; a relative path counts from the plan. */
      ca: z.string().min(1).optional(),
    })
    .catchall(systemSources)
    .default({}),
  content: z
    .strictObject({
      /** For all machines that say nothing of their own. */
      via: z.enum(contentWays).default('connection'),
      /** Loopback port of the machine that leads through the SSH connection. */
      port: z.int().min(1024).max(65535).default(5050),
      /** Port of the server on a machine that holds the content itself. */
      serverPort: z.int().min(1024).max(65535).default(5051),
    })
    .prefault({}),
  /** A run over many nodes begins no further one when both are reached: what fails on so many fails on the next one as well. */
  nodes: z
    .strictObject({
      /** So many have failed. */
      stopAfterFailed: z.int().min(1).max(1000).default(3),
      /** They are more than this share of those that were begun; 100 never stops a run. */
      stopAbovePercent: z.int().min(0).max(100).default(30),
    })
    .prefault({}),
  ranges: z.strictObject({ lan: ipv6Range.optional(), re6st: ipv6Range.optional() }).prefault({}),
  /** Fingerprints compared by a person; written by the program. */
  trust: z.strictObject({ manifest: z.string().optional() }).prefault({}),
});
export type SitePlan = z.infer<typeof sitePlan>;

/** Where something in a plan is wrong; `path` as in `machines.0.address`. */
export interface PlanFault extends PlanFaultSaid {
  readonly path: readonly (string | number)[];
}

const says = (code: PlanFaultCode, value = '', other = ''): PlanFaultSaid => ({ code, value, other });

/** Rules across fields. Empty when the plan can stand. */
export function planFaults(plan: SitePlan): readonly PlanFault[] {
  const faults: PlanFault[] = [];
  const seen = new Map<string, string>();
  // Whoever can alter the script on its way would be told the password.
  if (plan.sources.proxyUser !== undefined && /^pac\+http:/.test(plan.sources.proxy ?? ''))
    faults.push({ path: ['sources', 'proxyUser'], ...says('proxy-login-open') });
  plan.machines.forEach((item, index) => {
    const at = (field: string) => ['machines', index, field];
    if (seen.has(item.name)) faults.push({ path: at('name'), ...says('machine-twice', item.name) });
    const endpoint = `${item.address} ${item.port}`;
    const other = seen.get(endpoint);
    if (other !== undefined) faults.push({ path: at('address'), ...says('address-twice', other) });
    seen.set(item.name, item.name).set(endpoint, item.name);
    if (!plan.sources[systemOf(item)] && defaultSources(systemOf(item)) === null)
      faults.push({
        path: at('release'),
        ...says('no-sources', systemOf(item)),
      });
  });
  if (plan.machines.filter((item) => item.roles.includes('master')).length > 1)
    faults.push({ path: ['machines'], ...says('several-masters') });
  const names = plan.releases.map((item) => item.name);
  names.forEach((item, index) => {
    if (names.indexOf(item) !== index)
      faults.push({ path: ['releases', index, 'name'], ...says('release-twice', item) });
  });
  faults.push(...builderFaults(plan), ...plan.releases.flatMap((item, index) => releaseFaults(plan, item, index)));
  faults.push(...contentFaults(plan), ...nodeFaults(plan), ...frontendFaults(plan));
  const { re6st } = plan.ranges;
  if (wantsRe6st(plan) && re6st === undefined)
    faults.push({
      path: ['ranges', 're6st'],
      ...says('re6st-range-missing'),
    });
  const network = re6st === undefined ? null : parseRange(re6st);
  for (const { text, path } of lanRanges(plan)) {
    const local = parseRange(text);
    if (local === null || network === null || !rangesEqual(local, network)) continue;
    const said = path[0] === 'ranges' ? says('ranges-same', text) : says('range-of-machine', text, path.join('.'));
    faults.push({ path: ['ranges', 're6st'], ...said });
  }
  return faults;
}

/** A build machine stays at the office, online; what it compiles must fit the machines of the site. */
function builderFaults(plan: SitePlan): readonly PlanFault[] {
  const systems = systemsOf(plan);
  const builders = plan.machines.filter(isBuilder);
  if (systems.length === 0) return [{ path: ['machines'], ...says('builders-only') }];
  return plan.machines.flatMap((item, index): PlanFault[] => {
    if (!isBuilder(item)) return [];
    const at = (field: string) => ['machines', index, field];
    const other = builders.find((each) => systemOf(each) === systemOf(item));
    return [
      ...(item.roles.length > 1 ? [{ path: at('roles'), ...says('builder-other-role') }] : []),
      ...(systems.includes(systemOf(item))
        ? []
        : [
            {
              path: at('release'),
              ...says('builder-unfit', systemOf(item)),
            },
          ]),
      ...(other !== item && other !== undefined
        ? [{ path: at('roles'), ...says('builder-taken', systemOf(item), other.name) }]
        : []),
    ];
  });
}

function releaseFaults(plan: SitePlan, item: Release, index: number): readonly PlanFault[] {
  const systems = systemsOf(plan);
  const at = (...rest: readonly string[]) => ['releases', index, ...rest];
  const faults: PlanFault[] = [];
  for (const system of Object.keys(item.archives)) {
    const path = at('archives', system);
    if (!systems.includes(system)) faults.push({ path, ...says('system-not-there', system) });
    else if (originOf(item, system) !== 'file')
      faults.push({ path, ...says('archive-unused', originOf(item, system)) });
  }
  for (const system of Object.keys(typeof item.from === 'object' ? item.from : {}))
    if (!systems.includes(system)) faults.push({ path: at('from', system), ...says('system-not-there', system) });
  for (const system of systemsFrom(plan, item, 'builder'))
    if (builderFor(plan, system) === undefined) faults.push({ path: at('from'), ...says('builder-missing', system) });
  if (item.newMaster && item.name !== 'slapos-master')
    faults.push({ path: at('newMaster'), ...says('new-master-elsewhere') });
  // Changed after compiling, it is no longer what upstream signed under this address.
  else if (item.newMaster && holdsNewMaster(item.url) !== true)
    for (const system of systemsFrom(plan, item, 'cache'))
      faults.push({
        path: at('newMaster'),
        ...says('new-master-signed', system),
      });
  return faults;
}

/** Whether the release at this address is of that tag or a later one; null when the address names no release tag. */
function isSince(url: string, since: readonly [number, number, number]): boolean | null {
  const tag = /\/raw\/(\d+(?:\.\d+)+)\//.exec(url)?.[1]?.split('.').map(Number);
  if (tag === undefined) return null;
  const at = since.findIndex((part, index) => (tag[index] ?? 0) !== part);
  return at < 0 || (tag[at] ?? 0) > (since[at] ?? 0);
}

/** Whether a slapos-master of this address holds the new master already; null when the address names no release tag. */
export const holdsNewMaster = (url: string): boolean | null => isSince(url, [1, 0, 359]);

/** How slapos is told to write an instance's parameters. */
export type Serialisation = 'xml' | 'json-in-xml';

/** How a rapid-cdn of this address reads its parameters. An address without a release tag is taken for a new one. */
export const frontendSerialisation = (url: string): Serialisation =>
  isSince(url, [1, 0, 465]) === false ? 'xml' : 'json-in-xml';

/** A copy needs a master to stay on, and its server lets machines in by address: a name alone is none. */
function contentFaults(plan: SitePlan): readonly PlanFault[] {
  const faults: PlanFault[] = [];
  const users = plan.machines.filter((item) => !isBuilder(item) && contentWayOf(plan, item) === 'resident');
  if (plan.content.port === plan.content.serverPort)
    faults.push({ path: ['content', 'serverPort'], ...says('port-same') });
  if (users.length === 0) return faults;
  const master = masterOf(plan);
  if (master === undefined) return [...faults, { path: ['content', 'via'], ...says('resident-no-master') }];
  for (const item of new Set([master, ...users])) {
    if (item === master ? users.every((user) => user === master) : false) continue;
    if (addressesOf(item).length === 0)
      faults.push({
        path: ['machines', plan.machines.indexOf(item), 'addresses'],
        ...says('resident-no-address'),
      });
  }
  return faults;
}

/** re6st's registry and the frontend are services that a master places on a node: one of each, and never without a master. */
function nodeFaults(plan: SitePlan): readonly PlanFault[] {
  const faults: PlanFault[] = [];
  const holders = new Map<Role, string>();
  plan.machines.forEach((item, index) => {
    const at = (field: string) => ['machines', index, field];
    if (item.roles.includes('node') && item.roles.includes('master'))
      faults.push({ path: at('roles'), ...says('node-and-master') });
    if (item.roles.includes('node') && masterOf(plan) === undefined)
      faults.push({ path: at('roles'), ...says('node-no-master') });
    for (const role of ['registry', 'frontend'] as const) {
      if (!item.roles.includes(role)) continue;
      if (!item.roles.includes('node')) faults.push({ path: at('roles'), ...says('role-without-node', role) });
      const other = holders.get(role);
      if (other !== undefined) faults.push({ path: at('roles'), ...says('role-taken', role, other) });
      else holders.set(role, item.name);
    }
    if (item.leaving === true) {
      if (item.roles.some((role) => role !== 'node') || !item.roles.includes('node'))
        faults.push({ path: at('leaving'), ...says('leaving-roles') });
      const behind = plan.machines.find((other) => other.jump === item.name);
      if (behind !== undefined) faults.push({ path: at('leaving'), ...says('leaving-way', behind.name, item.name) });
    }
    if (item.jump === undefined) return;
    const through = machineNamed(plan, item.jump);
    if (through === undefined) faults.push({ path: at('jump'), ...says('jump-unknown', item.jump) });
    else if (through.jump !== undefined || through === item)
      faults.push({ path: at('jump'), ...says('jump-indirect', item.jump) });
  });
  return faults;
}

/** The role and the block belong together: one says where the frontend stands, the other what it answers. */
function frontendFaults(plan: SitePlan): readonly PlanFault[] {
  const at = plan.machines.findIndex((item) => item.roles.includes('frontend'));
  if (plan.frontend === undefined)
    return at < 0 ? [] : [{ path: ['machines', at, 'roles'], ...says('frontend-no-block') }];
  const { publicAddresses, certificate, key } = plan.frontend;
  return [
    ...(at < 0 ? [{ path: ['frontend'], ...says('frontend-no-role') }] : []),
    ...(certificate === key ? [{ path: ['frontend', 'key'], ...says('same-file') }] : []),
    ...publicAddresses.flatMap((text, index): PlanFault[] =>
      publicAddresses.indexOf(text) === index
        ? []
        : [{ path: ['frontend', 'publicAddresses', index], ...says('named-twice', text) }],
    ),
  ];
}

/** What the plan says of the local network: its range, and those of the machines' own addresses there. */
const lanRanges = ({
  ranges,
  machines,
}: SitePlan): readonly { readonly text: string; readonly path: PlanFault['path'] }[] => [
  ...(ranges.lan === undefined ? [] : [{ text: ranges.lan, path: ['ranges', 'lan'] }]),
  ...machines.flatMap(({ addresses }, index) =>
    addresses.map((text, at) => ({ text, path: ['machines', index, 'addresses', at] })),
  ),
];

/** What is allowed but deserves a word. */
export function planWarnings(plan: SitePlan): readonly Finding[] {
  const { re6st } = plan.ranges;
  const network = re6st === undefined ? null : parseRange(re6st);
  if (re6st === undefined || network === null) return [];
  return lanRanges(plan).flatMap(({ text }): Finding[] => {
    const local = parseRange(text);
    if (local === null || !rangesOverlap(local, network)) return [];
    const inside = local.length >= network.length;
    return [
      { code: 'ranges-overlap', params: inside ? { first: text, second: re6st } : { first: re6st, second: text } },
    ];
  });
}

// ---------------------------------------------------------------- derived

/** `debian-12-amd64`: names a target system everywhere (lock, medium, subjects). */
export const systemOf = (item: Pick<Machine, 'distribution' | 'release' | 'architecture'>): string =>
  `${item.distribution}-${item.release}-${item.architecture}`;

/** Compiles software at the office; it is no machine of the site. */
export const isBuilder = (item: Machine): boolean => item.roles.includes('builder');

/** The machines that stand on the site. */
export const machinesOnSite = (plan: SitePlan): readonly Machine[] => plan.machines.filter((item) => !isBuilder(item));

/** The target systems of the site, sorted, each once. A builder makes none: it has to be like one that is there. */
export const systemsOf = (plan: SitePlan): readonly string[] => [...new Set(machinesOnSite(plan).map(systemOf))].sort();

/** The machine that compiles for a target system. */
const builderFor = (plan: SitePlan, system: string): Machine | undefined =>
  plan.machines.find((item) => isBuilder(item) && systemOf(item) === system);

/** Releases that a builder compiles. */
export const compiledOn = (plan: SitePlan, builder: Machine): readonly Release[] =>
  plan.releases.filter((item) => originOf(item, systemOf(builder)) === 'builder');

export interface SystemFacts {
  readonly distribution: string;
  readonly release: string;
  readonly architecture: string;
  /** As os-release has it; empty for a release that is not known. */
  readonly codename: string;
  /** What `gcc -dumpmachine` says there. */
  readonly multiarch: string;
}

/** A system's name taken apart. Throws a RangeError for a name that `systemOf` did not make. */
export function systemFacts(system: string): SystemFacts {
  const match = /^([a-z]+)-([0-9.]+)-([a-z0-9]+)$/.exec(system);
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined)
    throw new RangeError(`no system: ${system}`);
  const multiarch = match[3] === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const codename = codenames[match[1]]?.[match[2]] ?? '';
  return { distribution: match[1], release: match[2], architecture: match[3], codename, multiarch };
}

const codenames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  debian: { '11': 'bullseye', '12': 'bookworm', '13': 'trixie' },
  ubuntu: { '22.04': 'jammy', '24.04': 'noble' },
};

/** The public sources of a system, null when none are known. */
export function defaultSources(system: string): SystemSources | null {
  const { distribution, release: number, architecture, codename: code } = systemFacts(system);
  if (code === '') return null;
  const vendorRoot = 'https://download.opensuse.org/repositories/home:/VIFIBnexedi';
  if (distribution === 'debian') {
    const key = `debian-archive-${number}`;
    const components = ['main'];
    return {
      vendor: { url: `${vendorRoot}/Debian_${number}`, key: 'vifibnexedi' },
      archives: [
        { name: 'debian', url: 'http://deb.debian.org/debian', suites: [code, `${code}-updates`], components, key },
        {
          name: 'debian-security',
          url: 'http://deb.debian.org/debian-security',
          suites: [`${code}-security`],
          components,
          key,
        },
      ],
    };
  }
  const url = architecture === 'amd64' ? 'http://archive.ubuntu.com/ubuntu' : 'http://ports.ubuntu.com/ubuntu-ports';
  return {
    vendor: { url: `${vendorRoot}/xUbuntu_${number}`, key: 'vifibnexedi' },
    archives: [
      {
        name: 'ubuntu',
        url,
        suites: [code, `${code}-updates`, `${code}-security`],
        components: ['main', 'universe'],
        key: 'ubuntu-archive',
      },
    ],
  };
}

/** Sources of a system: the plan's own, else the public ones. */
export const sourcesOf = (plan: SitePlan, system: string): SystemSources | null =>
  plan.sources[system] ?? defaultSources(system);

/** The addresses of a plan's archives that have mirrors. */
export const mirrorsOf = (plan: SitePlan): readonly { readonly url: string; readonly mirrors: readonly string[] }[] =>
  systemsOf(plan).flatMap((system) => {
    const sources = sourcesOf(plan, system);
    return sources === null
      ? []
      : [sources.vendor, ...sources.archives].map(({ url, mirrors = [] }) => ({ url, mirrors }));
  });

/** Where a release's archive for a system comes from. */
export const originOf = (item: Release, system: string): Origin =>
  (typeof item.from === 'string' ? item.from : item.from?.[system]) ??
  (item.archives[system] === undefined ? 'cache' : 'file');

/** The target systems that a release is brought for from there. */
export const systemsFrom = (plan: SitePlan, item: Release, origin: Origin): readonly string[] =>
  systemsOf(plan).filter((system) => originOf(item, system) === origin);

/** The software cache: the plan's own, else the public one, which nobody is trusted for yet. */
export const cacheOf = (plan: SitePlan): SoftwareCache => softwareCache.parse(plan.sources.cache ?? {});

/** How a machine gets its content. */
export const contentWayOf = (plan: SitePlan, item: Machine): ContentWay => item.content ?? plan.content.via;

export const masterOf = (plan: SitePlan): Machine | undefined =>
  plan.machines.find((item) => item.roles.includes('master'));

/** Whether the master keeps a copy of the content: for itself, or for a machine that takes it from there. */
export const keepsContent = (plan: SitePlan, item: Machine): boolean =>
  item.roles.includes('master') &&
  plan.machines.some((each) => !isBuilder(each) && contentWayOf(plan, each) === 'resident');

/**
 * The literal addresses the plan knows of a machine, without lengths: the one it is reached at first. A link-local one is none of
 * them: it means something to this laptop alone, and belongs into no address of a page and no rule of another machine.
 */
export const addressesOf = (item: Machine): readonly string[] =>
  [item.address, ...item.addresses].flatMap((text) => {
    const bare = text.replace(/\/\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    return parseAddress(bare) === null ? [] : [bare];
  });

const isSix = (address: string): boolean => address.includes(':');

/**
 * Who a machine is to the server of the content: its addresses, IPv4 first. Where it asks over IPv6 it speaks with any address of its
 * range, as its partitions' addresses are on the same interface; the range stands for it then.
 */
export function callersOf(plan: SitePlan, item: Machine): readonly string[] {
  const own = addressesOf(item);
  const ranges = item.addresses.filter(isSix);
  return ranges.length > 0 && (isSix(contentPlaceOf(plan, item).host) || own.every(isSix))
    ? ranges
    : [...own.filter((address) => !isSix(address)), ...own.filter(isSix)];
}

/** Host and port that answer a machine's requests for content, as seen from itself. */
export function contentPlaceOf(plan: SitePlan, item: Machine): { readonly host: string; readonly port: number } {
  const { port, serverPort } = plan.content;
  const way = contentWayOf(plan, item);
  if (way === 'connection') return { host: '127.0.0.1', port };
  const master = masterOf(plan);
  if (way === 'medium' || master === undefined || item.name === master.name)
    return { host: '127.0.0.1', port: serverPort };
  // Over IPv6 a machine may speak with a partition's address; over IPv4, where it has that, it speaks with its own.
  const own = addressesOf(item);
  const addresses = addressesOf(master);
  // One that is reached by name may have IPv4 beside the addresses that the plan knows.
  const wanted = isSix(item.address) && own.length > 0 && own.every(isSix);
  return { host: addresses.find((one) => isSix(one) === wanted) ?? addresses[0] ?? master.address, port: serverPort };
}

/** The address of a machine's content, without a slash at its end. */
export function contentUrlOf(plan: SitePlan, item: Machine): string {
  const { host, port } = contentPlaceOf(plan, item);
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A site has a re6st network when one of its machines is to hold the registry. */
export const wantsRe6st = (plan: SitePlan): boolean => plan.machines.some((item) => item.roles.includes('registry'));

/** Machines that stay and join the re6st network, in the order in which they must: the registry's own, the master, the others. */
export function re6stMachines(plan: SitePlan): readonly Machine[] {
  if (!wantsRe6st(plan)) return [];
  const rank = ({ roles }: Machine): number => (roles.includes('registry') ? 0 : roles.includes('master') ? 1 : 2);
  return machinesOnSite(plan)
    .filter(({ roles, leaving }) => leaving !== true && (roles.includes('master') || roles.includes('node')))
    .sort((one, other) => rank(one) - rank(other));
}

/** The vendor's packages that the site installs, with the versions asked for. */
export const vendorPackagesOf = (plan: SitePlan): Readonly<Record<string, string>> => ({
  'slapos-node': plan.packages['slapos-node'],
  ...(wantsRe6st(plan) ? { 're6st-node': plan.packages['re6st-node'] } : {}),
});

export const machineNamed = (plan: SitePlan, wanted: string): Machine | undefined =>
  plan.machines.find((item) => item.name === wanted);

export const releaseNamed = (plan: SitePlan, wanted: string): Release | undefined =>
  plan.releases.find((item) => item.name === wanted);

/** Releases that a machine with these roles installs. */
export const releasesFor = (plan: SitePlan, item: Machine): readonly Release[] =>
  plan.releases.filter((each) => item.roles.includes(roleOfRelease[each.name]));

/** Which role of a machine a release is installed for. */
const roleOfRelease = { 'slapos-master': 'master', re6stnet: 'registry', 'rapid-cdn': 'frontend' } as const;
