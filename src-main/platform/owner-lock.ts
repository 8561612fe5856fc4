// A small file that says which process holds something, so that one does at a time, on this laptop and beside other programs
// of ours. Used for a site that is open (runbook/writer-lock) and for a change of the vault.
// A lock whose owner's process is gone on this very laptop is taken over; any other is left alone and told.

import { randomBytes } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf, readTextOrNull } from './files.ts';
import { userName } from './who.ts';

const tries = 20;
const pauseMs = 25;
/** A turn takes milliseconds; one this old was left by a program that ended in it. */
const longestTurnMs = 10_000;

const owner = z.object({
  pid: z.int().positive(),
  host: z.string(),
  user: z.string(),
  since: z.string(),
  /** Tells this process from a later one with the same number; empty where the system does not say. */
  start: z.string().default(''),
});
export type Owner = z.infer<typeof owner>;

/** Who holds the lock, null when nobody does. */
export async function ownerOf(path: string): Promise<Owner | null> {
  const text = await readTextOrNull(path);
  const found = text === null ? null : read(text);
  return found === null || (await isGone(found)) ? null : found;
}

function read(text: string): Owner | null {
  try {
    return owner.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Boot and start time of a process, from Linux' /proc (proc(5), field 22 of stat); empty elsewhere. */
async function startOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return '';
  }
}

/** Only a process of this laptop can be known to be gone. */
async function isGone({ host, pid, start }: Owner): Promise<boolean> {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
  const now = start === '' ? '' : await startOf(pid);
  return now !== '' && now !== start;
}

/** Either the lock is ours until `release`, or somebody has it: `held` is null when it changed hands too often to tell who. */
export type Taken = { readonly release: () => Promise<void> } | { readonly held: Owner | null };

/** Takes the lock if nobody has it; does not wait for one who does. Throws `folder-not-writable`. */
export async function takeOwnerLock(path: string, now: Date): Promise<Taken> {
  const start = await startOf(process.pid);
  const me: Owner = { pid: process.pid, host: hostname(), user: userName(), since: now.toISOString(), start };
  const mine = JSON.stringify(me);
  for (let attempt = 0; attempt < tries; attempt += 1) {
    if (await place(path, mine)) return { release: () => removeIf(path, mine) };
    const text = await readTextOrNull(path);
    if (text === null) continue;
    const held = read(text);
    if (held !== null && !(await isGone(held))) return { held };
    await takeAway(path, text, mine);
  }
  return { held: null };
}

/** Takes the lock, waiting up to `limitMs` for whoever has it. */
export async function waitForOwnerLock(path: string, limitMs: number): Promise<Taken> {
  const end = Date.now() + limitMs;
  for (;;) {
    const taken = await takeOwnerLock(path, new Date());
    if ('release' in taken || Date.now() >= end) return taken;
    await setTimeout(pauseMs);
  }
}

const beside = (path: string): string => `${path}.${randomBytes(6).toString('hex')}`;

/** Puts the whole file there at once, so that nobody ever reads half of it; false when there is one. */
async function place(path: string, text: string): Promise<boolean> {
  const temporary = beside(path);
  await writeFile(temporary, text, { mode: 0o600 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    // A file system without hard links: the one try that it has.
    return await writeFile(path, text, { mode: 0o600, flag: 'wx' }).then(
      () => true,
      (thrown: unknown) => {
        if (errnoOf(thrown) === 'EEXIST') return false;
        throw problem('folder-not-writable', { path, detail: errnoOf(thrown) }, { cause: thrown });
      },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}

async function removeIf(path: string, text: string): Promise<void> {
  if ((await readTextOrNull(path)) === text) await rm(path, { force: true });
}

/** Removes a lock that nobody holds. One at a time, so that nobody removes the lock which another has just taken. */
async function takeAway(path: string, text: string, mine: string): Promise<void> {
  const turn = `${path}.turn`;
  if (await place(turn, mine)) {
    try {
      await removeIf(path, text);
    } finally {
      await rm(turn, { force: true });
    }
    return;
  }
  const since = await stat(turn).catch(() => null);
  if (since !== null && Date.now() - since.mtimeMs > longestTurnMs) await rm(turn, { force: true });
  await setTimeout(pauseMs);
}
