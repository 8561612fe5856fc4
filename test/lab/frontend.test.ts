/** Ports 80 and 443 led to a frontend inside a machine: proved by HTTPS from there and from another machine, kept over a reboot. */
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { makePair } from './certificates.ts';
import { checkpointAnswers, restore, restoreMachine } from './checkpoints.ts';
import { mustRun } from './command.ts';
import { type LabDns, startDns } from './dns.ts';
import { Lab, type LabMachine, labUnavailable } from './index.ts';
import type { Laptop } from './site.ts';
import { standInFile } from './slapos-node.ts';

const reason = labUnavailable();

const domain = 'shop.example.org';
const name = `anything.${domain}`;
const masterIpv6 = 'fd5a:77::11';
const frontIpv6 = 'fd5a:77::12';
const partition = { number: 3, ipv4: '10.0.44.5', ipv6: 'fd5a:77::45' };
const moved = { ipv4: '10.0.44.6', ipv6: 'fd5a:77::46' };

describe('a frontend', unless(reason), () => {
  let lab: Lab;
  let laptop: Laptop;
  let other: LabMachine;
  let front: LabMachine;
  let frontIpv4 = '';
  let fingerprint = '';
  let dns: LabDns | undefined;
  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
  const resourceFile = `/srv/slapgrid/slappart${partition.number}/.slapos-resource`;

  /** A partition's addresses on the machine and in its file, and a frontend that listens there, now and after a reboot. */
  async function serve({ ipv4, ipv6 }: { readonly ipv4: string; readonly ipv6: string }): Promise<void> {
    const resource = JSON.stringify({ address_list: [{ addr: ipv4, netmask: '255.255.255.255' }, { addr: ipv6 }] });
    const unit = `[Service]
ExecStartPre=-ip address add ${ipv4}/32 dev host0
ExecStartPre=-ip -6 address add ${ipv6}/64 dev host0 nodad
ExecStart=/usr/bin/python3 /opt/frontend.py /opt/site.crt /opt/site.key ${ipv4} ${ipv6}
ExecStopPost=-ip address del ${ipv4}/32 dev host0
ExecStopPost=-ip -6 address del ${ipv6}/64 dev host0
[Install]
WantedBy=multi-user.target
`;
    await front.mustShell('systemctl stop lab-frontend 2>/dev/null; true');
    await front.mustShell(`install -d -m 0750 ${resourceFile.replace(/\/[^/]*$/, '')}; cat > ${resourceFile}`, {
      stdin: resource,
    });
    await front.mustShell('cat > /etc/systemd/system/lab-frontend.service', { stdin: unit });
    await front.mustShell('systemctl daemon-reload && systemctl enable --now lab-frontend');
  }

  /** As a browser on another machine sees it. */
  async function seenFrom(machine: LabMachine, place: string): Promise<{ body: string; fingerprint: string }> {
    const asked = `printf 'GET / HTTP/1.0\\r\\nHost: ${name}\\r\\n\\r\\n' | timeout 20 openssl s_client -ign_eof -connect ${place} -servername ${name} 2>/dev/null`;
    const { stdout } = await machine.shell(asked);
    const [pem] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(stdout) ?? [];
    return {
      body: /Lab frontend for .*/.exec(stdout)?.[0] ?? '',
      fingerprint: pem === undefined ? '' : new X509Certificate(pem).fingerprint256,
    };
  }
  const right = () => ({ body: `Lab frontend for ${name}`, fingerprint });

  beforeAll(async () => {
    lab = await Lab.open();
    const addresses = { ipv6: `${masterIpv6}/64` };
    ({ laptop, machine: other } = await restore(lab, 'node-installed', { name: 'other', addresses }));
    front = await restoreMachine(lab, 'node-installed', { name: 'front', addresses: { ipv6: `${frontIpv6}/64` } });
    frontIpv4 = front.address;
    const pair = await makePair(laptop.home, 'site', [`*.${domain}`]);
    fingerprint = new X509Certificate(await readFile(pair.certificate, 'utf8')).fingerprint256;
    await writeFile(laptop.answersPath, JSON.stringify({ ...checkpointAnswers, 'host-key:node-1': 'yes' }));
    await laptop.editPlan((text) =>
      text.replace(
        /^releases:/m,
        `  - name: node-1
    roles: [node, frontend]
    address: ${front.address}
    keyFile: ${front.login.keyPath}
    release: "12"
    interface: host0
    partitions: 5
frontend:
  domain: ${domain}
  certificate: ${pair.certificate}
  key: ${pair.key}
  dns: ${lab.hostAddresses.ipv4}
releases:`,
      ),
    );
    await front.mustShell('cat > /opt/frontend.py', { stdin: await readFile(standInFile('frontend.py'), 'utf8') });
    await front.mustShell('cat > /opt/site.crt', { stdin: await readFile(pair.certificate, 'utf8') });
    await front.mustShell('cat > /opt/site.key', { stdin: await readFile(pair.key, 'utf8') });
    const prepared = await run('connect', 'preflight', 'set-addresses', 'serve-content', 'install-slapos-node');
    expect(prepared.code, prepared.stdout.slice(-4000) + prepared.stderr).toBe(0);
  });
  afterAll(async () => {
    await dns?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('is asked for by nobody while it does not listen', async () => {
    const early = await run('redirect-to-frontend');
    expect(early.lines.at(-1)).toMatchObject({ problem: { code: 'frontend-not-listening' } });
  });

  it('is led to on IPv4 and IPv6, and proved from both machines with the right certificate', async () => {
    await serve(partition);
    const led = await run('redirect-to-frontend');
    expect(led.code, led.stdout.slice(-4000) + led.stderr).toBe(0);
    for (const machine of [front, other])
      for (const place of [`${frontIpv4}:443`, `[${frontIpv6}]:443`])
        expect(await seenFrom(machine, place), `${machine.name} ${place}`).toEqual(right());
    const plain = await fetch(`http://${frontIpv4}/`).then((answer) => answer.text());
    expect(plain).toBe(`Lab frontend for ${frontIpv4}\n`);
    const rules = await front.mustShell('nft list ruleset');
    expect([...rules.matchAll(/udp dport 443 dnat to (\S+)/g)].map(([, to]) => to).sort()).toEqual([
      `${partition.ipv4}:4443`,
      `${partition.ipv4}:4443`,
      `[${partition.ipv6}]:4443`,
      `[${partition.ipv6}]:4443`,
    ]);
    expect((await run('redirect-to-frontend')).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('is there after a reboot, and found again where its partition moved to', async () => {
    await front.reboot();
    const places = [`${frontIpv4}:443`, `[${frontIpv6}]:443`];
    const everywhere = () => Promise.all(places.map((place) => seenFrom(other, place)));
    await expect.poll(everywhere, { timeout: 180_000, interval: 1000 }).toEqual([right(), right()]);
    await serve(moved);
    await expect.poll(everywhere, { timeout: 180_000, interval: 1000 }).toEqual([right(), right()]);
    const rules = await front.mustShell('nft list ruleset');
    expect(rules).toContain(`dnat to ${moved.ipv4}:4443`);
    expect(rules).not.toContain(partition.ipv4);
    expect((await run('redirect-to-frontend')).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('is known to its machine by the site’s DNS server', async () => {
    const silent = await run('set-dns');
    expect(silent.lines.at(-1)).toMatchObject({ problem: { code: 'name-resolves-elsewhere' } });
    dns = await startDns(lab.hostAddresses.ipv4, domain, [frontIpv4, frontIpv6]);
    const set = await run('set-dns');
    expect(set.code, set.stdout.slice(-3000)).toBe(0);
    expect(await front.mustShell(`getent ahosts ${name} | awk '{print $1}' | sort -u | paste -s -d ' '`)).toBe(
      `${frontIpv4} ${frontIpv6}\n`,
    );
    expect((await run('set-dns')).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('refuses a certificate for another domain, and lets no key out', async () => {
    const wrong = await makePair(laptop.home, 'wrong', ['*.example.net']);
    const before = await front.mustShell('nft list ruleset');
    await laptop.editPlan((text) => text.replace(/certificate: \S*site.crt/, `certificate: ${wrong.certificate}`));
    expect((await run('redirect-to-frontend')).lines.at(-1)).toMatchObject({
      problem: { code: 'frontend-certificate-key' },
    });
    await laptop.editPlan((text) => text.replace(/key: \S*site.key/, `key: ${wrong.key}`));
    expect((await run('redirect-to-frontend')).lines.at(-1)).toMatchObject({
      problem: { code: 'frontend-certificate-domain', params: { domain } },
    });
    expect(await front.mustShell('nft list ruleset')).toBe(before);
    for (const file of ['site.key', 'wrong.key']) {
      const secret = (await readFile(join(laptop.home, file), 'utf8')).split('\n')[1] ?? '';
      expect(secret.length).toBeGreaterThan(40);
      const places = [laptop.siteFolder, laptop.stick];
      expect((await mustRun(['sh', '-c', `grep -rlF -- '${secret}' ${places.join(' ')} || true`])).trim()).toBe('');
    }
  });

  it('is led to no more once the redirection is taken back', async () => {
    const undone = await laptop.fieldkit([
      'undo',
      'redirect-to-frontend@machine:node-1',
      '--yes',
      '--answers',
      laptop.answersPath,
    ]);
    expect(undone.code, undone.stdout.slice(-3000) + undone.stderr).toBe(0);
    expect(await front.mustShell('nft list ruleset')).not.toContain('fieldkit_frontend');
    expect((await seenFrom(other, `${frontIpv4}:443`)).fingerprint).toBe('');
  });
});
