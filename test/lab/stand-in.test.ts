/**
 * What the lab plays the vendor and the master with is real enough: the repository verifies for apt, slapos-node sets up a computer, and
 * the release is found, verified, unpacked and instantiated by slapgrid without a network.
 */
import { createHash, sign } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { mustRun, runCommand } from './command.ts';
import {
  Lab,
  type LabMachine,
  labUnavailable,
  lastingChanges,
  masterRelease,
  type SoftwareRelease,
  startVendorRepository,
  takeSnapshot,
  type VendorRepository,
} from './index.ts';
import { builderLayers } from './slapos-node.ts';

const reason = labUnavailable();

describe('the vendor repository', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
  });
  afterAll(async () => {
    await vendor?.close();
    await lab?.close();
  });

  it('is believed by apt with its own key, and with no other', async () => {
    const state = join(lab.folder, 'apt');
    for (const folder of ['lists/partial', 'cache/archives/partial', 'parts']) {
      await mkdir(join(state, folder), { recursive: true });
    }
    await writeFile(join(state, 'vendor.asc'), vendor.publicKey);
    await writeFile(join(state, 'status'), '');
    const update = async (key: string) => {
      await writeFile(join(state, 'list'), `deb [arch=amd64 signed-by=${key}] ${vendor.url}/Debian_12/ ./\n`);
      const places = {
        'Dir::Etc::sourcelist': join(state, 'list'),
        'Dir::Etc::sourceparts': join(state, 'parts'),
        'Dir::State::lists': join(state, 'lists'),
        'Dir::State::status': join(state, 'status'),
        'Dir::Cache': join(state, 'cache'),
        'APT::Sandbox::User': 'root',
      };
      const options = Object.entries(places).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
      const updated = await runCommand(['apt-get', ...options, 'update', '--error-on=any']);
      return { updated, shown: await runCommand(['apt-cache', ...options, 'policy', 'slapos-node', 're6st-node']) };
    };
    const strange = await update('/usr/share/keyrings/debian-archive-keyring.gpg');
    expect(strange.updated.code).not.toBe(0);
    const own = await update(join(state, 'vendor.asc'));
    expect(own.updated.code).toBe(0);
    expect(own.shown.stdout).toMatch(/Candidate: 1\.22\.1\+1\.0\.499\+0-1[\s\S]*Candidate: 0\.642\+slapos1/);
  });

  it('answers a fault where one was laid, and the file again afterwards', async () => {
    const ask = (path: string) => fetch(`${vendor.distributionUrl}/${path}`);
    const whole = await (await ask('Packages')).text();
    vendor.fault('Packages', { body: Buffer.from('changed') });
    expect(await (await ask('Packages')).text()).toBe('changed');
    vendor.fault('Packages', { cutAfterBytes: 10 });
    await expect(ask('Packages').then((answer) => answer.text())).rejects.toThrow();
    vendor.fault('Packages', { status: 503 });
    expect((await ask('Packages')).status).toBe(503);
    vendor.fault('Packages', null);
    expect(await (await ask('Packages')).text()).toBe(whole);
    expect((await ask('../fingerprint')).status).toBe(404);
    await expect.poll(() => vendor.requests.at(-1)?.status).toBe(404);
  });
});

describe('slapos-node and the release', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let release: SoftwareRelease;
  let server: Server;

  beforeAll(async () => {
    lab = await Lab.open();
    release = await masterRelease();
    machine = await lab.bootMachine({ name: 'computer', base: await builderLayers() });
    await mustRun(
      [
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'rsa:3072',
        '-nodes',
        '-subj',
        '/CN=lab',
        '-keyout',
        'cache.key',
        '-out',
        'cache.crt',
      ],
      { cwd: lab.folder },
    );
    server = await serveCache(lab, release);
  });
  afterAll(async () => {
    server?.close();
    await lab?.close();
  });

  it('sets up a computer with partitions and a local master', async () => {
    expect(await machine.mustShell('slapos --version')).toContain('slapos 1.22.1');
    await machine.mustShell('mkdir -p /opt/slapgrid /srv/slapgrid');
    // Cron may start supervisord first; then it ends with 1, and everything stands all the same.
    await machine.shell('slapos configure local --interface-name host0 --partition-number 3');
    // It ends well although its own last format may have come before slapproxy listened: then the computer is not known yet.
    await eventually(machine, 'true', 'slapos node format --now');
    const status = await machine.mustShell('slapos node status');
    expect(status).toMatch(/slapproxy\s+RUNNING/);
    expect(await machine.mustShell('ls -d /srv/slapgrid/slappart*')).toContain('slappart2');
  });

  it('takes the release from a signed index, and nothing else would do', async () => {
    const certificate = await readFile(join(lab.folder, 'cache.crt'), 'utf8');
    const section = [
      `download-binary-cache-url = http://${lab.hostAddresses.ipv4}:5050/bcache`,
      `download-binary-dir-url = http://${lab.hostAddresses.ipv4}:5050/bdir`,
      `download-from-binary-cache-force-url-list = ${release.url}`,
      'signature-certificate-list =',
      ...certificate
        .trim()
        .split('\n')
        .map((line) => `  ${line}`),
    ];
    const configuration = join(machine.tree, 'etc/opt/slapos/slapos.cfg');
    const text = await readFile(configuration, 'utf8');
    const others = text.replace(/^\[networkcache\]\n(?:(?!\[).*\n?)*/m, '');
    await writeFile(configuration, `${others}\n[networkcache]\n${section.join('\n')}\n`);
    const found = await machine.shell(`slapos cachelookup binary-sr ${release.url}`);
    expect(`${found.stdout}${found.stderr}`).toMatch(/x86_64-linux-gnu\s+debian\s+12\s+\S*\s+yes\s+yes/);
    await machine.mustShell(`slapos supply ${release.url} local_computer`);
    await eventually(machine, 'slapos node software --verbose', `test -e /opt/slapgrid/${release.md5}/.completed`);
    expect(await machine.mustShell(`stat -c %U:%G /opt/slapgrid/${release.md5}/bin/buildout`)).toBe(
      'slapsoft:slapsoft\n',
    );
  });

  it('is instantiated as the master is: a root that publishes its families, and a zope that answers', async () => {
    await machine.mustShell("echo '{}' >/root/parameters.json");
    const request = `slapos request slapos-master ${release.url} --force-serialisation json-in-xml --parameters-file /root/parameters.json`;
    const client = 'SLAPOS_CLIENT_CONFIGURATION=/etc/opt/slapos/slapos.cfg';
    await machine.mustShell(`${client} ${request}`);
    await eventually(machine, 'slapos node instance', `${client} ${request} 2>&1 | grep -q family-service-v6`);
    const address = /"zope-address-list": [\s["]*(\d+\.\d+\.\d+\.\d+):2200/.exec(
      await machine.mustShell('slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --params | cat'),
    )?.[1];
    expect(address).toBeDefined();
    await eventually(
      machine,
      'true',
      `bash -c 'exec 3<>/dev/tcp/${address}/2200; printf "GET /erp5/ HTTP/1.0\\r\\n\\r\\n" >&3; grep -q "200 OK" <&3'`,
    );
  });

  it('is equal to itself while its jobs go on every minute', async () => {
    const before = await takeSnapshot(machine);
    // Every job has begun at least once, whatever the second we began in.
    await new Promise((resolve) => setTimeout(resolve, 65_000));
    expect(await lastingChanges(before, machine)).toEqual([]);
    expect([...before.keys()].some((key) => key.startsWith('table partition'))).toBe(true);
  });
});

/** Runs a command until a test holds: the jobs of cron do the same meanwhile, and either may come first. */
async function eventually(machine: LabMachine, command: string, test: string): Promise<void> {
  let last = '';
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const result = await machine.shell(command);
    last = `exit ${result.code}\n${result.stdout}${result.stderr}`.slice(-3000);
    if ((await machine.shell(test)).code === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`never so: ${test}\nlast answer: ${last}`);
}

/** The index and the one blob, on the host's address on the bridge. */
async function serveCache(lab: Lab, release: SoftwareRelease): Promise<Server> {
  const blob = await readFile(release.archivePath);
  const sha512 = createHash('sha512').update(blob).digest('hex');
  const entry = JSON.stringify({
    sha512,
    multiarch: 'x86_64-linux-gnu',
    os: ['debian', '12', ''],
    software_url: release.url,
    software_root: '/opt/slapgrid',
  });
  const signature = sign('sha1', Buffer.from(entry), await readFile(join(lab.folder, 'cache.key'))).toString('base64');
  const server = createServer((request, response) => {
    if (request.url === `/bdir/${release.md5}`) response.end(JSON.stringify([[entry, signature]]));
    else if (request.url === `/bcache/${sha512}`) {
      response.setHeader('Content-Length', blob.length);
      createReadStream(release.archivePath).pipe(response);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(5050, lab.hostAddresses.ipv4, resolve));
  return server;
}
