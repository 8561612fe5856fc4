// A node of the practice site and the client on it: registering with the practice master, being known to it, asking it for the
// frontend's service. Used by commands/index.ts and slapos.ts. What the master knows of a node is read from the node's own state;
// whether there is a master to ask, from the master's. Sentences: slapos.core 1.22.
import { certificateFingerprint } from '../../software/certificate.ts';
import { urlKey } from '../../software/entry.ts';
import { splitCertificates } from '../../software/trusted.ts';
import {
  clientFilesScript,
  clientHomeScript,
  clientKeyScript,
  clientRequestScript,
} from '../../target/client-scripts.ts';
import {
  type ComputerState,
  certificateFactsScript,
  computerStateArgv,
  parametersSha256,
} from '../../target/computer.ts';
import { restartServicesScript, servicesSinceArgv } from '../../target/services.ts';
import type { Call, Outcome } from '../machine.ts';
import { practiceTokens } from '../prepare.ts';
import { fileText } from '../reading.ts';
import { aFolder, type FileNode, type MachineState, textFile } from '../state.ts';
import { configOf, configPath, log, stockCertificatesPath } from './slapos-common.ts';
import { slaposConfig } from './slapos-files.ts';
import { convergesMs, publishedBy } from './slapproxy.ts';

const certificatePath = '/etc/opt/slapos/ssl/certificate';
const clientFolder = '/root/.slapos';

/** The node's name at the master; null while it is not registered. */
export const computerOf = (state: MachineState): string | null => {
  const named = configOf(state)?.get('slapos', 'computer_id') ?? null;
  return named?.startsWith('COMP-') ? named : null;
};

const option = ({ argv }: Call, name: string): string => argv[argv.indexOf(name) + 1] ?? '';

/** Whether the practice master answers at an address. */
async function answers(call: Call, url: string): Promise<boolean> {
  const master = call.site.master === null ? null : await call.neighbour(call.site.master);
  return master !== null && publishedBy({ ...call, state: master })['family-service-v6'] === url;
}

const unanswered = (call: Call, url: string): Outcome => ({
  exit: 1,
  err: log(call, 'ERROR', `requests.exceptions.ConnectionError: Couldn't connect to the server ${url}`),
});
const denied = (call: Call): Outcome => ({
  exit: 1,
  err: log(call, 'CRITICAL', 'Access denied to the SlapOS Master.'),
});

/** `slapos node register --master-url URL … NAME`, with the token on standard input. */
export async function nodeRegister(call: Call): Promise<Outcome> {
  const url = option(call, '--master-url');
  if (!(await answers(call, url))) return unanswered(call, url);
  if (call.stdin.trim() !== practiceTokens.node) return denied(call);
  const { computer } = call.state.made;
  const made = slaposConfig({
    interface: option(call, '--interface-name'),
    partitions: Number(option(call, '--partition-number')),
    ipv4Network: option(call, '--ipv4-local-network'),
    stockCertificates: fileText(call.state, stockCertificatesPath) ?? '',
    master: { url, computer },
  });
  const secretFile = (text: string): FileNode => textFile(text, 0o400);
  return {
    exit: 0,
    err: [
      log(call, 'INFO', 'Retrieving certificate and key from the server'),
      log(call, 'INFO', `Node registered as ${computer}.`),
      log(call, 'INFO', 'Node has successfully been configured.'),
    ].join(''),
    lastsMs: 3000,
    patch: {
      files: {
        '/etc/opt/slapos': aFolder(),
        '/etc/opt/slapos/ssl': aFolder(0o700),
        [certificatePath]: secretFile(`made up for practice, signed at ${Math.floor(call.nowMs / 1000)}\n`),
        '/etc/opt/slapos/ssl/key': secretFile('made up for practice\n'),
        [configPath]: textFile(made),
      },
    },
  };
}

/** `slapos configure client`, with a person's token on standard input. */
export async function configureClient(call: Call): Promise<Outcome> {
  const url = option(call, '--master-url');
  if (!(await answers(call, url))) return unanswered(call, url);
  if (call.stdin.trim() !== practiceTokens.client) return denied(call);
  const file = (text: string): FileNode => textFile(text, 0o600);
  return {
    exit: 0,
    err: log(call, 'INFO', 'SlapOS Client successfully configured.'),
    lastsMs: 2000,
    patch: {
      files: {
        [clientFolder]: aFolder(0o700),
        [`${clientFolder}/slapos-client.cfg`]: file(`[slapos]\nmaster_url = ${url}\n\n[slapconsole]\n`),
        [`${clientFolder}/client.crt`]: file('made up for practice\n'),
        [`${clientFolder}/client.key`]: file('made up for practice\n'),
      },
    },
  };
}

/** The services of the partitions start anew, a moment from now. */
const nodeRestart = (call: Call): Outcome => ({
  exit: 0,
  out: 'slappart1:zope-0: stopped\nslappart1:zope-0: started\n',
  lastsMs: 2500,
  patch: { servicesSinceMs: call.nowMs + 1000 },
});

// ---------------------------------------------------------------- what our programs ask

const [, , , , , computerText] = computerStateArgv;

/** The scripts that steps run on a node, on its master for it, or for the client; null for any other. */
export function nodeScript(call: Call): Outcome | Promise<Outcome> | null {
  const [, , script, , ...rest] = call.argv;
  const { state } = call;
  switch (script) {
    case certificateFactsScript: {
      const from = /signed at (\d+)/.exec(fileText(state, certificatePath) ?? '')?.[1];
      return from === undefined ? { exit: 1 } : { exit: 0, out: `fits ${from}\n` };
    }
    case restartServicesScript:
      return nodeRestart(call);
    case servicesSinceArgv[2]: {
      const since = publishedBy(call)['family-service-v6'] === undefined ? 0 : state.requested?.sinceMs;
      return { exit: 0, out: `${Math.floor((state.servicesSinceMs ?? since ?? 0) / 1000)}\n` };
    }
    case clientHomeScript: {
      const names = ['slapos-client.cfg', 'client.crt', 'client.key'];
      const there = names.filter((name) => state.files[`${clientFolder}/${name}`] !== undefined);
      return { exit: 0, out: ['/root', ...there, ''].join('\n') };
    }
    case clientKeyScript:
    case clientFilesScript:
      return { exit: state.files[`${clientFolder}/client.key`] === undefined ? 1 : 0 };
    case clientRequestScript:
      return requestService({ ...call, argv: rest });
    default:
      return null;
  }
}

/** `NAME URL … --node computer_guid=COMP-1`, with its parameters on standard input: of them only what tells them apart is kept. */
function requestService(call: Call): Outcome {
  const { argv, state, nowMs } = call;
  const [, , name = '', url = ''] = argv;
  if (state.files[`${clientFolder}/client.key`] === undefined) return { exit: 1, err: 'ConfigError: no client\n' };
  const given = JSON.parse(call.stdin) as Record<string, string>;
  const [certificate = ''] = splitCertificates(given['apache-certificate'] ?? '');
  const parameters = { sha256: parametersSha256(given), fingerprint: certificateFingerprint(certificate) };
  return {
    exit: 0,
    out: `Requesting ${name} as an instance of ${url}...\nInstance requested.\nState is : started.\n`,
    lastsMs: 1500,
    patch: { requested: { name, url, parameters, sinceMs: nowMs } },
  };
}

/** The service came together: its release is there, and slapos had time for it. */
export const serviceStands = ({ state, nowMs, pace }: Pick<Call, 'state' | 'nowMs' | 'pace'>): boolean =>
  state.requested !== null &&
  computerOf(state) !== null &&
  state.files[`/opt/slapgrid/${urlKey(state.requested.url)}/.completed`] !== undefined &&
  nowMs >= state.requested.sinceMs + convergesMs * pace;

async function knownOf(call: Call): Promise<ComputerState> {
  const { state } = call;
  const url = configOf(state)?.get('slapos', 'master_url') ?? '';
  if (computerOf(state) === null || !(await answers(call, url)))
    return { error: `ConnectionError: Couldn't connect to the server ${url}`, status: 0, software: [], partitions: [] };
  const { requested } = state;
  const names = Object.keys(state.files).flatMap(
    (path) => /^\/srv\/slapgrid\/(slappart\d+)\/\.slapos-resource$/.exec(path)?.[1] ?? [],
  );
  return {
    error: '',
    status: 200,
    software: state.supplied.map((item) => ({ url: item.url, state: 'available' })),
    partitions: names.map((partition, index) => {
      const used = index === 0 ? requested : null;
      return {
        partition,
        title: used?.name ?? null,
        root: used?.name ?? null,
        type: used === null ? null : 'default',
        release: used?.url ?? null,
        built: used !== null && serviceStands(call) ? used.url : null,
        behind: false,
        requestedState: used === null ? 'destroyed' : 'started',
        parametersSha256: String(used?.parameters.sha256 ?? ''),
        published: used !== null && serviceStands(call) ? ['domain', 'secure_access'] : [],
        addresses: partitionAddresses(state, partition),
        failing: used === null || serviceStands(call) ? [] : [`${partition} frontend-listens`],
      };
    }),
  };
}

/** Both addresses of a partition, IPv4 first. */
export const partitionAddresses = (state: MachineState, partition: string): string[] =>
  [...(fileText(state, `/srv/slapgrid/${partition}/.slapos-resource`) ?? '').matchAll(/"addr": "([^"]*)"/g)].map(
    ([, address]) => address ?? '',
  );

/** `-c PROGRAM state`, `-c PROGRAM answers COUNT`, `-c PROGRAM green NAME KEYS…`; null for another program. */
export async function computerProgram(call: Call): Promise<Outcome | null> {
  const [flag, program, asked, first = '', ...keys] = call.argv;
  if (flag !== '-c' || program !== computerText) return null;
  const known = await knownOf(call);
  if (asked === 'state') return { exit: 0, out: `${JSON.stringify(known)}\n` };
  if (asked === 'answers')
    return known.status === 200 && known.partitions.length >= Number(first)
      ? { exit: 0, out: 'answers\n' }
      : {
          exit: 1,
          out: `line ${known.error === '' ? `${known.partitions.length} partitions are known` : known.error}\n`,
        };
  const top = known.partitions.find(({ title }) => title === first);
  const complaints = known.partitions.flatMap(({ failing }) => failing);
  if (top !== undefined && top.published.length > 0 && keys.every((key) => top.published.includes(key)))
    return { exit: 0, out: 'green\n' };
  return { exit: 1, out: `${complaints.map((line) => `failing ${line}\n`).join('')}done 0 1\nline \n` };
}
