// Gives a registered node its partitions with their users and addresses, and tells the master of them.
// slapos ends well only when both came true; what counts here is that partitions and master agree.
import { z } from 'zod';
import { computerIn } from '../../../src-shared/computer.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
} from '../../runbook/define.ts';
import { computerStateArgv, parseComputerState } from '../../target/computer.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { countPartitions, partitionsScript, slapos, slaposPaths } from '../slapos.ts';

export const formatNode = defineStep({
  id: 'format-node',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [{ step: 'use-cache', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    computer: z.string().nullable(),
    masterUrl: z.string(),
    /** Partitions that have an IPv4 and an IPv6 address. */
    partitions: z.int(),
    /** Partitions that the master knows of. */
    known: z.int(),
    /** Why the master could not be asked; empty when it answered. */
    error: z.string(),
  }),
  read: async (world, context) => {
    const { name: machine } = machineOfSubject(context);
    const { config, partitions, state } = await world.probe(machine, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'partitions', kind: 'run', argv: ['sh', '-c', partitionsScript] },
      { id: 'state', kind: 'run', argv: [...computerStateArgv], as: 'root', limitMs: 60_000 },
    ]);
    const text = config?.exit === 0 ? config.out : null;
    const known = parseComputerState(state?.out ?? '');
    return {
      computer: computerIn(text),
      masterUrl:
        text === null
          ? ''
          : (parseConfig(text, { machine, path: slaposPaths.config }).get('slapos', 'master_url') ?? ''),
      partitions: countPartitions(partitions?.out ?? ''),
      known: known?.partitions.length ?? 0,
      error: known?.error ?? '',
    };
  },
  found: ({ computer, partitions, known, error }, context) => [
    says('format-node', 'found.partitions', { count: partitions, wanted: machineOfSubject(context).partitions }),
    ...(computer === null
      ? []
      : [
          error === ''
            ? says('format-node', 'found.known', { count: known, computer })
            : says('format-node', 'found.silent', { detail: error }),
        ]),
  ],
  verdict: ({ computer, partitions, known }, context) => {
    const { name: machine, partitions: wanted } = machineOfSubject(context);
    if (computer === null) return blocked(finding('node-not-registered', { machine }));
    return Math.min(partitions, known) >= wanted ? done() : todo();
  },
  plan: ({ masterUrl: url }, context) => {
    const { name: machine, partitions: count } = machineOfSubject(context);
    return [
      run(machine, slapos('node', 'format', '--now'), {
        limitMs: 900_000,
        long: true,
        failures: [
          {
            pattern: 'failed to transfer information|ConnectionError|Connection refused|No route to host',
            finding: finding('master-unreachable', { machine, url }),
          },
        ],
        note: says('format-node', 'does.format', { count }),
      }),
    ];
  },
});
