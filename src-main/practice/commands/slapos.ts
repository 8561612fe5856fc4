// slapos of a simulated machine: configure, format, supply, proxy show. Used by commands/index.ts; what concerns the software
// cache is in slapos-cache.ts, what concerns nodes of a master in node.ts. Behaviour and sentences: slapos.core 1.22.
import { parseRange } from '../../../src-shared/address.ts';
import { jsonObject } from '../../../src-shared/json.ts';
import { urlKey } from '../../software/entry.ts';
import { practiceSlapos } from '../debian.ts';
import { type Call, type Outcome, slapproxyPort } from '../machine.ts';
import { fileText } from '../reading.ts';
import { aFolder, type FileNode, type MachineState, type Patch, textFile } from '../state.ts';
import { globalIpv6 } from './network.ts';
import { computerOf, configureClient, nodeRegister } from './node.ts';
import { cacheLookup } from './slapos-cache.ts';
import { configOf, configPath, log, notConfigured, stockCertificatesPath } from './slapos-common.ts';
import { partitionResource, proxyConfig, slaposConfig } from './slapos-files.ts';

const proxyConfigPath = '/etc/opt/slapos/slapos-proxy.cfg';

export const slapos = (call: Call): Outcome | Promise<Outcome> => {
  if (call.state.packages['slapos-node'] === undefined) return { exit: 127, err: 'slapos: command not found\n' };
  const [first, second = ''] = call.argv.slice(1);
  switch (`${first} ${second}`.trim()) {
    case '--version':
      return { exit: 0, out: `slapos ${practiceSlapos.core} (Python ${practiceSlapos.python})\n` };
    case 'configure local':
      return configureLocal(call);
    case 'configure client':
      return configureClient(call);
    case 'node register':
      return nodeRegister(call);
    case 'node format':
      return nodeFormat(call);
    case 'node instance':
      return nodeInstance(call);
    case 'node start':
      return nodeStart(call);
    case 'proxy show':
      return proxyShow(call);
    case 'cachelookup binary-sr':
      return cacheLookup(call);
    default:
      if (first === 'request') return request(call);
      return first === 'supply' ? supply(call) : unknown(call);
  }
};

const unknown = ({ argv }: Call): Outcome => ({
  exit: 127,
  err: `practice machine: this slapos command is not simulated: ${argv.join(' ')}\n`,
});

const option = (argv: readonly string[], name: string, initial: string): string => {
  const at = argv.indexOf(name);
  return at < 0 ? initial : (argv[at + 1] ?? initial);
};

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
    [configPath]: textFile(
      slaposConfig({ interface: device, partitions, ipv4Network, stockCertificates, master: null }),
    ),
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
  const [own] = globalIpv6(state);
  const range = own === undefined ? null : parseRange(own);
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

/** `slapos node start slapproxy`. */
const nodeStart = (call: Call): Outcome =>
  call.state.proxySinceMs === null
    ? { exit: 0, out: 'slapproxy: started\n', patch: { proxySinceMs: call.nowMs } }
    : { exit: 7, out: 'slapproxy: ERROR (already started)\n' };

function nodeFormat(call: Call): Outcome {
  const { state, nowMs } = call;
  const config = configOf(state);
  if (config === null) return notConfigured(call);
  const partitions = Number(config.get('slapformat', 'partition_amount') ?? 0);
  const patch = formatPatch(state, partitions, config.get('slapformat', 'ipv4_local_network') ?? '', nowMs);
  if (patch === null) return { exit: 1, err: log(call, 'ERROR', 'slapos failed to prepare the computer.') };
  const answers = state.proxySinceMs !== null || computerOf(state) !== null;
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

// ---------------------------------------------------------------- supply, proxy show

async function supply(call: Call): Promise<Outcome> {
  const [, , url = '', computer] = call.argv;
  if (computer === undefined || computer.startsWith('--'))
    return { exit: 2, err: 'slapos supply: error: the following arguments are required: node\n' };
  if (configOf(call.state) === null) return notConfigured(call);
  if (computerOf(call.state) === null && (await call.get(slapproxyPort, '/getRunId')) === null)
    return { exit: 1, err: `requests.exceptions.ConnectionError: Couldn't connect to the server\n` };
  const others = call.state.supplied.filter((item) => item.url !== url || item.computer !== computer);
  return {
    exit: 0,
    err: `${log(call, 'INFO', `Requesting software installation of ${url}...`)}${log(call, 'INFO', 'Done.')}`,
    lastsMs: 1200,
    patch: { supplied: [...others, { url, computer }] },
  };
}

/** Records the wish; with what an instance publishes, slapos would print its password here. */
async function request(call: Call): Promise<Outcome> {
  const { argv, state, nowMs } = call;
  const [, , name = '', url = ''] = argv;
  const text = fileText(state, option(argv, '--parameters-file', ''));
  if (configOf(state) === null) return notConfigured(call);
  if (text === null) return { exit: 1, err: 'FileNotFoundError: [Errno 2] No such file or directory\n' };
  if (option(argv, '--force-serialisation', '') !== 'json-in-xml')
    return { exit: 1, err: "TypeError: 'NoneType' object is not subscriptable\n" };
  if ((await call.get(slapproxyPort, '/getRunId')) === null)
    return { exit: 1, err: `requests.exceptions.ConnectionError: Couldn't connect to the server\n` };
  const parameters = jsonObject.parse(JSON.parse(text));
  return {
    exit: 0,
    err: [
      `Requesting ${name} as an instance of ${url}...`,
      'Instance requested.',
      'State is : started.',
      'Connection parameters of instance are:',
      '{}',
      '',
    ].join('\n'),
    lastsMs: 1500,
    patch: { requested: { name, url, parameters, sinceMs: state.requested?.sinceMs ?? nowMs } },
  };
}

function proxyShow({ state, argv }: Call): Outcome {
  if (fileText(state, option(argv, '--cfg', proxyConfigPath)) === null)
    return { exit: 1, err: `ConfigError: Configuration file does not exist: ${option(argv, '--cfg', '')}\n` };
  const rows = state.supplied.map(({ url, computer }) => `| ${url} | ${computer} | available | ${urlKey(url)} |`);
  const table = rows.length === 0 ? 'table software17: empty' : ['table software17', ...rows].join('\n');
  return { exit: 0, out: `Using database: /opt/slapos/slapproxy.db\n${table}\n` };
}
