// Ports of a simulated machine's own addresses as others meet them: our rules, and what master or frontend answers behind them.
// Used by commands/index.ts.
import { frontendPorts } from '../../target/own-addresses.ts';
import { httpAtArgv } from '../../target/system.ts';
import type { Call, Outcome } from '../machine.ts';
import { ownIpv4, ownIpv6 } from './network.ts';
import { partitionAddresses, serviceStands } from './node.ts';
import { zopeAddress } from './slapproxy.ts';

export const [, , askAtScript = ''] = httpAtArgv('', 0, '');

type Looked = Pick<Call, 'state' | 'nowMs' | 'pace'>;

/** Where the frontend's partition listens, IPv4 first; none before it came together. */
export const listening = (call: Looked): readonly string[] =>
  serviceStands(call) ? partitionAddresses(call.state, 'slappart0') : [];

interface Rule {
  readonly at: string;
  readonly protocol: 'tcp' | 'udp';
  readonly from: number;
  /** Address and port. */
  readonly to: string;
}

/** Our tables by name: the unit that keeps one, and its rules in a family. */
const tables: Readonly<Record<string, (call: Looked, family: string) => readonly Rule[]>> = {
  fieldkit_master: (call, family) => {
    const to = zopeAddress(call);
    return to === null || family !== 'ip' ? [] : [{ at: ownIpv4(call.state), protocol: 'tcp', from: 80, to }];
  },
  fieldkit_frontend: (call, family) => {
    const six = family === 'ip6';
    const address = listening(call).find((one) => one.includes(':') === six);
    const at = six ? ownIpv6(call.state).join(', ') : ownIpv4(call.state);
    if (address === undefined || at === '') return [];
    const to = (port: number): string => `${six ? `[${address}]` : address}:${port}`;
    return [
      { at, protocol: 'tcp', from: 80, to: to(frontendPorts.plain) },
      { at, protocol: 'tcp', from: 443, to: to(frontendPorts.encrypted) },
      { at, protocol: 'udp', from: 443, to: to(frontendPorts.encrypted) },
    ];
  },
};

/** Rules of one of our tables; none while nothing keeps them. */
function rulesOf(call: Looked, table: string, family: string): readonly Rule[] {
  const timer = `/etc/systemd/system/${table.replace('fieldkit_', 'fieldkit-redirect-')}.timer`;
  return call.state.files[timer] === undefined ? [] : (tables[table]?.(call, family) ?? []);
}

/** `nft list table FAMILY NAME`, `nft delete table FAMILY NAME`, `nft list ruleset`. */
export function nft(call: Call): Outcome {
  const { argv, state } = call;
  if (state.packages.nftables === undefined) return { exit: 127, err: 'nft: command not found\n' };
  if (argv.at(-1) === 'ruleset') {
    const all = Object.keys(tables).flatMap((table) => ['ip', 'ip6'].map((family) => listed(call, table, family)));
    return { exit: 0, out: all.join('') };
  }
  const [, verb, , family = '', table = ''] = argv;
  const text = listed(call, table, family);
  // Without its unit the simulated table is gone already.
  if (verb === 'delete') return { exit: text === '' ? 0 : 1 };
  if (verb !== 'list') return { exit: 127, err: `practice machine: not simulated: ${argv.join(' ')}\n` };
  return text === '' ? { exit: 1, err: 'Error: No such file or directory\n' } : { exit: 0, out: text };
}

function listed(call: Call, table: string, family: string): string {
  const rules = rulesOf(call, table, family);
  if (rules.length === 0) return '';
  const lines = rules.map(
    ({ at, protocol, from, to }) => `\t\t${family} daddr ${at} ${protocol} dport ${from} dnat to ${to}\n`,
  );
  const chain = (name: string) => `\tchain ${name} {\n${lines.join('')}\t}\n`;
  return `table ${family} ${table} {\n${chain('prerouting')}${chain('output')}}\n`;
}

/** Whether packets to an address and port of the machine come to somebody. */
export const leads = (call: Looked, table: string, address: string, port: number): boolean =>
  rulesOf(call, table, address.includes(':') ? 'ip6' : 'ip').some(
    (rule) => rule.at.split(', ').includes(address) && rule.from === port && rule.protocol === 'tcp',
  );

/** A request to one of the machine's addresses, from itself. */
export function askAt(call: Call): Outcome {
  const [, , , , address = '', port = '', path = ''] = call.argv;
  const frontend = leads(call, 'fieldkit_frontend', address, Number(port));
  if (frontend) return { exit: 0, out: 'HTTP/1.1 302 Found\r\n\r\n' };
  const reached =
    leads(call, 'fieldkit_master', address, Number(port)) || `${address}:${port}` === zopeAddressLed(call);
  if (!reached)
    return {
      exit: 1,
      err: `bash: connect: Connection refused\nbash: /dev/tcp/${address}/${port}: Connection refused\n`,
    };
  const body = path === '/erp5/ERP5Site_isReady' ? '1' : '<html><body>Practice master</body></html>';
  return { exit: 0, out: `HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n${body}` };
}

const zopeAddressLed = (call: Call): string | undefined => rulesOf(call, 'fieldkit_master', 'ip')[0]?.to;
