// The as-built record: what stands, and how it came to stand, as a signed document on the laptop and on the medium. A record that
// still tells all is kept; another one gets another number.

import { z } from 'zod';
import { machinesOnSite } from '../../../src-shared/site.ts';
import { defineStep, done, perSite, says, todo, work } from '../../runbook/define.ts';

/** What these do changes nothing that a record tells. */
const apart = ['record-site', 'close-site', 'compare-with-record'];

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
  facts: z.strictObject({
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
  }),
  read: (world) => world.sight('record-state', { apart }),
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
  verdict: (facts, { input }) => (stillTells(facts, input) && facts.onMedium !== 'lacking' ? done() : todo()),
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
