// The laptop's battery, from the kernel's files. Called by compose for window and terminal. It only reads.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextOrNull } from './files.ts';

export interface Battery {
  /** 0 to 100; of several the mean. */
  readonly percent: number;
  /** It is being used up: the laptop is not plugged in, or not strongly enough. */
  readonly draining: boolean;
}

/**
 * Null where there is none, or the system does not tell (other systems than Linux). A mouse's battery does not count.
 * Source: the kernel's Documentation/ABI/testing/sysfs-class-power.
 * @param folder where the kernel lists them
 */
export async function readBattery(folder = '/sys/class/power_supply'): Promise<Battery | null> {
  const names = await readdir(folder).catch((): string[] => []);
  const word = async (name: string, file: string): Promise<string> =>
    ((await readTextOrNull(join(folder, name, file)).catch(() => null)) ?? '').trim();
  const all = await Promise.all(
    names.map(async (name) => ({
      own: (await word(name, 'type')) === 'Battery' && (await word(name, 'scope')) !== 'Device',
      capacity: await word(name, 'capacity'),
      status: await word(name, 'status'),
    })),
  );
  const batteries = all.filter(({ own, capacity }) => own && /^\d{1,3}$/.test(capacity));
  if (batteries.length === 0) return null;
  const sum = batteries.reduce((before, { capacity }) => before + Number(capacity), 0);
  return {
    percent: Math.min(100, Math.round(sum / batteries.length)),
    draining: batteries.some(({ status }) => status === 'Discharging'),
  };
}
