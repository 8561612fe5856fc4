// Reads everything back from the medium itself and writes the signed manifest last: from then on the medium is whole.
// On request the drive is then unmounted and switched off; only after that it is said that it may be pulled.
import { z } from 'zod';
import type { LaptopClockSight } from '../../../src-shared/laptop-clock.ts';
import type { Told } from '../../runbook/define.ts';
import { defineStep, done, perSite, says, todo, work } from '../../runbook/define.ts';
import { clockToleranceSeconds } from '../machine/preflight-checks.ts';

/** As the sight tells it. */
const sealState = z.strictObject({
  /** Which one it is of; null when it was let go by an older program. */
  medium: z
    .strictObject({ label: z.string(), serial: z.string().nullable(), mediumId: z.string().nullable() })
    .nullable(),
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
});

export const sealMedium = defineStep({
  id: 'seal-medium',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'prove-complete', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({ release: z.boolean().default(false) }),
  facts: sealState.extend({
    /** It was sealed later than it is now by this laptop's clock: preflight would take that clock for wrong. */
    ahead: z.boolean(),
  }),
  read: async (world) => {
    const state = await world.sight<z.infer<typeof sealState>>('seal-state');
    const { seconds } = await world.sight<LaptopClockSight>('laptop-clock');
    const sealed = state.sealedAt === null ? 0 : Date.parse(state.sealedAt) / 1000;
    return { ...state, ahead: sealed - seconds > clockToleranceSeconds };
  },
  found: ({ medium, generation, sealedAt, ahead, changed, count, sizeBytes, fingerprint, released }) => [
    ...(medium === null ? [] : [nameOf(medium)]),
    sealedAt === null
      ? says('seal-medium', 'found.unsealed')
      : says('seal-medium', 'found.sealed', { generation, sealedAt }),
    ...(ahead ? [says('seal-medium', 'found.ahead')] : []),
    says('seal-medium', 'found.files', { count, sizeBytes }),
    ...(changed > 0 && sealedAt !== null ? [says('seal-medium', 'found.changed', { count: changed })] : []),
    ...(fingerprint === null ? [] : [says('seal-medium', 'found.fingerprint', { fingerprint })]),
    ...(isSealed({ sealedAt, ahead, changed }) ? [says('seal-medium', 'found.sheet')] : []),
    ...(released === 'off' ? [says('seal-medium', 'found.off')] : []),
    ...(released === 'unmounted' ? [says('seal-medium', 'found.unmounted')] : []),
  ],
  verdict: (facts, { input }) => (isSealed(facts) && !(input.release && facts.drive !== null) ? done() : todo()),
  plan: (facts, { input }) => {
    const { generation, count, sizeBytes, drive } = facts;
    // The drive is let go in a round of its own, after the seal was read again.
    if (isSealed(facts))
      return drive === null || !input.release
        ? []
        : [work('release-medium', { state: facts }, says('seal-medium', 'does.release', { drive }))];
    return [
      work('seal-medium', { generation: generation + 1 }, says('seal-medium', 'does.seal', { count, sizeBytes })),
    ];
  },
});

const isSealed = ({
  sealedAt,
  ahead,
  changed,
}: {
  readonly sealedAt: string | null;
  readonly ahead: boolean;
  readonly changed: number;
}): boolean => sealedAt !== null && !ahead && changed === 0;

/** The medium that a seal is of, as a person tells it from another. */
function nameOf({ label, serial, mediumId }: NonNullable<z.infer<typeof sealState>['medium']>): Told {
  const mark = (mediumId ?? '-').slice(0, 8);
  return serial === null
    ? says('seal-medium', 'found.folder', { label, mark })
    : says('seal-medium', 'found.drive', { label, serial, mark });
}
