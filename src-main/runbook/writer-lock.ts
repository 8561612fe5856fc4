// One writer a site: a small file that says who has it open. Used when a site is opened, by window and command line alike.
// A lock whose owner's process is gone on this very laptop is taken over; any other is left alone and told.

import { open, rm } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf, readTextOrNull } from '../platform/files.ts';

const owner = z.object({ pid: z.int(), host: z.string(), user: z.string(), since: z.string() });
export type Owner = z.infer<typeof owner>;

const lockPath = (folder: string): string => join(folder, 'writer.lock');

/** Who has the site open, null when nobody has. */
export async function writerOf(folder: string): Promise<Owner | null> {
  const text = await readTextOrNull(lockPath(folder));
  const found = text === null ? null : read(text);
  return found === null || isGone(found) ? null : found;
}

function read(text: string): Owner | null {
  try {
    return owner.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Only a process of this laptop can be known to be gone. */
function isGone({ host, pid }: Owner): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
}

/** Takes the lock; returns its release. Throws `site-in-use` with owner and age. */
export async function takeWriterLock(folder: string, site: string, now: Date): Promise<() => Promise<void>> {
  const path = lockPath(folder);
  const me: Owner = { pid: process.pid, host: hostname(), user: userInfo().username, since: now.toISOString() };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(me));
      await file.sync();
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const text = await readTextOrNull(path);
    const held = text === null ? null : read(text);
    if (held !== null && !isGone(held))
      throw problem('site-in-use', {
        site,
        owner: `${held.user}@${held.host} (process ${held.pid})`,
        since: held.since,
      });
    await rm(path, { force: true });
  }
  throw problem('site-in-use', { site, owner: '?', since: '?' });
}
