import { expect, it } from 'vitest';
import { progressMeter } from '../../../src-main/runbook/progress.ts';

const meterAt = () => {
  let now = 0;
  const meter = progressMeter({ monotonicMs: () => now });
  return (ms: number, done: number, total: number | null = 1000) => {
    now = ms;
    return meter({ done, total, unit: 'bytes' });
  };
};

it('shows at most ten a second, and always the end', () => {
  const at = meterAt();
  expect(at(0, 0)).not.toBeNull();
  expect(at(50, 10)).toBeNull();
  expect(at(100, 20)).not.toBeNull();
  expect(at(110, 1000)).toMatchObject({ done: 1000 });
});

it('never goes backwards', () => {
  const at = meterAt();
  at(0, 500);
  expect(at(1000, 100)?.done).toBe(500);
});

it('says speed and time left once they are known, and nothing before', () => {
  const at = meterAt();
  expect(at(0, 0)).toMatchObject({ speed: null, leftMs: null });
  for (let second = 1; second <= 5; second += 1) at(second * 1000, second * 100);
  expect(at(6000, 600)).toMatchObject({ speed: 100, leftMs: 4000 });
});

it('does not make up the time left of an unknown length', () => {
  const at = meterAt();
  at(0, 0, null);
  expect(at(2000, 400, null)).toMatchObject({ total: null, leftMs: null });
});
