// Formatting a drive: the one act here that erases. Called by `medium format` and the window's page for it, never by a step.
// It shows first what will be lost and gives a mark of exactly that drive; it then erases only a drive with that mark, after its
// name was typed, and never one of the system, one that nobody understands, or one that is not on USB.
import type { DriveLoss, FormatKind } from '../../src-shared/api.ts';
import { canonicalJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { sha256Of } from '../platform/files.ts';
import { lossOf } from './loss.ts';
import { type BlockDevice, withDescendants } from './lsblk.ts';
import { type MountHands, systemHands, unmountVolume } from './mount.ts';
import type { Drive } from './safety.ts';
import { callUdisks, udisksObject } from './udisks.ts';

/** The laptop's drives and hands; replaced in tests. */
export interface FormatHands extends MountHands {
  /** As `listDrives`, without the drives that only an advanced choice offers. */
  readonly drives: (signal?: AbortSignal) => Promise<readonly Drive[]>;
  readonly devices: (signal?: AbortSignal) => Promise<readonly BlockDevice[]>;
}

export const formatHands = (look: Pick<FormatHands, 'drives' | 'devices'>): FormatHands => ({
  ...systemHands,
  ...look,
});

/** The drive, when it may be formatted. Throws `medium-absent`, `medium-drive-unusable`. */
async function formattable(device: string, hands: FormatHands, signal?: AbortSignal): Promise<Drive> {
  const drive = (await hands.drives(signal)).find(({ path }) => path === device);
  if (drive === undefined) throw problem('medium-absent', { path: device });
  if (drive.reason !== null)
    throw problem('medium-drive-unusable', { drive: drive.name || drive.path, reason: drive.reason });
  return drive;
}

/** What a person types to say that this drive is meant: the label they know it by, else what is printed on it. */
export const nameToType = ({ volumes, name, path }: Drive): string =>
  volumes.find(({ label }) => label !== null)?.label ?? (name === '' ? path : name);

/** Equal only for the same drive with the same volumes on it; where it is mounted does not count. */
function markOf({ path, name, serial, sizeBytes, volumes }: Drive): string {
  const parts = volumes.map((one) => [one.path, one.uuid, one.label, one.fileSystem, one.sizeBytes]);
  return sha256Of(canonicalJson([path, name, serial, sizeBytes, parts]));
}

/** What would be lost. Changes nothing. Throws `medium-absent`, `medium-drive-unusable`, `drives-unreadable`, `cancelled`. */
export async function lookBeforeFormat(
  device: string,
  hands: FormatHands,
  clock: { readonly monotonicMs: () => number },
  signal?: AbortSignal,
): Promise<DriveLoss> {
  const drive = await formattable(device, hands, signal);
  const volumes = [];
  for (const volume of drive.volumes) volumes.push(await lossOf(volume, hands, clock, signal));
  const { path, name, serial, sizeBytes } = drive;
  return { device: path, name, serial, sizeBytes, mark: markOf(drive), typeName: nameToType(drive), volumes };
}

export interface FormatRequest {
  /** The whole drive: `/dev/sdb`. */
  readonly device: string;
  /** Of what was shown. */
  readonly mark: string;
  /** The name as it was typed. */
  readonly typed: string;
  readonly fileSystem: FormatKind;
  readonly label: string;
}

/** Names that all three file systems hold alike. */
const fitLabel = /^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,9}[A-Za-z0-9_-])?$/;
/** What an old partition table can hold. */
const largestDosBytes = 2_000_000_000_000;
/** Where every tool begins the first partition. */
const firstOffsetBytes = 1_048_576;

/**
 * Erases a drive: a new table with one partition over all of it. Returns the partition's device.
 * Throws `medium-absent`, `medium-drive-unusable`, `format-drive-changed`, `format-name-differs`, `format-label-unfit` and
 * `medium-unmount-failed` before anything was changed; `format-failed` when the drive may be empty or half done.
 */
export async function formatDrive(
  { device, mark, typed, fileSystem, label }: FormatRequest,
  hands: FormatHands,
  signal?: AbortSignal,
): Promise<string> {
  if (!fitLabel.test(label)) throw problem('format-label-unfit', { label });
  const requireSame = async (): Promise<Drive> => {
    const drive = await formattable(device, hands, signal);
    if (markOf(drive) !== mark) throw problem('format-drive-changed', { drive: drive.name || device });
    return drive;
  };
  const drive = await requireSame();
  const name = nameToType(drive);
  if (typed.trim() !== name) throw problem('format-name-differs', { name, typed });
  const tree = (await hands.devices(signal)).find(({ path }) => path === device);
  for (const { path } of tree === undefined ? [] : withDescendants(tree)) await unmountVolume(path, hands, signal);
  // Unmounting may have waited for a person: it is looked at once more, with nothing between this and the act.
  await requireSame();
  const object = await udisksObject(device, hands, signal);
  if (object === null) throw problem('medium-absent', { path: device });
  const table = drive.sizeBytes > largestDosBytes ? 'gpt' : 'dos';
  // From here on the act is not to be stopped halfway: no signal.
  const done = await callUdisks(hands, object, 'Block.Format', ['sa{sv}', table, '1', 'tear-down', 'b', 'true']);
  if (done.data === null) throw problem('format-failed', { drive: device, detail: done.said });
  const shownLabel = fileSystem === 'vfat' ? label.toUpperCase() : label;
  const options = ['3', 'label', 's', shownLabel, 'take-ownership', 'b', 'true', 'update-partition-type', 'b', 'true'];
  const words = ['ttssa{sv}sa{sv}', String(firstOffsetBytes), '0', '', '', '0', fileSystem, ...options];
  const made = await callUdisks(hands, object, 'PartitionTable.CreatePartitionAndFormat', words);
  if (made.data === null) throw problem('format-failed', { drive: device, detail: made.said });
  // What counts is what is there now.
  const now = (await hands.devices()).find(({ path }) => path === device);
  const volume = now?.children.find((one) => one.fileSystem === fileSystem && one.label === shownLabel);
  if (volume === undefined) throw problem('format-failed', { drive: device, detail: fileSystem });
  return volume.path;
}
