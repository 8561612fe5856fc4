// The folder or mounted drive that carries everything to the site. Never chosen by itself, never erased;
// its identity (device, volume, our marker) is bound here and checked again before every write.
import { z } from 'zod';
import { Problem } from '../../../src-shared/problem.ts';
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
    /** The folder asked for, links resolved; null when none is asked for or it is not there. */
    wanted: z.string().nullable(),
  }),
  read: async (world, { input }) => {
    const wanted = input.path === null ? null : await world.sight<string | null>('real-folder', { path: input.path });
    const medium = await world.medium().catch((error: unknown) => {
      // A lost medium must not keep one from choosing another place; at its own place another stick is never taken for it.
      if (wanted !== null && error instanceof Problem && error.data.params.path !== wanted) return null;
      throw error;
    });
    return {
      wanted,
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
  verdict: ({ chosen, wanted }, { input }) => {
    if (input.path === null) return chosen === null ? blocked(finding('medium-not-chosen', {})) : done();
    if (wanted === null) return blocked(finding('medium-absent', { path: input.path }));
    return chosen?.root === wanted ? done() : todo();
  },
  plan: (_facts, { input }) =>
    input.path === null
      ? []
      : [work('choose-medium', { path: input.path }, says('choose-medium', 'does.bind', { path: input.path }))],
});
