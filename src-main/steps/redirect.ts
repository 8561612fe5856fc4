// Ports of a machine's own addresses, sent to a partition where a server is: port 80 to the master, 80 and 443 to the frontend.
// Rules of a table of our own only: nothing of anybody else is read, changed or flushed. One definition for the steps and for
// the unit that keeps the rules when addresses change. Pure.
import { parseAddress } from '../../src-shared/address.ts';
import type { Machine } from '../../src-shared/site.ts';
import type { CommandOf } from '../../src-shared/step.ts';
import type { Answer, Command, Probe, Told } from '../runbook/define.ts';
import { run } from '../runbook/define.ts';
import { frontendAddressesText, frontendPorts, listeningText, ownAddressesText } from '../target/own-addresses.ts';
import { registryPort } from '../target/re6st.ts';
import { slaposPythonPath, slapproxyProgramPath } from '../target/slapproxy.ts';
import { parseAddresses } from '../target/system.ts';
import {
  type KeptUnit,
  type UnitFacts,
  unitCommands,
  unitFactsOf,
  unitProbes,
  unitRemoval,
  unitStands,
  unitUndo,
} from './units.ts';

const confirmWithinMs = 120_000;

/** `ip` and `ip6`, as nftables calls them. */
const families = ['ip', 'ip6'] as const;
type Family = (typeof families)[number];

interface Redirection {
  /** Name of the table, one in each family. */
  readonly table: string;
  readonly unit: string;
  readonly description: string;
  /** The families it leads in. Where neither end has an address of the second one, that one is left out. */
  readonly families: readonly [Family, ...Family[]];
  /** Addresses at which packets arrive besides the machine's own, by family. */
  readonly at: Readonly<Partial<Record<Family, readonly string[]>>>;
  readonly device: string;
  /** Text for sh that sets `ip` and `ip6` to the server's addresses, each empty when there is none, and whatever `to` names. */
  readonly find: string;
  readonly ports: readonly { readonly protocol: 'tcp' | 'udp'; readonly from: number; readonly to: string }[];
}

export const redirectTable = 'fieldkit_master';
export const frontendTable = 'fieldkit_frontend';

/** Port 80 to the master's web server, which speaks IPv4. */
export const masterRedirection = ({ interface: device }: Machine, instance: string): Redirection => ({
  table: redirectTable,
  unit: 'fieldkit-redirect-master',
  description: 'SlapOS Field Kit leads port 80 to the master',
  families: ['ip'],
  at: {},
  device,
  find: `python=$(${slaposPythonPath})
to=$("$python" ${slapproxyProgramPath} address ${instance})
case "$to" in *[!0-9.:]* | '') exit 1 ;; esac
ip=\${to%:*} port=\${to##*:} ip6=
`,
  ports: [{ protocol: 'tcp', from: 80, to: '$port' }],
});

/** Ports 80 and 443 to the frontend's partition, also what comes over UDP. */
export const frontendRedirection = (
  { interface: device }: Machine,
  publicAddresses: readonly string[],
): Redirection => ({
  table: frontendTable,
  unit: 'fieldkit-redirect-frontend',
  description: 'SlapOS Field Kit leads ports 80 and 443 to the frontend',
  families: ['ip', 'ip6'],
  at: {
    ip: publicAddresses.filter((address) => !address.includes(':')),
    ip6: publicAddresses.filter((address) => address.includes(':')),
  },
  device,
  find: `found=$(${frontendAddressesText})
ip=$(echo "$found" | grep -v : | head -n 1) ip6=$(echo "$found" | grep : | head -n 1)
`,
  ports: [
    { protocol: 'tcp', from: 80, to: String(frontendPorts.plain) },
    { protocol: 'tcp', from: 443, to: String(frontendPorts.encrypted) },
    { protocol: 'udp', from: 443, to: String(frontendPorts.encrypted) },
  ],
});

/**
 * The registry of re6st at its machine's own address: a machine that is not in the network yet, or has just started, finds it there
 * also when the partition's address lies inside the network.
 */
export const registryRedirection = ({ interface: device }: Pick<Machine, 'interface'>): Redirection => ({
  table: 'fieldkit_registry',
  unit: 'fieldkit-redirect-registry',
  description: 'SlapOS Field Kit leads port 9026 to the registry of re6st',
  families: ['ip6'],
  at: {},
  device,
  find: `ip= ip6=$(${listeningText(registryPort)} | grep : | head -n 1)
`,
  ports: [{ protocol: 'tcp', from: registryPort, to: String(registryPort) }],
});

// ---------------------------------------------------------------- the machine's own addresses

/** The machine's own IPv4 addresses: those of partitions are single ones. */
export const ownAddresses = (ipJson: string): readonly string[] =>
  parseAddresses(ipJson)
    .filter((text) => !text.includes(':') && !text.endsWith('/32'))
    .map((text) => text.slice(0, text.indexOf('/')))
    .sort();

/** Addresses that such a text printed; what is none, and more than anybody has, is left out. */
export const printedAddresses = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => parseAddress(line) !== null)
    .slice(0, 32);

// ---------------------------------------------------------------- the unit

const tableText = ({ table, ports }: Redirection, family: Family): string => {
  const to = family === 'ip' ? '$ip' : '[$ip6]';
  const rules = ports
    .map(
      ({ protocol, from, to: port }) =>
        `    ${family} daddr { $own } ${protocol} dport ${from} dnat to ${to}:${port}\n`,
    )
    .join('');
  const chain = (hook: string): string => `  chain ${hook} {
    type nat hook ${hook} priority -100; policy accept;
${rules}  }
`;
  return `table ${family} ${table} {
}
delete table ${family} ${table}
table ${family} ${table} {
${chain('prerouting')}${chain('output')}}
`;
};

const familyText = (of: Redirection, family: Family): string => {
  const named = of.at[family] ?? [];
  const own = ownAddressesText(of.device, family);
  // What a router forwards arrives at the machine's own address, whatever address it was sent to.
  const all = named.length === 0 ? own : `{ printf '%s\\n' ${named.join(' ')}; ${own}; } | LC_ALL=C sort -u`;
  return `own=$(${all} | paste -s -d ,)
if [ -n "$${family}" ] && [ -n "$own" ]; then
  led=yes
  # One transaction: either the new rules stand, or the old ones do.
  nft -f - <<RULES
${tableText(of, family)}RULES
fi
`;
};

/** Finds the server and our addresses anew each minute: both may change with a reboot. */
export const redirectUnit = (of: Redirection): KeptUnit => ({
  name: of.unit,
  description: of.description,
  program: `# Written by SlapOS Field Kit. Leads ports of this machine's own addresses to a server inside it.
set -eu
${of.find}led=
${of.families.map((family) => familyText(of, family)).join('')}[ -n "$led" ]
`,
  limits: ['CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH'],
});

// ---------------------------------------------------------------- what stands of it

export interface RedirectFacts extends UnitFacts {
  /** Where our rules lead: `ip tcp 80 10.0.1.2:2200`, each once for each chain. */
  readonly rules: readonly string[];
  /** Families in which our table is there, whatever is left in it. */
  readonly tables: readonly string[];
}

/** `dnat to` of each rule in a listing of one of our tables. */
export const redirectRules = (listing: string): readonly string[] =>
  [...listing.matchAll(/^\s*(ip6?) daddr .* (tcp|udp) dport (\d+) dnat to (\S+)/gm)].map(([, ...words]) =>
    words.join(' '),
  );

export const redirectProbes = (of: Redirection): readonly Probe[] => [
  ...unitProbes(redirectUnit(of)),
  ...of.families.map(
    (family): Probe => ({ id: `rules ${family}`, kind: 'run', argv: ['nft', 'list', 'table', family, of.table] }),
  ),
];

export const redirectFactsOf = (
  of: Redirection,
  answers: Readonly<Record<string, Answer>>,
): UnitFacts & { rules: string[]; tables: string[] } => ({
  ...unitFactsOf(answers),
  rules: of.families.flatMap((family) => {
    const answer = answers[`rules ${family}`];
    return answer?.exit === 0 ? [...redirectRules(answer.out)] : [];
  }),
  tables: of.families.filter((family) => answers[`rules ${family}`]?.exit === 0),
});

/**
 * The unit runs, and its rules lead where they should, in both chains.
 * @param to the server's addresses by family
 * @param ports by the text in `ports[].to`, where that is no number
 */
export function redirectStands(
  of: Redirection,
  facts: RedirectFacts,
  to: Readonly<Partial<Record<Family, string>>>,
  port?: string,
): boolean {
  const wanted = of.families.flatMap((family) => {
    const host = to[family];
    if (host === undefined) return [];
    const place = family === 'ip' ? host : `[${host}]`;
    return of.ports.map(({ protocol, from, to: target }) => `${family} ${protocol} ${from} ${place}:${port ?? target}`);
  });
  return (
    unitStands(redirectUnit(of), facts) &&
    wanted.length > 0 &&
    [...wanted, ...wanted].sort().join('\n') === [...facts.rules].sort().join('\n')
  );
}

/** Installs the unit and lets it write its rules, taken back by the machine unless it is reached again. */
export function guardedRedirect(
  machine: string,
  of: Redirection,
  facts: UnitFacts,
  note: (seconds: number) => Told,
): CommandOf<'guard'> {
  const unit = redirectUnit(of);
  return {
    kind: 'guard',
    on: { machine },
    commands: [...unitCommands(machine, unit, facts)],
    undo: [unitUndo(unit), ...of.families.map((family) => `nft delete table ${family} ${of.table}`)].join('; '),
    confirmWithinMs,
    note: note(confirmWithinMs / 1000),
  };
}

/** What tells why a redirection does not answer. */
export const redirectEvidence = (of: Redirection): Probe[] => [
  ...of.families.map(
    (family): Probe => ({ id: `rules ${family}`, kind: 'run', argv: ['nft', 'list', 'table', family, of.table] }),
  ),
  { id: 'unit', kind: 'run', argv: ['journalctl', '--no-pager', '-n', '30', '-u', `${of.unit}.service`] },
  { id: 'status', kind: 'run', argv: ['systemctl', 'status', '--no-pager', `${of.unit}.timer`] },
];

/** Takes unit and tables away, also one that somebody emptied; none when nothing of them is there. */
export const redirectRemoval = (machine: string, of: Redirection, facts: RedirectFacts): readonly Command[] => [
  ...unitRemoval(machine, redirectUnit(of), facts),
  ...of.families
    .filter((family) => facts.tables.includes(family))
    .map((family) => run(machine, ['nft', 'delete', 'table', family, of.table])),
];
