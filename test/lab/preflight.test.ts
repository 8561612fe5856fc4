/** The checks of a machine before it is changed: a sound one is told to be so, and on a sick one the real things are found. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes, problems } from '../../src-shared/problem.ts';
import type { Finding } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { diffSnapshots, type Lab, type LabMachine, labUnavailable, takeSnapshot } from './index.ts';
import type { CliResult } from './site.ts';
import { Visits } from './visits.ts';

const reason = labUnavailable();

/** Two hours later than this laptop's clock says: the machine then seems to be behind. */
const clockAhead = `const Real = Date; globalThis.Date = class extends Real {
  constructor(...words) { if (words.length === 0) super(Real.now() + 7200000); else super(...words); }
  static now() { return Real.now() + 7200000; }
};`;

const findingsOf = ({ lines }: CliResult): readonly Finding[] => {
  const line = lines.findLast((one) => 'verdict' in one && 'key' in one);
  return (line?.verdict as { findings?: Finding[] } | undefined)?.findings ?? [];
};

/** Holds a port, or a lock, as another program would. perl is part of the smallest Debian. */
const holdPort = (unit: string, at: string): string =>
  `systemd-run --quiet --unit=${unit} perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => "${at}", Listen => 1) or die; sleep'`;
const holdLock = `systemd-run --quiet --unit=other-apt perl -e 'open(my $f, "+>>", "/var/lib/dpkg/lock-frontend") or die; flock($f, 2); sleep'`;

describe('the check of a machine', unless(reason), () => {
  let visits: Visits;
  let lab: Lab;

  beforeAll(async () => {
    visits = await Visits.open();
    ({ lab } = visits);
  });
  afterAll(() => visits?.close());

  async function meet(machine: LabMachine, lines: readonly string[] = []) {
    const met = await visits.meet(machine, { machineLines: lines });
    expect((await met.run(['run', 'describe-site', 'connect', '--yes'])).code).toBe(0);
    return met;
  }

  it('says of a sound bare machine that nothing stands in the way, and writes nothing there', async () => {
    const machine = await lab.bootMachine({ name: 'sound' });
    const { run } = await meet(machine);
    const before = await takeSnapshot(machine);
    const result = await run(['run', 'preflight', '--yes']);
    expect(result.code, result.stdout.slice(-3000)).toBe(0);
    expect(diffSnapshots(before, await takeSnapshot(machine))).toEqual([]);
    const told = findingsOf(await run(['check', 'preflight']));
    expect(told.filter(({ code }) => problems[code].severity !== 'warning')).toEqual([]);
    // It is one, and the plan of this test gives it five partitions.
    expect(told.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['target-in-container', 'partitions-below-master']),
    );
  });

  it('finds everything that is wrong with a sick one at once, what blocks first, and in words', async () => {
    const machine = await lab.bootMachine({
      name: 'sick',
      sshdOptions: ['AllowTcpForwarding no', 'MaxSessions 2'],
      prepare: async (tree) => {
        const release = join(tree, 'usr/lib/os-release');
        await writeFile(release, (await readFile(release, 'utf8')).replace('VERSION_ID="12"', 'VERSION_ID="13"'));
        await writeFile(join(tree, 'root/.bashrc'), 'umask 077\n');
        await writeFile(join(tree, 'etc/environment'), 'http_proxy=http://me:hidden8word@proxy.example:3128/\n');
        await writeFile(join(tree, 'etc/hosts'), '127.0.1.1 another-name\n');
        await writeFile(
          join(tree, 'etc/apt/sources.list.d/other.list'),
          'deb https://packages.example.com/apt any main\n',
        );
        for (const folder of ['etc/ufw', 'opt/slapos/bin']) await mkdir(join(tree, folder), { recursive: true });
        await writeFile(join(tree, 'etc/ufw/ufw.conf'), 'ENABLED=yes\n');
        await writeFile(join(tree, 'opt/slapos/slapproxy.db'), '');
      },
    });
    const { laptop, run } = await meet(machine, ['ipv4Network: 10.0.0.0/8']);
    await machine.mustShell(`set -e
      ${holdPort('web', '0.0.0.0:80')}
      ${holdPort('proxy', '127.0.0.1:8080')}
      ${holdPort('content', '127.0.0.1:5050')}
      ${holdLock}
      touch /run/reboot-required
      useradd --system slapuser0
      mkdir -p /root/half/DEBIAN
      printf 'Package: half\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody <nobody@example.com>\\nDescription: unpacked only\\n' > /root/half/DEBIAN/control
      dpkg-deb --build /root/half /root/half.deb >/dev/null
      dpkg --force-not-root --unpack /root/half.deb >/dev/null 2>&1 || true
      printf '[Unit]\\n[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/unattended-upgrades.service
      systemctl --quiet enable unattended-upgrades.service
      mount -t tmpfs -o size=200m,nr_inodes=1000,noexec tmpfs /srv
      mount --bind /opt /opt && mount -o remount,bind,ro /opt
      ip route add default via ${lab.hostAddresses.ipv4}
      echo nameserver 198.51.100.53 > /etc/resolv.conf`);
    const wanted = [
      'target-other-system',
      'target-disk-small',
      'target-inodes-few',
      'target-read-only',
      'target-no-exec',
      'target-file-system-unfit',
      'target-apt-broken',
      'target-apt-busy',
      'target-upgrades-automatic',
      'target-sources-foreign',
      'target-network-overlaps',
      'target-name-lookup-slow',
      'target-route-black-hole',
      'target-localhost-unknown',
      'target-own-name-unknown',
      'target-proxy-set',
      'target-firewall-active',
      'forward-port-taken',
      'target-port-taken',
      'target-web-port-taken',
      'forwarding-forbidden',
      'target-sessions-few',
      'target-slapos-foreign',
      'target-slapproxy-left',
      'target-users-left',
      'target-umask-strict',
      'target-reboot-required',
      'target-clock-off',
    ];
    process.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(clockAhead)}`;
    let result: CliResult;
    let read: string;
    try {
      result = await run(['check', 'preflight']);
      read = await laptop.reads(['check', 'preflight', '--answers', laptop.answersPath]);
    } finally {
      delete process.env.NODE_OPTIONS;
    }
    expect(result.code).toBe(exitCodes.blocked);
    const found = findingsOf(result);
    expect(wanted.filter((code) => !found.some((one) => one.code === code))).toEqual([]);
    const weights = found.map(({ code }) => ['strict', 'skippable', 'warning'].indexOf(problems[code].severity));
    expect(weights).toEqual([...weights].sort());
    expect(JSON.stringify(result.lines)).not.toContain('hidden8word');
    for (const words of [
      'master-1 runs debian-13, and the medium was prepared for debian-12',
      '/srv on master-1 lies on tmpfs, which cannot carry it',
      'Port 8080 of master-1 is taken by perl',
      'Another program is installing on master-1: perl',
      'mount -o remount,rw /opt',
      'ip route del default',
    ])
      expect(read).toContain(words);
    expect(read.indexOf('target-other-system')).toBeLessThan(read.indexOf('target-umask-strict'));
    expect(read.indexOf('target-umask-strict')).toBeLessThan(read.indexOf('target-users-left'));
  });

  it('lets a person pass what can be passed, and keeps who did so', async () => {
    const machine = await lab.bootMachine({
      name: 'lenient',
      prepare: (tree) => writeFile(join(tree, 'root/.bashrc'), 'umask 027\n'),
    });
    const { laptop, run } = await meet(machine);
    expect((await run(['run', 'preflight', '--yes'])).code).not.toBe(0);
    expect((await run(['run', 'preflight', '--yes', '--skip', 'target-umask-strict'])).code).toBe(0);
    expect(await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8')).toMatch(
      /"kind":"skipped","instance":"preflight@machine:master-1","codes":\["target-umask-strict"\],"by":"[^"]+"/,
    );
    // Passed once, it stands: whoever comes next is told, and not stopped.
    expect((await run(['run', 'preflight', '--yes'])).code).toBe(0);
  });

  it('a greeting from a start-up file of the shell spoils no answer', async () => {
    const machine = await lab.bootMachine({
      name: 'chatty',
      prepare: (tree) => writeFile(join(tree, 'root/.bashrc'), 'echo "Welcome to this machine"\n'),
    });
    const { run } = await visits.meet(machine);
    const result = await run(['run', 'describe-site', 'connect', 'preflight', '--yes']);
    expect(result.code, result.stdout.slice(-2000)).toBe(0);
  });
});
