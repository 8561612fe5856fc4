// What would be lost with a drive: its volumes by label, how many files each holds, the newest of them, and a medium of ours
// when it is one. Called before a drive is formatted. It only reads; what it mounts for that, it mounts for reading and unmounts.
import { lstat, opendir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { VolumeLoss } from '../../src-shared/api.ts';
import { cleanLine } from '../../src-shared/clean.ts';
import { mediumRoot } from '../../src-shared/manifest.ts';
import { openManifest } from './manifest-store.ts';
import { type MountHands, unmountVolume } from './mount.ts';
import type { Volume } from './safety.ts';

/** Looking longer would make a person click past it. What is seen by then is said to be a part. */
const limitMs = 15_000;

export async function lossOf(
  volume: Volume,
  hands: MountHands,
  clock: { readonly monotonicMs: () => number },
  signal?: AbortSignal,
): Promise<VolumeLoss> {
  const { path, label, fileSystem, sizeBytes } = volume;
  const known = { device: path, label, fileSystem, sizeBytes };
  const place = volume.mountPoint ?? (await mountedForReading(path, hands, signal));
  if (place === null) return { ...known, readable: false, files: 0, whole: false, newest: null, medium: null };
  try {
    return { ...known, readable: true, ...(await filesBelow(place, clock, signal)), medium: await mediumAt(place) };
  } finally {
    if (volume.mountPoint === null) await unmountVolume(path, hands).catch(() => undefined);
  }
}

/** Null when it cannot be read: no file system, an encrypted or an unknown one. */
async function mountedForReading(device: string, hands: MountHands, signal?: AbortSignal): Promise<string | null> {
  const argv = ['udisksctl', 'mount', '--block-device', device, '--options', 'ro', '--no-user-interaction'];
  await hands.run(argv, signal);
  return (await hands.mounts()).findLast(({ source }) => source === device)?.mountPoint ?? null;
}

async function mediumAt(place: string): Promise<VolumeLoss['medium']> {
  const opened = await openManifest(join(place, mediumRoot), null).catch(() => null);
  return opened === null ? null : { site: opened.manifest.site, generation: opened.manifest.generation };
}

async function filesBelow(
  place: string,
  clock: { readonly monotonicMs: () => number },
  signal?: AbortSignal,
): Promise<Pick<VolumeLoss, 'files' | 'whole' | 'newest'>> {
  const until = clock.monotonicMs() + limitMs;
  const waiting = [place];
  let files = 0;
  let newest: { path: string; at: number } | null = null;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal?.throwIfAborted();
    const entries = await opendir(folder).catch(() => null);
    if (entries === null) continue;
    for await (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'lost+found') waiting.push(path);
        continue;
      }
      files += 1;
      const at = await lstat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => null,
      );
      if (at !== null && (newest === null || at > newest.at)) newest = { path: relative(place, path), at };
    }
    if (clock.monotonicMs() > until) return { files, whole: false, newest: told(newest) };
  }
  return { files, whole: true, newest: told(newest) };
}

const told = (newest: { path: string; at: number } | null): VolumeLoss['newest'] =>
  newest === null ? null : { path: cleanLine(newest.path, 200), at: new Date(newest.at).toISOString() };
