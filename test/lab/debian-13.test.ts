/** The other release: a medium for Debian 13, whose apt verifies with sqv, and a bare machine of it that installs from there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import {
  Lab,
  type LabMachine,
  lastingChanges,
  longLabUnavailable,
  slapOsNodeVersion,
  startVendorRepository,
  takeSnapshot,
  type VendorRepository,
} from './index.ts';
import { Laptop, makeSite, walk } from './site.ts';

const reason = longLabUnavailable();

const answers = { passphrase: 'canary13passphrase13of13', 'host-key:master-1': 'yes' };

describe('a machine of Debian 13', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let machine: LabMachine;
  let laptop: Laptop;

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository('trixie');
    machine = await lab.bootMachine({ name: 'thirteen', base: 'trixie' });
    laptop = await Laptop.make(answers);
    await makeSite(laptop, { machine, vendor, release: 'trixie', withoutRelease: true });
  });
  afterAll(async () => {
    await vendor?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('is bare, and has what is new in this release', async () => {
    expect((await machine.shell('command -v slapos python3 gcc gpgv gpg')).stdout).toBe('');
    expect(await machine.mustShell('command -v sqv')).toBe('/usr/bin/sqv\n');
    expect(await machine.mustShell('apt-get --version')).toMatch(/^apt 3\./);
    expect(await machine.mustShell('cat /etc/os-release')).toContain('VERSION_ID="13"');
  });

  it('gets a sealed medium of its own', async () => {
    const run = await laptop.fieldkit(walk.prepare(laptop));
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    const verified = await laptop.fieldkit(['medium', 'verify', laptop.stick]);
    expect(verified.lines.at(-1)).toMatchObject({ generation: 1, findings: [] });
  });

  it('installs slapos-node from it without a network, with all it depends on', async () => {
    const asked = vendor.requests.length;
    const run = await laptop.fieldkit(['run', 'machine', '--yes', '--answers', laptop.answersPath]);
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    expect(vendor.requests.length).toBe(asked);
    expect(await machine.mustShell("dpkg-query -W -f '${Status} ${Version}' slapos-node")).toBe(
      `install ok installed ${slapOsNodeVersion('trixie')}`,
    );
    expect(await machine.mustShell('slapos --version')).toMatch(/^slapos 1\.26\.1/);
    expect(await machine.mustShell('slapos node --help; gcc -dumpmachine')).toMatch(/x86_64-linux-gnu\n$/);
    // What dpkg itself thinks of it: nothing is half configured, nothing is missing.
    expect(await machine.mustShell('dpkg --audit; apt-get check -qq')).toBe('');
  });

  it('has nothing done to it the second time', async () => {
    const before = await takeSnapshot(machine);
    const run = await laptop.fieldkit(['run', 'machine', '--yes', '--answers', laptop.answersPath]);
    expect(run.code, run.stdout.slice(-2000)).toBe(0);
    expect(run.lines.at(-1)).toMatchObject({ performed: 0 });
    expect(await lastingChanges(before, machine)).toEqual([]);
  });
});
