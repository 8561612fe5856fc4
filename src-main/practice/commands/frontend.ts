// The practice site's frontend as steps look at it: where it listens, what it shows to whom, and which names lead to it.
// Used by commands/index.ts. Forms of the outputs are those of Debian 12.
import { httpsSightArgv } from '../../target/https.ts';
import { frontendAddressesText, ownAddressesText } from '../../target/own-addresses.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { ownIpv4, ownIpv6 } from './network.ts';
import { leads, listening } from './redirect.ts';

const [, , sightScript = ''] = httpsSightArgv('', 0, '');
const lines = (all: readonly string[]): Outcome => ({ exit: 0, out: all.map((line) => `${line}\n`).join('') });

/** The scripts that find addresses and look at HTTPS; null for any other. */
export async function frontendScript(call: Call): Promise<Outcome | null> {
  const { argv, state } = call;
  const [, , script = ''] = argv;
  if (script === sightScript) return sight(call);
  if (script === frontendAddressesText) return lines(listening(call));
  if (script === 'ls /run/dhclient*.pid /run/resolvconf/interface/* 2>/dev/null') return { exit: 2 };
  const [four, six] = (['ip', 'ip6'] as const).map((family) =>
    script.includes(ownAddressesText(state.made.interface, family)),
  );
  if (!four && !six) return null;
  return lines([...(four ? [ownIpv4(state)] : []), ...(six ? ownIpv6(state) : [])]);
}

/** What port 443 shows at an address of any machine of the site: every one reaches every other. */
async function sight(call: Call): Promise<Outcome> {
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(call.argv[4] ?? '') ?? [];
  for (const { name } of call.site.machines) {
    const state = await call.neighbour(name);
    if (state === null || !leads({ ...call, state }, 'fieldkit_frontend', address, Number(port))) continue;
    const fingerprint = String(state.requested?.parameters.fingerprint ?? '');
    return lines([
      `sha256 Fingerprint=${fingerprint.toUpperCase().match(/../g)?.join(':') ?? ''}`,
      'HTTP/1.1 404 Not Found',
    ]);
  }
  return { exit: 0 };
}

/** `getent ahosts NAME`: only the site's own name server knows the names below the domain. */
export function lookedUp({ state, site }: Call, name: string): Outcome {
  const [server] = /(?<=^nameserver )\S+/m.exec(fileText(state, '/etc/resolv.conf') ?? '') ?? [];
  if (site.dns === null || server !== site.dns) return { exit: 2 };
  return lines([ownIpv4(state), ...ownIpv6(state)].flatMap((one) => [`${one} STREAM ${name}`, `${one} DGRAM `]));
}
