// re6st as it is on a machine: its files, its registry, what its certificate says, and how one is asked for without the token in
// any argument. Used by the steps of re6st. Forms: re6stnet 0.5 to 0.642. Pure.
import { X509Certificate } from 'node:crypto';
import { parseRange, rangesEqual } from '../../src-shared/address.ts';

export const re6stPaths = {
  folder: '/etc/re6stnet',
  config: '/etc/re6stnet/re6stnet.conf',
  certificate: '/etc/re6stnet/cert.crt',
  authority: '/etc/re6stnet/ca.crt',
  log: '/var/log/re6stnet/re6stnet.log',
} as const;

export const re6stService = 're6stnet.service';
export const registryPort = 9026;

/** `http://[address]:9026`, as the registry publishes it. */
export const registryUrl = (address: string): string => `http://[${address}]:${registryPort}`;

/** Where the vendor's package, or Debian's, put the programs. */
const programs = 'PATH="$PATH:/opt/re6st/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin"';

/** Exits with 0 when the programs of re6st are there. */
export const re6stProgramArgv: readonly string[] = ['sh', '-c', `${programs} command -v re6st-conf re6stnet`];

// ---------------------------------------------------------------- the registry

/** On the machine that holds it: the address where the registry listens, and the certificate of its authority. */
const registryScript = `address=$(ss -ltnH 'sport = :${registryPort}' | sed -n 's/.*\\[\\([0-9a-f:]*\\)\\]:${registryPort} .*/\\1/p' | head -n 1)
[ -n "$address" ] || exit 1
echo "$address"
exec 3<>"/dev/tcp/$address/${registryPort}"
printf 'GET /getCa HTTP/1.0\\r\\nHost: [%s]\\r\\n\\r\\n' "$address" >&3
head -c 16384 <&3`;
export const registryArgv: readonly string[] = ['timeout', '20', 'bash', '-c', registryScript];

export type RegistryFacts = {
  readonly address: string;
  /** The whole re6st network, `fdbb:eb3c:1b95::/48`. */
  readonly network: string;
  /** sha256 of the authority's certificate, hexadecimal digits. */
  readonly fingerprint: string;
};

/** What `registryArgv` printed, null when no registry answered as one. */
export function parseRegistry(text: string): RegistryFacts | null {
  const address = /^[0-9a-f:]+$/m.exec(text.split('\n')[0] ?? '')?.[0];
  const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0];
  if (address === undefined || pem === undefined || !/^HTTP\/1\.[01] 200/m.test(text)) return null;
  const certificate = readCertificate(pem);
  const network = certificate === null ? null : networkOf(certificate);
  if (certificate === null || network === null) return null;
  return { address, network, fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase() };
}

// ---------------------------------------------------------------- certificates

function readCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

/** The network that an authority is for: its serial number is a 1 followed by the network's bits. */
const networkOf = ({ serialNumber }: X509Certificate): string | null => {
  const bits = BigInt(`0x${serialNumber}`).toString(2).slice(1);
  return bits.length === 0 || bits.length > 128 ? null : rangeOfBits(bits);
};

/** The part of the network that a node's certificate is for: its common name is `number/length`. */
export function subnetOf(authorityPem: string, certificatePem: string): string | null {
  const authority = readCertificate(authorityPem);
  const certificate = readCertificate(certificatePem);
  const [, number, length] = /^CN=(\d{1,39})\/(\d{1,3})$/m.exec(certificate?.subject ?? '') ?? [];
  if (authority === null || number === undefined || length === undefined) return null;
  const network = BigInt(`0x${authority.serialNumber}`).toString(2).slice(1);
  const own = Number(length) === 0 ? '' : BigInt(number).toString(2).padStart(Number(length), '0');
  return own.length !== Number(length) || network.length + own.length > 128 ? null : rangeOfBits(network + own);
}

/** The network of a folder's own authority, null when it is none. */
export const networkOfAuthority = (pem: string): string | null => {
  const authority = readCertificate(pem);
  return authority === null ? null : networkOf(authority);
};

function rangeOfBits(bits: string): string {
  const value = BigInt(`0b${bits.padEnd(128, '0')}`);
  return `${ipv6Text(value)}/${bits.length}`;
}

/** The address of a node in its own part of the network: the first. */
export const nodeAddress = (subnet: string): string => {
  const range = parseRange(subnet);
  return range === null ? '' : ipv6Text(range.value | 1n);
};

/** As `ip` prints it: the longest run of zeroes, of two groups at least, left out. */
function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - 16 * at)) & 0xffffn));
  let best = { at: -1, count: 1 };
  for (let at = 0; at < 8; at += 1) {
    let count = 0;
    while (groups[at + count] === 0) count += 1;
    if (count > best.count) best = { at, count };
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return best.at < 0 ? text(groups) : `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.count))}`;
}

/** Whether two ranges, as text, are the same network; a host part counts for nothing. */
export function sameNetwork(one: string, other: string): boolean {
  const [first, second] = [parseRange(one), parseRange(other)];
  return first !== null && second !== null && rangesEqual(first, second);
}

// ---------------------------------------------------------------- configuration

/**
 * re6stnet.conf with what a site without the internet needs: where the registry is, our address on the LAN (without it UPnP is
 * tried, and others cannot connect), and the LAN itself, where neighbours are found without a tunnel. All else stays.
 */
export function re6stConfig(
  text: string,
  wanted: { readonly registry: string; readonly ip: string; readonly interface: string },
): string {
  const lines = text.split('\n');
  const option = (name: string): readonly string[] =>
    lines.flatMap((line) => new RegExp(`^${name}\\s+(\\S+)\\s*$`).exec(line)?.[1] ?? []);
  const kept = lines.map((line) => (/^registry\s/.test(line) ? `registry ${wanted.registry}` : line));
  const added = [
    ...(option('registry').length === 0 ? [`registry ${wanted.registry}`] : []),
    ...(wanted.ip === '' || option('ip').length > 0 ? [] : [`ip ${wanted.ip}`]),
    ...(option('interface').includes(wanted.interface) ? [] : [`interface ${wanted.interface}`]),
  ];
  if (added.length === 0) return kept.join('\n');
  return `${kept.join('\n').replace(/\n*$/, '\n')}${added.map((line) => `${line}\n`).join('')}`;
}

// ---------------------------------------------------------------- joining

/** What the program says at its end when the registry did not know the token, for as long as a fresh one may take. */
export const tokenRefusedSays = 'the registry does not know this token$';
/** What it says when the registry was not reached: the token is still good. */
export const registryAwaySays = 'Connection refused|No route to host|Network is unreachable|timed out';

/**
 * Runs re6st-conf inside a Python that has the token from its standard input, and in no argument. The registry learns of a new
 * token up to five minutes late, so it is offered again for that long. It can be told to stop, and does so between two offers.
 */
const joinProgram = `# Written by SlapOS Field Kit.
import runpy, signal, sys, time
program, registry, folder, fingerprint, title, patience = sys.argv[1:]
stopping = sleeping = False
def stop(*_):
    # Told to stop while it asks, it lets the answer come first: a token that was taken would be lost without its certificate.
    global stopping
    stopping = True
    if sleeping:
        sys.exit(5)
signal.signal(signal.SIGTERM, stop)
token = sys.stdin.readline().strip()
given = ["--registry", registry, "-d", folder, "--fingerprint", fingerprint, "-r", "title", title, "--token", token]
end = time.monotonic() + float(patience)
while True:
    sys.argv = [program] + given
    said = None
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        said = ended.code
    if not said:
        sys.exit(0)
    if "token" not in str(said):
        print(said)
        sys.exit(1)
    left = end - time.monotonic()
    if left <= 0:
        break
    print("the registry does not know this token yet, another %d s" % left, flush=True)
    sleeping = True
    if stopping:
        sys.exit(5)
    time.sleep(min(15, left))
    sleeping = False
print("the registry does not know this token")
sys.exit(4)
`;

/** The interpreter is the one that the program's first line names, as it alone finds re6st's own modules. */
const joinScript = `umask 022
${programs}
program=$(command -v re6st-conf) || exit 127
python=$(sed -n '1s/^#! *\\([^ ]*\\).*/\\1/p' "$program")
mkdir -p "$3"
exec "$python" -c "$1" "$program" "$2" "$3" "$4" "$5" "$6"`;

/**
 * Asks for a certificate; the token is the first line of standard input.
 * @param registry its address, as others reach it
 * @param fingerprint of its authority
 */
export const joinArgv = (registry: string, fingerprint: string, title: string, patienceSeconds: number): string[] => [
  'sh',
  '-c',
  joinScript,
  'sh',
  joinProgram,
  registry,
  re6stPaths.folder,
  `sha256:${fingerprint}`,
  title,
  String(patienceSeconds),
];
