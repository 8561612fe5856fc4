// What a master cannot lose, in one encrypted file: slapproxy's database, slapos' configuration and keys, the certificate authority,
// our own units. Taken while everything goes on; nothing is written on the machine but a copy in its memory.
import { z } from 'zod';
import { defineStep, done, finding, machineOfSubject, machines, says, todo, work } from '../../runbook/define.ts';

const backups = z.array(z.strictObject({ number: z.int(), at: z.string(), sha256: z.string(), sizeBytes: z.int() }));

export const backUpMaster = defineStep({
  id: 'back-up-master',
  chapter: 'close',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'request-master', on: 'same' }],
  waitsFor: 'everything',
  risk: 'changes',
  holds: [],
  input: z.strictObject({ number: z.int().min(0).default(0) }),
  facts: z.strictObject({ backups }),
  read: async (world, context) => ({
    backups: await world.sight<z.infer<typeof backups>>('backups', { machine: machineOfSubject(context).name }),
  }),
  found: ({ backups: all }) => {
    const last = all.at(-1);
    return last === undefined
      ? [says('back-up-master', 'found.none')]
      : [says('back-up-master', 'found.last', { number: last.number, at: last.at, sizeBytes: last.sizeBytes })];
  },
  verdict: ({ backups: all }, context) => {
    const { name } = machineOfSubject(context);
    if ((all.at(-1)?.number ?? 0) < context.input.number) return todo();
    return all.length === 0 ? done(finding('master-never-backed-up', { machine: name })) : done();
  },
  plan: ({ backups: all }, context) => {
    const { name } = machineOfSubject(context);
    const number = (all.at(-1)?.number ?? 0) + 1;
    return [
      {
        kind: 'ask',
        question: {
          id: 'backup-passphrase',
          kind: 'secret',
          key: 'steps.back-up-master.asks.passphrase',
          params: { machine: name },
          show: [],
          choices: [],
          twice: true,
        },
      },
      work(
        'take-backup',
        { machine: name, number, caFolder: context.site.master.caFolder },
        says('back-up-master', 'does.take', { number }),
      ),
    ];
  },
});
