// Port 80 of a master's own addresses, sent to the partition where its web server is. Rules of our own table only: nothing of
// anybody else is read, changed or flushed. One definition for the step and the unit. Pure.
import type { Machine } from '../../src-shared/site.ts';
import { slaposPythonPath, slapproxyProgramPath } from '../target/slapproxy.ts';
import { parseAddresses } from '../target/system.ts';
import type { KeptUnit } from './units.ts';

export const redirectTable = 'fieldkit_master';

/** The machine's own IPv4 addresses: those of partitions are single ones. */
export const ownAddresses = (ipJson: string): readonly string[] =>
  parseAddresses(ipJson)
    .filter((text) => !text.includes(':') && !text.endsWith('/32'))
    .map((text) => text.slice(0, text.indexOf('/')))
    .sort();

/** `dnat to` of each rule in a listing of our table. */
export const redirectTargets = (listing: string): readonly string[] =>
  [...listing.matchAll(/\bdnat to (\S+)/g)].map(([, target]) => target ?? '');

/** Finds the web server and our addresses anew each minute: both may change with a reboot. */
export const redirectUnit = ({ interface: device }: Machine, instance: string): KeptUnit => ({
  name: 'fieldkit-redirect-master',
  description: 'SlapOS Field Kit leads port 80 to the master',
  program: `# Written by SlapOS Field Kit. Leads port 80 of this machine's own addresses to the master's web server.
set -eu
python=$(${slaposPythonPath})
to=$("$python" ${slapproxyProgramPath} address ${instance})
case "$to" in *[!0-9.:]* | '') exit 1 ;; esac
own=$(ip -4 -o addr show dev '${device}' scope global | sed -n 's|.* inet \\([0-9.]*\\)/\\([0-9]*\\) .*|\\1/\\2|p' | sed '/\\/32$/d; s|/.*||' | paste -s -d ,)
[ -n "$own" ] || exit 1
# One transaction: either the new rules stand, or the old ones do.
nft -f - <<RULES
table ip ${redirectTable} {
}
delete table ip ${redirectTable}
table ip ${redirectTable} {
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    ip daddr { $own } tcp dport 80 dnat to $to
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr { $own } tcp dport 80 dnat to $to
  }
}
RULES
`,
  limits: ['CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH'],
});
