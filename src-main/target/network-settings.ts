// Who manages an interface on a machine, and how addresses are added to its settings so that they stay after a start.
// Called by set-addresses. Pure; files of others are never edited: what is added lies in a file of our own beside them.
import { parseRange } from '../../src-shared/address.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';

/** `networkd`: systemd-networkd, also where netplan wrote its files. `ifupdown`: /etc/network/interfaces. */
export type NetworkManager = 'networkd' | 'ifupdown';

export interface NetworkSettings {
  /** null: another program, or none. */
  readonly manager: NetworkManager | null;
  /** The file of our own that adds to the interface's settings; empty when there is no place for one. */
  readonly path: string;
  /**
   * IPv6 addresses in the settings of whoever manages the interface: these are there again after a start. null when nobody known does:
   * then it cannot be told.
   */
  readonly settled: readonly string[] | null;
  /** IPv6 addresses of partitions: slapos sets them itself, hourly and after each start. */
  readonly partitions: readonly string[];
}

/**
 * Prints the settings of interface $1 as its manager reads them, behind a line that names it: systemd-networkd (also what netplan and
 * cloud-init wrote for it), ifupdown, NetworkManager. Nothing of that where none of them manages it. At the end what partitions hold.
 * A file may end without a line feed: every such line brings its own.
 */
export const settingsScript = `exec 2>/dev/null
mark() { printf "\\n@%s\\n" "$1"; }
file=$(networkctl status --no-pager --lines=0 "$1" | sed -n "s/^ *Network File: \\(.*\\.network\\)$/\\1/p")
if [ -f "$file" ]; then
  mark networkd
  cat "$file"
  for folder in /etc /run /usr/local/lib /usr/lib; do cat "$folder/systemd/network/\${file##*/}.d/"*.conf; done
fi
if [ -n "$(ifquery --state "$1")" ]; then mark ifupdown; ifquery "$1"; fi
name=$(nmcli -e no -g GENERAL.CONNECTION device show "$1")
if [ -n "$name" ]; then mark NetworkManager; nmcli -e no -g ipv6.addresses connection show "$name"; fi
mark partitions; cat /srv/slapgrid/slappart*/.slapos-resource
exit 0`;

export const managerProbes = (device: string): readonly Probe[] => [
  { id: 'status', kind: 'run', argv: ['networkctl', 'status', '--no-pager', '--lines=0', device] },
  // Answers `host0=host0` for an interface that ifupdown has brought up.
  { id: 'ifstate', kind: 'run', argv: ['ifquery', '--state', device] },
  { id: 'interfaces', kind: 'read', path: '/etc/network/interfaces' },
  { id: 'settings', kind: 'run', argv: ['sh', '-c', settingsScript, 'sh', device] },
];

/** From the answers to `managerProbes`. */
export function networkSettings(answers: Readonly<Record<string, Answer>>): NetworkSettings {
  const [settings = '', resources = ''] = (answers.settings?.out ?? '').split(/^@partitions$/m);
  const settled = /^@/m.test(settings) ? addressWords(settings) : null;
  const partitions = addressWords(resources);
  const networkFile = /^\s*Network File: (\S+\.network)$/m.exec(answers.status?.out ?? '')?.[1] ?? '';
  if (networkFile !== '') {
    const name = networkFile.slice(networkFile.lastIndexOf('/') + 1);
    return { manager: 'networkd', path: `/etc/systemd/network/${name}.d/fieldkit.conf`, settled, partitions };
  }
  if (answers.ifstate?.exit !== 0 || answers.ifstate.out.trim() === '')
    return { manager: null, path: '', settled, partitions };
  // interfaces(5): `source` with a pattern, or `source-directory`; a name of letters alone is taken by both.
  const sourced = /^[ \t]*source(-directory)?[ \t]+(\/etc\/network\/)?interfaces\.d(\/\*)?\/?[ \t]*$/m.test(
    answers.interfaces?.out ?? '',
  );
  return { manager: 'ifupdown', path: sourced ? '/etc/network/interfaces.d/fieldkit' : '', settled, partitions };
}

/** Whatever looks like an IPv6 address, outside comments. */
const addressWords = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => !/^\s*[#;]/.test(line))
    .flatMap((line) => line.match(/[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/g) ?? [])
    .filter((word) => parseRange(`${word}/128`) !== null);

/** The first line of every file of ours. */
export const settingsMark = '# Addresses of the site plan, written by SlapOS Field Kit.';

/**
 * The text of our file. systemd.network(5) takes one section an address. For ifupdown the addresses are added by commands of a
 * stanza that does nothing else: its static method would also switch off the address the network gives (interfaces(5), `autoconf`).
 */
export function settingsText(manager: NetworkManager, device: string, addresses: readonly string[]): string {
  const lines =
    manager === 'networkd'
      ? addresses.map((address) => `[Address]\nAddress=${address}\n`)
      : [
          `iface ${device} inet6 manual\n`,
          ...addresses.map((address) => `    up ip -6 address replace ${address} dev ${device}\n`),
          ...addresses.map((address) => `    down ip -6 address del ${address} dev ${device} || true\n`),
        ];
  return `${settingsMark}\n${lines.join('')}`;
}

/** The addresses a file of ours adds. */
export const addressesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^(?:Address=| +up ip -6 address replace )(\S+)/gm)].map(([, address]) => address ?? '');

/** What makes the settings hold now: `added` are there afterwards, `taken` are not. Only the interface itself is touched. */
export function applyArgv(
  manager: NetworkManager,
  device: string,
  change: { readonly added: readonly string[]; readonly taken: readonly string[] },
): readonly (readonly string[])[] {
  if (manager === 'networkd')
    return [
      ['networkctl', 'reload'],
      ['networkctl', 'reconfigure', device],
    ];
  return [
    // Taking an interface down and up again would cut our own line: the files are checked as the next start reads them.
    ['ifquery', device],
    ...change.added.map((address) => ['ip', '-6', 'address', 'replace', address, 'dev', device]),
    ...change.taken.map((address) => ['ip', '-6', 'address', 'del', address, 'dev', device]),
  ];
}

/** What is shown when the addresses do not come. */
export const evidenceArgv = (manager: NetworkManager, device: string): readonly string[] =>
  manager === 'networkd' ? ['networkctl', 'status', '--no-pager', device] : ['ip', 'address', 'show', 'dev', device];
