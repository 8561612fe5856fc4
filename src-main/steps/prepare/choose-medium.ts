// The folder or mounted drive that carries everything to the site. Never chosen by itself, never erased;
// its identity (device, volume, our marker) is bound here and checked again before every write.
import { z } from 'zod';
import { blocked, defineStep, done, finding, perSite, says, todo, work } from '../../runbook/define.ts';

export const chooseMedium = defineStep({
  id: 'choose-medium',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'describe-site', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({ path: z.string().nullable().default(null).meta({ widget: 'medium' }) }),
  facts: z.strictObject({
    chosen: z
      .strictObject({ root: z.string(), label: z.string(), freeBytes: z.number(), fileSystem: z.string() })
      .nullable(),
  }),
  read: async (world) => {
    const medium = await world.medium();
    return {
      chosen:
        medium === null
          ? null
          : { root: medium.root, label: medium.label, freeBytes: medium.freeBytes, fileSystem: medium.fileSystem },
    };
  },
  found: ({ chosen }) =>
    chosen === null
      ? [says('choose-medium', 'found.none')]
      : [
          says('choose-medium', 'found.chosen', { label: chosen.label, path: chosen.root }),
          says('choose-medium', 'found.room', { freeBytes: chosen.freeBytes, fileSystem: chosen.fileSystem }),
        ],
  verdict: ({ chosen }, { input }) => {
    if (chosen !== null && (input.path === null || input.path === chosen.root)) return done();
    return input.path === null ? blocked(finding('medium-not-chosen', {})) : todo();
  },
  plan: (_facts, { input }) =>
    input.path === null
      ? []
      : [work('choose-medium', { path: input.path }, says('choose-medium', 'does.bind', { path: input.path }))],
});
