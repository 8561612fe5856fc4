// The interface's global IPv6 addresses: SlapOS derives every partition's address from the interface's prefix.
// Added beside the settings of whoever manages the interface (networkd, ifupdown), guarded: taken back by the machine itself
// unless we reach it again.
import { z } from 'zod';
import { isGlobalIpv6, parseRange } from '../../../src-shared/address.ts';
import type { Command } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import {
  addressesIn,
  applyArgv,
  evidenceArgv,
  managerProbes,
  type NetworkManager,
  networkSettings,
  settingsMark,
  settingsText,
} from '../../target/network-settings.ts';
import { parseAddresses } from '../../target/system.ts';

export const setAddresses = defineStep({
  id: 'set-addresses',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [{ step: 'preflight', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** The machine's own global IPv6 addresses with their lengths, as they are now: none of partitions. */
    present: z.array(z.string()),
    /** Those of them that are there again after a start: in the settings of who manages the interface, or given by the network. */
    lasting: z.array(z.string()),
    /** Who manages the interface; null when it is nobody we can write for. */
    manager: z.enum(['networkd', 'ifupdown']).nullable(),
    /** Our file beside the settings; empty when there is no place for one. */
    path: z.string(),
    dropIn: z.string().nullable(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const first = await world.probe(machine.name, [
      { id: 'addresses', kind: 'run', argv: ['ip', '-j', '-6', 'addr', 'show', 'dev', machine.interface] },
      ...managerProbes(machine.interface),
    ]);
    const { manager, path, settled, partitions } = networkSettings(first);
    const shown = first.addresses?.out ?? '';
    const all = parseAddresses(shown).filter((text) => {
      const range = parseRange(text);
      return range !== null && isGlobalIpv6(range);
    });
    const ofPartitions = amongThem(all, partitions);
    const present = all.filter((text) => !ofPartitions.includes(text));
    const again = settled === null ? present : [...settled, ...parseAddresses(shown, 'lent')];
    const dropIn =
      path === '' ? undefined : (await world.probe(machine.name, [{ id: 'dropIn', kind: 'read', path }])).dropIn;
    return {
      present,
      lasting: amongThem(present, again),
      manager,
      path,
      dropIn: dropIn?.exit === 0 ? dropIn.out : null,
    };
  },
  found: ({ present, lasting }, context) => {
    const { interface: name } = machineOfSubject(context);
    return [
      present.length === 0
        ? says('set-addresses', 'found.none', { interface: name })
        : says('set-addresses', 'found.present', { interface: name, addresses: present.join(', ') }),
      ...fleetingOf(present, lasting).map((address) => says('set-addresses', 'found.fleeting', { address })),
    ];
  },
  verdict: (facts, context) => {
    const machine = machineOfSubject(context);
    const missing = missingOf(machine.addresses, facts.lasting);
    if (missing.length === 0 && facts.lasting.length > 0) return done();
    const fleeting = fleetingOf(facts.present, facts.lasting);
    if (machine.addresses.length === 0 && fleeting.length > 0) {
      const told = finding('target-addresses-fleeting', {
        machine: machine.name,
        interface: machine.interface,
        addresses: fleeting.toSorted().join(', '),
      });
      return context.earlier.skipped.includes(told.code) ? done(told) : blocked(told);
    }
    if (machine.addresses.length === 0)
      return blocked(finding('target-addresses-unmanaged', { machine: machine.name, interface: machine.interface }));
    return facts.manager === null || facts.path === ''
      ? blocked(finding('target-addresses-unmanaged', { machine: machine.name, interface: machine.interface }))
      : todo();
  },
  plan: ({ manager, path, dropIn, present, lasting }, context) => {
    const machine = machineOfSubject(context);
    const on = { machine: machine.name };
    if (manager === null || missingOf(machine.addresses, lasting).length === 0) return [];
    const device = machine.interface;
    const missing = missingOf(machine.addresses, present);
    const settle: Extract<Command, { kind: 'run' | 'write' }>[] = [
      runs(on, ['install', '-d', '-m', '0755', folderOf(path)]),
      { kind: 'write', on, path, text: settingsText(manager, device, machine.addresses), mode: 0o644, before: dropIn },
    ];
    // They are there, and would not be after a start. Nothing has to be applied: that would take away what slapos put there itself.
    if (missing.length === 0)
      return settle.map((command) => ({ ...command, note: says('set-addresses', 'does.settle') }));
    return [
      {
        kind: 'guard',
        on,
        commands: [
          ...settle,
          ...applyArgv(manager, device, { added: missing, taken: [] }).map((argv) => runs(on, argv)),
        ],
        undo: [fileAsBefore(path, dropIn), again(manager, device, { added: [], taken: missing })].join('; '),
        confirmWithinMs: 120_000,
        note: says('set-addresses', 'does.guard', { seconds: 120 }),
      },
      {
        kind: 'until',
        on,
        probe: {
          id: 'addresses',
          kind: 'run',
          argv: ['ip', '-j', '-6', 'addr', 'show', 'dev', machine.interface, 'scope', 'global', '-tentative'],
        },
        wanted: {
          exit: 0,
          pattern: machine.addresses.map((address) => `(?=[\\s\\S]*"${address.split('/')[0]}")`).join(''),
        },
        everyMs: 1000,
        limitMs: 30_000,
        awaited: says('set-addresses', 'waits.addresses', { addresses: machine.addresses.join(', ') }),
        evidence: [{ id: 'status', kind: 'run', argv: [...evidenceArgv(manager, device)] }],
      },
    ];
  },
  undo: {
    plan: ({ manager, path, dropIn }, context, known) => {
      const machine = machineOfSubject(context);
      const was = known?.dropIn ?? null;
      if (manager === null || dropIn === null || dropIn === was || !dropIn.startsWith(settingsMark)) return [];
      const on = { machine: machine.name };
      const device = machine.interface;
      const kept = addressesIn(was ?? '');
      const ours = addressesIn(dropIn).filter((address) => !kept.includes(address));
      return [
        {
          kind: 'guard',
          on,
          commands: [
            ...(was === null
              ? [
                  runs(on, ['rm', '-f', path]),
                  ...(manager === 'networkd'
                    ? [runs(on, ['rmdir', '--ignore-fail-on-non-empty', folderOf(path)])]
                    : []),
                ]
              : [{ kind: 'write' as const, on, path, text: was, mode: 0o644, before: dropIn }]),
            ...applyArgv(manager, device, { added: [], taken: ours }).map((argv) => runs(on, argv)),
          ],
          undo: [
            `install -d -m 0755 '${folderOf(path)}'`,
            fileAsBefore(path, dropIn),
            again(manager, device, { added: ours, taken: [] }),
          ].join('; '),
          confirmWithinMs: 120_000,
          note: says('set-addresses', 'does.restore', { seconds: 120 }),
        },
      ];
    },
    stays: () => [],
  },
});

const runs = (on: { machine: string }, argv: readonly string[]): Extract<Command, { kind: 'run' }> => ({
  kind: 'run',
  on,
  argv: [...argv],
  limitMs: 30_000,
});

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** Shell text that puts our file back as it was; base64, so that nothing in it can mean something to the shell. */
const fileAsBefore = (path: string, text: string | null): string =>
  text === null
    ? `rm -f '${path}'${path.endsWith('.conf') ? `; rmdir '${folderOf(path)}'` : ''}`
    : `echo ${Buffer.from(text).toString('base64')} | base64 -d > '${path}'`;

/** The same as shell text. */
const again = (manager: NetworkManager, device: string, change: Parameters<typeof applyArgv>[2]): string =>
  applyArgv(manager, device, change)
    .map((argv) => argv.map((word, index) => (index > 1 && word === device ? `'${word}'` : word)).join(' '))
    .join('; ');

/** Those of `addresses` that are among the others, compared as numbers. */
const amongThem = (addresses: readonly string[], others: readonly string[]): string[] => {
  const values = new Set(others.map((text) => parseRange(text.includes('/') ? text : `${text}/128`)?.value));
  return addresses.filter((text) => values.has(parseRange(text)?.value));
};

/** Gone after the next start. */
const fleetingOf = (present: readonly string[], lasting: readonly string[]): readonly string[] =>
  present.filter((text) => !lasting.includes(text));

/** Wanted addresses that are not there, compared as numbers. */
const missingOf = (wanted: readonly string[], present: readonly string[]): readonly string[] => {
  const values = new Set(present.map((text) => parseRange(text)?.value));
  return wanted.filter((text) => !values.has(parseRange(text)?.value));
};
