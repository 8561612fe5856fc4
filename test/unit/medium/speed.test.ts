import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { measureSpeed } from '../../../src-main/medium/speed.ts';
import type { Clock } from '../../../src-main/platform/clock.ts';
import { problemOf, scratch } from './scratch.ts';

/** A clock on which each look takes so long. */
const clockOf = (stepMs: number): Clock => {
  let now = 0;
  return {
    now: () => new Date(now),
    monotonicMs: () => {
      now += stepMs;
      return now;
    },
    sleep: async () => undefined,
  };
};

async function place() {
  const root = join(await scratch(), 'fieldkit');
  await mkdir(root);
  return { root, device: (await stat(root)).dev };
}

describe('the speed of a medium', () => {
  test('is that of eight megabytes, there and back, and nothing of them stays', async () => {
    const { root, device } = await place();
    // From the first look at this clock to the one between, nine steps; from there to the last, one.
    const found = await measureSpeed(root, device, clockOf(100));
    expect(found).toEqual({ writeBytes: Math.round((8 * 1024 * 1024) / 0.9), readBytes: 8 * 1024 * 1024 * 10 });
    expect(await readdir(root)).toEqual([]);
  });

  test('is known sooner where it is low', async () => {
    const { root, device } = await place();
    const found = await measureSpeed(root, device, clockOf(2500));
    // Two megabytes in 10 s by this clock.
    expect(found?.writeBytes).toBe(Math.round((2 * 1024 * 1024) / 10));
  });

  test('is not looked for on another device than the medium, nor after a cancel', async () => {
    const { root, device } = await place();
    expect((await problemOf(measureSpeed(root, device + 1, clockOf(1)))).code).toBe('medium-absent');
    const stopped = AbortSignal.abort();
    expect((await problemOf(measureSpeed(root, device, clockOf(1), stopped))).code).toBe('cancelled');
    expect(await readdir(root)).toEqual([]);
  });
});
