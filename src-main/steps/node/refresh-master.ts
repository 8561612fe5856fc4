// The master learns of a new node: its services are started anew once the node's certificate was signed, since a running web server
// goes on answering from what it knew before. One restart serves every node that was registered before it.
import { z } from 'zod';
import type { Command } from '../../runbook/define.ts';
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
import { certificateFactsScript, computerAnswersArgv, parseCertificateFacts } from '../../target/computer.ts';
import { restartServicesScript, servicesSinceArgv, withSlaposEnvironment } from '../../target/services.ts';
import { wholeNumber } from '../../target/system.ts';
import { masterMachine } from '../computer.ts';

export const refreshMaster = defineStep({
  id: 'refresh-master',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [{ step: 'format-node', on: 'same' }],
  risk: 'changes',
  // Everybody who speaks with the master is cut off meanwhile.
  alone: true,
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** Since when the node's certificate is valid, by the master's clock; 0 without one. */
    certificateFrom: z.int(),
    /** When the oldest of the master's services was started, by the same clock; 0 while none runs. */
    servicesSince: z.int(),
  }),
  read: async (world, context) => {
    const [{ certificate }, { services }] = await Promise.all([
      world.probe(machineOfSubject(context).name, [
        { id: 'certificate', kind: 'run', argv: ['sh', '-c', certificateFactsScript], as: 'root' },
      ]),
      world.probe(masterMachine(context.site).name, [
        { id: 'services', kind: 'run', argv: [...servicesSinceArgv], as: 'root', limitMs: 60_000 },
      ]),
    ]);
    return {
      certificateFrom: parseCertificateFacts(certificate?.out ?? '')?.from ?? 0,
      servicesSince: services?.exit === 0 ? wholeNumber(services.out) : 0,
    };
  },
  found: (facts, context) => [
    says('refresh-master', isFresh(facts) ? 'found.fresh' : 'found.old', { machine: machineOfSubject(context).name }),
  ],
  verdict: (facts, context) => {
    if (facts.certificateFrom === 0)
      return blocked(finding('node-not-registered', { machine: machineOfSubject(context).name }));
    return isFresh(facts) ? done() : todo();
  },
  plan: (_facts, context): readonly Command[] => {
    const { name: node, partitions } = machineOfSubject(context);
    const { name: master } = masterMachine(context.site);
    return [
      // 1: a program that does its work once cannot be started anew. The wait tells.
      run(master, withSlaposEnvironment('sh', '-c', restartServicesScript), {
        limitMs: 900_000,
        long: true,
        expect: [0, 1],
        note: says('refresh-master', 'does.restart'),
      }),
      {
        kind: 'until',
        on: { machine: node },
        probe: { id: 'answers', kind: 'run', argv: computerAnswersArgv(partitions), as: 'root', limitMs: 60_000 },
        wanted: { exit: 0, pattern: '^answers$' },
        everyMs: 3000,
        // A real master reads its whole site again.
        limitMs: 1_800_000,
        awaited: says('refresh-master', 'waits.answers', { machine: node }),
        evidence: [
          { id: 'answers', kind: 'run', argv: computerAnswersArgv(partitions), as: 'root', limitMs: 60_000 },
          { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
        ],
      },
    ];
  },
});

const isFresh = ({ certificateFrom, servicesSince }: Readonly<Record<string, number>>): boolean =>
  (servicesSince ?? 0) > (certificateFrom ?? 0);
