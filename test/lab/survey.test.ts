/** A first visit that brings a survey back, a medium made for just that machine, and the machine that installs from it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import {
  diffSnapshots,
  Lab,
  type LabMachine,
  labUnavailable,
  startVendorRepository,
  takeSnapshot,
  type VendorRepository,
} from './index.ts';
import { Laptop, makeSite, walk } from './site.ts';

const reason = labUnavailable();

describe('a survey', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let machine: LabMachine;
  let laptop: Laptop;
  const run = (words: readonly string[]) => laptop.fieldkit([...words, '--answers', laptop.answersPath]);
  const statusOf = () => machine.mustShell('cat /var/lib/dpkg/status');
  /** Packages in the repository on the stick. */
  const carried = async (): Promise<readonly string[]> => {
    const text = await readFile(join(laptop.stick, 'fieldkit/debian/debian-12-amd64/Packages'), 'utf8');
    return [...text.matchAll(/^Package: (.+)$/gm)].map(([, name]) => name ?? '');
  };

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    machine = await lab.bootMachine({ name: 'surveyed' });
    laptop = await Laptop.make({ passphrase: 'a long passphrase', 'host-key:master-1': 'yes' });
    await makeSite(laptop, { machine, vendor, withoutRelease: true });
    expect((await run(['run', 'describe-site', 'connect', '--yes'])).code).toBe(0);
  });
  afterAll(async () => {
    await vendor?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('is the machine’s own list of packages, and bringing it changes nothing there', async () => {
    const before = await takeSnapshot(machine);
    const surveys = join(laptop.home, 'surveys');
    const brought = await run(['survey', '--output', surveys]);
    expect(brought.code, brought.stdout).toBe(0);
    expect(await readFile(join(surveys, 'master-1.status'), 'utf8')).toBe(await statusOf());
    expect(diffSnapshots(before, await takeSnapshot(machine))).toEqual([]);
  });

  it('makes a medium of what the machine lacks, and the machine installs offline from it', async () => {
    const survey = join(laptop.home, 'surveys/master-1.status');
    await laptop.editPlan((text) => text.replace(/^( {4}partitions: 5)$/m, `$1\n    baseline: ${survey}`));
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    expect(prepared.code, prepared.stdout.slice(-3000)).toBe(0);
    const names = await carried();
    expect(names).toEqual(expect.arrayContaining(['slapos-node', 'gcc', 'cron']));
    // It is there already, and new enough.
    for (const name of ['base-files', 'coreutils', 'bash']) expect(names).not.toContain(name);
    const installed = await run(['run', 'machine', '--yes']);
    expect(installed.code, installed.stdout.slice(-4000) + installed.stderr).toBe(0);
    expect(await machine.mustShell('slapos --version')).toMatch(/^slapos \d+\.\d+/);
  });
});
