// The master of a simulated machine as others meet it: our rules for port 80, and what its web server answers behind them.
// Used by commands/index.ts.
import { httpAtArgv } from '../../target/system.ts';
import type { Call, Outcome } from '../machine.ts';
import { ownIpv4 } from './network.ts';
import { zopeAddress } from './slapproxy.ts';

const timerPath = '/etc/systemd/system/fieldkit-redirect-master.timer';
export const [, , askAtScript = ''] = httpAtArgv('', 0, '');

/** Where port 80 leads; null while nothing leads it anywhere. */
const redirected = (call: Call): string | null =>
  call.state.files[timerPath] === undefined ? null : zopeAddress(call);

/** `nft list table ip NAME`. */
export function nft(call: Call): Outcome {
  const { argv, state } = call;
  if (state.packages.nftables === undefined) return { exit: 127, err: 'nft: command not found\n' };
  const to = redirected(call);
  // Without its unit the simulated table is gone already.
  if (argv[1] === 'delete') return { exit: to === null ? 0 : 1 };
  if (argv.at(-1) === 'ruleset')
    return to === null
      ? { exit: 0, out: '' }
      : nft({ ...call, argv: ['nft', 'list', 'table', 'ip', 'fieldkit_master'] });
  if (argv[1] !== 'list') return { exit: 127, err: `practice machine: not simulated: ${argv.join(' ')}\n` };
  if (to === null) return { exit: 1, err: 'Error: No such file or directory\n' };
  const chain = (name: string) => `\tchain ${name} {\n\t\tip daddr ${ownIpv4} tcp dport 80 dnat to ${to}\n\t}\n`;
  return { exit: 0, out: `table ip ${argv.at(-1)} {\n${chain('prerouting')}${chain('output')}}\n` };
}

/** A request to one of the machine's addresses, from itself. */
export function askAt(call: Call): Outcome {
  const [, , , , address = '', port = '', path = ''] = call.argv;
  const to = redirected(call);
  const reached = to !== null && ((address === ownIpv4 && port === '80') || `${address}:${port}` === to);
  if (!reached)
    return {
      exit: 1,
      err: `bash: connect: Connection refused\nbash: /dev/tcp/${address}/${port}: Connection refused\n`,
    };
  const body = path === '/erp5/ERP5Site_isReady' ? '1' : '<html><body>Practice master</body></html>';
  return { exit: 0, out: `HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n${body}` };
}
