// Reads everything back from the medium itself and writes the signed manifest last: from then on the medium is whole.
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
  input: z.strictObject({}),
  facts: z.strictObject({
    generation: z.int(),
    sealedAt: z.string().nullable(),
    /** Files that the manifest does not list as they are now. */
    changed: z.int(),
    count: z.int(),
    sizeBytes: z.number(),
    fingerprint: z.string().nullable(),
  }),
  read: (world) => world.sight('seal-state'),
  found: ({ generation, sealedAt, changed, count, sizeBytes, fingerprint }) => [
    sealedAt === null
      ? says('seal-medium', 'found.unsealed')
      : says('seal-medium', 'found.sealed', { generation, sealedAt }),
    says('seal-medium', 'found.files', { count, sizeBytes }),
    ...(changed > 0 && sealedAt !== null ? [says('seal-medium', 'found.changed', { count: changed })] : []),
    ...(fingerprint === null ? [] : [says('seal-medium', 'found.fingerprint', { fingerprint })]),
  ],
  verdict: ({ sealedAt, changed }) => (sealedAt !== null && changed === 0 ? done() : todo()),
  plan: ({ generation, count, sizeBytes }) => [
    work('seal-medium', { generation: generation + 1 }, says('seal-medium', 'does.seal', { count, sizeBytes })),
  ],
});
