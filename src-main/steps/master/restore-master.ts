// A master put back from a backup, onto a fresh machine of the same name and addresses: its data first, then the next steps ask
// for the same instances and find them. Asked for by number; never over a living master without its name typed.
import { z } from 'zod';
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
  work,
} from '../../runbook/define.ts';
import { restoreArgv, restoredMark } from '../../target/backup.ts';
import { parseSlapproxyState, slapproxyStateArgv } from '../../target/slapproxy.ts';

const backups = z.array(z.strictObject({ number: z.int(), at: z.string(), sha256: z.string(), sizeBytes: z.int() }));

export const restoreMaster = defineStep({
  id: 'restore-master',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'share-ca-folder', on: 'same' }],
  risk: 'destroys',
  holds: [],
  input: z.strictObject({ number: z.int().min(0).default(0) }),
  facts: z.strictObject({
    backups,
    /** An instance of the plan's name is known to the machine. */
    living: z.boolean(),
    /** The backup that it was made from last: number and hash. */
    restored: z.string(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { state, mark } = await world.probe(name, [
      { id: 'state', kind: 'run', argv: slapproxyStateArgv(context.site.master.instance), limitMs: 60_000 },
      { id: 'mark', kind: 'read', path: restoredMark },
    ]);
    return {
      backups: await world.sight<z.infer<typeof backups>>('backups', { machine: name }),
      living: (parseSlapproxyState(state?.exit === 0 ? state.out : '')?.instance ?? null) !== null,
      restored: mark?.exit === 0 ? mark.out.trim() : '',
    };
  },
  found: ({ backups: all, living, restored }) => [
    ...all.map(({ number, at, sizeBytes }) => says('restore-master', 'found.backup', { number, at, sizeBytes })),
    says('restore-master', living ? 'found.living' : 'found.empty'),
    ...(restored === '' ? [] : [says('restore-master', 'found.restored', { number: restored.split(' ')[0] ?? '' })]),
  ],
  verdict: ({ backups: all, restored }, context) => {
    const { number } = context.input;
    if (number === 0) return done();
    const wanted = all.find((item) => item.number === number);
    if (wanted === undefined)
      return blocked(finding('backup-missing', { machine: machineOfSubject(context).name, number }));
    return restored === markOf(wanted) ? done() : todo();
  },
  plan: ({ backups: all, living }, context) => {
    const { name } = machineOfSubject(context);
    const wanted = all.find((item) => item.number === context.input.number);
    if (wanted === undefined) return [];
    const { number } = wanted;
    return [
      {
        kind: 'ask',
        question: {
          id: 'backup-passphrase',
          kind: 'secret',
          key: 'steps.restore-master.asks.passphrase',
          params: { number },
          show: [],
          choices: [],
        },
      },
      ...(living
        ? [
            {
              kind: 'ask' as const,
              question: {
                id: `restore-over:${name}`,
                kind: 'text' as const,
                key: 'steps.restore-master.asks.over',
                params: { machine: name },
                show: [],
                choices: [],
              },
            },
          ]
        : []),
      work('unpack-backup', { machine: name, number, over: living }, says('restore-master', 'does.unpack', { number })),
      run(name, restoreArgv(markOf(wanted), context.site.master.caFolder), {
        limitMs: 600_000,
        note: says('restore-master', 'does.restore'),
      }),
    ];
  },
});

const markOf = ({ number, sha256 }: { readonly number: number; readonly sha256: string }): string =>
  `${number} ${sha256}`;
