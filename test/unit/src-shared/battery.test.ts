import { describe, expect, it } from 'vitest';
import { batteryLeft } from '../../../src-shared/battery.ts';
import type { InstanceView } from '../../../src-shared/journal.ts';

const draining = { percent: 43, draining: true };
const one = (step: string, state: InstanceView['state'] = 'todo') => ({ step, state, everDone: state === 'done' });

describe('what is left of the battery', () => {
  it('is said before what takes minutes, and before what is fetched, copied or compiled', () => {
    expect(batteryLeft(draining, [one('request-master')])).toBe(43);
    expect(batteryLeft(draining, [one('seal-medium')])).toBe(43);
    // None of them alone is long.
    expect(
      batteryLeft(
        draining,
        ['connect', 'install-slapos-node', 'configure-proxy', 'connect'].map((s) => one(s)),
      ),
    ).toBe(43);
  });

  it('is said while it goes on, also of what nobody can know the length of', () => {
    expect(batteryLeft(draining, [one('request-master', 'doing')])).toBe(43);
    expect(batteryLeft(draining, 'long')).toBe(43);
  });

  it('is not said of what takes seconds, or is done', () => {
    expect(batteryLeft(draining, [one('connect')])).toBeNull();
    expect(batteryLeft(draining, [one('request-master', 'done'), one('seal-medium', 'done')])).toBeNull();
  });

  it('is not said where there is none, or it is not used up', () => {
    expect(batteryLeft(null, 'long')).toBeNull();
    expect(batteryLeft({ percent: 43, draining: false }, 'long')).toBeNull();
  });
});
