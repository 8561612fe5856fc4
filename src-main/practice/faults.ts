// What can go wrong on the practice site, to be switched on and off by a person. The set is kept in the practice folder;
// some faults also move a thing there: the stick is really gone, the archive is really another one.
// Called by the desk through compose, and read by the simulated machine and network. It must never touch another folder.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { ensureFolder, exists, readTextOrNull, writeAtomic } from '../platform/files.ts';

export const faultIds = [
  'stick-unplugged',
  'another-stick',
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
  /** The program was seen to notice it, once at least. */
  readonly met: boolean;
}

const faultsFile = z.strictObject({ on: z.array(z.string()), met: z.array(z.string()).default([]) });

/** Places in the practice folder that faults move. */
export const practicePaths = (folder: string) => ({
  stick: join(folder, 'stick'),
  unplugged: join(folder, 'stick-unplugged'),
  anotherStick: join(folder, 'another-stick'),
  release: join(folder, 'releases', 'slapos-master.tar.gz'),
  soundRelease: join(folder, 'releases', 'sound.tar.gz'),
  wrongRelease: join(folder, 'releases', 'wrong-folder.tar.gz'),
  faults: join(folder, 'faults.json'),
  frontendCertificate: join(folder, 'keys', 'frontend.crt'),
  frontendKey: join(folder, 'keys', 'frontend.key'),
});

/** The marker of the stick that `another-stick` plugs in. */
export const anotherStickMark = '0'.repeat(32);

interface Kept {
  readonly on: ReadonlySet<FaultId>;
  readonly met: ReadonlySet<FaultId>;
}

/** A file that cannot be read counts as none. */
async function readKept(folder: string): Promise<Kept> {
  const text = await readTextOrNull(practicePaths(folder).faults);
  try {
    const { on, met } = faultsFile.parse(JSON.parse(text ?? '{"on":[]}'));
    const known = (ids: readonly string[]) => new Set(faultIds.filter((id) => ids.includes(id)));
    return { on: known(on), met: known(met) };
  } catch {
    return { on: new Set(), met: new Set() };
  }
}

/** The faults that are switched on. */
export const activeFaults = async (folder: string): Promise<ReadonlySet<FaultId>> => (await readKept(folder)).on;

/** All faults, which are on, and which were met. */
export async function practiceFaults(folder: string): Promise<PracticeFault[]> {
  const { on, met } = await readKept(folder);
  return faultIds.map((id) => ({ id, on: on.has(id), met: met.has(id) }));
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

/** Switches a fault, and keeps that it was met; an id that is not known changes nothing. */
export async function setPracticeFault(folder: string, id: string, on: boolean, met = false): Promise<PracticeFault[]> {
  const known = faultIds.find((one) => one === id);
  if (known !== undefined) {
    const kept = await readKept(folder);
    const active = new Set(kept.on);
    if (on) active.add(known);
    else active.delete(known);
    const seen = met ? [...kept.met, known] : [...kept.met];
    const text = JSON.stringify({ on: [...active].sort(), met: [...new Set(seen)].sort() });
    await writeAtomic(practicePaths(folder).faults, text);
    await arrange(folder, active);
    for (const listener of listeners.get(folder) ?? []) listener(active);
  }
  return practiceFaults(folder);
}

/** Puts the things of the folder where the faults want them. Safe to repeat. */
async function arrange(folder: string, active: ReadonlySet<FaultId>): Promise<void> {
  const paths = practicePaths(folder);
  await arrangeSticks(folder, active);
  if (active.has('tampered-release-archive')) {
    if (!(await exists(paths.wrongRelease))) return;
    await move([paths.release, paths.soundRelease]);
    await move([paths.wrongRelease, paths.release]);
  } else if (await exists(paths.soundRelease)) {
    await move([paths.release, paths.wrongRelease]);
    await move([paths.soundRelease, paths.release]);
  }
}

/** One stick is plugged in at most: ours, or one that carries another medium's marker. */
async function arrangeSticks(folder: string, active: ReadonlySet<FaultId>): Promise<void> {
  const { stick, unplugged, anotherStick } = practicePaths(folder);
  if (await exists(unplugged)) await move([stick, anotherStick]);
  const away = active.has('stick-unplugged') || active.has('another-stick');
  await move(away ? [stick, unplugged] : [unplugged, stick]);
  if (!active.has('another-stick') || active.has('stick-unplugged')) return;
  if (!(await exists(anotherStick)) && !(await exists(stick))) {
    await ensureFolder(join(anotherStick, mediumRoot));
    await writeAtomic(join(anotherStick, mediumRoot, mediumPaths.mediumId), `${anotherStickMark}\n`);
  }
  await move([anotherStick, stick]);
}

async function move([from, to]: readonly [string, string]): Promise<void> {
  if (!(await exists(from)) || (await exists(to))) return;
  await ensureFolder(join(to, '..'));
  await rename(from, to);
}
