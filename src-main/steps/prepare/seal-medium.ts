// Reads everything back from the medium itself and writes the signed manifest last: from then on the medium is whole.
// On request the drive is then unmounted and switched off; only after that it is said that it may be pulled.
import { z } from 'zod';
import { defineStep, done, perSite, says, todo, work } from '../../runbook/define.ts';

export const sealMedium = defineStep({
  id: 'seal-medium',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'prove-complete', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({ release: z.boolean().default(false) }),
  facts: z.strictObject({
    generation: z.int(),
    sealedAt: z.string().nullable(),
    /** Files that the manifest does not list as they are now. */
    changed: z.int(),
    count: z.int(),
    sizeBytes: z.number(),
    fingerprint: z.string().nullable(),
    /** Name of the drive that can be let go; null for a folder of the laptop. */
    drive: z.string().nullable(),
    /** How the drive was let go; null: the medium is there. */
    released: z.enum(['off', 'unmounted']).nullable(),
  }),
  read: (world) => world.sight('seal-state'),
  found: ({ generation, sealedAt, changed, count, sizeBytes, fingerprint, released }) => [
    sealedAt === null
      ? says('seal-medium', 'found.unsealed')
      : says('seal-medium', 'found.sealed', { generation, sealedAt }),
    says('seal-medium', 'found.files', { count, sizeBytes }),
    ...(changed > 0 && sealedAt !== null ? [says('seal-medium', 'found.changed', { count: changed })] : []),
    ...(fingerprint === null ? [] : [says('seal-medium', 'found.fingerprint', { fingerprint })]),
    ...(sealedAt !== null && changed === 0 ? [says('seal-medium', 'found.sheet')] : []),
    ...(released === 'off' ? [says('seal-medium', 'found.off')] : []),
    ...(released === 'unmounted' ? [says('seal-medium', 'found.unmounted')] : []),
  ],
  verdict: ({ sealedAt, changed, drive }, { input }) =>
    sealedAt !== null && changed === 0 && !(input.release && drive !== null) ? done() : todo(),
  plan: (facts, { input }) => {
    const { generation, sealedAt, changed, count, sizeBytes, drive } = facts;
    // The drive is let go in a round of its own, after the seal was read again.
    if (sealedAt !== null && changed === 0)
      return drive === null || !input.release
        ? []
        : [work('release-medium', { state: facts }, says('seal-medium', 'does.release', { drive }))];
    return [
      work('seal-medium', { generation: generation + 1 }, says('seal-medium', 'does.seal', { count, sizeBytes })),
    ];
  },
});
