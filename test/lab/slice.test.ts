/** The main job, whole: a medium made by the program, a truly bare machine, and the program's command line between them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { checkpointAnswers, checkpointIpv6, claimCheckpoint } from './checkpoints.ts';
import {
  Lab,
  type LabMachine,
  labUnavailable,
  lastingChanges,
  masterRelease,
  slapOsNodeVersion,
  startVendorRepository,
  takeSnapshot,
  type VendorRepository,
} from './index.ts';
import { rehearsed } from './rehearsing.ts';
import { installing, Laptop, makeSite, walk } from './site.ts';

const reason = labUnavailable();

/** Plain alphanumerics, long enough to be found wherever it may leak. */
const { passphrase } = checkpointAnswers;

/** The machine's own view of its sources: none of it is ours to touch. */
const aptLists = 'find /var/lib/apt/lists /etc/apt/sources.list* -type f | sort | xargs sha256sum';

/** What differs between two machines that reached the same end: addresses and passwords are drawn at random. */
const endState = (machine: LabMachine) =>
  machine.mustShell(`
    dpkg-query -W -f '\${Package} \${Version} \${Status}\\n'
    cat /etc/opt/slapos/slapos.cfg /etc/opt/slapos/slapos-proxy.cfg
    find /etc/apt /etc/cron.d /etc/opt/slapos -type f | sort | xargs sha256sum
    find /opt/slapgrid -mindepth 1 -maxdepth 2 -printf '%p %m %u:%g\\n' | sort
    ls /srv/slapgrid; ls -d /var/lib/fieldkit/runs/* /etc/systemd/system/fieldkit-* 2>/dev/null; true
  `);

describe('the main job', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let machine: LabMachine;
  let laptop: Laptop;
  let reference: string;
  let listsBefore: string;
  let claim: Awaited<ReturnType<typeof claimCheckpoint>>;
  const laptops: Laptop[] = [];

  beforeAll(async () => {
    lab = await Lab.open();
    claim = await claimCheckpoint('software-installed');
    vendor = await startVendorRepository();
    machine = await lab.bootMachine({ name: 'master', addresses: { ipv6: checkpointIpv6 } });
    laptop = await Laptop.make(checkpointAnswers);
    laptops.push(laptop);
    await makeSite(laptop, { machine, vendor });
  });
  afterAll(async () => {
    await claim?.release();
    await vendor?.close();
    await lab?.close();
    for (const one of laptops) await one.discard();
  });

  it('prepares a sealed medium at the office, and proves it complete', async () => {
    const run = await laptop.fieldkit(walk.prepare(laptop));
    expect(run.code, run.stdout + run.stderr).toBe(0);
    const verified = await laptop.fieldkit(['medium', 'verify', laptop.stick]);
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.lines.at(-1)).toMatchObject({ generation: 1, findings: [] });
    const { steps } = await rehearsed(laptop);
    const installed = steps.find(({ instance }) => instance === 'install-slapos-node@machine:master-1');
    expect(installed?.packages).toEqual(expect.arrayContaining(['slapos-node', 'gcc', 'libc6']));
    for (let count = 0; count < 2; count += 1) laptops.push(await laptop.clone());
  });

  it('makes a bare, offline machine install it', async () => {
    expect((await machine.shell('command -v slapos gcc python3')).stdout).toBe('');
    const asked = vendor.requests.length;
    listsBefore = await machine.mustShell(aptLists);
    const run = await laptop.fieldkit(walk.install(laptop));
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    expect(vendor.requests.length).toBe(asked);
    expect(await machine.mustShell('slapos --version')).toMatch(/^slapos \d+\.\d+/);
    expect(await machine.mustShell('gcc -dumpmachine')).toBe('x86_64-linux-gnu\n');
    expect(await machine.mustShell("dpkg-query -W -f '${Status} ${Version}' slapos-node")).toBe(
      `install ok installed ${slapOsNodeVersion()}`,
    );
    const { md5, url } = await masterRelease();
    await machine.mustShell(`test -e /opt/slapgrid/${md5}/.completed`);
    expect(await machine.mustShell('cat /opt/slapos/log/slapos-node-software.log')).toContain(
      'Extracting archive of cached software release',
    );
    const supplied = await machine.mustShell('slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --software');
    expect(supplied).toContain(url);
    reference = await endState(machine);
  });

  it('let apt see our repository alone', async () => {
    expect(await machine.mustShell(aptLists)).toBe(listsBefore);
    const history = await machine.mustShell('ls /var/lib/fieldkit/apt/lists');
    expect(history.split('\n').filter((name) => name.endsWith('_InRelease'))).toEqual([
      '127.0.0.1:5050_debian_debian-12-amd64_._InRelease',
    ]);
  });

  it('left nothing listening on the network, before or after', async () => {
    const listening = await machine.mustShell("ss -Hltn | awk '{print $4}'");
    const open = listening
      .trim()
      .split('\n')
      .filter((address) => !/^(127\.|\[::1\])/.test(address));
    expect(open.sort()).toEqual(['0.0.0.0:22', '[::]:22']);
  });

  it('performs nothing the second time, and leaves the machine as it was', async () => {
    const before = await takeSnapshot(machine);
    const run = await laptop.fieldkit(['run', 'prepare', ...installing, '--yes', '--answers', laptop.answersPath]);
    expect(run.code, run.stdout.slice(-2000)).toBe(0);
    expect(run.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
    expect(run.lines.at(-1)).toMatchObject({ performed: 0 });
    expect(await lastingChanges(before, machine)).toEqual([]);
  });

  it('kept the passphrase and the private keys off the journal, the site folder and the medium', async () => {
    for (const folder of [laptop.siteFolder, laptop.stick]) {
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
        expect(text.includes(passphrase), entry.name).toBe(false);
        expect(/BEGIN (RSA |EC |OPENSSH |PGP )?PRIVATE KEY/.test(text), entry.name).toBe(false);
      }
    }
    // This machine is not asked any more: others begin where it has come to.
    await claim.keep({ laptop, machine }, vendor);
  });

  // On two machines at once: each waits for its own most of the time.
  it.concurrent('ends the same after kill -9 of the program in every step', async () => {
    const other = await lab.bootMachine({ name: 'killed' });
    const technician = laptops[1] ?? laptop;
    await technician.aimAt(other);
    const steps = new Set<string>();
    const again = walk.install(technician);
    // One kill inside each step that performs something, one at each step's end; the last run goes through.
    for (const kind of ['command-started', 'run-ended'] as const) {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const run = await technician.fieldkit(again, {
          killWhen: (line) =>
            line.kind === kind &&
            !steps.has(`${kind} ${line.instance}`) &&
            steps.add(`${kind} ${line.instance}`) !== undefined,
        });
        if (run.code === 0) break;
        expect(run.code, run.stdout.slice(-3000)).toBe(null);
      }
    }
    const run = await technician.fieldkit(again);
    expect(run.code, run.stdout.slice(-3000)).toBe(0);
    expect([...steps].filter((step) => step.startsWith('command-started')).length).toBeGreaterThanOrEqual(6);
    expect(await endState(other)).toBe(reference);
  });

  it.concurrent('ends the same when the connection is cut in every step', async () => {
    const other = await lab.bootMachine({ name: 'cut' });
    const technician = laptops[2] ?? laptop;
    await technician.aimAt(other);
    const steps = new Set<string>();
    const cuts: Promise<number>[] = [];
    const words = walk.install(technician);
    let last: Awaited<ReturnType<Laptop['fieldkit']>> | undefined;
    for (let attempt = 0; attempt < 12 && last?.code !== 0; attempt += 1) {
      last = await technician.fieldkit(words, {
        onLine: (line) => {
          if (line.kind !== 'command-started' || steps.has(String(line.instance))) return;
          steps.add(String(line.instance));
          cuts.push(other.cutConnections());
        },
      });
    }
    expect(last?.code, last?.stdout.slice(-4000)).toBe(0);
    expect((await Promise.all(cuts)).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(4);
    expect(await endState(other)).toBe(reference);
  });
});
