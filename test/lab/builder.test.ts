/**
 * A release compiled by the real slapgrid on a build machine, driven by the program through all of it: a failing source, kills in
 * the middle of compiling, packing and fetching, the new master brought in. Then a bare machine installs it from the medium alone.
 */

import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { unless } from '../unless.ts';
import { mustRun } from './command.ts';
import { Lab, type LabMachine, longLabUnavailable, startVendorRepository, type VendorRepository } from './index.ts';
import { type ReleaseSources, serveReleaseSources } from './release-sources.ts';
import { type CliOptions, type CliResult, Laptop, makeSite, walk } from './site.ts';

const reason = longLabUnavailable();

/** The last release that holds the old master. */
const url = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg';
const md5 = createHash('md5').update(url).digest('hex');
const folder = `/opt/slapgrid/${md5}`;

/** Waits for something that is bound to come; the limit only ends a test that has failed. */
async function until(what: string, holds: () => Promise<boolean>, limitMs = 300_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await sleep(50);
  }
}

const started = (run: CliResult, step: string): number =>
  run.lines.filter((line) => line.kind === 'command-started' && String(line.instance).startsWith(`${step}@`)).length;

describe('a release from a build machine', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let sources: ReleaseSources;
  let builder: LabMachine;
  let bare: LabMachine;
  let laptop: Laptop;

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    sources = await serveReleaseSources(lab.hostAddresses.ipv4, url, 120);
    builder = await lab.bootMachine({
      name: 'builder',
      prepare: async (tree) => {
        await appendFile(join(tree, 'etc/hosts'), `${lab.hostAddresses.ipv4} ${new URL(url).hostname}\n`);
        const trusted = join(tree, 'usr/local/share/ca-certificates');
        await mkdir(trusted, { recursive: true });
        await writeFile(join(trusted, 'sources.crt'), sources.certificatePem);
      },
    });
    bare = await lab.bootMachine({ name: 'bare' });
    laptop = await Laptop.make({
      passphrase: 'builder7passphrase',
      'host-key:master-1': 'yes',
      'host-key:builder-1': 'yes',
    });
    await makeSite(laptop, { machine: bare, vendor, builder: { machine: builder, url } });
  });
  afterAll(async () => {
    await vendor?.close();
    await sources?.close();
    await lab?.close();
    await laptop?.discard();
  });

  const prepare = (options: CliOptions = {}): Promise<CliResult> => laptop.fieldkit(walk.prepare(laptop), options);
  /** Runs the office part and ends the program with -9 as soon as something holds on the outside. */
  const prepareKilledWhen = async (what: string, holds: () => Promise<boolean>): Promise<CliResult> => {
    const killer = new AbortController();
    const running = prepare({ killed: killer.signal });
    await until(what, holds);
    killer.abort();
    const run = await running;
    expect(run.code, run.stdout.slice(-3000)).toBe(null);
    return run;
  };
  const builtFolder = () => join(laptop.home, 'cache', 'built');
  const cronRuns = async () => (await builder.shell('systemctl is-active --quiet cron')).code === 0;

  it('tells a failed compilation with its log, and leaves the builder as it was', async () => {
    sources.refuse('server.py.in', 503);
    const run = await prepare();
    expect(run.code, run.stdout.slice(-3000)).toBe(6);
    const ended = run.lines.find(
      (line) => line.kind === 'run-ended' && line.instance === 'compile-software@machine:builder-1',
    );
    expect(ended?.outcome).toBe('failed');
    const trouble = ended?.problem as { code: string; evidence: string };
    expect(trouble.code).toBe('command-failed');
    expect(trouble.evidence).toMatch(/server\.py\.in/);
    expect(sources.asked.filter((name) => name === 'server.py.in').length).toBeGreaterThanOrEqual(3);
    expect((await builder.shell(`test -e ${folder}/.completed`)).code).toBe(1);
    expect(await cronRuns()).toBe(true);
    // The builder's steps are of the office; nothing of the site has been touched.
    expect(await bare.mustShell('ls /var/lib')).not.toContain('fieldkit');
    sources.refuse('server.py.in', null);
  });

  it('goes on compiling when the program is killed, and follows the same work when it comes back', async () => {
    const letGo = sources.withhold('instance.cfg.in');
    const before = sources.asked.length;
    await prepareKilledWhen(
      'the middle of compiling',
      async () =>
        sources.asked.slice(before).includes('instance.cfg.in') &&
        (await builder.shell('ls /var/lib/fieldkit/runs')).stdout.includes('compile-software'),
    );
    expect((await builder.shell("systemctl list-units --no-legend 'fieldkit-run-compile*'")).stdout).toContain(
      'running',
    );
    letGo();
    const run = await prepare();
    // It comes as far as bringing in the new master: its sources are not there yet.
    expect(run.code, run.stdout.slice(-3000)).toBe(6);
    await builder.mustShell(`test -e ${folder}/.completed`);
    expect(started(run, 'compile-software')).toBe(0);
    expect(
      run.lines.find((line) => line.kind === 'command-ended' && String(line.instance).startsWith('compile-software@')),
    ).toMatchObject({ outcome: 'performed', exit: 0 });
    expect(run.lines.find((line) => line.kind === 'run-ended' && line.outcome === 'failed')).toMatchObject({
      instance: 'use-new-master@machine:builder-1',
    });
  });

  it('takes up packing and fetching after kills of the program and of the packing, and cron goes on each time', async () => {
    await layOutMasterSources(builder);
    const killedPacking = await prepareKilledWhen('cron paused', async () => !(await cronRuns()));
    expect(started(killedPacking, 'use-new-master')).toBeGreaterThan(0);
    await builder.mustShell("systemctl kill --signal=KILL 'fieldkit-run-archive-software*'");
    await until('cron resumed', cronRuns);
    let keptBytes = 0;
    await prepareKilledWhen('the middle of fetching', async () => {
      const parts = (await readdir(builtFolder()).catch(() => [])).filter((name) => name.endsWith('.part'));
      for (const name of parts) keptBytes = (await stat(join(builtFolder(), name))).size;
      return keptBytes > 0;
    });
    expect(await cronRuns()).toBe(true);
    const smallest: number[] = [];
    const watched = new AbortController();
    const watching = (async () => {
      while (!watched.signal.aborted) {
        for (const name of await readdir(builtFolder()))
          smallest.push((await stat(join(builtFolder(), name)).catch(() => ({ size: keptBytes }))).size);
        await sleep(20);
      }
    })();
    const run = await prepare();
    watched.abort();
    await watching;
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    // What had come was never thrown away.
    expect(Math.min(...smallest)).toBeGreaterThanOrEqual(keptBytes);
  });

  it('left the builder as it was found, and an archive with owners by name', async () => {
    expect(await cronRuns()).toBe(true);
    expect(await builder.mustShell('ls /var/lib/fieldkit/archives /var/lib/fieldkit/runs /run/fieldkit')).not.toMatch(
      /tar|archive-software-|cron|afterwards/,
    );
    const document = JSON.parse(await readFile(join(laptop.stick, 'fieldkit', mediumPaths.index(md5)), 'utf8')) as [
      string,
      string,
    ][];
    const { sha512 } = JSON.parse(document[0]?.[0] ?? '') as { sha512: string };
    const blob = join(laptop.stick, 'fieldkit', mediumPaths.blob(sha512));
    const listed = (await mustRun(['tar', '-tvzf', blob])).trim().split('\n');
    expect(listed.filter((line) => !line.includes(' slapsoft/slapsoft '))).toEqual([]);
    expect(listed.filter((line) => line.endsWith(`${md5}/.completed`))).toEqual([]);
  });

  it('performs nothing the second time', async () => {
    const run = await prepare();
    expect(run.code, run.stdout.slice(-2000)).toBe(0);
    expect(run.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
  });

  it('is installed by a bare machine from the medium alone, with the new master inside', async () => {
    const asked = sources.asked.length;
    const run = await laptop.fieldkit(walk.install(laptop));
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    expect(
      run.lines.filter((line) => line.kind === 'run-started' && String(line.instance).endsWith('builder-1')),
    ).toEqual([]);
    expect(sources.asked.length).toBe(asked);
    await bare.mustShell(`test -e ${folder}/.completed`);
    expect(await bare.mustShell(`stat -c %U:%G ${folder}/bin/buildout`)).toBe('slapsoft:slapsoft\n');
    expect(await bare.mustShell(`cat ${folder}/parts/erp5/VERSION ${folder}/parts/vifib/VERSION`)).toBe(
      'new master\nnew vifib\n',
    );
    expect(await bare.mustShell(`cat ${folder}/parts/vifib/master/bt5/bt5list`)).toContain('slapos_panel');
    expect(await bare.mustShell('cat /opt/slapos/log/slapos-node-software.log')).toContain(
      'Extracting archive of cached software release',
    );
  });
});

/** What the real release's git parts leave in it: two clones whose origins have moved on, in the branches that hold the new master. */
async function layOutMasterSources(builder: LabMachine): Promise<void> {
  const script = `set -e
export HOME=/tmp/git GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@example.invalid GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@example.invalid
mkdir -p $HOME /tmp/origin && cd /tmp/origin
make_origin() {
  git init -q -b "$2" $1 && cd $1
  mkdir -p product/ERP5/bin bt5/erp5_base master/bt5/slapos_panel
  cat > product/ERP5/bin/genbt5list
  echo "old $1" > VERSION; echo 1 > bt5/erp5_base/title; echo 1 > master/bt5/slapos_panel/title
  git add -A; git commit -q -m old
  git clone -q /tmp/origin/$1 ${folder}/parts/$1
  echo "$3" > VERSION; git checkout -q -B "$4"; git commit -q -a -m new
  cd ..
}
make_origin erp5 master 'new master' erp5-vifibcd <<'LIST'
import os, sys
folder = sys.argv[1]
names = sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
with open(os.path.join(folder, 'bt5list'), 'w') as listing:
    listing.write(''.join('<template id="%s"/>\\n' % name for name in names))
LIST
make_origin vifib master 'new vifib' master </dev/null
`;
  await builder.mustShell(
    `cat > /tmp/origins.sh && setpriv --reuid=slapsoft --regid=slapsoft --init-groups sh /tmp/origins.sh`,
    {
      stdin: script,
    },
  );
}
