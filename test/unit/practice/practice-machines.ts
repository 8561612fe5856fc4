/** A simulated machine with a clock that only moves when somebody waits. Used by the tests of this folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Clock } from '../../../src-main/platform/clock.ts';
import { practiceOutside } from '../../../src-main/practice/site.ts';
import type { Connection } from '../../../src-main/target/connection.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function practiceFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-machine-'));
  folders.push(folder);
  return folder;
}

export interface TestClock extends Clock {
  pass(ms: number): void;
}

export function testClock(): TestClock {
  let nowMs = Date.UTC(2026, 0, 5, 12);
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

/** Logs in to the machine of a folder, with the host key it shows. A new call is a program started anew. */
export async function logIn(folder: string, clock: Clock, pace = 1): Promise<Connection> {
  const outside = practiceOutside(folder, { clock, pace });
  const { fingerprint } = await outside.scanHostKey({ name: 'master-1' });
  const machine = { name: 'master-1', address: 'master-1.practice.invalid', port: 22, user: 'root' };
  return outside.open({ machine, pinnedHostKey: fingerprint, login: {} });
}
