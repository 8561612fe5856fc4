// Signers that changed since the last time: found by the jobs that fetch, asked of a person by the steps, settled by a job of
// its own. Called by the prepare and mirror jobs. That a plan trusts the new one as well is not enough: it may have been
// added by whoever changed it. Nothing is ever accepted here that was not offered.
import { z } from 'zod';
import {
  entryName,
  type LockedEntry,
  type LockedSystem,
  type SignerChange,
  type SiteLock,
  signerAnswers,
  signerChange,
  signerQuestion,
} from '../../src-shared/lock.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { certificateFingerprint } from '../software/certificate.ts';
import { type Job, job } from './jobs.ts';

const isSame = (one: SignerChange, other: SignerChange): boolean =>
  one.what === other.what && one.was === other.was && one.now === other.now;

/** Who counts as the signer of before: the one a person accepted in the place of the recorded one, also over several changes. */
function signerBefore({ accepted = [] }: Pick<SiteLock, 'accepted'>, what: string, recorded: string): string {
  return accepted.reduce((before, one) => (one.what === what && one.was === before ? one.now : before), recorded);
}

/** A system's part of the lock, its snapshots signed by whom a person has accepted since. */
export const withAccepted = (lock: Pick<SiteLock, 'accepted'>, system: LockedSystem): LockedSystem => ({
  ...system,
  snapshots: system.snapshots.map((one) => ({ ...one, signedBy: signerBefore(lock, one.url, one.signedBy) })),
});

/** What an act throws as `signer-changed` is noted in the lock, so that the step asks a person the next time. */
export async function notingSigners<T>(site: OpenSite, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'signer-changed') {
      const { what, was, now } = thrown.data.params;
      await note(site, [{ what: String(what), was: String(was), now: String(now) }]);
    }
    throw thrown;
  }
}

const note = (site: OpenSite, changes: readonly SignerChange[]): Promise<void> =>
  site.updateLock((lock) => ({
    ...lock,
    offered: [...(lock.offered ?? []).filter(({ what }) => changes.every((one) => one.what !== what)), ...changes],
  }));

/**
 * Refuses entries whose certificate is another than that of the entries before them. Those that this site signed itself do not
 * count: then the plan says that it is another source now. Throws `signer-changed` for the first; all of them are noted.
 */
export async function refuseChangedSigners(
  site: OpenSite,
  release: string,
  entries: readonly LockedEntry[],
): Promise<void> {
  const { lock } = site;
  const changes = entries.flatMap(({ system, certificate }): SignerChange[] => {
    const before = lock.releases[release]?.entries.find((one) => one.system === system);
    if (before === undefined || before.certificate === lock.keys?.cacheCertificate) return [];
    const what = entryName(release, system);
    const was = signerBefore(lock, what, certificateFingerprint(before.certificate));
    const now = certificateFingerprint(certificate);
    return was === now ? [] : [{ what, was, now }];
  });
  const [first] = changes;
  if (first === undefined) return;
  await note(site, changes);
  throw problem('signer-changed', first);
}

export const signerJobs: Readonly<Record<string, Job>> = {
  /**
   * A person has compared the two, and the question of the instance that `asked` holds the answer: from now on this one counts,
   * or nothing is known of it any more and the source is asked anew. Throws `plan-changed`, `not-confirmed`.
   */
  'settle-signer': job(signerChange.extend({ asked: z.string() }), async ({ asked, ...change }, { site }) => {
    if (!(site.lock.offered ?? []).some((one) => isSame(one, change)))
      throw problem('plan-changed', { step: 'settle-signer' });
    const given = site.view.instances[asked]?.answers[signerQuestion(change)];
    const answer = signerAnswers.find((one) => one === given);
    if (answer === undefined) throw problem('not-confirmed', { step: asked });
    await site.updateLock(({ offered = [], accepted = [], ...lock }) => {
      const others = accepted.filter((one) => !isSame(one, change));
      return {
        ...lock,
        offered: offered.filter((one) => !isSame(one, change)),
        accepted: answer === 'accept' ? [...others, change] : accepted,
      };
    });
  }),
};
