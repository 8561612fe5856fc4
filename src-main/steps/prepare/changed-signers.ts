// What a step that fetches plans first when the signer of something is another than before: a person compares the two and
// says so, then it is accepted. Used by the steps of the office part that fetch. Pure.
import type { SiteLock } from '../../../src-shared/lock.ts';
import { type Command, says, work } from '../../runbook/define.ts';

/** One question and one act for each signer that was met and nobody has accepted; none when there is none. */
export const acceptSigners = ({ lock }: { readonly lock: Pick<SiteLock, 'offered'> }): readonly Command[] =>
  (lock.offered ?? []).flatMap(({ what, was, now }): Command[] => [
    {
      kind: 'ask',
      question: {
        id: `signer:${what}`,
        kind: 'confirm',
        key: 'steps.plan-medium.asks.signer',
        params: { what },
        show: [
          { label: 'signerBefore', value: was },
          { label: 'signerNow', value: now },
        ],
        choices: [],
      },
    },
    work('accept-signer', { what, was, now }, says('plan-medium', 'does.accept', { what, now })),
  ]);
