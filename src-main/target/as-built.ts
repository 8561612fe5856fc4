// What stands on a machine, read in one round trip and put into plain names and values. Used when a site is recorded and when
// it is compared with its record. Pure: nothing here changes by itself (times, free room, processes), or every comparison
// would find something. What looks like a secret is left out.
import { createHash } from 'node:crypto';
import type { AsBuilt } from '../../src-shared/as-built.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { formatBytes } from '../../src-shared/format.ts';
import { parseJson } from '../../src-shared/json.ts';
import type { SiteLock } from '../../src-shared/lock.ts';
import { Problem } from '../../src-shared/problem.ts';
import type { Machine, SitePlan } from '../../src-shared/site.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';
import { isSecretName, withheld, withoutSecrets } from '../../src-shared/withhold.ts';
import { sha256Of } from '../platform/files.ts';
import { keptFolder, runUnitPrefix } from './our-paths.ts';
import { parseConfig, slaposConfigPath } from './slapos-config.ts';
import { parseSlapproxyState, slapproxyStateArgv } from './slapproxy.ts';
import { ipAddresses, parseOsRelease } from './system.ts';

const proxyConfigPath = '/etc/opt/slapos/slapos-proxy.cfg';
const folders = { software: '/opt/slapgrid', instances: '/srv/slapgrid' } as const;

/** Files that say how the machine is set up: ours that stay, and those that decide who may enter and what is mounted. */
const files = [
  `${keptFolder}/*`,
  '/etc/systemd/system/fieldkit-*',
  '/etc/systemd/network/*.d/fieldkit*.conf',
  '/etc/ssh/sshd_config',
  '/etc/ssh/sshd_config.d/*',
  '/etc/apt/sources.list',
  '/etc/apt/sources.list.d/*',
  '/etc/cron.d/*',
  '/etc/fstab',
  '/etc/hosts',
  '/etc/nftables.conf',
] as const;

/** Scripts of the probes, named for who simulates a machine. */
export const asBuiltScripts = {
  hostKeys: 'cat /etc/ssh/ssh_host_*_key.pub',
  partitions: `for f in ${folders.instances}/slappart*/.slapos-resource; do [ -e "$f" ] && printf "%s " "$f" && tr -d "\\n" < "$f" && echo; done; exit 0`,
  files: `for f in ${files.join(' ')}; do [ -f "$f" ] && sha256sum -- "$f"; done; exit 0`,
} as const;

export interface AsBuiltQuestion {
  /** The master's instance in slapproxy; null for a machine that has none. */
  readonly instance: string | null;
  /** Folders whose mode and owner count. */
  readonly shared: readonly string[];
}

const shell = (script: string): string[] => ['sh', '-c', script];

/** All that is asked, in one round trip. */
export const asBuiltProbes = ({ instance, shared }: AsBuiltQuestion): readonly Probe[] => [
  { id: 'os', kind: 'read', path: '/etc/os-release' },
  { id: 'kernel', kind: 'read', path: '/proc/sys/kernel/osrelease' },
  { id: 'hostname', kind: 'read', path: '/etc/hostname' },
  { id: 'architecture', kind: 'run', argv: ['dpkg', '--print-architecture'] },
  { id: 'disk', kind: 'run', argv: ['lsblk', '-n', '-b', '-P', '-o', 'NAME,TYPE,SIZE,FSTYPE,UUID,MOUNTPOINT'] },
  { id: 'host-key', kind: 'run', argv: shell(asBuiltScripts.hostKeys) },
  { id: 'address', kind: 'run', argv: ['ip', '-j', 'addr', 'show', 'scope', 'global'] },
  { id: 'program', kind: 'run', argv: ['slapos', '--version'], limitMs: 60_000 },
  {
    id: 'package',
    kind: 'run',
    argv: ['dpkg-query', '-W', '-f', '${db:Status-Abbrev} ${binary:Package} ${Version}\\n'],
    limitMs: 60_000,
  },
  { id: 'config', kind: 'read', path: slaposConfigPath },
  { id: 'proxyConfig', kind: 'read', path: proxyConfigPath },
  { id: 'partition', kind: 'run', argv: shell(asBuiltScripts.partitions) },
  {
    id: 'release',
    kind: 'run',
    argv: ['find', folders.software, '-mindepth', '2', '-maxdepth', '2', '-name', '.completed'],
  },
  ...(instance === null
    ? []
    : [{ id: 'instance', kind: 'run' as const, argv: slapproxyStateArgv(instance), limitMs: 60_000 }]),
  ...shared.map((path): Probe => ({ id: `folder ${path}`, kind: 'stat', path })),
  { id: 'rule', kind: 'run', argv: ['nft', '-s', 'list', 'ruleset'] },
  {
    id: 'unit',
    kind: 'run',
    argv: [
      'systemctl',
      'list-unit-files',
      '--no-legend',
      '--no-pager',
      '--type=service,socket,timer,path,mount',
      '--state=enabled,enabled-runtime,masked',
    ],
  },
  { id: 'file', kind: 'run', argv: shell(asBuiltScripts.files) },
];

type Answers = Readonly<Record<string, Answer>>;
type Entries = Record<string, string>;

const outOf = (answers: Answers, id: string): string | null =>
  answers[id]?.exit === 0 ? cleanText(answers[id].out) : null;
const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line.trim() !== '');
const entriesOf = (pairs: readonly (readonly [name: string, value: string])[]): Entries =>
  Object.fromEntries(pairs.map(([name, value]) => [withoutSecrets(name), withoutSecrets(value)]));

/** A program that is not installed has nothing to tell; one that failed leaves its part unread. */
function told(answers: Answers, id: string, read: (text: string) => Entries | null): Entries | null {
  if (answers[id]?.exit === 127) return {};
  const text = outOf(answers, id);
  return text === null ? null : read(text);
}

/**
 * @param urls releases of the plan by the md5 of their address, so that a folder has a name that people know
 */
export function parseAsBuilt(
  answers: Answers,
  { shared }: AsBuiltQuestion,
  urls: Readonly<Record<string, string>>,
): AsBuilt {
  return {
    system: system(answers),
    disk: told(answers, 'disk', disks),
    'host-key': told(answers, 'host-key', hostKeys),
    address: told(answers, 'address', addresses),
    program: told(answers, 'program', (text) => entriesOf([['slapos', /\d\S*/.exec(text)?.[0] ?? text.trim()]])),
    package: told(answers, 'package', packages),
    config: { ...config('slapos.cfg', answers.config), ...config('slapos-proxy.cfg', answers.proxyConfig) },
    partition: told(answers, 'partition', partitions),
    release: released(answers.release, urls),
    instance: instanceEntries(answers.instance),
    folder: entriesOf(shared.flatMap((path) => folder(path, answers[`folder ${path}`]))),
    rule: told(answers, 'rule', rules),
    unit: told(answers, 'unit', units),
    file: told(answers, 'file', hashes),
  };
}

function system(answers: Answers): Entries | null {
  const os = outOf(answers, 'os');
  if (os === null) return null;
  const { id, version } = parseOsRelease(os);
  const rest = ['kernel', 'hostname', 'architecture'].flatMap((name): [string, string][] => {
    const value = outOf(answers, name)?.trim();
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return entriesOf([['distribution', `${id} ${version}`.trim()], ...rest]);
}

/** `KEY="value"` pairs, `\x20` for what is not plain. Loops and memory come and go by themselves. */
function disks(text: string): Entries {
  const rows = linesOf(text).map((line) =>
    Object.fromEntries(
      [...line.matchAll(/([A-Z]+)="([^"]*)"/g)].map(([, key, value = '']) => [
        key ?? '',
        value.replace(/\\x([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      ]),
    ),
  );
  return entriesOf(
    rows
      .filter(({ NAME = '', TYPE = '' }) => TYPE !== 'loop' && TYPE !== 'rom' && !/^(zram|ram|fd)\d/.test(NAME))
      .map(({ NAME = '', TYPE = '', SIZE = '', FSTYPE = '', UUID = '', MOUNTPOINT = '' }) => [
        NAME,
        [TYPE, formatBytes(Number(SIZE) || 0, 'en'), FSTYPE, UUID, MOUNTPOINT].filter((one) => one !== '').join(' '),
      ]),
  );
}

/** Lines of public keys, as `SHA256:…` by type: what ssh-keygen -l prints. */
function hostKeys(text: string): Entries {
  return entriesOf(
    linesOf(text).flatMap((line): [string, string][] => {
      const [type, key] = line.split(/\s+/);
      if (type === undefined || key === undefined || !/^[A-Za-z0-9+/=]{40,}$/.test(key)) return [];
      const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '');
      return [[type, `SHA256:${digest}`]];
    }),
  );
}

/** Addresses by themselves, each with its interface; those that the system changes for privacy are left out. */
function addresses(text: string): Entries | null {
  const parsed = ipAddresses.safeParse(parseJson(text));
  if (!parsed.success) return null;
  return entriesOf(
    parsed.data.flatMap(({ ifname = '', addr_info }) =>
      addr_info.flatMap(({ local, prefixlen, temporary, tentative }): [string, string][] =>
        local === undefined || temporary || tentative ? [] : [[`${local}/${prefixlen ?? 128}`, ifname]],
      ),
    ),
  );
}

/** Installed ones only: `ii `, or `hi ` for one that is held. */
const packages = (text: string): Entries =>
  entriesOf(
    linesOf(text).flatMap((line): [string, string][] => {
      const [, name, version] = /^[a-z]i\s+(\S+)\s+(\S+)$/.exec(line) ?? [];
      return name === undefined || version === undefined ? [] : [[name, version]];
    }),
  );

/** Longer values (certificates) are kept as a hash: what is compared is whether they are the same. */
const longestValue = 200;

function config(file: string, answer: Answer | undefined): Entries {
  if (answer === undefined || answer.exit !== 0) return {};
  try {
    const parsed = parseConfig(answer.out);
    return entriesOf(
      parsed.sections.flatMap((section) =>
        [...(parsed.section(section) ?? [])].map(([key, value]): [string, string] => [
          `${file} [${section}] ${key}`,
          isSecretName(key) ? withheld : shortened(cleanText(value)),
        ]),
      ),
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return entriesOf([[file, `${error.code} ${sha256Of(answer.out)}`]]);
  }
}

const shortened = (text: string): string =>
  text.length <= longestValue
    ? text.trim().replaceAll('\n', ', ')
    : `${text.trim().split('\n').length} lines, sha256 ${sha256Of(text)}`;

const partitions = (text: string): Entries =>
  entriesOf(
    linesOf(text).flatMap((line): [string, string][] => {
      const name = /\/(slappart\d+)\/\.slapos-resource /.exec(line)?.[1];
      const found = [...line.matchAll(/"addr": ?"([^"]*)"/g)].map(([, address]) => address ?? '');
      return name === undefined ? [] : [[name, [...new Set(found)].sort().join(', ')]];
    }),
  );

/** No folder, no release: that is what a machine without slapos answers. */
function released(answer: Answer | undefined, urls: Readonly<Record<string, string>>): Entries | null {
  if (answer === undefined || (answer.exit !== 0 && answer.exit !== 1)) return null;
  return entriesOf(
    linesOf(answer.out).flatMap((line): [string, string][] => {
      const md5 = /\/([0-9a-f]{32})\/\.completed$/.exec(line)?.[1];
      return md5 === undefined ? [] : [[urls[md5] ?? md5, md5]];
    }),
  );
}

/** What slapproxy was asked for and what the instance publishes, without anything secret. */
function instanceEntries(answer: Answer | undefined): Entries | null {
  if (answer === undefined) return {};
  const state = parseSlapproxyState(answer.exit === 0 ? answer.out : '');
  if (state === null) return null;
  if (state.instance === null) return {};
  const { release, requestedState, parameters, published, address } = state.instance;
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return entriesOf([
    ['release', release],
    ['state', requestedState],
    ...(address === null ? [] : [['web server', address] as const]),
    ...Object.entries(parameters).map(
      ([name, value]) => [`parameter ${name}`, isSecretName(name) ? withheld : text(value)] as const,
    ),
    ...Object.entries(published).map(
      ([name, value]) => [`published ${name}`, isSecretName(name) ? withheld : text(value)] as const,
    ),
  ]);
}

const folder = (path: string, answer: Answer | undefined): [string, string][] => {
  const found = /^d (\S+ \S+)/.exec(answer?.exit === 0 ? answer.out : '')?.[1];
  return found === undefined ? [] : [[path, found]];
};

/** Each table by its own name, without counters and handles. */
const rules = (text: string): Entries =>
  entriesOf(
    [...text.matchAll(/^table (\S+ \S+) \{\n([\s\S]*?)^\}/gm)].map(([, name = '', body = '']) => [
      name,
      linesOf(body)
        .map((line) => line.replace(/^\t/, ''))
        .join('\n'),
    ]),
  );

/** Units of long work are there only while it runs. */
const units = (text: string): Entries =>
  entriesOf(
    linesOf(text).flatMap((line): [string, string][] => {
      const [name, state] = line.trim().split(/\s+/);
      return name === undefined || state === undefined || name.startsWith(runUnitPrefix) ? [] : [[name, state]];
    }),
  );

const hashes = (text: string): Entries =>
  entriesOf(
    linesOf(text).flatMap((line): [string, string][] => {
      const [, hash, path] = /^([0-9a-f]{64}) [ *](\S.*)$/.exec(line) ?? [];
      return hash === undefined || path === undefined ? [] : [[path, hash]];
    }),
  );

/** Reads a machine of a site. Throws what reaching it throws; what it does not answer is an unread part. */
export async function readAsBuilt(
  probe: (machine: string, probes: readonly Probe[]) => Promise<Answers>,
  machine: Machine,
  { plan, lock }: { readonly plan: SitePlan; readonly lock: SiteLock },
): Promise<AsBuilt> {
  const isMaster = machine.roles.includes('master');
  const question: AsBuiltQuestion = {
    instance: isMaster ? plan.master.instance : null,
    shared: isMaster ? [plan.master.caFolder] : [],
  };
  const urls = Object.fromEntries(Object.values(lock.releases).map(({ md5, url }) => [md5, url]));
  return parseAsBuilt(await probe(machine.name, asBuiltProbes(question)), question, urls);
}
