// Acts on a volume or a drive outside of any site: repairing, and formatting. Called by compose for the window and the command
// line. The rules of which drive may be touched are asked each time, and nothing is done that was not asked for by a yes.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DriveLoss, FormatChoice, RepairStage } from '../../src-shared/api.ts';
import { problem } from '../../src-shared/problem.ts';
import { listDrives } from '../medium/drives.ts';
import { type FormatRequest, formatDrive, formatHands, lookBeforeFormat } from '../medium/format.ts';
import { readBlockDevices } from '../medium/lsblk.ts';
import { mountOf, readMounts } from '../medium/mounts.ts';
import { type Mended, mendVolume } from '../medium/repair.ts';
import type { Drive } from '../medium/safety.ts';
import type { Clock } from '../platform/clock.ts';
import { requireVolume } from './medium-jobs.ts';

export interface Repaired extends Mended {
  readonly device: string;
}

export interface DriveActs {
  /** Of a device or of the folder where it is mounted. Without `yes` it is only looked at, which unmounts it for that while. */
  readonly repairMedium: (
    place: string,
    yes: boolean,
    signal: AbortSignal,
    onStage?: (stage: RepairStage) => void,
  ) => Promise<Repaired>;
  readonly format: {
    readonly drives: (signal?: AbortSignal) => Promise<FormatChoice[]>;
    readonly look: (device: string, signal?: AbortSignal) => Promise<DriveLoss>;
    readonly perform: (request: FormatRequest, signal?: AbortSignal) => Promise<string>;
  };
}

/** `runningFrom`: absolute paths whose drive is never touched. */
export function driveActs(runningFrom: readonly string[], clock: Clock): DriveActs {
  const hands = formatHands({
    drives: (signal) => listDrives({ runningFrom, ...(signal === undefined ? {} : { signal }) }),
    devices: (signal) => readBlockDevices(signal),
  });
  const volumeAt = async (place: string, signal: AbortSignal) => {
    const device = await deviceOf(place);
    const drives = await listDrives({ runningFrom, advanced: true, signal });
    const damaged = drives.some(({ volumes }) =>
      volumes.some(({ path, reason }) => path === device && reason === 'needs-repair'),
    );
    return requireVolume(drives, device, damaged ? 'needs-repair' : null);
  };
  return {
    repairMedium: async (place, yes, signal, onStage = () => undefined) => {
      const volume = await volumeAt(place, signal);
      return { device: volume.path, ...(await mendVolume(volume, { yes, onStage, signal })) };
    },
    format: {
      drives: async (signal) => (await hands.drives(signal)).map(choiceOf),
      look: (device, signal) => lookBeforeFormat(device, hands, clock, signal),
      perform: (request, signal) => formatDrive(request, hands, signal),
    },
  };
}

function choiceOf({ path, name, serial, sizeBytes, reason, volumes }: Drive): FormatChoice {
  const label =
    [name, ...volumes.map((volume) => volume.label ?? '')].filter((part) => part !== '').join(' · ') || path;
  const why = reason === null ? null : { code: 'medium-drive-unusable', params: { drive: label, reason } };
  return { device: path, label, sizeBytes, serial, why };
}

/** The device of a folder's volume, or of a name below /dev. Throws `medium-absent`. */
async function deviceOf(place: string): Promise<string> {
  const real = await realpath(resolve(place)).catch(() => null);
  if (real === null) throw problem('medium-absent', { path: place });
  if (real.startsWith('/dev/')) return real;
  return mountOf(real, await readMounts())?.source ?? real;
}
