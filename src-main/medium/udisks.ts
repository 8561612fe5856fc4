// What UDisks2 does beyond mounting: checking and repairing a file system, and formatting a drive. Asked over the system bus
// with systemd's busctl, because udisksctl has no words for it; no password on a desktop, never root.
// Called by the repair and the format act, after a yes. Format of calls and options: the UDisks2 reference,
// org.freedesktop.UDisks2.{Manager,Block,Filesystem,PartitionTable}.
import { z } from 'zod';
import { parseJson } from '../../src-shared/json.ts';
import type { MountHands } from './mount.ts';

/** An answer's values, or the last thing that was said when the call failed. */
type Answer =
  | { readonly data: readonly unknown[]; readonly said: null }
  | { readonly data: null; readonly said: string };

const answer = z.looseObject({ data: z.array(z.unknown()) });
const service = 'org.freedesktop.UDisks2';

/** Repairing a large stick, or writing the tables of one, takes its minutes. */
const limitSeconds = 3600;

/** One call. `words` as busctl takes them: a signature and its values. Throws `program-missing`, `cancelled`. */
export async function callUdisks(
  hands: MountHands,
  object: string,
  method: string,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<Answer> {
  const at = method.lastIndexOf('.');
  const options = ['--json=short', `--timeout=${limitSeconds}`, '--allow-interactive-authorization=no'];
  const argv = ['busctl', 'call', ...options, service, object, `${service}.${method.slice(0, at)}`];
  const result = await hands.run([...argv, method.slice(at + 1), ...words], signal);
  const parsed = answer.safeParse(parseJson(result.stdout));
  if (result.exit === 0) return { data: parsed.success ? parsed.data.data : [], said: null };
  const lines = result.stderr.trim().split('\n');
  return { data: null, said: (lines[0] ?? '').replace(/^Call failed: /, '').slice(0, 200) || `busctl: ${result.exit}` };
}

/** The name by which UDisks2 knows a device; null when it knows none. */
export async function udisksObject(device: string, hands: MountHands, signal?: AbortSignal): Promise<string | null> {
  const words = ['a{sv}a{sv}', '1', 'path', 's', device, '0'];
  const { data } = await callUdisks(
    hands,
    `/${service.replaceAll('.', '/')}/Manager`,
    'Manager.ResolveDevice',
    words,
    signal,
  );
  const [found] = z.array(z.array(z.string())).safeParse(data).data ?? [];
  return found?.[0] ?? null;
}

/** `unknown`: nothing on this laptop can check such a file system, or it is mounted. */
export type Health = 'whole' | 'damaged' | 'unknown';

/** Looks through a file system that is not mounted; writes nothing. */
export async function checkFileSystem(device: string, hands: MountHands, signal?: AbortSignal): Promise<Health> {
  const object = await udisksObject(device, hands, signal);
  if (object === null) return 'unknown';
  const { data } = await callUdisks(hands, object, 'Filesystem.Check', ['a{sv}', '0'], signal);
  return data?.[0] === true ? 'whole' : data?.[0] === false ? 'damaged' : 'unknown';
}

/**
 * Has a file system that is not mounted repaired. What counts is the look afterwards: the tool for FAT ends as failed when it
 * has changed something. Null when it is whole now, else what was said. Nothing stops it: UDisks2 would go on all the same.
 */
export async function repairFileSystem(device: string, hands: MountHands): Promise<string | null> {
  const object = await udisksObject(device, hands);
  if (object === null) return 'UDisks2';
  const { data, said } = await callUdisks(hands, object, 'Filesystem.Repair', ['a{sv}', '0']);
  const health = await checkFileSystem(device, hands);
  if (health === 'whole' || (health === 'unknown' && data?.[0] === true)) return null;
  return said ?? 'fsck';
}
