// One writer a site: a small file in its folder that says who has it open. Used when a site is opened, by window and command
// line alike.

import { join } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { type Owner, ownerOf, takeOwnerLock } from '../platform/owner-lock.ts';

const lockPath = (folder: string): string => join(folder, 'writer.lock');

/** Who has the site open, null when nobody has. */
export const writerOf = (folder: string): Promise<Owner | null> => ownerOf(lockPath(folder));

/** Takes the lock; returns its release. Throws `site-in-use` with owner and age, `folder-not-writable`. */
export async function takeWriterLock(folder: string, site: string, now: Date): Promise<() => Promise<void>> {
  const taken = await takeOwnerLock(lockPath(folder), now);
  if ('release' in taken) return taken.release;
  const { held } = taken;
  throw problem('site-in-use', {
    site,
    owner: held === null ? '?' : `${held.user}@${held.host} (process ${held.pid})`,
    since: held?.since ?? '?',
  });
}
