// Moves the partitions of every machine into the re6st network: slapos takes their addresses from the machine's part of it. The
// nodes first, the registry's before the others, then the master; each is rebooted, as only a boot clears the old addresses away.
// Everything of before is kept on the machine itself before the first change: the way back. Must never keep it a second time.
import { z } from 'zod';
import { inRange, parseAddress, parseRange } from '../../../src-shared/address.ts';
import { problem } from '../../../src-shared/problem.ts';
import { type Machine, re6stMachines, type SitePlan } from '../../../src-shared/site.ts';
import type { Command } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machinesAmong, run, says, todo } from '../../runbook/define.ts';
import { re6stPaths, subnetOf } from '../../target/re6st.ts';
import {
  addressChange,
  changesArgv,
  forgetArgv,
  keepArgv,
  keptArgv,
  keptFiles,
  keptFolder,
  keptMark,
  parseChanges,
  parseKept,
  parsePartitions,
  partitionsArgv,
  placeArgv,
  processArgv,
  processedMark,
  putBackArgv,
  quietArgv,
  withNewAddresses,
} from '../../target/re6st-move.ts';
import { editConfig, parseConfig } from '../../target/slapos-config.ts';
import { slapos, slaposPaths } from '../slapos.ts';

/** The interface on which re6st puts the machine's part of the network. */
const re6stDevice = 'lo';

/** In the order in which they are moved. */
export const moveOrder = (plan: SitePlan): readonly Machine[] => {
  const all = re6stMachines(plan);
  return [
    ...all.filter(({ roles }) => !roles.includes('master')),
    ...all.filter(({ roles }) => roles.includes('master')),
  ];
};
/** The whole site is moved at once; its record stands with the master. */
export const siteInRe6st = machinesAmong(
  (plan) => re6stMachines(plan).filter(({ roles }) => roles.includes('master')),
  'master',
);

const machineFacts = z.strictObject({
  name: z.string(),
  /** Its part of the network, null while it has not joined. */
  subnet: z.string().nullable(),
  /** slapos.cfg, null while slapos is not configured. */
  config: z.string().nullable(),
  partitions: z.array(z.strictObject({ name: z.string(), addresses: z.array(z.string()) })),
  /** Configuration of before the move, null while nothing is kept. */
  kept: keptFiles,
  /** Its partitions' addresses, before and after the move. */
  changes: z.array(addressChange),
  /** Every partition was processed since. */
  processed: z.boolean(),
  /** Cron hands out the addresses at boot. */
  formatsAtBoot: z.boolean(),
});
type MachineFacts = z.infer<typeof machineFacts>;

export const moveToRe6st = defineStep({
  id: 'move-to-re6st',
  chapter: 're6st',
  phase: 'site',
  per: siteInRe6st,
  after: [{ step: 'join-re6st', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ machines: z.array(machineFacts) }),
  read: async (world, { site }) => {
    const machines: MachineFacts[] = [];
    for (const { name } of moveOrder(site)) {
      const answers = await world.probe(name, [
        { id: 'authority', kind: 'read', path: re6stPaths.authority },
        { id: 'certificate', kind: 'read', path: re6stPaths.certificate },
        { id: 'config', kind: 'read', path: slaposPaths.config },
        { id: 'complete', kind: 'stat', path: keptMark },
        { id: 'kept', kind: 'run', argv: [...keptArgv], as: 'root' },
        { id: 'changes', kind: 'run', argv: [...changesArgv], as: 'root' },
        { id: 'processed', kind: 'stat', path: processedMark },
        { id: 'partitions', kind: 'run', argv: [...partitionsArgv] },
        { id: 'boot', kind: 'run', argv: ['grep', '-q', '^@reboot', '/etc/cron.d/slapos-node'] },
      ]);
      const kept = parseKept(answers.kept?.exit === 0 ? answers.kept.out : '');
      // Not to know is not to have none: what is kept there would be left behind on the way back.
      if (kept === null && answers.complete?.exit === 0)
        throw problem('facts-unreadable', { machine: name, detail: keptFolder });
      const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
      machines.push({
        name,
        subnet: subnetOf(text('authority') ?? '', text('certificate') ?? ''),
        config: text('config'),
        partitions: parsePartitions(text('partitions') ?? '').map((one) => ({ ...one, addresses: [...one.addresses] })),
        kept,
        changes: [...parseChanges(text('changes') ?? '')],
        processed: answers.processed?.exit === 0,
        formatsAtBoot: answers.boot?.exit === 0,
      });
    }
    return { machines };
  },
  found: ({ machines }) =>
    machines.map((one) => {
      const outside = outsideOf(one).length;
      const count = one.partitions.length;
      if (one.subnet === null) return says('move-to-re6st', 'found.notJoined', { machine: one.name });
      return outside === 0 && isMoved(one)
        ? says('move-to-re6st', 'found.moved', { machine: one.name, count, subnet: one.subnet })
        : says('move-to-re6st', 'found.outside', { machine: one.name, count: outside, subnet: one.subnet });
    }),
  verdict: ({ machines }) => {
    for (const { name, subnet, config } of machines) {
      if (subnet === null)
        return blocked(finding('step-before-missing', { step: 'move-to-re6st', before: `join-re6st@machine:${name}` }));
      if (config === null) return blocked(finding('slapos-not-configured', { machine: name }));
    }
    return machines.every(isMoved) ? done() : todo();
  },
  plan: ({ machines }): readonly Command[] =>
    machines.flatMap((one): Command[] => {
      const { name, subnet, config } = one;
      if (subnet === null || config === null || isMoved(one)) return [];
      const process = run(name, processArgv(processedMark), {
        limitMs: 3_600_000,
        long: true,
        note: says('move-to-re6st', 'does.process', { machine: name }),
      });
      if (deviceIn(one) === re6stDevice && outsideOf(one).length === 0 && one.kept !== null)
        return [waitFor(name, 'in', subnet), process];
      return [
        run(name, [...quietArgv], {
          limitMs: 360_000,
          long: true,
          note: says('move-to-re6st', 'does.quiet', { machine: name }),
        }),
        run(name, keepArgv(slaposPaths.config, ...recordsOf(config)), {
          note: says('move-to-re6st', 'does.keep', { machine: name, path: keptFolder }),
        }),
        ...writeDevice(one, re6stDevice, says('move-to-re6st', 'does.device', { machine: name })),
        run(name, forgetArgv(...recordsOf(config)), { note: says('move-to-re6st', 'does.forget', { machine: name }) }),
        { kind: 'reboot', on: { machine: name }, limitMs: rebootMs },
        ...(one.formatsAtBoot ? [] : [formatted(one, subnet)]),
        waitFor(name, 'in', subnet),
        process,
      ];
    }),
  undo: {
    halfway: true,
    plan: ({ machines }) => [
      ...machines.flatMap((one) => keepBefore(one, machines)),
      ...machines.toReversed().flatMap((one): Command[] => {
        const { name, subnet, config, kept } = one;
        if (kept === null || config === null) return [];
        return [
          run(name, [...quietArgv], {
            limitMs: 360_000,
            long: true,
            note: says('move-to-re6st', 'does.quiet', { machine: name }),
          }),
          run(name, putBackArgv(...recordsOf(config)), {
            note: says('move-to-re6st', 'does.putBack', { machine: name }),
          }),
          { kind: 'reboot', on: { machine: name }, limitMs: rebootMs },
          ...(one.formatsAtBoot ? [] : [formatted(one, subnet ?? '')]),
          // Where re6st itself was taken away meanwhile there is no network to be out of.
          ...(subnet === null ? [] : [waitFor(name, 'out', subnet)]),
          run(name, processArgv(''), {
            limitMs: 3_600_000,
            long: true,
            note: says('move-to-re6st', 'does.process', { machine: name }),
          }),
          run(name, ['rm', '-rf', keptFolder]),
        ];
      }),
    ],
    stays: () => [says('move-to-re6st', 'stays.joined')],
  },
});

const rebootMs = 900_000;

const deviceOf = (config: string): string => parseConfig(config).get('slapformat', 'interface_name') ?? '';
const deviceIn = ({ config }: MachineFacts): string => (config === null ? '' : deviceOf(config));

/** Where slapos keeps which addresses it gave out, and its history. */
function recordsOf(config: string): readonly string[] {
  const record = parseConfig(config).get('slapformat', 'computer_xml') ?? '/opt/slapos/slapos.xml';
  return [record, `${record}.zip`];
}

/** Partitions with an IPv6 address outside the machine's part of the network, or with none. */
function outsideOf({ partitions, subnet }: MachineFacts): readonly string[] {
  const range = subnet === null ? null : parseRange(subnet);
  return partitions
    .filter(({ addresses }) => {
      const six = addresses.filter((text) => text.includes(':'));
      return !six.some((text) => {
        const address = parseAddress(text);
        return address !== null && range !== null && inRange(address, range);
      });
    })
    .map(({ name }) => name);
}

const isMoved = (one: MachineFacts): boolean =>
  deviceIn(one) === re6stDevice &&
  one.partitions.length > 0 &&
  outsideOf(one).length === 0 &&
  (one.processed || one.kept === null);

function writeDevice(
  { name, config }: MachineFacts,
  device: string,
  note: ReturnType<typeof says>,
): readonly Command[] {
  if (config === null) return [];
  const text = editConfig(config, 'slapformat', { interface_name: device });
  return text === config
    ? []
    : [{ kind: 'write', on: { machine: name }, path: slaposPaths.config, text, before: config, mode: 0o644, note }];
}

/**
 * A machine that came after others had moved keeps a configuration that names where they went. It is changed to where they come
 * back to, before the first of them does: afterwards nobody knows any more which address was which.
 */
const keepBefore = (one: MachineFacts, all: readonly MachineFacts[]): readonly Command[] => {
  const back = all.flatMap(({ name, changes }) =>
    name === one.name
      ? []
      : changes.filter(({ was }) => was.includes(':')).map(({ was, now }) => ({ was: now, now: was })),
  );
  return (one.kept ?? []).flatMap(({ path, text: before, mode, owner }): Command[] => {
    const text = withNewAddresses(before, back);
    const note = says('move-to-re6st', 'does.keepBefore', { machine: one.name, path });
    return text === before ? [] : [{ kind: 'write', on: { machine: one.name }, path, text, before, mode, owner, note }];
  });
};

const inside = (machine: string, subnet: string) => says('move-to-re6st', 'waits.inside', { machine, subnet });
const outside = (machine: string, subnet: string) => says('move-to-re6st', 'waits.outside', { machine, subnet });

const waitFor = (machine: string, wanted: 'in' | 'out', subnet: string): Command => ({
  kind: 'until',
  on: { machine },
  probe: { id: 'place', kind: 'run', argv: placeArgv(wanted, subnet), as: 'root', limitMs: 60_000 },
  wanted: { exit: 0, pattern: '^there$' },
  everyMs: 3000,
  limitMs: 1_200_000,
  awaited: wanted === 'in' ? inside(machine, subnet) : outside(machine, subnet),
  evidence: [
    { id: 'format', kind: 'run', argv: ['tail', '-n', '60', '/opt/slapos/log/slapos-node-format.log'], as: 'root' },
    { id: 'addresses', kind: 'run', argv: ['ip', '-brief', 'address'] },
    { id: 're6st', kind: 'run', argv: ['tail', '-n', '40', re6stPaths.log], as: 'root' },
    { id: 'cron', kind: 'run', argv: ['systemctl', 'status', '--no-pager', '-n', '20', 'cron'] },
  ],
});

/** Nobody hands out the addresses at boot: we do. What format tells with 2 is that the master did not hear of it. */
const formatted = ({ name }: MachineFacts, subnet: string): Command =>
  run(name, slapos('node', 'format', '--now'), {
    limitMs: 900_000,
    long: true,
    expect: [0, 2],
    note: says('move-to-re6st', 'does.format', { machine: name, subnet }),
  });
