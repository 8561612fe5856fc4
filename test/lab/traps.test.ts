/** Traps of slapos on a real one: what a technician did before us, what half-worked, what lies; each gotten over or told in words. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { Lab, type LabMachine, longLabUnavailable, masterRelease, restore } from './index.ts';
import type { CliOptions, CliResult, Laptop } from './site.ts';

const reason = longLabUnavailable();

const config = '/etc/opt/slapos/slapos.cfg';

describe('a trap', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    lab = await Lab.open();
    const release = await masterRelease();
    url = release.url;
    folder = `/opt/slapgrid/${release.md5}`;
    ({ machine, laptop } = await restore(lab, 'node-installed', { name: 'trapped' }));
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  const words = (command: string, steps: readonly string[]) => [
    command,
    ...steps,
    ...(command === 'run' ? ['--yes'] : []),
    '--answers',
    laptop.answersPath,
  ];
  const run = (steps: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    laptop.fieldkit(words('run', steps), options);
  const check = (step: string): Promise<CliResult> => laptop.fieldkit(words('check', [step]));
  const reads = (step: string): Promise<string> => laptop.reads(words('check', [step]));
  const findingsOf = ({ lines }: CliResult): readonly Finding[] => {
    const line = lines.findLast((one) => 'verdict' in one && 'key' in one);
    return (line?.verdict as { findings?: Finding[] } | undefined)?.findings ?? [];
  };

  it('no global IPv6 on the interface: told before `configure local` could do half of its work', async () => {
    const address = await machine.mustShell("ip -6 -o addr show dev host0 scope global | awk '{print $4; exit}'");
    await machine.mustShell(`ip -6 addr del ${address.trim()} dev host0`);
    const refused = await run(['configure-proxy']);
    expect(refused.code).not.toBe(0);
    expect(refused.lines.at(-1)).toMatchObject({ problem: { code: 'target-addresses-unmanaged' } });
    expect(await reads('configure-proxy')).toContain('host0 of master-1 lacks a global IPv6 address');
    await machine.mustShell(`test ! -e ${config}`);
    await machine.mustShell(`ip -6 addr add ${address.trim()} dev host0 nodad`);
  });

  it('a half-done `configure local`: its files are there and nothing runs; the step brings it to its end', async () => {
    // Ended as soon as the configuration is written: no partition, no proxy, and a retry by hand says that it exists already.
    await machine.mustShell(`systemctl stop cron; install -d /opt/slapgrid /srv/slapgrid
      systemd-run --quiet --unit=half --setenv=HOME=/root slapos configure local --interface-name host0 --partition-number 5
      timeout 200 sh -c 'until [ -e ${config} ]; do sleep 0.1; done'
      systemctl kill --signal=KILL half.service; systemctl start cron`);
    expect((await machine.shell('HOME=/root slapos configure local 2>&1')).stdout).toContain('already exist');
    const result = await run(['configure-proxy']);
    expect(result.code, result.stdout.slice(-4000)).toBe(0);
    expect(await machine.mustShell('ls /srv/slapgrid | grep -c slappart')).toBe('5\n');
  });

  it('a second [networkcache] section: found by the check of the machine and by the step, with both lines', async () => {
    const before = await machine.mustShell(`cat ${config}`);
    await machine.mustShell(
      `printf '\\n[networkcache]\\ndownload-binary-cache-url = http://192.168.32.10:5050\\n' >> ${config}`,
    );
    expect((await machine.shell('slapos node status')).code).toBe(1);
    for (const step of ['preflight', 'use-cache']) {
      expect(findingsOf(await check(step)), step).toMatchObject(
        expect.arrayContaining([
          expect.objectContaining({
            code: 'slapos-config-duplicate-section',
            params: expect.objectContaining({ section: 'networkcache' }),
          }),
        ]),
      );
      expect(await reads(step)).toContain('networkcache');
    }
    await machine.mustShell(`cat > ${config} <<'END'\n${before}END`);
  });

  it('a supply before the cache: slapos compiles, fails, and would never ask the cache again; the folder is set aside', async () => {
    await machine.mustShell(`slapos supply ${url} local_computer --cfg ${config}`);
    // By hand, while cron does the same: its exit 10 means that another one is at work.
    await expect
      .poll(
        async () =>
          (await machine.shell(`slapos node software --cfg ${config} >/dev/null 2>&1; test -d ${folder} && echo there`))
            .stdout,
        {
          timeout: 240_000,
          interval: 3000,
        },
      )
      .toBe('there\n');
    await machine.mustShell(`test ! -e ${folder}/.completed && touch ${folder}/kept-as-it-was`);
    // The raw percent sign breaks every slapos command; comments must outlive our edit.
    await machine.mustShell(
      `sed -i 's/^\\[networkcache\\]$/[networkcache]\\n# kept by whoever wrote it: 100 %% of it/' ${config}`,
    );
    const result = await run(['use-cache', 'check-cache', 'install-master-software']);
    expect(result.code, result.stdout.slice(-5000)).toBe(0);
    expect(JSON.stringify(result.lines)).toContain('software-folder-poisoned');
    await machine.mustShell(`test -e ${folder}/.completed && test -e ${folder}.set-aside/kept-as-it-was`);
    const text = await machine.mustShell(`cat ${config}`);
    expect(text.match(/^\[networkcache\]$/gm)).toHaveLength(1);
    expect(text).toContain('# kept by whoever wrote it: 100 %% of it');
    const told = await machine.mustShell('cat /opt/slapos/log/slapos-node-software.log');
    expect(told).toContain('Extracting archive of cached software release');
  });

  it('too little room in /tmp: told beforehand, and when it happens; nothing of it stands in the way later', async () => {
    await machine.mustShell(
      `mount -t tmpfs -o size=1m tmpfs /tmp; dd if=/dev/zero of=/tmp/filler bs=4k count=255 2>/dev/null; rm -rf ${folder}`,
    );
    expect(findingsOf(await check('preflight'))).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({
          code: 'target-disk-small',
          params: expect.objectContaining({ path: '/tmp' }),
        }),
      ]),
    );
    const full = await run(['install-master-software']);
    // Whichever comes first: slapos begins to compile, or the wait has seen the full disk for a while.
    expect(full.lines.at(-1)).toMatchObject({
      problem: { code: expect.stringMatching(/^(cache-not-used|target-disk-full)$/) },
    });
    await machine.mustShell('umount /tmp');
    const result = await run(['install-master-software']);
    expect(result.code, result.stdout.slice(-5000)).toBe(0);
    await machine.mustShell(`test -e ${folder}/.completed`);
  });

  it('dpkg was ended while it worked: whatever is installed next comes after what it left', async () => {
    // A package that ends the dpkg which sets it up, the first time.
    await machine.mustShell(`mkdir -p /root/cut/DEBIAN; cd /root
      printf 'Package: cut\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody <nobody@example.com>\\nDescription: cut off\\n' > cut/DEBIAN/control
      printf '#!/bin/sh\\n[ -e /root/once ] || { touch /root/once; kill -9 $PPID; }\\n' > cut/DEBIAN/postinst; chmod 755 cut/DEBIAN/postinst
      dpkg-deb --build cut cut.deb >/dev/null; dpkg -i cut.deb >/dev/null 2>&1; test -e once`);
    expect((await machine.shell('apt-get check 2>&1')).stdout).toContain('dpkg was interrupted');
    expect((await machine.shell('setfacl --version')).code).toBe(127);
    const result = await run(['share-ca-folder']);
    expect(result.code, result.stdout.slice(-5000)).toBe(0);
    await machine.mustShell('setfacl --version && apt-get check && dpkg --audit');
    expect(await machine.mustShell("dpkg-query -W -f '${db:Status-Abbrev}' cut")).toBe('ii ');
  });

  it('the release asked for is another one by a character: refused before slapos could compile it', async () => {
    await laptop.editPlan((text) => text.replace(url, `${url.replace('software.cfg', '')}./software.cfg`));
    const result = await check('check-cache');
    expect(findingsOf(result)).toContainEqual(
      expect.objectContaining({
        code: 'release-other-address',
        params: expect.objectContaining({ held: url, asked: './software.cfg', carried: 'software.cfg' }),
      }),
    );
    expect(await reads('check-cache')).toContain('./software.cfg, and the medium holds https://');
    await laptop.editPlan((text) => text.replace('./software.cfg', 'software.cfg'));
  });
});
