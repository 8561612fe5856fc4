// slapos of a simulated machine: configure, format, supply, cachelookup, proxy show, and the pass that cron starts every
// minute. The cache is really asked: index and archive come through the forwarded port, signatures and hashes are checked.
// Used by commands/index.ts. Behaviour and sentences: slapos.core 1.22.
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { parseRange } from '../../../src-shared/address.ts';
import { Problem } from '../../../src-shared/problem.ts';
import { osMatches, type TargetSystem } from '../../software/compatibility.ts';
import { chooseEntry, parseIndexDocument, readEntry, urlKey, verifyEntry } from '../../software/entry.ts';
import { type Config, parseConfig } from '../../target/slapos-config.ts';
import { parseOsRelease } from '../../target/system.ts';
import { practiceMultiarch, practiceReleaseUrl, practiceSlapos } from '../debian.ts';
import type { Call, CronWork, Outcome } from '../machine.ts';
import { slapproxyPort } from '../machine.ts';
import { fileText } from '../reading.ts';
import { aFolder, type FileNode, type MachineState, type Patch, textFile } from '../state.ts';
import { partitionResource, proxyConfig, slaposConfig } from './slapos-files.ts';

const softwareRoot = '/opt/slapgrid';
const configPath = '/etc/opt/slapos/slapos.cfg';
const proxyConfigPath = '/etc/opt/slapos/slapos-proxy.cfg';
const softwareLog = '/opt/slapos/log/slapos-node-software.log';
/** Where the practice site leaves the certificates that its slapos-node trusts from the start. */
export const stockCertificatesPath = '/opt/slapos/share/practice/stock-certificates.pem';

export const slapos = (call: Call): Outcome | Promise<Outcome> => {
  if (call.state.packages['slapos-node'] === undefined) return { exit: 127, err: 'slapos: command not found\n' };
  const [first, second = ''] = call.argv.slice(1);
  switch (`${first} ${second}`.trim()) {
    case '--version':
      return { exit: 0, out: `slapos ${practiceSlapos.core} (Python ${practiceSlapos.python})\n` };
    case 'configure local':
      return configureLocal(call);
    case 'node format':
      return nodeFormat(call);
    case 'node instance':
      return nodeInstance(call);
    case 'proxy show':
      return proxyShow(call);
    case 'cachelookup binary-sr':
      return cacheLookup(call);
    default:
      return first === 'supply' ? supply(call) : unknown(call);
  }
};

const unknown = ({ argv }: Call): Outcome => ({
  exit: 127,
  err: `practice machine: this slapos command is not simulated: ${argv.join(' ')}\n`,
});

const stamp = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ');
const log = ({ nowMs }: Call, level: string, text: string): string => `${stamp(nowMs)} slapos[2042] ${level} ${text}\n`;

const option = (argv: readonly string[], name: string, initial: string): string => {
  const at = argv.indexOf(name);
  return at < 0 ? initial : (argv[at + 1] ?? initial);
};

function configOf(state: MachineState): Config | null {
  const text = fileText(state, configPath);
  return text === null ? null : parseConfig(text, { machine: '', path: configPath });
}

// ---------------------------------------------------------------- configure and format

function configureLocal(call: Call): Outcome {
  const { argv, state, nowMs } = call;
  if (state.files[configPath] !== undefined) {
    const err = log(call, 'CRITICAL', `A SlapOS configuration directory already exist at ${configPath}. Aborting.`);
    return { exit: 1, err };
  }
  const device = option(argv, '--interface-name', 'lo');
  const partitions = Number(option(argv, '--partition-number', '20'));
  const ipv4Network = option(argv, '--ipv4-local-network', '10.0.0.0/16');
  const stockCertificates = fileText(state, stockCertificatesPath) ?? '';
  const files: Record<string, FileNode> = {
    '/etc/opt/slapos': aFolder(),
    [configPath]: textFile(slaposConfig({ interface: device, partitions, ipv4Network, stockCertificates })),
    [proxyConfigPath]: textFile(proxyConfig),
    '/opt/slapos/log': aFolder(0o700),
    '/root/.slapos': aFolder(0o700),
    '/root/.slapos/slapos-client.cfg': { kind: 'l', mode: 0o777, owner: 'root:root', text: configPath },
  };
  const formatted = formatPatch(state, partitions, ipv4Network, nowMs);
  // The trap: the configuration is written, formatting fails, and a second try says that it is there already.
  if (formatted === null || state.files['/opt/slapgrid'] === undefined || state.files['/srv/slapgrid'] === undefined) {
    const why =
      formatted === null
        ? `No IPv6 found on interface ${device} to construct IPv6 with.`
        : 'OSError: /opt/slapgrid does not exist.';
    return { exit: 1, err: log(call, 'ERROR', why), lastsMs: 3000, patch: { files } };
  }
  const out = [
    log(call, 'INFO', 'Configuring SlapOS locally.'),
    log(call, 'INFO', `Writing ${configPath}`),
    log(call, 'INFO', `Writing ${proxyConfigPath}`),
    ...Array.from({ length: partitions }, (_, index) => log(call, 'INFO', `Partition slappart${index} formatted.`)),
    log(call, 'WARNING', "Couldn't connect to the server http://127.0.0.1:8080. It may not run yet."),
    log(call, 'INFO', 'slapos successfully prepared the computer.'),
    log(call, 'INFO', 'Starting supervisord, which starts slapproxy.'),
  ];
  const patch: Patch = {
    ...formatted,
    files: { ...files, ...formatted.files },
    proxySinceMs: nowMs + 5000 * call.pace,
  };
  return { exit: 0, err: out.join(''), lastsMs: 5000, patch };
}

/** Partitions with their folders and addresses; null when the interface has no global IPv6. */
function formatPatch(state: MachineState, partitions: number, ipv4Network: string, nowMs: number): Patch | null {
  const own = state.addresses.find(({ by }) => by === 'networkd');
  const range = own === undefined ? null : parseRange(own.address);
  const ipv4 = parseRange(ipv4Network);
  if (range === null || ipv4 === null) return null;
  const prefix = (range.value >> BigInt(128 - range.length)) << BigInt(128 - range.length);
  const files: Record<string, FileNode> = {
    '/opt/slapgrid': aFolder(0o755, 'slapsoft:slapsoft'),
    '/srv/slapgrid': aFolder(),
    '/opt/slapos/slapos.xml': textFile('<?xml version="1.0"?>\n<marshal/>\n'),
  };
  const addresses = state.addresses.filter(({ by }) => by !== 'slapos');
  for (let index = 0; index < partitions; index += 1) {
    const home = `/srv/slapgrid/slappart${index}`;
    // As slapos counts: the partition's address is the prefix and its number plus two.
    const ipv6 = groups(prefix + BigInt(index + 2));
    files[home] = aFolder(0o750, `slapuser${index}:slapuser${index}`);
    files[`${home}/.slapos-resource`] = textFile(
      partitionResource(dotted(ipv4.value + BigInt(2571 + 97 * index)), ipv6),
    );
    addresses.push({ address: `${ipv6}/128`, sinceMs: nowMs, by: 'slapos' });
  }
  return { files, addresses };
}

const dotted = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');

/** An IPv6 address with the zeros in the middle left out, as the kernel prints those of a /64. */
function groups(value: bigint): string {
  const all = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return all.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

function nodeFormat(call: Call): Outcome {
  const { state, nowMs } = call;
  const config = configOf(state);
  if (config === null) return notConfigured(call);
  const partitions = Number(config.get('slapformat', 'partition_amount') ?? 0);
  const patch = formatPatch(state, partitions, config.get('slapformat', 'ipv4_local_network') ?? '', nowMs);
  if (patch === null) return { exit: 1, err: log(call, 'ERROR', 'slapos failed to prepare the computer.') };
  const answers = state.proxySinceMs !== null;
  const told = answers ? '' : log(call, 'ERROR', "failed to transfer information to 'http://127.0.0.1:8080'");
  return {
    exit: answers ? 0 : 2,
    err: `${told}${log(call, 'INFO', 'slapos successfully prepared the computer.')}`,
    lastsMs: 2500,
    patch,
  };
}

function nodeInstance(call: Call): Outcome {
  if (configOf(call.state) === null) return notConfigured(call);
  const err = `${log(call, 'INFO', 'Processing computer partitions...')}${log(call, 'INFO', 'Finished computer partitions.')}`;
  return { exit: 0, err, lastsMs: 1500, patch: call.state.proxySinceMs === null ? { proxySinceMs: call.nowMs } : {} };
}

const notConfigured = (call: Call): Outcome => ({
  exit: 1,
  err: log(call, 'ERROR', `ConfigError: Configuration file does not exist: ${configPath}`),
});

// ---------------------------------------------------------------- supply, proxy show

async function supply(call: Call): Promise<Outcome> {
  const [, , url = '', computer] = call.argv;
  if (computer === undefined || computer.startsWith('--'))
    return { exit: 2, err: 'slapos supply: error: the following arguments are required: node\n' };
  if (configOf(call.state) === null) return notConfigured(call);
  if ((await call.get(slapproxyPort, '/getRunId')) === null)
    return { exit: 1, err: `requests.exceptions.ConnectionError: Couldn't connect to the server\n` };
  const others = call.state.supplied.filter((item) => item.url !== url || item.computer !== computer);
  return {
    exit: 0,
    err: `${log(call, 'INFO', `Requesting software installation of ${url}...`)}${log(call, 'INFO', 'Done.')}`,
    lastsMs: 1200,
    patch: { supplied: [...others, { url, computer }] },
  };
}

function proxyShow({ state, argv }: Call): Outcome {
  if (fileText(state, option(argv, '--cfg', proxyConfigPath)) === null)
    return { exit: 1, err: `ConfigError: Configuration file does not exist: ${option(argv, '--cfg', '')}\n` };
  const rows = state.supplied.map(({ url, computer }) => `| ${url} | ${computer} | available | ${urlKey(url)} |`);
  const table = rows.length === 0 ? 'table software17: empty' : ['table software17', ...rows].join('\n');
  return { exit: 0, out: `Using database: /opt/slapos/slapproxy.db\n${table}\n` };
}

// ---------------------------------------------------------------- the cache

/** As python-distro reads the machine's os-release, with the compiler's triplet. */
function targetSystem({ state, faults }: Call): TargetSystem {
  const { id, version, codename } = parseOsRelease(fileText(state, '/etc/os-release', faults) ?? '');
  return { multiarch: practiceMultiarch, distribution: [id, version, codename] };
}

interface Cache {
  readonly config: Config;
  readonly certificates: readonly string[];
  readonly ask: (base: string, key: string) => Promise<Buffer | null>;
}

function cacheOf(call: Call): Cache | null {
  const config = configOf(call.state);
  if (config === null) return null;
  const list = config.get('networkcache', 'signature-certificate-list') ?? '';
  const certificates = [...list.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(
    ([pem]) => pem,
  );
  const ask = async (option: string, key: string): Promise<Buffer | null> => {
    const base = new URL(config.get('networkcache', option) ?? 'http://127.0.0.1:1');
    // The machine is on no network: only its own loopback answers.
    if (base.hostname !== '127.0.0.1') return null;
    const answer = await call.get(Number(base.port), `${base.pathname.replace(/\/+$/, '')}/${key}`);
    return answer?.status === 200 ? answer.body : null;
  };
  return { config, certificates, ask };
}

async function cacheLookup(call: Call): Promise<Outcome> {
  const cache = cacheOf(call);
  if (cache === null) return notConfigured(call);
  const asked = call.argv[3] ?? '';
  const url = call.faults.has('cache-url-off-by-one')
    ? asked.replace(/\d(?=\/software\/)/, (digit) => `${digit}0`)
    : asked;
  const document = await cache.ask('download-binary-dir-url', urlKey(url));
  if (document === null)
    return { exit: 1, err: log(call, 'CRITICAL', `Software release not found in binary cache: ${url}`) };
  const system = targetSystem(call);
  const lines = [
    `Software URL: ${url}`,
    `MD5:          ${urlKey(url)}`,
    '    multiarch     distribution version    id    compatible? verified?',
  ];
  for (const signed of parseIndexDocument(document.toString('utf8'), url)) {
    const { multiarch, distribution } = readEntry(signed.entry, url).system;
    const [id = '?', version = '?', codename = ''] = distribution ?? [];
    const compatible = osMatches({ multiarch, distribution }, system) ? 'yes' : 'no';
    const verified = verifyEntry(signed, cache.certificates) === null ? 'no' : 'yes';
    lines.push(` ${multiarch}    ${id}       ${version}   ${codename}     ${compatible}        ${verified}`);
  }
  return { exit: 0, err: lines.map((line) => log(call, 'INFO', line)).join(''), lastsMs: 800 };
}

// ---------------------------------------------------------------- cron

/** `slapos node software`, as cron starts it: every release that was asked for and is not installed. */
export async function cronPass(call: Call): Promise<CronWork | null> {
  const { state } = call;
  if (call.faults.has('software-folder-poisoned') && state.files[folderOf(practiceReleaseUrl)] === undefined) {
    const files = { [softwareRoot]: state.files[softwareRoot] ?? aFolder(), [folderOf(practiceReleaseUrl)]: aFolder() };
    return { patch: { files }, unpacking: null };
  }
  const cured = healed(call);
  if (cured !== null) return { patch: cured, unpacking: null };
  const open = state.supplied.find(({ url }) => state.files[`${folderOf(url)}/.completed`] === undefined);
  const cache = cacheOf(call);
  if (
    state.packages['slapos-node'] === undefined ||
    state.proxySinceMs === null ||
    open === undefined ||
    cache === null
  )
    return null;
  return installRelease(call, cache, open.url);
}

const folderOf = (url: string): string => `${softwareRoot}/${urlKey(url)}`;

/** Without the fault, the left-over folder is as good as removed by a person. */
function healed({ state, faults }: Call): Patch | null {
  const folder = folderOf(practiceReleaseUrl);
  const left = state.files[folder] !== undefined && state.files[`${folder}/.completed`] === undefined;
  if (!left || faults.has('software-folder-poisoned')) return null;
  const gone = Object.keys(state.files).filter((path) => path === folder || path.startsWith(`${folder}/`));
  return { files: Object.fromEntries(gone.map((path) => [path, null])) };
}

async function installRelease(call: Call, cache: Cache, url: string): Promise<CronWork> {
  const { state } = call;
  const written = fileText(state, softwareLog) ?? '';
  const logged = (...lines: string[]): Patch => ({
    files: { [softwareLog]: textFile(`${written}${lines.map((line) => log(call, 'INFO', line)).join('')}`, 0o600) },
  });
  const begin = 'Processing software releases...';
  const failed = (why: string): CronWork => ({
    patch: logged(begin, `Downloading ${url} binary from network cache.`, why, 'Finished software releases.'),
    unpacking: null,
  });
  const forced = `Binary cache forced for '${url}', but`;
  if (state.files[folderOf(url)] !== undefined)
    return failed(`${forced} directory ${folderOf(url)} already exists, will retry again`);
  const document = await cache.ask('download-binary-dir-url', urlKey(url));
  if (document === null) return failed(`${forced} failed to download, will retry again`);
  try {
    const entries = parseIndexDocument(document.toString('utf8'), url);
    const { fields } = chooseEntry(entries, targetSystem(call), cache.certificates, url);
    const archive = await cache.ask('download-binary-cache-url', fields.sha512);
    if (archive === null) return failed(`${forced} failed to download, will retry again`);
    if (createHash('sha512').update(archive).digest('hex') !== fields.sha512)
      return failed(`Failed to download from network cache ${url}: invalid checksum.`);
    const files = await unpacked(archive);
    const completed = textFile(`${new Date(call.nowMs).toUTCString()}\n`, 0o644);
    const begun = logged(
      begin,
      `Downloading ${url} binary from network cache.`,
      'Extracting archive of cached software release...',
    );
    const before = fileText(
      { ...state, files: { ...state.files, ...(begun.files as typeof state.files) } },
      softwareLog,
    );
    const ended: Record<string, FileNode> = {
      [softwareLog]: textFile(`${before}${log(call, 'INFO', 'Finished software releases.')}`, 0o600),
    };
    // slapgrid marks the folder of the address it was asked for; an archive with another top folder leaves none.
    const top = files[folderOf(url)] === undefined ? {} : { [`${folderOf(url)}/.completed`]: completed };
    return { patch: begun, unpacking: { url, lastsMs: 5000, patch: { files: { ...files, ...ended, ...top } } } };
  } catch (error) {
    return failed(
      `${forced} failed to download, will retry again (${error instanceof Problem ? error.code : 'unreadable'})`,
    );
  }
}

const keptBytes = 4096;

/** The archive's entries below the software root, as a machine would hold them; large contents are left out. */
function unpacked(archive: Buffer): Promise<Record<string, FileNode>> {
  return new Promise((resolve, reject) => {
    const files: Record<string, FileNode> = {};
    const reader = extract();
    reader.on('entry', (header, stream, next) => {
      const parts: Buffer[] = [];
      stream.on('data', (part) => parts.push(part as Buffer));
      stream.on('end', () => {
        const path = `${softwareRoot}/${header.name.replace(/\/+$/, '')}`;
        const bytes = Buffer.concat(parts);
        const common = { mode: header.mode ?? 0o644, owner: `${header.uname}:${header.gname}` };
        if (header.type === 'directory') files[path] = { kind: 'd', text: '', ...common };
        else if (bytes.length > keptBytes) files[path] = { kind: 'f', text: '', sizeBytes: bytes.length, ...common };
        else files[path] = { kind: 'f', text: bytes.toString('utf8'), ...common };
        next();
      });
    });
    reader.on('finish', () => resolve(files));
    reader.on('error', reject);
    reader.end(gunzipSync(archive));
  });
}
