// The folder or drive that carries everything to the site. Never chosen by itself, never erased; a drive that is not mounted
// is mounted first, one that was pulled in the middle of a write is repaired before that. Its identity (device, volume, our marker) is bound here and checked again before every write.
import { z } from 'zod';
import { Problem } from '../../../src-shared/problem.ts';
import { type MediumSpeed, mediumSpeed } from '../../medium/speed.ts';
import type { Finding } from '../../runbook/define.ts';
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
    /** Bytes a second, measured when a drive was chosen; null for a folder of the laptop. */
    speed: mediumSpeed.nullable(),
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
      speed: medium === null ? null : await world.sight<MediumSpeed | null>('medium-speed'),
      chosen:
        medium === null
          ? null
          : { root: medium.root, label: medium.label, freeBytes: medium.freeBytes, fileSystem: medium.fileSystem },
    };
  },
  found: ({ chosen, device, damaged, speed }) => [
    ...(device === null ? [] : [says('choose-medium', damaged ? 'found.damaged' : 'found.unmounted', { device })]),
    ...(chosen === null
      ? [says('choose-medium', 'found.none')]
      : [
          says('choose-medium', 'found.chosen', { label: chosen.label, path: chosen.root }),
          says('choose-medium', 'found.room', { freeBytes: chosen.freeBytes, fileSystem: chosen.fileSystem }),
          ...(speed === null
            ? []
            : [says('choose-medium', 'found.speed', { writeBytes: speed.writeBytes, readBytes: speed.readBytes })]),
        ]),
  ],
  verdict: ({ chosen, wanted, device, speed }, { input }) => {
    const told = chosen === null || speed === null ? [] : slowness(chosen.label, speed);
    if (device !== null) return todo();
    if (input.path === null) return chosen === null ? blocked(finding('medium-not-chosen', {})) : done(...told);
    if (wanted === null) return blocked(finding('medium-absent', { path: input.path }));
    return chosen?.root === wanted ? done(...told) : todo();
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

/** Below this a preparation of some gigabytes takes so long that another stick is the better way. */
const slowBytes = 8e6;

/** A drive that is slow, told with what that means: a gigabyte written and read back. */
function slowness(medium: string, { writeBytes, readBytes }: MediumSpeed): readonly Finding[] {
  if (writeBytes >= slowBytes) return [];
  const gigabyteMs = Math.round(1e12 / writeBytes + 1e12 / readBytes);
  return [finding('medium-slow', { medium, writeBytes, readBytes, gigabyteMs })];
}
