// Addresses of a simulated machine: ip(8) for looking, systemd-networkd for setting. Used by commands/index.ts.
// Forms of the outputs are those of iproute2 6.1 and systemd 252.
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import type { MachineState } from '../state.ts';

/** What the site's network gave it. */
export const ownIpv4 = ({ made }: MachineState): string => made.ipv4;
/** The machine's own global addresses, with their lengths: not those of partitions. */
export const globalIpv6 = ({ addresses }: MachineState): readonly string[] =>
  addresses.flatMap(({ address, by }) => (by === 'slapos' || address.startsWith('fe80:') ? [] : [address]));
/** The same without their lengths. */
export const ownIpv6 = (state: MachineState): readonly string[] =>
  globalIpv6(state).map((address) => address.replace(/\/.*/, ''));
const networkFileOf = ({ made }: MachineState): string => `/etc/systemd/network/${made.interface}.network`;
/** Duplicate address detection lasts about this long. */
const tentativeMs = 1800;

interface Shown {
  readonly local: string;
  readonly length: number;
  readonly scope: 'global' | 'link';
  readonly tentative: boolean;
}

function shown({ state, nowMs, pace, argv }: Call): Shown[] {
  const all = state.addresses.map(({ address, sinceMs, by }): Shown => {
    const [local = '', length = '128'] = address.split('/');
    return {
      local,
      length: Number(length),
      scope: local.startsWith('fe80:') ? 'link' : 'global',
      tentative: by === 'networkd' && nowMs < sinceMs + tentativeMs * pace,
    };
  });
  const onlyGlobal = argv.includes('global');
  return all.filter((one) => !(onlyGlobal && one.scope === 'link') && !(argv.includes('-tentative') && one.tentative));
}

/** `ip -o link show`, `ip -j -6 addr show dev DEVICE …`, `ip -o -6 addr show dev DEVICE …`. */
export function ip(call: Call): Outcome {
  const { argv } = call;
  const device = call.state.made.interface;
  if (argv.includes('link'))
    return {
      exit: 0,
      out: [
        '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000',
        `2: ${device}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000`,
        '',
      ].join('\n'),
    };
  if (argv[1] === '-j' && argv[2] === 'addr') return allAddresses(call);
  const name = argv[argv.indexOf('dev') + 1] ?? '';
  if (name !== device) return { exit: 1, err: `Device "${name}" does not exist.\n` };
  if (argv.includes('-4')) {
    const list = [{ family: 'inet', local: ownIpv4(call.state), prefixlen: 24, scope: 'global' }];
    return { exit: 0, out: `${JSON.stringify([{ ifindex: 2, ifname: device, operstate: 'UP', addr_info: list }])}\n` };
  }
  const addresses = shown(call);
  if (argv.includes('-j')) {
    const list = addresses.map(({ local, length, scope, tentative }) => ({
      family: 'inet6',
      local,
      prefixlen: length,
      scope,
      ...(tentative ? { tentative: true } : {}),
    }));
    return { exit: 0, out: `${JSON.stringify([{ ifindex: 2, ifname: device, operstate: 'UP', addr_info: list }])}\n` };
  }
  const rows = addresses.map(
    ({ local, length, scope }) =>
      `2: ${device}    inet6 ${local}/${length} scope ${scope} \\       valid_lft forever\n`,
  );
  return { exit: 0, out: rows.join('') };
}

/** `ip -j addr show scope global`: of both families. */
function allAddresses(call: Call): Outcome {
  const list = [
    { family: 'inet', local: ownIpv4(call.state), prefixlen: 24 },
    ...shown(call).map(({ local, length, tentative }) => ({
      family: 'inet6',
      local,
      prefixlen: length,
      ...(tentative ? { tentative } : {}),
    })),
  ];
  const ifname = call.state.made.interface;
  return { exit: 0, out: `${JSON.stringify([{ ifindex: 2, ifname, addr_info: list }])}\n` };
}

export function networkctl(call: Call): Outcome {
  const { argv, state, nowMs } = call;
  const verb = argv[1];
  if (verb === 'reload') return { exit: 0 };
  if (verb === 'status')
    return {
      exit: 0,
      out: [
        `● 2: ${state.made.interface}`,
        '                     Link File: /usr/lib/systemd/network/99-default.link',
        `                  Network File: ${networkFileOf(state)}`,
        '                         State: routable (configured)',
        '',
      ].join('\n'),
    };
  if (verb !== 'reconfigure') return { exit: 1, err: `Unknown command verb ${verb ?? ''}.\n` };
  const others = state.addresses.filter(({ by }) => by !== 'networkd');
  const before = state.addresses.filter(({ by }) => by === 'networkd');
  const wanted = configured(call);
  const now = wanted.map(
    (address) => before.find((one) => one.address === address) ?? { address, sinceMs: nowMs, by: 'networkd' as const },
  );
  return { exit: 0, lastsMs: 400, patch: { addresses: [...others, ...now] } };
}

/** Addresses in the network file and its drop-ins. */
function configured({ state }: Call): string[] {
  const networkFile = networkFileOf(state);
  const dropIns = Object.keys(state.files).filter(
    (path) => path.startsWith(`${networkFile}.d/`) && path.endsWith('.conf'),
  );
  return [networkFile, ...dropIns.sort()].flatMap((path) =>
    [...(fileText(state, path) ?? '').matchAll(/^Address=(\S+)$/gm)].map(([, address]) => address ?? ''),
  );
}

/** What the interface's settings hold, what its network gives it among that, and the addresses of partitions. */
export const networkSettingsOf = ({ state }: Call): Outcome => {
  const lines = (ofSlapos: boolean) =>
    state.addresses.flatMap(({ address, by }) => ((by === 'slapos') === ofSlapos ? [`Address=${address}`] : []));
  return { exit: 0, out: ['@networkd', ...lines(false), '@partitions', ...lines(true), ''].join('\n') };
};
