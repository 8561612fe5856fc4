// What a step that fetches plans first when the signer of something is another than before: a person compares the two and
// says which it is, then it is accepted, or looked at anew. Used by the steps of the office part that fetch. Pure.
import { entryName, signerAnswers, signerQuestion } from '../../../src-shared/lock.ts';
import { type SitePlan, sourcesOf, systemsFrom, systemsOf } from '../../../src-shared/site.ts';
import { instanceKey } from '../../../src-shared/step.ts';
import { releaseAddresses, signedListOf, vendorSuites } from '../../packages/archive.ts';
import { type AnyContext, type Command, says, work } from '../../runbook/define.ts';

/** What the plan has signed by others: the lists of its archives, and the entries that come from the software cache. */
const signedFor = (site: SitePlan): ReadonlySet<string> =>
  new Set([
    ...systemsOf(site).flatMap((system) => {
      const sources = sourcesOf(site, system);
      if (sources === null) return [];
      const { vendor, archives } = sources;
      return [{ ...vendor, suites: vendorSuites }, ...archives]
        .flatMap(releaseAddresses)
        .map(({ address }) => signedListOf(address));
    }),
    ...site.releases.flatMap((release) =>
      systemsFrom(site, release, 'cache').map((system) => entryName(release.name, system)),
    ),
  ]);

/**
 * One question and one act for each signer that was met, of what the plan still names, and that nobody has accepted; none when
 * there is none. `step`: the one that asks.
 */
export function acceptSigners(
  { site, lock, subject }: Pick<AnyContext, 'site' | 'lock' | 'subject'>,
  step: string,
): readonly Command[] {
  const signed = signedFor(site);
  return (lock.offered ?? [])
    .filter(({ what }) => signed.has(what))
    .flatMap(({ what, was, now }): Command[] => [
      {
        kind: 'ask',
        question: {
          id: signerQuestion({ what, now }),
          kind: 'choice',
          key: 'steps.plan-medium.asks.signer',
          params: { what },
          show: [
            { label: 'signerBefore', value: was },
            { label: 'signerNow', value: now },
          ],
          choices: [...signerAnswers],
        },
      },
      work(
        'settle-signer',
        { what, was, now, asked: instanceKey(step, subject) },
        says('plan-medium', 'does.signer', { what, now }),
      ),
    ]);
}
