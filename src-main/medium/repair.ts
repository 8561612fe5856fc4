// A stick that was pulled while it was written to: whether its file system came out damaged, and having it repaired.
// Called by choose-medium and `medium repair`. Looking writes nothing; repairing is asked for by a person, and what it may
// cost is files that were not sealed: those are read back before they are sealed again.
import { problem } from '../../src-shared/problem.ts';
import { type BlockDevice, readBlockDevices, withDescendants } from './lsblk.ts';
import { type MountHands, systemHands, unmountVolume } from './mount.ts';
import { checkFileSystem, type Health, repairFileSystem } from './udisks.ts';

/**
 * Whether a volume should be repaired before it is mounted. Only FAT is asked: it has no journal, and writing on a damaged one
 * makes it worse until the kernel refuses. The others repair themselves when they are mounted, or say so then.
 */
export async function needsRepair(
  device: string,
  hands: MountHands = systemHands,
  devices: () => Promise<readonly BlockDevice[]> = readBlockDevices,
  signal?: AbortSignal,
): Promise<boolean> {
  const volume = (await devices()).flatMap(withDescendants).find(({ path }) => path === device);
  if (volume?.fileSystem !== 'vfat' || volume.readOnly) return false;
  return (await checkFileSystem(device, hands, signal).catch(() => 'unknown')) === 'damaged';
}

/** Unmounts a volume and looks through it. Throws `medium-unmount-failed`, `program-missing`, `cancelled`. */
export async function checkVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<Health> {
  await unmountVolume(device, hands, signal);
  return checkFileSystem(device, hands, signal);
}

/**
 * Unmounts a volume and has its file system repaired; it is left unmounted.
 * Throws `medium-repair-failed`, `medium-unmount-failed`, `program-missing`, `cancelled`.
 */
export async function repairVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<void> {
  await unmountVolume(device, hands, signal);
  const said = await repairFileSystem(device, hands, signal);
  if (said !== null) throw problem('medium-repair-failed', { drive: device, detail: said });
}
