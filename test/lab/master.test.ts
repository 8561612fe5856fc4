/** The master, whole: from a bare machine without a network to one that answers, also after a reboot. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type LabMachine, labUnavailable, startVendorRepository, type VendorRepository } from './index.ts';
import { Laptop, makeSite, walk } from './site.ts';

const reason = labUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

const answers = { passphrase: 'canary9passphrase9of9the9vault', 'host-key:master-1': 'yes' };
/** The first user's, as the stand-in publishes it. */
const password = 'labinituser5canary5of5the5master';
const caFolder = '/srv/slapcommon/erp5-ssl';

describe.skipIf(reason !== null)('the master', () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let machine: LabMachine;
  let laptop: Laptop;

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    machine = await lab.bootMachine({ name: 'master' });
    laptop = await Laptop.make(answers);
    await makeSite(laptop, { machine, vendor });
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    if (prepared.code !== 0) throw new Error(prepared.stdout.slice(-4000) + prepared.stderr);
  });
  afterAll(async () => {
    await vendor?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('is installed on a bare machine in one walk', async () => {
    const run = await laptop.fieldkit(walk.site(laptop));
    expect(run.code, run.stdout.slice(-6000) + run.stderr).toBe(0);
  });

  /** What somebody may do, tried as that user. */
  const as = (user: string, script: string) =>
    machine.shell(`setpriv --reuid ${user} --regid ${user} --init-groups sh -c '${script}'`);

  it('shares the certificate authority’s folder with the partitions’ users, and with nobody else', async () => {
    expect((await as('slapuser0', `umask 027; mkdir ${caFolder}/kept; echo one > ${caFolder}/kept/by-0`)).code).toBe(0);
    expect((await as('slapuser3', `cat ${caFolder}/kept/by-0 && echo two > ${caFolder}/kept/by-0`)).stdout).toBe(
      'one\n',
    );
    expect((await as('slapuser0', `cat ${caFolder}/kept/by-0; rm -r ${caFolder}/kept`)).stdout).toBe('two\n');
    for (const user of ['nobody', 'slapsoft']) {
      const other = await machine.shell(`setpriv --reuid ${user} --clear-groups --regid nogroup ls ${caFolder}`);
      expect(other.code, user).not.toBe(0);
    }
  });

  it('was requested once, and came together over several passes', async () => {
    const state = await machine.mustShell(
      'slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --params --partitions | cat',
    );
    expect(state).toContain('"family-service-v6"');
    expect(state).toMatch(/"zope-address-list": [\s["]*\d+\.\d+\.\d+\.\d+:2200/);
    expect(state).toContain(password);
    const asked = await machine.mustShell('cat /var/lib/fieldkit/parameters/slapos-master.json');
    expect(JSON.parse(asked)).toMatchObject({ city: 'Lille', 'check-crl': false, 'country-code': 'FR' });
    const passes = await machine.mustShell(
      'grep -c "Finished computer partitions" /opt/slapos/log/slapos-node-instance.log',
    );
    expect(Number(passes)).toBeGreaterThanOrEqual(3);
  });

  it('kept the first password off the laptop and the medium', async () => {
    for (const folder of [laptop.siteFolder, laptop.stick])
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
        expect(text.includes(password), entry.name).toBe(false);
      }
  });

  it('performs nothing the second time', async () => {
    const run = await laptop.fieldkit(walk.all(laptop));
    expect(run.code, run.stdout.slice(-3000)).toBe(0);
    expect(run.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
  });
});
