// The room a machine needs before anything is installed, from what the medium carries and what is there already. Pure.
// Folders of one mount share its room, so what they need is added up. Used by the preflight.
import type { SiteLock } from '../../../src-shared/lock.ts';
import type { Release } from '../../../src-shared/site.ts';
import type { MachineFacts } from '../../target/machine-facts.ts';
import type { PackageFacts } from './preflight-packages.ts';

export interface Room {
  readonly mount: string;
  readonly folders: readonly string[];
  readonly freeBytes: number;
  readonly neededBytes: number;
}

/** slapgrid refuses to work with less in its roots (software_min_free_space, instance_min_free_space: 1000M). */
const slapgridKeepsBytes = 1_048_576_000;
const spareBytes = 100_000_000;
/** Packages and releases are compressed: what they take unpacked, as a multiple. */
const unpacked = 4;

/** What each folder needs, in bytes. */
export function neededByFolder(
  system: string,
  lock: SiteLock,
  releases: readonly Release[],
  facts: Pick<MachineFacts, 'releases'>,
  packages: Pick<PackageFacts, 'vendorBytes' | 'otherBytes'>,
): Readonly<Record<string, number>> {
  const archives = releases.flatMap(({ name }) => {
    const release = lock.releases[name];
    if (release === undefined || facts.releases[release.md5] === 'completed') return [];
    return release.entries.filter((entry) => entry.system === system).map((entry) => entry.sizeBytes);
  });
  const sum = archives.reduce((all, one) => all + one, 0);
  const { vendorBytes, otherBytes } = packages;
  return {
    // slapos-node unpacks below /opt; releases do after their archive has come to /tmp as a whole.
    '/opt': slapgridKeepsBytes + unpacked * (vendorBytes + sum),
    '/srv': slapgridKeepsBytes,
    '/tmp': spareBytes + Math.max(0, ...archives),
    '/usr': spareBytes + unpacked * otherBytes,
    '/var': spareBytes + vendorBytes + otherBytes,
  };
}

/** The folders' needs by the mount they lie on; a folder that was not told of is left out. */
export function roomsOf(needed: Readonly<Record<string, number>>, folders: MachineFacts['folders']): readonly Room[] {
  const rooms = new Map<string, Room>();
  for (const [path, neededBytes] of Object.entries(needed)) {
    const folder = folders[path];
    if (folder === undefined) continue;
    const room = rooms.get(folder.mount);
    rooms.set(folder.mount, {
      mount: folder.mount,
      folders: [...(room?.folders ?? []), path],
      freeBytes: folder.freeBytes,
      neededBytes: (room?.neededBytes ?? 0) + neededBytes,
    });
  }
  return [...rooms.values()];
}
