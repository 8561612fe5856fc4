// The as-built record: what stands, and how it came to stand, as a signed document on the laptop and on the medium. A record that
// still tells all is kept; another one gets another number.

import { z } from 'zod';
import { type LaptopClockSight, secondsBehind } from '../../../src-shared/laptop-clock.ts';
import { machinesOnSite } from '../../../src-shared/site.ts';
import { blocked, defineStep, done, finding, perSite, says, todo, work } from '../../runbook/define.ts';
import { clockToleranceSeconds } from '../machine/preflight-checks.ts';

/** What these do changes nothing that a record tells. */
const apart = ['record-site', 'close-site', 'compare-with-record'];

const recordState = z.strictObject({
  /** Number of the next record. */
  next: z.int(),
  /** Where the records of the laptop are on the medium: all, not all, or the medium is not there. */
  onMedium: z.enum(['same', 'lacking', 'absent']),
  latest: z
    .strictObject({
      number: z.int(),
      madeAt: z.string(),
      remark: z.string(),
      machines: z.int(),
      /** Commands performed since. */
      since: z.int(),
      planChanged: z.boolean(),
    })
    .nullable(),
  /** Why the latest record cannot be believed, null when it can. */
  damaged: z.string().nullable(),
});

export const recordSite = defineStep({
  id: 'record-site',
  chapter: 'close',
  phase: 'site',
  per: perSite,
  after: [{ step: 'configure-new-master', on: 'all' }],
  // It tells of the whole site, not of what stood when the master did.
  waitsFor: 'everything',
  risk: 'changes',
  holds: [],
  // What is written into the record beside the facts; another remark is a reason for another record.
  input: z.strictObject({ remark: z.string().max(2000).default('') }),
  facts: recordState.extend({
    /** How far the laptop's clock is before a moment that is surely past, in whole minutes, and that moment; the record is dated by it. */
    clock: z.strictObject({ behindMs: z.int(), least: z.string() }),
  }),
  read: async (world) => {
    const state = await world.sight<z.infer<typeof recordState>>('record-state', { apart });
    const laptop = await world.sight<LaptopClockSight>('laptop-clock');
    const behindSeconds = secondsBehind(laptop);
    const isBehind = behindSeconds > clockToleranceSeconds;
    return {
      ...state,
      clock: { behindMs: isBehind ? Math.round(behindSeconds / 60) * 60_000 : 0, least: isBehind ? laptop.least : '' },
    };
  },
  found: ({ latest, onMedium, damaged }) => [
    ...(damaged === null ? [] : [says('record-site', 'found.damaged')]),
    ...(latest === null && damaged === null ? [says('record-site', 'found.none')] : []),
    ...(latest === null
      ? []
      : [
          says('record-site', 'found.latest', { number: latest.number, madeAt: latest.madeAt }),
          ...(latest.since === 0 ? [] : [says('record-site', 'found.since', { count: latest.since })]),
          ...(latest.planChanged ? [says('record-site', 'found.planChanged')] : []),
          ...(onMedium === 'absent' ? [says('record-site', 'found.noMedium')] : []),
          ...(onMedium === 'same' ? [says('record-site', 'found.onMedium')] : []),
          ...(onMedium === 'lacking' ? [says('record-site', 'found.lacking')] : []),
        ]),
  ],
  verdict: (facts, { input, earlier }) => {
    if (stillTells(facts, input)) return facts.onMedium === 'lacking' ? todo() : done();
    const { behindMs, least } = facts.clock;
    return behindMs > 0 && !earlier.skipped.includes('laptop-clock-behind')
      ? blocked(finding('laptop-clock-behind', { behindMs, least }))
      : todo();
  },
  plan: (facts, { site, input }) =>
    stillTells(facts, input)
      ? facts.onMedium === 'lacking'
        ? [work('copy-records', {}, says('record-site', 'does.copy'))]
        : []
      : [
          work(
            'make-record',
            { number: facts.next, remark: input.remark },
            says('record-site', 'does.make', { number: facts.next, count: machinesOnSite(site).length }),
          ),
        ],
});

/** The latest record can be believed, nothing was done since, and it says what it is to say. */
const stillTells = (
  {
    latest,
  }: { readonly latest: { readonly since: number; readonly planChanged: boolean; readonly remark: string } | null },
  { remark }: { readonly remark: string },
): boolean => latest !== null && latest.since === 0 && !latest.planChanged && latest.remark === remark;
