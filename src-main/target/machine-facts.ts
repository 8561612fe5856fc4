// What the facts script printed, as data. Pure; used by the preflight and by the practice machine's tests.
// Whatever a machine says becomes facts of this shape, or a problem by code: never half of an answer.
import { z } from 'zod';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import { ipAddresses, parseOsRelease, wholeNumber } from './system.ts';

const folder = z.strictObject({
  freeBytes: z.number(),
  freeInodes: z.number(),
  /** 0 on file systems that make them as they go. */
  inodes: z.number(),
  fileSystem: z.string(),
  /** Of the mount's options those that stand in the way: `ro`, `noexec`. */
  options: z.array(z.string()),
  /** Where its file system is mounted: folders of one mount share its room. */
  mount: z.string(),
});

const listener = z.strictObject({ address: z.string(), port: z.int(), program: z.string() });

export const machineFacts = z.strictObject({
  /** `debian-12`. */
  system: z.string(),
  architecture: z.string(),
  init: z.string(),
  /** `none`, or the kind of container. */
  container: z.string(),
  kernel: z.string(),
  clockSeconds: z.number(),
  memoryBytes: z.number(),
  swapBytes: z.number(),
  folders: z.record(z.string(), folder),
  /** What dpkg and apt say is wrong, empty when nothing is. */
  aptTrouble: z.string(),
  /** Programs that hold a lock of apt or dpkg. */
  aptHolders: z.array(z.string()),
  automaticUpgrades: z.boolean(),
  /** Addresses of package sources. */
  sources: z.array(z.string()),
  firewalls: z.array(z.string()),
  interfaces: z.array(z.string()),
  /** The interface of the plan: `up` in the kernel's words, and whether a cable answers. */
  operational: z.string(),
  carrier: z.boolean(),
  ipv6Disabled: z.boolean(),
  addresses: z.array(
    z.strictObject({
      interface: z.string(),
      address: z.string(),
      length: z.int(),
      duplicate: z.boolean(),
      /** It was lent for a time, as by DHCP, or made of what a router announces. */
      dynamic: z.boolean(),
    }),
  ),
  lookupMs: z.number(),
  defaultRoute: z.string(),
  /** How long a connection beyond the site's network takes to fail; null without a default route. */
  beyondMs: z.number().nullable(),
  /** `http_proxy=…` as found, credentials left out. */
  proxies: z.array(z.string()),
  listeners: z.array(listener),
  /** The same of UDP. */
  datagrams: z.array(listener),
  slaposPaths: z.array(z.string()),
  /** Sections of slapos.cfg that are there twice, with the lines of both. */
  doubleSections: z.array(z.strictObject({ section: z.string(), first: z.int(), second: z.int() })),
  releases: z.record(z.string(), z.enum(['completed', 'open'])),
  slapUsers: z.int(),
  localhostKnown: z.boolean(),
  ownNameKnown: z.boolean(),
  forwarding: z.boolean(),
  maxSessions: z.int(),
  cron: z.string(),
  umask: z.int(),
  selinuxEnforcing: z.boolean(),
  tunnelDevice: z.boolean(),
  rebootRequired: z.boolean(),
  diskErrors: z.array(z.string()),
});
export type MachineFacts = z.infer<typeof machineFacts>;

/** A package as dpkg has it: two letters of state (`ii`, `hi`), and its version. */
export interface InstalledPackage {
  readonly state: string;
  readonly version: string;
}

export interface ReadMachine {
  readonly facts: MachineFacts;
  readonly packages: ReadonlyMap<string, InstalledPackage>;
}

/**
 * Reads the script's output. Throws `facts-unreadable` when it is cut short or not ours.
 * @param machine its name, for the problem
 */
export function parseMachineFacts(machine: string, text: string): ReadMachine {
  const sections = parseSections(machine, text);
  const lines = (name: string): readonly string[] => {
    const found = sections.get(name);
    if (found === undefined) throw problem('facts-unreadable', { machine, detail: `no ${name}` });
    return found;
  };
  const first = (name: string): string => (lines(name)[0] ?? '').trim();
  const count = (name: string): number => wholeNumber(first(name));
  const os = parseOsRelease(lines('os').join('\n'));
  const names = lines('names');
  const facts: MachineFacts = {
    system: `${os.id}-${os.id === 'debian' ? (os.version.split('.')[0] ?? '') : os.version}`,
    architecture: first('architecture'),
    init: first('init'),
    container: first('container') || 'none',
    kernel: first('kernel'),
    clockSeconds: count('clock'),
    memoryBytes: kibibytes(lines('memory'), 'MemTotal'),
    swapBytes: kibibytes(lines('memory'), 'SwapTotal'),
    folders: Object.fromEntries(lines('folders').flatMap(folderLine)),
    aptTrouble: aptTrouble(lines('audit'), lines('apt')),
    aptHolders: [...new Set(lines('apt_holders').map((line) => cleanLine(line)))].sort(),
    automaticUpgrades: first('automatic') === 'enabled',
    sources: lines('sources').map((line) => cleanLine(line)),
    firewalls: lines('firewall').map((line) => cleanLine(line)),
    interfaces: lines('links')
      .flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? [])
      .filter((name) => name !== 'lo'),
    operational: first('carrier'),
    carrier: (lines('carrier')[1] ?? '').trim() === '1',
    ipv6Disabled: first('ipv6_off') === '1',
    addresses: addressesOf(lines('addresses').join('\n')),
    lookupMs: count('lookup'),
    defaultRoute: cleanLine(first('route')),
    beyondMs: first('beyond') === '' ? null : count('beyond'),
    proxies: [...new Set(lines('proxies').map(withoutCredentials))].sort(),
    listeners: lines('sockets').flatMap(listenerLine),
    datagrams: lines('datagrams').flatMap(listenerLine),
    slaposPaths: lines('slapos').map((line) => cleanLine(line)),
    doubleSections: doubleSections(lines('sections')),
    releases: Object.fromEntries(
      lines('releases').flatMap((line) => {
        const [, md5, state] = /^([0-9a-f]{32}) (completed|open)$/.exec(line) ?? [];
        return md5 === undefined ? [] : [[md5, state === 'completed' ? ('completed' as const) : ('open' as const)]];
      }),
    ),
    slapUsers: count('users'),
    localhostKnown: names.includes('localhost'),
    ownNameKnown: names.includes('self'),
    forwarding:
      !lines('sshd').some((line) => /^allowtcpforwarding (no|local)$/i.test(line)) &&
      !lines('sshd').some((line) => /^disableforwarding yes$/i.test(line)),
    maxSessions: maxSessions(lines('sshd')),
    cron: first('cron'),
    umask: Number.parseInt(/^[0-7]{1,4}$/.exec(first('umask'))?.[0] ?? '22', 8),
    selinuxEnforcing: first('selinux') === '1',
    tunnelDevice: first('tunnel') === 'there',
    rebootRequired: first('reboot') !== '',
    diskErrors: lines('disk_errors').map((line) => cleanLine(line)),
  };
  return { facts: machineFacts.parse(facts), packages: packagesOf(lines('packages')) };
}

/** Answers by name; each line stands behind one blank. */
function parseSections(machine: string, text: string): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let open: string[] | null = null;
  for (const line of text.split('\n')) {
    if (line === '@end') return sections;
    const name = /^@([a-z][a-z0-9_]*)$/.exec(line)?.[1];
    if (name !== undefined) {
      open = [];
      sections.set(name, open);
    } else if (line.startsWith(' ') && open !== null) open.push(line.slice(1));
    else if (line !== '') throw problem('facts-unreadable', { machine, detail: cleanLine(line).slice(0, 120) });
  }
  throw problem('facts-unreadable', { machine, detail: 'cut short' });
}

const kibibytes = (lines: readonly string[], name: string): number =>
  1024 * wholeNumber(lines.find((line) => line.startsWith(`${name}:`))?.replace(/[^\d]/g, '') ?? '');

/** `path blocks blockSize freeInodes inodes fileSystem options mount`; the mount may hold blanks. */
function folderLine(line: string): readonly (readonly [string, z.infer<typeof folder>])[] {
  const [path, blocks, blockSize, freeInodes, inodes, fileSystem, options, ...mount] = line.split(' ');
  if (path === undefined || !path.startsWith('/') || options === undefined) return [];
  const number = (text: string | undefined): number => wholeNumber(text ?? '');
  return [
    [
      path,
      {
        freeBytes: number(blocks) * number(blockSize),
        freeInodes: number(freeInodes),
        inodes: number(inodes),
        fileSystem: cleanLine(fileSystem ?? ''),
        options: options.split(',').filter((option) => option === 'ro' || option === 'noexec'),
        mount: cleanLine(mount.join(' ')),
      },
    ],
  ];
}

function aptTrouble(audit: readonly string[], check: readonly string[]): string {
  const sound = check.at(-1) === 'exit 0';
  const said = [...audit, ...(sound ? [] : check.slice(0, -1))].join(' ');
  // A check that was cut off by its limit has no exit line: that is trouble as well.
  return cleanLine(sound || said.trim() !== '' ? said : 'apt-get check does not end').slice(0, 400);
}

function addressesOf(text: string): MachineFacts['addresses'] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const { success, data } = ipAddresses.safeParse(parsed);
  return !success
    ? []
    : data.flatMap(({ ifname, addr_info }) =>
        addr_info.flatMap(({ local, prefixlen, dadfailed, dynamic }) => {
          const length = Math.trunc(prefixlen ?? 128);
          return local === undefined || !(length >= 0 && length <= 128)
            ? []
            : [
                {
                  interface: cleanLine(ifname ?? ''),
                  address: cleanLine(local),
                  length,
                  duplicate: dadfailed === true,
                  dynamic: dynamic === true,
                },
              ];
        }),
      );
}

/** A proxy's address may carry a password: what stands before the @ is left out. */
const withoutCredentials = (line: string): string =>
  cleanLine(line.replace(/^\s*export\s+/, ''))
    .replace(/\/\/[^/@\s]*@/g, '//')
    .slice(0, 200);

/** `LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`. */
function listenerLine(line: string): MachineFacts['listeners'] {
  const [, address, port] = /^(?:LISTEN|UNCONN)\s+\d+\s+\d+\s+(\S+):(\d{1,5})\s/.exec(`${line} `) ?? [];
  if (address === undefined || port === undefined) return [];
  const program = /users:\(\("([^"]*)"/.exec(line)?.[1] ?? '';
  return [{ address: address.replace(/^\[|\]$|%.*$/g, ''), port: Number(port), program: cleanLine(program) }];
}

/** `12:[networkcache]` lines of a file; configparser refuses a section that comes twice. */
function doubleSections(lines: readonly string[]): MachineFacts['doubleSections'] {
  const seen = new Map<string, number>();
  return lines.flatMap((line) => {
    const [, number, name] = /^(\d{1,7}):\[([^\]]*)\]/.exec(line) ?? [];
    if (number === undefined || name === undefined) return [];
    const first = seen.get(name);
    seen.set(name, first ?? Number(number));
    return first === undefined ? [] : [{ section: cleanLine(name), first, second: Number(number) }];
  });
}

function maxSessions(lines: readonly string[]): number {
  const text = lines.find((line) => line.startsWith('maxsessions '))?.slice(12) ?? '10';
  return wholeNumber(text);
}

const packagesOf = (lines: readonly string[]): ReadonlyMap<string, InstalledPackage> =>
  new Map(
    lines.flatMap((line) => {
      const [, state, name, version] = /^([a-z][a-zA-Z])\S? +(\S+) (\S+)$/.exec(line) ?? [];
      return state === undefined || name === undefined || version === undefined ? [] : [[name, { state, version }]];
    }),
  );
