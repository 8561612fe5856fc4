/** Changes that can cut our own line, on a real machine: taken back by the machine itself, or confirmed; also after a kill. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { performGuard, settleGuard } from '../../src-main/performers/guard.ts';
import type { TargetMeans } from '../../src-main/performers/on-target.ts';
import { systemClock } from '../../src-main/platform/clock.ts';
import type { Performing } from '../../src-main/runbook/performer.ts';
import { scanHostKey } from '../../src-main/target/connection.ts';
import { ConnectionPool } from '../../src-main/target/connection-pool.ts';
import type { CommandOf } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { Lab, type LabMachine, labUnavailable } from './index.ts';

const reason = labUnavailable();

describe('a guarded change', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let pool: ConnectionPool;
  let means: TargetMeans;

  beforeAll(async () => {
    lab = await Lab.open();
    machine = await lab.bootMachine({ name: 'guarded' });
    const at = { name: 'guarded', address: machine.address, port: 22, user: 'root' };
    const { fingerprint } = await scanHostKey(at);
    const privateKey = { path: machine.login.keyPath, text: await readFile(machine.login.keyPath, 'utf8') };
    pool = new ConnectionPool({
      requestOf: async () => ({ machine: at, pinnedHostKey: fingerprint, login: { privateKey } }),
    });
    means = {
      target: (name, signal) => pool.get(name, signal),
      drop: (name) => pool.drop(name),
      clock: systemClock,
      mediumFile: async (path) => path,
    };
  });
  afterAll(async () => {
    await pool?.close();
    await lab?.close();
  });

  const context = (hash: string): Performing => ({
    instance: 'guard@machine:guarded',
    phase: 'site',
    hash,
    index: 0,
    resolve: async (text) => String(text),
    captured: () => '',
    ask: async () => '',
    onProgress: () => undefined,
    onLine: () => undefined,
    onAwaiting: () => undefined,
    openLeases: async () => undefined,
    signal: new AbortController().signal,
  });
  const on = { machine: 'guarded' };
  const guard = (script: string, undo: string, confirmWithinMs: number): CommandOf<'guard'> => ({
    kind: 'guard',
    on,
    commands: [{ kind: 'run', on, argv: ['sh', '-c', script], limitMs: 10_000 }],
    undo,
    confirmWithinMs,
  });
  const leftovers = () =>
    machine.mustShell(
      'ls /etc/systemd/system | grep fieldkit; ls -A /var/lib/fieldkit/guards 2>/dev/null; systemctl list-timers --all --no-legend | grep fieldkit; true',
    );

  it('is confirmed over a fresh connection, and leaves nothing behind', async () => {
    await performGuard(
      means,
      'guarded',
      guard('touch /root/kept', 'rm -f /root/kept', 60_000),
      context('a'.repeat(64)),
    );
    expect(await machine.mustShell('ls /root/kept')).toBe('/root/kept\n');
    expect(await leftovers()).toBe('');
  });

  it('that cuts the line is taken back by the machine itself', async () => {
    const cut = guard('touch /root/cut; ip link set host0 down', 'ip link set host0 up; rm -f /root/cut', 30_000);
    const started = Date.now();
    await expect(performGuard(means, 'guarded', cut, context('b'.repeat(64)))).rejects.toMatchObject({
      code: 'guard-undone',
    });
    await expect
      .poll(async () => (await machine.shell('ls /root/cut')).code, { timeout: 60_000, interval: 1000 })
      .toBe(2);
    expect(Date.now() - started).toBeLessThan(150_000);
    await expect
      .poll(
        () =>
          pool
            .get('guarded')
            .then((connection) => connection.exec(['true']))
            .then(
              ({ exit }) => exit,
              () => -1,
            ),
        { timeout: 30_000, interval: 1000 },
      )
      .toBe(0);
  });

  it('that fails is taken back at once', async () => {
    const failing = guard('touch /root/half; exit 4', 'rm -f /root/half', 60_000);
    await expect(performGuard(means, 'guarded', failing, context('c'.repeat(64)))).rejects.toMatchObject({
      code: 'command-failed',
    });
    expect((await machine.shell('ls /root/half')).code).toBe(2);
    expect(await leftovers()).toBe('');
  });

  it('that was cut off by the end of the program is confirmed by coming back, and stays', async () => {
    const controller = new AbortController();
    const slow = guard('touch /root/back', 'rm -f /root/back', 40_000);
    const dying: TargetMeans = {
      ...means,
      target: (name, signal) =>
        controller.signal.aborted ? Promise.reject(new Error('killed')) : means.target(name, signal),
      drop: async () => controller.abort(new Error('killed')),
    };
    await performGuard(dying, 'guarded', slow, { ...context('d'.repeat(64)), signal: controller.signal }).catch(
      () => undefined,
    );
    expect(await leftovers()).toContain('fieldkit-guard');
    await settleGuard(means, 'guarded', context('d'.repeat(64)));
    // Once more does no harm.
    await settleGuard(means, 'guarded', context('d'.repeat(64)));
    await new Promise((resolve) => setTimeout(resolve, 45_000));
    expect(await machine.mustShell('ls /root/back')).toBe('/root/back\n');
    expect(await leftovers()).toBe('');
  });
});
