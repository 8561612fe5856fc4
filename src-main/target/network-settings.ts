// Who manages an interface on a machine, and how addresses are added to its settings so that they stay after a start.
// Called by set-addresses. Pure; files of others are never edited: what is added lies in a file of our own beside them.
import type { Answer, Probe } from '../../src-shared/step.ts';

/** `networkd`: systemd-networkd, also where netplan wrote its files. `ifupdown`: /etc/network/interfaces. */
export type NetworkManager = 'networkd' | 'ifupdown';

export interface NetworkSettings {
  /** null: another program, or none. */
  readonly manager: NetworkManager | null;
  /** The file of our own that adds to the interface's settings; empty when there is no place for one. */
  readonly path: string;
}

export const managerProbes = (device: string): readonly Probe[] => [
  { id: 'status', kind: 'run', argv: ['networkctl', 'status', '--no-pager', '--lines=0', device] },
  // Answers `host0=host0` for an interface that ifupdown has brought up.
  { id: 'ifstate', kind: 'run', argv: ['ifquery', '--state', device] },
  { id: 'interfaces', kind: 'read', path: '/etc/network/interfaces' },
];

/** From the answers to `managerProbes`. */
export function networkSettings(answers: Readonly<Record<string, Answer>>): NetworkSettings {
  const networkFile = /^\s*Network File: (\S+\.network)$/m.exec(answers.status?.out ?? '')?.[1] ?? '';
  if (networkFile !== '') {
    const name = networkFile.slice(networkFile.lastIndexOf('/') + 1);
    return { manager: 'networkd', path: `/etc/systemd/network/${name}.d/fieldkit.conf` };
  }
  if (answers.ifstate?.exit !== 0 || answers.ifstate.out.trim() === '') return { manager: null, path: '' };
  // interfaces(5): `source` with a pattern, or `source-directory`; a name of letters alone is taken by both.
  const sourced = /^[ \t]*source(-directory)?[ \t]+(\/etc\/network\/)?interfaces\.d(\/\*)?\/?[ \t]*$/m.test(
    answers.interfaces?.out ?? '',
  );
  return { manager: 'ifupdown', path: sourced ? '/etc/network/interfaces.d/fieldkit' : '' };
}

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
