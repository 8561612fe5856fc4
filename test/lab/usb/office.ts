/**
 * The office part in the machine sticks are plugged into: the built program as its ordinary user, sites with one release and a
 * few packages, and the servers on this host that they come from. Called by the tests that fill real sticks.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addArchive, type Files, serveFiles, testKey } from '../../fakes/loopback-archive.ts';
import { md5Of, sha512Of, startUpstream } from '../../fakes/upstream-cache.ts';
import { type Plug, UsbMachine } from './machine.ts';

/** An emulated machine on a busy host takes its time; nothing is told by how long it took. */
const limitMs = 30 * 60_000;

const project = join(import.meta.dirname, '..', '..', '..');
const url = 'https://lab.example/raw/1.0.358/software/slapos-master/software.cfg';

export const kinds = ['vfat', 'exfat', 'ext4'] as const;
export type Kind = (typeof kinds)[number];

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Code and parameters of the last problem that was told. */
  readonly problem: { readonly code: string; readonly params: Readonly<Record<string, unknown>> } | null;
}

export interface UsbOffice {
  readonly machine: UsbMachine;
  /** Runs the program; never throws for what it says. */
  readonly fieldkit: (words: string) => Promise<Told>;
  /** As `fieldkit`, for what must go well. */
  readonly mustDo: (words: string) => Promise<Told>;
  /** The same line as a shell has it, for what the test does beside it. */
  readonly line: (words: string) => string;
  /** A stick of a kind, by a name of its own. */
  readonly makeStick: (id: string, kind: Kind) => Promise<void>;
  /** Plugs a stick in and waits until it can be chosen; the partition's device. */
  readonly plugged: (id: string, plug?: Plug) => Promise<string>;
  /** Runs the program and pulls the stick as soon as a line of shell is true in the machine. */
  readonly pulledWhen: (id: string, line: string, words: string) => Promise<Told>;
  /** Archives of releases fetched so far. */
  readonly fetchedBlobs: () => number;
  readonly stop: () => Promise<void>;
}

export const prepare = (site: string): string => `run prepare --site ${site} --yes --answers $HOME/answers.json`;

const told = ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }): Told => {
  const line = stdout.split('\n').findLast((one) => one.includes('"problem":{'));
  const problem = line === undefined ? null : (JSON.parse(line) as { problem: Told['problem'] }).problem;
  return { code, out: stdout, err: stderr, problem };
};

/** With the plan of each site as `NAME.yaml` in the user's home; its one release takes so many bytes. */
export async function startOffice(sites: readonly string[], contentBytes: number): Promise<UsbOffice> {
  const machine = await UsbMachine.start();
  const names = ['ssh2', 'asn1', 'bcrypt-pbkdf', 'tweetnacl', 'safer-buffer', 'openpgp'];
  const parts = ['out/cli/fieldkit.mjs', 'resources', ...names.map((name) => `node_modules/${name}`)];
  await machine.bring(project, parts, 'kit');
  const files: Files = new Map();
  const key = await testKey();
  const date = new Date(Date.now() - 3_600_000);
  const stanza = (name: string) => `Package: ${name}\nVersion: 1.0\nArchitecture: amd64`;
  const common = ['cron', 'openssl', 'ca-certificates', 'nftables', 'acl'];
  await addArchive(files, { root: 'vendor', suite: null, packages: [stanza('slapos-node')], key, date });
  await addArchive(files, { root: 'debian', suite: 'bookworm', packages: common.map(stanza), key, date });
  const served = await serveFiles(files);
  const upstream = await startUpstream();
  const signer = await upstream.newSigner('upstream');
  const archive = randomBytes(contentBytes);
  const entry = JSON.stringify({
    sha512: sha512Of(archive),
    software_root: '/opt/slapgrid',
    multiarch: 'x86_64-linux-gnu',
    os: ['debian', '12.11', 'bookworm'],
    software_url: url,
  });
  upstream.files.set(`shadir/${md5Of(url)}`, Buffer.from(JSON.stringify([[entry, await signer.sign(entry)]])));
  upstream.files.set(`shacache/${sha512Of(archive)}`, archive);
  // The host's loopback, as the machine sees it.
  const outside = (address: string) => address.replace('127.0.0.1', '10.0.2.2');
  const plan = (name: string) => `format: 1
name: ${name}
machines:
  - { name: master-1, roles: [master], address: 10.99.0.1, user: root, release: "12", interface: eth0, partitions: 5 }
releases:
  - { name: slapos-master, url: "${url}", from: cache }
sources:
  cache: { index: "${outside(upstream.index)}", blobs: "${outside(upstream.blobs)}", certificates: [/home/user/upstream.pem] }
  debian-12-amd64:
    vendor: { url: "${outside(served.url)}/vendor", key: /home/user/archive.asc }
    archives:
      - { name: debian, url: "${outside(served.url)}/debian", suites: [bookworm], components: [main], key: /home/user/archive.asc }
`;
  const texts = {
    'upstream.pem': signer.certificatePem,
    'archive.asc': key.publicKey,
    'answers.json': JSON.stringify({ passphrase: 'stick7passphrase' }),
    ...Object.fromEntries(sites.map((site) => [`${site}.yaml`, plan(site)])),
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(machine.folder, name), text);
  await machine.bring(machine.folder, Object.keys(texts), '.');

  const sticks = new Map<string, { readonly kind: Kind; readonly image: string }>();
  const line = (words: string): string =>
    `FIELDKIT_HOME=$HOME/data LANG=en_GB.UTF-8 node kit/out/cli/fieldkit.mjs ${words} --json`;
  const run = (words: string) => machine.run(line(words), 'user', { timeoutMs: limitMs });
  const fieldkit = async (words: string): Promise<Told> => told(await run(words));
  return {
    machine,
    line,
    fieldkit,
    mustDo: async (words) => {
      const result = await fieldkit(words);
      if (result.code !== 0) throw new Error(`${words}: ${result.code}\n${result.out.slice(-3000)}${result.err}`);
      return result;
    },
    makeStick: async (id, kind) => void sticks.set(id, { kind, image: await machine.stick(id, kind) }),
    plugged: async (id, plug = {}) => {
      const stick = sticks.get(id);
      if (stick === undefined) throw new Error(`no stick ${id}`);
      const serial = plug.serial ?? `SERIAL-${id}`;
      await machine.plug(id, stick.image, { serial, ...plug });
      const find = `name=$(lsblk -dno NAME,SERIAL | awk '$2 == "${serial}" { print $1 }'); test -n "$name" && udevadm settle && test "$(lsblk -no FSTYPE /dev/\${name}1)" = ${stick.kind} && echo /dev/\${name}1`;
      return (await machine.until(find)).trim();
    },
    pulledWhen: async (id, happened, words) => {
      const running = run(words);
      await Promise.race([
        machine.until(happened, 'root'),
        running.then(({ stdout }) => {
          throw new Error(`it ended before: ${happened}\n${stdout.slice(-3000)}`);
        }),
      ]);
      await machine.unplug(id);
      return told(await running);
    },
    fetchedBlobs: () => upstream.asked.filter((asked) => asked.startsWith('GET shacache')).length,
    stop: async () => {
      await machine.stop();
      await served.close();
      await upstream.close();
    },
  };
}
