// A stick that was pulled while it was written to: whether its file system came out damaged, and having it repaired.
// Called by choose-medium, `medium repair` and the window's page of that name. Looking writes nothing; repairing is asked for by a person, and what it may
// cost is files that were not sealed: those are read back before they are sealed again.
import type { RepairStage } from '../../src-shared/api.ts';
import { problem } from '../../src-shared/problem.ts';
import { type BlockDevice, readBlockDevices, withDescendants } from './lsblk.ts';
import { type MountHands, mountVolume, systemHands, unmountVolume } from './mount.ts';
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

/**
 * Unmounts a volume and has its file system repaired; it is left unmounted. A repair that has begun goes on to its end: cut off, it
 * could cost files. Throws `medium-repair-failed`, `medium-unmount-failed`, `program-missing`, `cancelled`.
 */
export async function repairVolume(
  device: string,
  hands: MountHands = systemHands,
  signal?: AbortSignal,
): Promise<void> {
  await unmountVolume(device, hands, signal);
  if (signal?.aborted) throw problem('cancelled', { what: device });
  const said = await repairFileSystem(device, hands);
  if (said !== null) throw problem('medium-repair-failed', { drive: device, detail: said });
}

export interface Mended {
  readonly health: Health;
  readonly repaired: boolean;
  /** Where it is mounted after a repair; null when it was only looked at, and when it was asked to stop meanwhile. */
  readonly mountPoint: string | null;
}

interface Mending {
  readonly yes: boolean;
  readonly onStage: (stage: RepairStage) => void;
  readonly signal: AbortSignal;
}

/**
 * Looks through a volume, and repairs it after a yes unless it is whole; one that was only looked at is mounted again where it was.
 * A stop ends the look at once; the volume is then as it was found. Throws as `repairVolume`, and what mounting throws.
 */
export async function mendVolume(
  { path: device, mountPoint }: { readonly path: string; readonly mountPoint: string | null },
  { yes, onStage, signal }: Mending,
  hands: MountHands = systemHands,
): Promise<Mended> {
  const health = await look();
  if (!yes || health === 'whole') return { health, repaired: false, mountPoint: null };
  onStage('repairing');
  await repairVolume(device, hands, signal);
  if (signal.aborted) return { health: 'whole', repaired: true, mountPoint: null };
  onStage('mounting');
  return { health: 'whole', repaired: true, mountPoint: (await mountVolume(device, hands)).mountPoint };

  async function look(): Promise<Health> {
    onStage('looking');
    let found: Health | null = null;
    try {
      await unmountVolume(device, hands, signal);
      found = await checkFileSystem(device, hands, signal);
      if (signal.aborted) throw problem('cancelled', { what: device });
      return found;
    } finally {
      if (mountPoint !== null && !(yes && found !== null && found !== 'whole' && !signal.aborted))
        await mountVolume(device, hands);
    }
  }
}
