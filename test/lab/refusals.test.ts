/** What a machine or a connection that is not as it should be gets: a coded problem, its exit code, and nothing changed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src-shared/problem.ts';
import { unless } from '../unless.ts';
import {
  diffSnapshots,
  type Lab,
  type LabMachine,
  labUnavailable,
  type MachineSpec,
  takeSnapshot,
  type VendorRepository,
} from './index.ts';
import { type Laptop, walk } from './site.ts';
import { Visits } from './visits.ts';

const reason = labUnavailable();

describe('a machine that is not as it should be', unless(reason), () => {
  let visits: Visits;
  let lab: Lab;
  let vendor: VendorRepository;
  /** A laptop with a sealed medium, for the tests that need one. */
  let sealed: Laptop;

  beforeAll(async () => {
    visits = await Visits.open();
    ({ lab, vendor } = visits);
  });
  afterAll(() => visits?.close());

  let last: LabMachine | null = null;
  async function setUp(spec: MachineSpec, answers?: (machine: LabMachine) => Record<string, string>) {
    // Whoever was met before is done with: a host can hold so many machines at once.
    await last?.discard();
    const machine = await lab.bootMachine(spec);
    last = machine;
    return { machine, ...(await visits.meet(machine, { answers: answers?.(machine) ?? {} })) };
  }
  /** What the last checked instance came to; the very last line is the command's own result. */
  const verdictIn = (lines: readonly Record<string, unknown>[]) =>
    lines.findLast((line) => 'verdict' in line && 'key' in line);
  const problemOf = (lines: readonly Record<string, unknown>[]) =>
    (lines.at(-1)?.problem ?? {}) as { code?: string; params?: Record<string, unknown> };

  it('logs in with a password, becomes root with sudo, and keeps the password to itself', async () => {
    const { machine, laptop, run } = await setUp({ name: 'tech', login: 'sudo' }, (one) => ({
      'password:master-1': one.login.password ?? '',
    }));
    // sudo itself marks the home of a member of its group at the first use.
    const without = [/\/\.sudo_as_admin_successful$/];
    const before = await takeSnapshot(machine, { without });
    const result = await run(['run', 'describe-site', 'connect', 'preflight', '--yes']);
    expect(result.code, result.stdout.slice(-2000)).toBe(0);
    expect(diffSnapshots(before, await takeSnapshot(machine, { without }))).toEqual([]);
    const password = machine.login.password ?? 'none';
    expect(result.stdout + result.stderr).not.toContain(password);
    expect(await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8')).not.toContain(password);
    expect(
      (await machine.mustShell('journalctl --no-pager | cat; cat /var/log/* 2>/dev/null; true')).includes(password),
    ).toBe(false);
  });

  it('a wrong password', async () => {
    const { run } = await setUp({ name: 'wrongpw', login: 'sudo' }, () => ({
      'password:master-1': 'not the password',
    }));
    const result = await run(['run', 'describe-site', 'connect', '--yes']);
    expect(result.code).toBe(exitCodes.connection);
    expect(problemOf(result.lines)).toMatchObject({
      code: 'login-refused',
      params: { machine: 'master-1', user: 'tech' },
    });
  });

  it('a user without sudo', async () => {
    const { run } = await setUp(
      {
        name: 'nosudo',
        login: 'sudo',
        prepare: (tree) =>
          writeFile(join(tree, 'etc/sudoers'), 'Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n', { mode: 0o440 }),
      },
      (one) => ({ 'password:master-1': one.login.password ?? '' }),
    );
    const result = await run(['run', 'describe-site', 'connect', '--yes']);
    expect(result.code, result.stdout).toBe(exitCodes.target);
    expect(['sudo-refused', 'sudo-missing']).toContain(problemOf(result.lines).code);
  });

  it('another host key than the one that was compared: nothing is sent', async () => {
    const { machine, run } = await setUp({ name: 'rekeyed' });
    expect((await run(['run', 'describe-site', 'connect', '--yes'])).code).toBe(0);
    const known = await machine.hostKeyFingerprint();
    await machine.changeHostKeys();
    const result = await run(['check', 'preflight']);
    expect(result.code).toBe(exitCodes.blocked);
    expect(verdictIn(result.lines)).toMatchObject({
      verdict: {
        findings: [
          { code: 'host-key-changed', params: { expected: known, found: await machine.hostKeyFingerprint() } },
        ],
      },
    });
    expect((await run(['run', 'connect', '--yes'])).code).toBe(exitCodes.connection);
  });

  it('a machine that does not answer', async () => {
    const { machine, run } = await setUp({ name: 'silent' });
    await machine.stop();
    const result = await run(['run', 'describe-site', 'connect', '--yes']);
    expect(result.code).toBe(exitCodes.connection);
    expect(problemOf(result.lines).code).toBe('host-unreachable');
  });

  it('forwarding forbidden, another release, another architecture, no such interface: all told at once', async () => {
    const { machine, run } = await setUp({
      name: 'other',
      sshdOptions: ['AllowTcpForwarding no'],
      prepare: async (tree) => {
        const path = join(tree, 'usr/lib/os-release');
        await writeFile(path, (await readFile(path, 'utf8')).replace('VERSION_ID="12"', 'VERSION_ID="13"'));
      },
    });
    const before = await takeSnapshot(machine);
    expect((await run(['run', 'describe-site', 'connect', '--yes'])).code).toBe(0);
    const result = await run(['check', 'preflight']);
    expect(result.code).toBe(exitCodes.blocked);
    const codes = ((verdictIn(result.lines)?.verdict as { findings?: { code: string }[] })?.findings ?? []).map(
      ({ code }) => code,
    );
    expect(codes).toEqual(expect.arrayContaining(['target-other-system', 'forwarding-forbidden']));
    expect(diffSnapshots(before, await takeSnapshot(machine))).toEqual([]);
  });

  it('link-local addresses only: told, and with addresses in the plan set under guard', async () => {
    const { machine, laptop, run } = await setUp({ name: 'linkloc', addresses: { ipv6: null } });
    const told = await run(['run', 'describe-site', 'connect', 'preflight', '--yes']);
    expect(told.code).toBe(exitCodes.target);
    expect(problemOf(told.lines)).toMatchObject({
      code: 'target-addresses-unmanaged',
      params: { machine: 'master-1', interface: 'host0' },
    });
    await laptop.editPlan((text) => text.replace('partitions: 5', 'partitions: 5\n    addresses: ["fd99:1::11/64"]'));
    const set = await run(['run', 'preflight', 'set-addresses', '--yes']);
    expect(set.code, set.stdout.slice(-3000)).toBe(0);
    expect(await machine.mustShell('ip -6 addr show dev host0 scope global')).toContain('fd99:1::11/64');
    expect(
      await machine.mustShell('ls /etc/systemd/system /var/lib/fieldkit/guards 2>/dev/null || true'),
    ).not.toContain('fieldkit-guard');
    await machine.reboot();
    expect(await machine.mustShell('ip -6 addr show dev host0 scope global')).toContain('fd99:1::11/64');
    expect((await run(['run', 'set-addresses', '--yes'])).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('an InRelease changed on its way: refused, and nothing written to the medium', async () => {
    const { laptop } = await setUp({ name: 'tamper' });
    const genuine = await readFile(join(vendor.folder, 'InRelease'), 'utf8');
    vendor.fault('InRelease', {
      body: Buffer.from(genuine.replace(/^Date: .*$/m, 'Date: Thu, 01 Jan 2026 00:00:00 UTC')),
    });
    try {
      const result = await laptop.fieldkit(walk.prepare(laptop));
      expect(result.code).toBe(exitCodes.trust);
      expect(problemOf(result.lines).code).toBe('release-signature-bad');
    } finally {
      vendor.fault('InRelease', null);
    }
    const whole = await laptop.fieldkit(walk.prepare(laptop));
    expect(whole.code, whole.stdout.slice(-2000)).toBe(0);
    sealed = laptop;
  });

  it('a second program on the same site', async () => {
    let second: Awaited<ReturnType<Laptop['fieldkit']>> | undefined;
    let asked: Promise<unknown> | undefined;
    await sealed.fieldkit(['run', 'connect', '--yes', '--answers', sealed.answersPath], {
      onLine: () => {
        asked ??= sealed.fieldkit(['check', 'describe-site']).then((result) => {
          second = result;
        });
      },
    });
    await asked;
    // The first may have ended before the second began; then it was simply free.
    expect([exitCodes.busy, exitCodes.done]).toContain(second?.code);
    await writeFile(
      join(sealed.siteFolder, 'writer.lock'),
      JSON.stringify({ pid: 1, host: 'another-laptop', user: 'u', since: '2026-01-01T00:00:00.000Z' }),
    );
    const held = await sealed.fieldkit(['check', 'describe-site']);
    expect(held.code).toBe(exitCodes.busy);
    expect(problemOf(held.lines)).toMatchObject({ code: 'site-in-use', params: { since: '2026-01-01T00:00:00.000Z' } });
    await writeFile(join(sealed.siteFolder, 'writer.lock'), '');
  });

  it('a medium with one bit changed: not served, and named', async () => {
    const folder = join(sealed.stick, 'fieldkit', 'debian', 'debian-12-amd64');
    const path = join(folder, 'Packages');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const result = await sealed.fieldkit(['medium', 'verify', sealed.stick]);
    expect(result.code).toBe(exitCodes.medium);
    expect(problemOf(result.lines)).toMatchObject({ code: 'medium-file-damaged' });
  });
});
