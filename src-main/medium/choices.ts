// The drives as they are offered to a person: one choice a volume, those that may not be used with the reason why.
// Called by the window's picker and `medium list`. Pure; nothing is chosen here.
import type { MediumChoice } from '../../src-shared/api.ts';
import type { Drive, Volume } from './safety.ts';

/**
 * `names`: lasting names of devices, see `readLastingNames`. One that is not mounted is handed back by that name: `/dev/sdb1` is
 * another stick a minute later, and what was chosen once must never mean that one.
 */
export function mediumChoices(drives: readonly Drive[], names: ReadonlyMap<string, string>): MediumChoice[] {
  return drives.flatMap((drive) =>
    (drive.volumes.length === 0 ? [null] : drive.volumes).map((one) => choice(drive, one, names)),
  );
}

/** Without a volume it is a drive with nothing in it: an empty card reader. */
function choice(drive: Drive, volume: Volume | null, names: ReadonlyMap<string, string>): MediumChoice {
  const label = [drive.name, volume?.label ?? ''].filter((part) => part !== '').join(' · ') || drive.path;
  const reason = volume === null ? (drive.reason ?? 'no-file-system') : volume.reason;
  const path = volume?.mountPoint ?? volume?.path ?? drive.path;
  return {
    token: names.get(path) ?? path,
    label,
    path,
    serial: drive.serial,
    sizeBytes: volume?.sizeBytes ?? drive.sizeBytes,
    freeBytes: volume?.freeBytes ?? null,
    fileSystem: volume?.fileSystem ?? null,
    mounted: volume !== null && volume.mountPoint !== null,
    limits: [...drive.warnings, ...(reason === null && volume !== null ? volume.warnings : [])],
    why: reason === null ? null : { code: 'medium-drive-unusable', params: { drive: label, reason } },
  };
}
