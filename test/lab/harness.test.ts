/** The lab proves itself first: what it calls bare, offline, equal and changed is so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { diffSnapshots, Lab, type LabMachine, labUnavailable, takeSnapshot } from './index.ts';

const reason = labUnavailable();

describe('a bare machine', unless(reason), () => {
  let lab: Lab;
  let byKey: LabMachine;
  let bySudo: LabMachine;

  beforeAll(async () => {
    lab = await Lab.open();
    const specs = [{ name: 'bare' }, { name: 'tech', login: 'sudo' }] as const;
    [byKey, bySudo] = (await Promise.all(specs.map((spec) => lab.bootMachine(spec)))) as [LabMachine, LabMachine];
  });
  afterAll(() => lab?.close());

  it('boots to the end, and no service failed', async () => {
    for (const machine of [byKey, bySudo]) {
      expect(await machine.mustShell('systemctl is-system-running')).toBe('running\n');
    }
  });

  it('holds nothing a step would have to bring', async () => {
    const programs = ['python3', 'sudo', 'cron', 'gcc', 'openssl', 'curl', 'wget', 'nft', 'iptables'];
    const found = await byKey.shell(`for p in ${programs.join(' ')}; do command -v $p; done`);
    expect(found.stdout).toBe('');
  });

  it('has its addresses, and reaches its neighbour', async () => {
    const shown = await byKey.mustShell('ip -o address show dev host0 scope global');
    expect(shown).toContain(`inet ${byKey.addresses.ipv4} `);
    expect(shown).toContain(`inet6 ${byKey.addresses.ipv6} `);
    for (const address of [bySudo.addresses.ipv4, bySudo.addresses.ipv6]) {
      const to = `/dev/tcp/${address?.split('/')[0]}/22`;
      const greeting = await byKey.mustShell(`bash -c 'exec 3<>${to}; read -r line <&3; echo "$line"'`);
      expect(greeting).toMatch(/^SSH-2\.0-/);
    }
  });

  it('has no route out, and no name server: it is told so at once', async () => {
    expect(await byKey.mustShell('ip route show default; ip -6 route show default')).toBe('');
    // Addresses kept for examples: no network in the lab has them, any other is as far away.
    for (const far of ['192.0.2.1', '2001:db8::1']) {
      const answer = await byKey.shell(`ip route get ${far}`);
      expect(answer.code).not.toBe(0);
      expect(answer.stderr).toMatch(/unreachable/);
    }
    const startedAt = Date.now();
    expect((await byKey.shell('getent hosts debian.org')).code).toBe(2);
    // A name server that does not answer is waited for at least five seconds.
    expect(Date.now() - startedAt).toBeLessThan(4500);
  });

  it('is logged into as root with the key, and shows the host key the console shows', async () => {
    expect((await byKey.ssh('id -un')).stdout).toBe('root\n');
    const shown = await byKey.mustShell('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
    expect(shown).toContain(` ${await byKey.hostKeyFingerprint()} `);
    expect(await byKey.hostKeyFingerprint()).not.toBe(await bySudo.hostKeyFingerprint());
  });

  it('is logged into with the password, which sudo asks for as well', async () => {
    expect((await bySudo.ssh('id -un', { by: 'password' })).stdout).toBe('tech\n');
    expect((await bySudo.ssh('id -un', { by: 'password', sudo: true })).stdout).toBe('root\n');
    expect((await bySudo.ssh('sudo -n true')).code).not.toBe(0);
  });

  it('is equal to itself while idle and over a reboot, and a change is found', async () => {
    const before = await takeSnapshot(byKey);
    const bootId = await byKey.bootId();
    expect(diffSnapshots(before, await takeSnapshot(byKey))).toEqual([]);
    await byKey.reboot();
    expect(await byKey.bootId()).not.toBe(bootId);
    expect(diffSnapshots(before, await takeSnapshot(byKey))).toEqual([]);
    await byKey.mustShell('echo changed >>/etc/motd; chmod 600 /etc/issue; rm /etc/fstab; touch /etc/debian_version');
    const changes = diffSnapshots(before, await takeSnapshot(byKey));
    expect(changes.map((line) => line.split(':')[0])).toEqual([
      '+ file /etc/fstab',
      '+ file /etc/issue',
      '+ file /etc/motd',
    ]);
  });

  it('loses its connections, a port, its cable, its power, and comes back', async () => {
    const session = bySudo.ssh('sleep 60');
    while (!(await bySudo.mustShell('ps -e -o args')).includes('sleep 60')) await bySudo.bootId();
    expect(await bySudo.cutConnections()).toBeGreaterThan(0);
    expect((await session).code).toBe(255);
    const allow = await bySudo.blockPort(22, 'refused');
    expect((await bySudo.ssh('true')).stderr).toMatch(/refused/);
    await allow();
    expect((await bySudo.ssh('true')).code).toBe(0);
    await bySudo.cable('out');
    expect((await bySudo.ssh('true')).code).toBe(255);
    await bySudo.cable('in');
    expect((await bySudo.ssh('true')).code).toBe(0);
    await bySudo.kill();
    await bySudo.start();
    expect((await bySudo.ssh('id -un')).stdout).toBe('tech\n');
  });

  it('is copied as it was when it was frozen', async () => {
    await byKey.mustShell('echo before >/etc/lab-mark');
    const layers = await byKey.freeze();
    await byKey.start();
    await byKey.mustShell('echo after >/etc/lab-mark');
    const copy = await lab.bootMachine({ name: 'copy', from: layers });
    expect(await copy.mustShell('cat /etc/lab-mark')).toBe('before\n');
    expect(await byKey.mustShell('cat /etc/lab-mark')).toBe('after\n');
    expect((await copy.ssh('id -un')).stdout).toBe('root\n');
  });
});
