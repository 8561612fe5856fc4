// When a technician is told that the laptop runs on its battery: before and while something runs that takes long. Pure; asked by
// window and command line, so that both say it of the same acts.
import type { InstanceView } from './journal.ts';
import { isTimed, stepMinutes } from './sheet.ts';

interface Battery {
  /** 0 to 100. */
  readonly percent: number;
  readonly draining: boolean;
}

/** From so many minutes on an act is long. */
const longMinutes = 5;

/** Whether these steps, as far as they are not done, take long: by their own minutes, or by how much they fetch, copy or compile. */
const takeLong = (instances: readonly Pick<InstanceView, 'step' | 'state' | 'everDone'>[]): boolean =>
  !isTimed(instances) ||
  instances
    .filter(({ state }) => state !== 'done')
    .reduce((minutes, { step }) => minutes + (stepMinutes[step] ?? 0), 0) >= longMinutes;

/**
 * What is left of the battery, when it should be said; null when it need not: the laptop is plugged in, has none, or what runs is short.
 * `act`: the steps that run, or `long` for what belongs to no step and goes over every byte of a medium.
 */
export function batteryLeft(battery: Battery | null, act: Parameters<typeof takeLong>[0] | 'long'): number | null {
  if (battery === null || !battery.draining) return null;
  return act === 'long' || takeLong(act) ? battery.percent : null;
}
