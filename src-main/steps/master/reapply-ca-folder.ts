// Keeps the shared folder shared after the master's instance has filled it: it makes files that only their maker may read.
// A timer of ours puts that right every minute, so new certificates are covered as well.
import { z } from 'zod';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { parseSlapproxyState, slapproxyStateArgv } from '../../target/slapproxy.ts';
import { caFolderUnit } from '../ca-folder.ts';
import { unitCommands, unitFactsOf, unitProbes, unitRemoval, unitStands } from '../units.ts';

export const reapplyCaFolder = defineStep({
  id: 'reapply-ca-folder',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'request-master', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    program: z.string().nullable(),
    service: z.string().nullable(),
    timer: z.string().nullable(),
    active: z.boolean(),
    /** The user of the web server's partition, empty while there is none. */
    user: z.string(),
    /** Files in the folder that this user cannot read and write, tried as this user; at most ten. */
    refused: z.array(z.string()),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { caFolder, instance } = context.site.master;
    const answers = await world.probe(name, [
      ...unitProbes(caFolderUnit(caFolder)),
      { id: 'state', kind: 'run', argv: slapproxyStateArgv(instance), limitMs: 60_000 },
    ]);
    const state = parseSlapproxyState(answers.state?.exit === 0 ? answers.state.out : '');
    const user = state?.instance?.zope?.replace(/^slappart/, 'slapuser') ?? '';
    const unit = unitFactsOf(answers);
    if (user === '') return { ...unit, user, refused: [] };
    const { tried } = await world.probe(name, [
      {
        id: 'tried',
        kind: 'run',
        as: user,
        argv: ['find', caFolder, '!', '-type', 'l', '(', '!', '-readable', '-o', '!', '-writable', ')', '-print'],
      },
    ]);
    const paths = (tried?.out ?? '').split('\n').filter((line) => line !== '');
    // A folder that cannot be entered is named on the other output.
    return { ...unit, user, refused: paths.length === 0 && tried?.exit !== 0 ? [caFolder] : paths.slice(0, 10) };
  },
  found: (facts, { site }) => [
    says('reapply-ca-folder', unitStands(caFolderUnit(site.master.caFolder), facts) ? 'found.kept' : 'found.notKept'),
    facts.refused[0] === undefined
      ? says('reapply-ca-folder', 'found.access', { user: facts.user })
      : says('reapply-ca-folder', 'found.refused', { user: facts.user, path: facts.refused[0] }),
  ],
  verdict: (facts, context) => {
    if (facts.user === '')
      return blocked(finding('step-before-missing', { step: 'reapply-ca-folder', before: 'request-master' }));
    const stands = unitStands(caFolderUnit(context.site.master.caFolder), facts);
    return stands && facts.refused.length === 0 ? done() : todo();
  },
  plan: (facts, context) =>
    facts.user === ''
      ? []
      : [...unitCommands(machineOfSubject(context).name, caFolderUnit(context.site.master.caFolder), facts)],
  undo: {
    plan: (facts, context) =>
      unitRemoval(machineOfSubject(context).name, caFolderUnit(context.site.master.caFolder), facts),
    stays: (_facts, { site }) => [says('reapply-ca-folder', 'stays.modes', { path: site.master.caFolder })],
  },
});
