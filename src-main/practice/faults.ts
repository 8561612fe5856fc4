// What can go wrong on the practice site, to be switched on and off by a person. The set is kept in the practice folder;
// some faults also move a thing there: the stick is really gone, the archive is really another one.
// Called by the desk through compose, and read by the simulated machine and network. It must never touch another folder.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ensureFolder, exists, readTextOrNull, writeAtomic } from '../platform/files.ts';

export const faultIds = [
  'stick-unplugged',
  'tampered-package-index',
  'tampered-release-archive',
  'tampered-cache-archive',
  'host-key-changed',
  'wrong-password',
  'forwarding-forbidden',
  'release-of-another-system',
  'disk-full-on-target',
  'clock-off',
  'connection-lost',
  'software-folder-poisoned',
  'cache-url-off-by-one',
] as const;
export type FaultId = (typeof faultIds)[number];

export interface PracticeFault {
  readonly id: FaultId;
  readonly on: boolean;
}

const faultsFile = z.strictObject({ on: z.array(z.string()) });

/** Places in the practice folder that faults move. */
export const practicePaths = (folder: string) => ({
  stick: join(folder, 'stick'),
  unplugged: join(folder, 'stick-unplugged'),
  release: join(folder, 'releases', 'slapos-master.tar.gz'),
  soundRelease: join(folder, 'releases', 'sound.tar.gz'),
  wrongRelease: join(folder, 'releases', 'wrong-folder.tar.gz'),
  faults: join(folder, 'faults.json'),
});

/** The faults that are switched on. A file that cannot be read counts as none. */
export async function activeFaults(folder: string): Promise<ReadonlySet<FaultId>> {
  const text = await readTextOrNull(practicePaths(folder).faults);
  if (text === null) return new Set();
  try {
    const { on } = faultsFile.parse(JSON.parse(text));
    return new Set(faultIds.filter((id) => on.includes(id)));
  } catch {
    return new Set();
  }
}

/** All faults, and which are on. */
export async function practiceFaults(folder: string): Promise<PracticeFault[]> {
  const active = await activeFaults(folder);
  return faultIds.map((id) => ({ id, on: active.has(id) }));
}

type Listener = (active: ReadonlySet<FaultId>) => void;
const listeners = new Map<string, Set<Listener>>();

/** Tells of each change made by this program; returns the unsubscriber. */
export function onFaultChange(folder: string, listener: Listener): () => void {
  const known = listeners.get(folder) ?? new Set();
  listeners.set(folder, known.add(listener));
  return () => {
    known.delete(listener);
  };
}

/** Switches a fault; an id that is not known changes nothing. */
export async function setPracticeFault(folder: string, id: string, on: boolean): Promise<PracticeFault[]> {
  const known = faultIds.find((one) => one === id);
  if (known !== undefined) {
    const active = new Set(await activeFaults(folder));
    if (on) active.add(known);
    else active.delete(known);
    await writeAtomic(practicePaths(folder).faults, JSON.stringify({ on: [...active].sort() }));
    await arrange(folder, active);
    for (const listener of listeners.get(folder) ?? []) listener(active);
  }
  return practiceFaults(folder);
}

/** Puts the things of the folder where the faults want them. Safe to repeat. */
async function arrange(folder: string, active: ReadonlySet<FaultId>): Promise<void> {
  const paths = practicePaths(folder);
  await move(active.has('stick-unplugged') ? [paths.stick, paths.unplugged] : [paths.unplugged, paths.stick]);
  if (active.has('tampered-release-archive')) {
    if (!(await exists(paths.wrongRelease))) return;
    await move([paths.release, paths.soundRelease]);
    await move([paths.wrongRelease, paths.release]);
  } else if (await exists(paths.soundRelease)) {
    await move([paths.release, paths.wrongRelease]);
    await move([paths.soundRelease, paths.release]);
  }
}

async function move([from, to]: readonly [string, string]): Promise<void> {
  if (!(await exists(from)) || (await exists(to))) return;
  await ensureFolder(join(to, '..'));
  await rename(from, to);
}
