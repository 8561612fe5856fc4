// The folder or drive that carries everything to the site. Never chosen by itself, never erased; a drive that is not mounted
// is mounted first, one that was pulled in the middle of a write is repaired before that. Its identity (device, volume, our marker) is bound here and checked again before every write.
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
    /** A volume that is plugged in and mounted nowhere: the one asked for, or the chosen one come back. */
    device: z.string().nullable(),
    /** The file system of that device must be repaired first. */
    damaged: z.boolean(),
  }),
  read: async (world, { input }) => {
    const { folder, device, damaged } = await world.sight<{
      folder: string | null;
      device: string | null;
      damaged: boolean;
    }>('medium-place', { path: input.path });
    const wanted = input.path === null ? null : folder;
    const medium = await world.medium().catch((error: unknown) => {
      // A lost medium must not keep one from choosing another place; at its own place another stick is never taken for it.
      const elsewhere = wanted !== null && error instanceof Problem && error.data.params.path !== wanted;
      if (device !== null || elsewhere) return null;
      throw error;
    });
    return {
      wanted,
      device,
      damaged,
      chosen:
        medium === null
          ? null
          : { root: medium.root, label: medium.label, freeBytes: medium.freeBytes, fileSystem: medium.fileSystem },
    };
  },
  found: ({ chosen, device, damaged }) => [
    ...(device === null ? [] : [says('choose-medium', damaged ? 'found.damaged' : 'found.unmounted', { device })]),
    ...(chosen === null
      ? [says('choose-medium', 'found.none')]
      : [
          says('choose-medium', 'found.chosen', { label: chosen.label, path: chosen.root }),
          says('choose-medium', 'found.room', { freeBytes: chosen.freeBytes, fileSystem: chosen.fileSystem }),
        ]),
  ],
  verdict: ({ chosen, wanted, device }, { input }) => {
    if (device !== null) return todo();
    if (input.path === null) return chosen === null ? blocked(finding('medium-not-chosen', {})) : done();
    if (wanted === null) return blocked(finding('medium-absent', { path: input.path }));
    return chosen?.root === wanted ? done() : todo();
  },
  plan: ({ device, damaged, wanted }, { input }) => {
    // Where it will be mounted is known only afterwards: binding it is the next round's.
    if (device !== null)
      return [
        ...(damaged ? [work('repair-medium', { device }, says('choose-medium', 'does.repair', { device }))] : []),
        work('mount-medium', { device }, says('choose-medium', 'does.mount', { device })),
      ];
    if (input.path === null || wanted === null) return [];
    return [work('choose-medium', { path: wanted }, says('choose-medium', 'does.bind', { path: wanted }))];
  },
});
