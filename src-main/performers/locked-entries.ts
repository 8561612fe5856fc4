// Index entries on their way into the site lock. Pure; called by the jobs that import and mirror releases.
import type { LockedEntry, SiteLock } from '../../src-shared/lock.ts';
import { urlKey } from '../software/entry.ts';

/**
 * The lock with these entries of a release, one for a system: each takes the place of the one that was there for its system.
 * Entries for other systems stay, unless they were for another address of the release.
 */
export function withEntries(
  lock: SiteLock,
  release: { readonly name: string; readonly url: string },
  entries: readonly LockedEntry[],
): SiteLock {
  const { name, url } = release;
  const before = lock.releases[name];
  const kept = before?.url === url ? before.entries : [];
  const others = kept.filter((item) => !entries.some(({ system }) => system === item.system));
  return {
    ...lock,
    releases: { ...lock.releases, [name]: { url, md5: urlKey(url), entries: [...others, ...entries] } },
  };
}
