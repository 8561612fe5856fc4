// The interface's global IPv6 addresses: SlapOS derives every partition's address from the interface's prefix.
// Written as a drop-in of systemd-networkd, guarded: taken back by the machine itself unless we reach it again.
import { z } from 'zod';
import { isGlobalIpv6, parseRange } from '../../../src-shared/address.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { parseAddresses } from '../../target/system.ts';

export const setAddresses = defineStep({
  id: 'set-addresses',
  chapter: 'machine',
  phase: 'site',
  per: machines('master', 'node'),
  after: [{ step: 'preflight', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** Global IPv6 addresses with their lengths, as they are now. */
    present: z.array(z.string()),
    /** The networkd file that manages the interface, empty when another program does. */
    networkFile: z.string(),
    dropIn: z.string().nullable(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const first = await world.probe(machine.name, [
      { id: 'addresses', kind: 'run', argv: ['ip', '-j', '-6', 'addr', 'show', 'dev', machine.interface] },
      { id: 'status', kind: 'run', argv: ['networkctl', 'status', '--no-pager', '--lines=0', machine.interface] },
    ]);
    const networkFile = /^\s*Network File: (\S+\.network)$/m.exec(first.status?.out ?? '')?.[1] ?? '';
    const dropIn =
      networkFile === ''
        ? undefined
        : (await world.probe(machine.name, [{ id: 'dropIn', kind: 'read', path: dropInPath(networkFile) }])).dropIn;
    return {
      present: parseAddresses(first.addresses?.out ?? '').filter((text) => {
        const range = parseRange(text);
        return range !== null && isGlobalIpv6(range);
      }),
      networkFile,
      dropIn: dropIn?.exit === 0 ? dropIn.out : null,
    };
  },
  found: ({ present }, context) => {
    const { interface: name } = machineOfSubject(context);
    return [
      present.length === 0
        ? says('set-addresses', 'found.none', { interface: name })
        : says('set-addresses', 'found.present', { interface: name, addresses: present.join(', ') }),
    ];
  },
  verdict: (facts, context) => {
    const machine = machineOfSubject(context);
    const missing = missingOf(machine.addresses, facts.present);
    if (missing.length === 0 && facts.present.length > 0) return done();
    if (machine.addresses.length === 0)
      return blocked(finding('target-addresses-unmanaged', { machine: machine.name, interface: machine.interface }));
    return facts.networkFile === ''
      ? blocked(finding('target-addresses-unmanaged', { machine: machine.name, interface: machine.interface }))
      : todo();
  },
  plan: ({ networkFile, dropIn }, context) => {
    const machine = machineOfSubject(context);
    const path = dropInPath(networkFile);
    const on = { machine: machine.name };
    return [
      {
        kind: 'guard',
        on,
        commands: [
          { kind: 'run', on, argv: ['install', '-d', '-m', '0755', folderOf(path)], limitMs: 30_000 },
          { kind: 'write', on, path, text: dropInText(machine.addresses), mode: 0o644, before: dropIn },
          { kind: 'run', on, argv: ['networkctl', 'reload'], limitMs: 30_000 },
          { kind: 'run', on, argv: ['networkctl', 'reconfigure', machine.interface], limitMs: 30_000 },
        ],
        undo: `${before(path, dropIn)}; networkctl reload; networkctl reconfigure '${machine.interface}'`,
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
        wanted: { exit: 0, pattern: machine.addresses.map((address) => `(?=[^]*"${address.split('/')[0]}")`).join('') },
        everyMs: 1000,
        limitMs: 30_000,
        awaited: says('set-addresses', 'waits.addresses', { addresses: machine.addresses.join(', ') }),
        evidence: [{ id: 'status', kind: 'run', argv: ['networkctl', 'status', '--no-pager', machine.interface] }],
      },
    ];
  },
  undo: {
    plan: ({ networkFile, dropIn }, context, known) => {
      const machine = machineOfSubject(context);
      const was = known?.dropIn ?? null;
      if (dropIn === null || dropIn === was || !dropIn.startsWith(ourMark)) return [];
      const on = { machine: machine.name };
      const path = dropInPath(networkFile);
      const again = `networkctl reload; networkctl reconfigure '${machine.interface}'`;
      return [
        {
          kind: 'guard',
          on,
          commands: [
            ...(was === null
              ? [
                  { kind: 'run' as const, on, argv: ['rm', '-f', path], limitMs: 30_000 },
                  {
                    kind: 'run' as const,
                    on,
                    argv: ['rmdir', '--ignore-fail-on-non-empty', folderOf(path)],
                    limitMs: 30_000,
                  },
                ]
              : [{ kind: 'write' as const, on, path, text: was, mode: 0o644, before: dropIn }]),
            { kind: 'run', on, argv: ['networkctl', 'reload'], limitMs: 30_000 },
            { kind: 'run', on, argv: ['networkctl', 'reconfigure', machine.interface], limitMs: 30_000 },
          ],
          undo: `install -d -m 0755 '${folderOf(path)}'; ${before(path, dropIn)}; ${again}`,
          confirmWithinMs: 120_000,
          note: says('set-addresses', 'does.restore', { seconds: 120 }),
        },
      ];
    },
    stays: () => [],
  },
});

const ourMark = '# Addresses of the site plan, written by SlapOS Field Kit.';

const dropInPath = (networkFile: string): string =>
  `/etc/systemd/network/${networkFile.slice(networkFile.lastIndexOf('/') + 1)}.d/fieldkit.conf`;

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** Shell text that puts the drop-in back as it was; base64, so that nothing in it can mean something to the shell. */
const before = (path: string, text: string | null): string =>
  text === null
    ? `rm -f '${path}'; rmdir '${folderOf(path)}'`
    : `echo ${Buffer.from(text).toString('base64')} | base64 -d > '${path}'`;

const dropInText = (addresses: readonly string[]): string =>
  `${ourMark}\n${addresses.map((address) => `[Address]\nAddress=${address}\n`).join('')}`;

/** Wanted addresses that are not there, compared as numbers. */
const missingOf = (wanted: readonly string[], present: readonly string[]): readonly string[] => {
  const values = new Set(present.map((text) => parseRange(text)?.value));
  return wanted.filter((text) => !values.has(parseRange(text)?.value));
};
