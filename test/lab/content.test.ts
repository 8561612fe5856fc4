/**
 * Content at the site: a copy that stays on the master and feeds another machine without the laptop, and the medium plugged into the
 * machine itself. One walk on a medium that is a file system of its own.
 */

import { readFileSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { mustRun, runCommand } from './command.ts';
import {
  bootBareNode,
  checkpointIpv6,
  clientUser,
  Lab,
  type LabMachine,
  longLabUnavailable,
  masterRelease,
  Panel,
  startVendorRepository,
  type VendorRepository,
} from './index.ts';
import { type CliResult, installing, Laptop, makeSite, walk } from './site.ts';

const reason = longLabUnavailable();

const answers = {
  passphrase: 'canary6passphrase6of6the6vault',
  'host-key:master-1': 'yes',
  'host-key:node-1': 'yes',
  'host-key:node-2': 'yes',
  'first-login:master-1': 'yes',
  'configure-new-master:master-1': 'yes',
};
const copyFolder = '/srv/fieldkit/content';
const port = 5051;

const performed = (run: CliResult): string[] =>
  run.lines.filter((line) => line.kind === 'command-started').map((line) => String(line.instance));

/** What a machine is answered, asked with nothing but bash: status line, headers and body. */
const ask = (machine: LabMachine, host: string, path: string, headers: readonly string[] = [], method = 'GET') => {
  const request = [`${method} ${path} HTTP/1.1`, 'Host: content', ...headers, 'Connection: close', '', ''].join(
    '\\r\\n',
  );
  return machine
    .shell(`timeout 20 bash -c 'exec 3<>"/dev/tcp/${host}/${port}" && printf "${request}" >&3 && cat <&3'`)
    .then(({ stdout }) => stdout);
};

/** From the host, which the plan does not name. */
const statusFromHost = (host: string, path: string): Promise<number> =>
  fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`).then((answer) => answer.status);

async function until(what: string, look: () => Promise<boolean>, seconds = 180): Promise<void> {
  for (let tries = 0; tries < seconds * 5; tries += 1) {
    if (await look().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}

describe('content at the site', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let master: LabMachine;
  let node: LabMachine;
  let laptop: Laptop;
  let release: Awaited<ReturnType<typeof masterRelease>>;
  let device = '';
  let plugged = '';
  let mounted = false;

  const bare = (address: string | null): string => (address ?? '').split('/')[0] ?? '';
  const nodeEntry = (name: string, machine: LabMachine, content: string): string => `  - name: ${name}
    roles: [node]
    address: ${machine.address}
    addresses: ["${machine.addresses.ipv6}"]
    user: root
    keyFile: ${machine.login.keyPath}
    release: "12"
    interface: host0
    partitions: 2
    content: ${content}
    client: ${clientUser}
`;
  const unmount = async () => {
    if (mounted) await mustRun(['umount', laptop.stick]);
    mounted = false;
  };
  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    // Partitions number their addresses alike everywhere: each machine has a range of its own.
    master = await lab.bootMachine({ name: 'master', addresses: { ipv6: checkpointIpv6 } });
    node = await bootBareNode(lab, 1);
    laptop = await Laptop.make(answers);
    const image = join(laptop.home, 'stick.img');
    await writeFile(image, '');
    await truncate(image, 1_500_000_000);
    await mustRun(['mkfs.ext4', '-q', '-m', '0', '-F', image]);
    device = (await mustRun(['losetup', '--find', '--show', image])).trim();
    await mustRun(['mount', device, laptop.stick]);
    mounted = true;
    await makeSite(laptop, { machine: master, vendor, machineLines: [`addresses: ["${master.addresses.ipv6}"]`] });
    release = await masterRelease(60);
    const small = await masterRelease();
    await laptop.editPlan((text) =>
      text
        .replace(small.archivePath, release.archivePath)
        .replace(/^releases:$/m, `${nodeEntry('node-1', node, 'resident')}releases:`),
    );
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    if (prepared.code !== 0) throw new Error(prepared.stdout.slice(-4000) + prepared.stderr);
  });
  afterAll(async () => {
    await lab?.close();
    await vendor?.close();
    await unmount().catch(() => undefined);
    for (const one of [device, plugged]) if (one !== '') await runCommand(['losetup', '--detach', one]);
    await laptop?.discard();
  });

  it('goes on where a copy was killed, and sends nothing twice', async () => {
    const total = Number(
      (await mustRun(['du', '-sb', join(laptop.stick, 'fieldkit/bcache'), join(laptop.stick, 'fieldkit/debian')]))
        .trim()
        .split('\n')
        .reduce((sum, line) => sum + Number(line.split('\t')[0]), 0),
    );
    const onMaster = async () => Number((await master.shell(`du -sb ${copyFolder}`)).stdout.split('\t')[0] ?? 0);
    const stop = new AbortController();
    const enough = until('part of the copy', async () => (await onMaster()) > total / 4).then(() => stop.abort());
    const killed = await laptop.fieldkit(
      [
        'run',
        'connect@machine:master-1',
        'preflight@machine:master-1',
        'set-addresses@machine:master-1',
        'serve-content@machine:master-1',
        '--yes',
        '--answers',
        laptop.answersPath,
      ],
      { killed: stop.signal },
    );
    await enough;
    expect(killed.code, killed.stdout.slice(-3000)).toBe(null);
    expect((await master.shell(`test -e ${copyFolder}.sha256`)).code).not.toBe(0);
    const had = await onMaster();
    expect(had).toBeLessThan(total);
    // What the host sends into the machine's cable.
    const sent = () => Number(readFileSync(`/sys/class/net/vb-${master.hostname}/statistics/tx_bytes`, 'utf8'));
    const before = sent();
    const again = await run('serve-content@machine:master-1');
    expect(again.code, again.stdout.slice(-4000)).toBe(0);
    const resumed = sent() - before;
    expect(resumed).toBeLessThan((total - had) * 1.1 + 6_000_000);
    await master.mustShell(`cd ${copyFolder} && sha256sum --quiet -c ../content.sha256`);
    expect((await master.shell(`find ${copyFolder} -name '*.part'`)).stdout).toBe('');
  });

  it('serves it with the distribution’s nginx, which does nothing else there', async () => {
    expect((await master.shell('systemctl is-active nginx.service')).stdout).toBe('inactive\n');
    const listening = await master.mustShell("ss -Hltn | awk '{print $4}' | sort");
    const expected = [
      ...['127.0.0.1', bare(master.addresses.ipv4), '[::1]', `[${bare(master.addresses.ipv6)}]`].map(
        (host) => `${host}:${port}`,
      ),
      '0.0.0.0:22',
      '[::]:22',
    ];
    expect(
      listening
        .trim()
        .split('\n')
        .filter((address) => !/:5050$/.test(address))
        .sort(),
    ).toEqual(expected.sort());
    expect(await master.mustShell('dpkg --verify nginx nginx-common; ls /etc/nginx/sites-enabled')).toBe('default\n');
    const user = await master.mustShell('ps -o user= -C nginx | sort -u');
    // Made for the run of it: without the name service it has a number alone.
    expect(user).toMatch(/^(fieldkit\+|6\d{4})\n$/);
  });

  it('installs the bare master through the connection', async () => {
    const first = await laptop.fieldkit([
      'run',
      'install-slapos-node@machine:master-1',
      'configure-proxy',
      'use-cache@machine:master-1',
      'check-cache',
      'install-master-software',
      '--yes',
      '--answers',
      laptop.answersPath,
    ]);
    expect(first.code, first.stdout.slice(-4000)).toBe(0);
    expect(await master.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain('http://127.0.0.1:5050/bcache');
  });

  it('moves the master onto its own copy, and does nothing else again', async () => {
    await laptop.editPlan((text) => `${text}content: { via: resident }\n`);
    const moved = await laptop.fieldkit(walk.install(laptop));
    const steps = [...new Set(performed(moved))].filter((instance) => instance.endsWith('master-1'));
    expect(steps.sort(), moved.stdout.slice(-4000)).toEqual([
      'install-slapos-node@machine:master-1',
      'use-cache@machine:master-1',
    ]);
    expect(moved.code, moved.stdout.slice(-4000)).toBe(0);
    expect(await master.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain(`http://127.0.0.1:${port}/bcache`);
  });

  it('has fed a second bare machine with slapos-node, without the laptop’s content', async () => {
    expect(await node.mustShell('slapos --version')).toMatch(/^slapos \d/);
    expect(await node.mustShell('cat /etc/apt/fieldkit.sources')).toContain(`http://${master.address}:${port}/debian/`);
    expect((await node.shell('ls /usr/sbin/nginx; ss -Hltn "sport = :5050"')).stdout).toBe('');
  });

  it('answers parts of a file, over both families, to machines of the plan and to nobody else', async () => {
    const [blob = ''] = (await master.mustShell(`ls ${copyFolder}/bcache`)).trim().split('\n');
    const begin = await mustRun(['head', '-c', '20', join(laptop.stick, 'fieldkit/bcache', blob)], {}).then(
      (text) => Buffer.from(text).length,
    );
    expect(begin).toBeGreaterThan(0);
    for (const host of [bare(master.addresses.ipv4), bare(master.addresses.ipv6)]) {
      const part = await ask(node, host, `/bcache/${blob}`, ['Range: bytes=0-1']);
      expect(part, host).toMatch(/^HTTP\/1\.1 206 /);
      expect(part).toMatch(/content-range: bytes 0-1\//i);
      expect(await ask(node, host, '/')).toMatch(/^HTTP\/1\.1 404 /);
      expect(await ask(node, host, '/bcache/')).toMatch(/^HTTP\/1\.1 404 /);
      // Refused with an answer, or with the connection.
      expect(await ask(node, host, '/debian/../../../etc/passwd')).not.toMatch(/^HTTP\/1\.1 2|root:/);
      expect(await ask(node, host, `/bcache/${blob}`, ['Content-Length: 0'], 'PUT')).toMatch(/^HTTP\/1\.1 40[35] /);
    }
    // The host is no machine of the plan. It has no way into the ranges of a site's partitions.
    expect(await statusFromHost(bare(master.addresses.ipv4), `/bcache/${blob}`)).toBe(403);
  });

  it('says so when a firewall lets the master reach it and the node not', async () => {
    const check = ['check', 'serve-content@machine:node-1', '--answers', laptop.answersPath];
    const allow = await master.blockPort(port);
    try {
      expect(await ask(master, '127.0.0.1', '/')).toMatch(/^HTTP\/1\.1 404 /);
      expect(await laptop.reads(check)).toContain('content-copy-unreachable');
    } finally {
      await allow();
    }
    expect((await laptop.fieldkit(check)).code).toBe(0);
  });

  it('makes a node of that machine, whose releases come from the copy', async () => {
    const running = await run('master');
    expect(running.code, running.stdout.slice(-4000)).toBe(0);
    const panel = new Panel(master);
    await laptop.answer({
      ...answers,
      'create-node-token:node-1': await panel.token('computer'),
      'configure-client:node-1': await panel.token('credential'),
    });
    const made = await run('node');
    expect(made.code, made.stdout.slice(-4000)).toBe(0);
    const config = await node.mustShell('cat /etc/opt/slapos/slapos.cfg');
    expect(config).toMatch(/^computer_id = COMP-1$/m);
    expect(config).toContain(`download-binary-cache-url = http://${master.address}:${port}/bcache`);

    const { md5, url } = release;
    await node.mustShell(`su - ${clientUser} -c 'slapos supply ${url} COMP-1'`);
    let said = '';
    await until('installed', async () => {
      // Cron may hold the lock for a moment.
      const pass = await node.shell('slapos node software');
      said += pass.stdout + pass.stderr;
      return (await node.shell(`test -e /opt/slapgrid/${md5}/.completed`)).code === 0;
    });
    expect(said + (await node.mustShell('cat /opt/slapos/log/slapos-node-software.log'))).toContain(
      'Extracting archive of cached software release',
    );
    const again = await run('node');
    expect(again.code).toBe(0);
    expect(performed(again)).toEqual([]);
  });

  it('performs nothing the second time', async () => {
    await until(
      'slapproxy',
      async () =>
        (await master.shell('slapos proxy show --software --cfg /etc/opt/slapos/slapos-proxy.cfg')).code === 0,
    );
    const second = await laptop.fieldkit(['run', 'prepare', ...installing, '--yes', '--answers', laptop.answersPath]);
    expect(second.code, second.stdout.slice(-3000)).toBe(0);
    expect(performed(second)).toEqual([]);
  });

  it('serves on after a reboot, without anybody’s help', async () => {
    await master.reboot();
    const path = '/debian/debian-12-amd64/InRelease';
    const [four, six] = [bare(master.addresses.ipv4), bare(master.addresses.ipv6)];
    await expect.poll(() => ask(node, four, path), { timeout: 180_000 }).toMatch(/^HTTP\/1\.1 200 /);
    await expect.poll(() => ask(master, six, path), { timeout: 180_000 }).toMatch(/^HTTP\/1\.1 200 /);
    // A node of partitions may speak with one of their addresses over IPv6, and it asks over IPv4: it is heard, and not let in.
    await expect.poll(() => ask(node, six, path), { timeout: 180_000 }).toMatch(/^HTTP\/1\.1 (200|403) /);
  });

  it('reads the medium plugged into a machine, and lets it go', async () => {
    // A copy of the stick: the machines that run already hold the first one's mount in namespaces of their own.
    const image = join(laptop.home, 'plugged.img');
    await mustRun(['fsfreeze', '--freeze', laptop.stick]);
    await mustRun(['cp', '--sparse=always', join(laptop.home, 'stick.img'), image]);
    await mustRun(['fsfreeze', '--unfreeze', laptop.stick]);
    await unmount();
    plugged = (await mustRun(['losetup', '--find', '--show', image])).trim();
    const other = await lab.bootMachine({ name: 'other', devices: [plugged] });
    await laptop.editPlan((text) => text.replace(/^releases:$/m, `${nodeEntry('node-2', other, 'medium')}releases:`));
    const opened = await run(
      'connect@machine:node-2',
      'preflight@machine:node-2',
      'set-addresses@machine:node-2',
      'serve-content@machine:node-2',
      'install-slapos-node@machine:node-2',
    );
    expect(opened.code, opened.stdout.slice(-5000)).toBe(0);
    expect(await other.mustShell('slapos --version')).toMatch(/^slapos \d/);
    expect(await other.mustShell('cat /etc/systemd/system/run-fieldkit-medium.mount')).toContain('Options=ro,');
    expect(await other.mustShell('cat /etc/apt/fieldkit.sources')).toContain(`http://127.0.0.1:${port}/debian/`);
    // The session is over: the medium can be pulled, and nothing of ours listens.
    expect(await other.mustShell('grep -c fieldkit /proc/mounts; true')).toBe('0\n');
    expect(await other.mustShell(`ss -Hltn 'sport = :${port}'`)).toBe('');
    const second = await run('serve-content@machine:node-2', 'install-slapos-node@machine:node-2');
    expect(second.code, second.stdout.slice(-3000)).toBe(0);
    expect(performed(second)).toEqual([]);
    expect(await other.mustShell('grep -c fieldkit /proc/mounts; true')).toBe('0\n');
  });
});
