/** Another machine that answers where one was rebooted, or its network changed: told at once, and nothing is tried again. */
import { expect, it } from 'vitest';
import { performGuard } from '../../../src-main/performers/guard.ts';
import { performReboot, type TargetMeans } from '../../../src-main/performers/on-target.ts';
import type { Performing } from '../../../src-main/runbook/performer.ts';
import { type Problem, problem } from '../../../src-shared/problem.ts';

const away = problem('host-unreachable', { machine: 'm', address: 'a', detail: 'ETIMEDOUT' });
const changed = problem('host-key-changed', { machine: 'm', expected: 'e', found: 'f', since: '' });

/** Connects before the change, fails with these afterwards in turn, and connects again. */
function meansOf(failures: readonly Problem[]) {
  const left = [...failures];
  let dropped = 0;
  let boots = 0;
  const target = {
    exec: async () => ({ exit: 0, stdout: '', stderr: '' }),
    probe: async () => ({ boot: { exit: 0, out: `boot-${dropped > 0 ? 2 : 1}`, err: '' } }),
  };
  let nowMs = 0;
  const means = {
    target: async () => {
      if (dropped === 0) return target;
      boots += 1;
      const failure = left.shift();
      if (failure !== undefined) throw failure;
      return target;
    },
    drop: async () => {
      dropped += 1;
    },
    clock: {
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    },
  } as unknown as TargetMeans;
  return { means, tries: () => boots };
}

const context = {
  instance: 'a@machine:m',
  hash: '0'.repeat(64),
  index: 0,
  onAwaiting: () => undefined,
  signal: new AbortController().signal,
} as unknown as Performing;
const on = { machine: 'm' };
const acts = {
  'a reboot': (means: TargetMeans) => performReboot(means, 'm', { kind: 'reboot', on, limitMs: 60_000 }, context),
  'a guarded change': (means: TargetMeans) =>
    performGuard(means, 'm', { kind: 'guard', on, commands: [], undo: 'true', confirmWithinMs: 60_000 }, context),
};

it.each(Object.entries(acts))('%s outlasts a line that is away, and ends at another host key', async (_, act) => {
  const patient = meansOf([away, away]);
  await act(patient.means);
  expect(patient.tries()).toBe(3);
  const warned = meansOf([away, changed, changed, changed]);
  await expect(act(warned.means)).rejects.toBe(changed);
  expect(warned.tries()).toBe(2);
});
