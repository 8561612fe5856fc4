/**
 * The office part on real sticks of three file systems, as an ordinary user of a machine of its own: filled and pulled in the
 * middle of a write, of the reading back and of the manifest's rename, gone on with each time, sealed, let go; then sticks that
 * fail, and the acts on whole drives: the repair and the format.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addArchive, type Files, type Loopback, serveFiles, testKey } from '../fakes/loopback-archive.ts';
import { md5Of, sha512Of, startUpstream, type Upstream } from '../fakes/upstream-cache.ts';
import { longLabUnavailable } from './host.ts';
import { usbUnavailable } from './usb/image.ts';
import { type Plug, UsbMachine } from './usb/machine.ts';

const project = join(import.meta.dirname, '..', '..');
const reason = usbUnavailable() ?? longLabUnavailable();
if (reason !== null) console.warn(`walks on real sticks skipped: ${reason}`);

const url = 'https://lab.example/raw/1.0.358/software/slapos-master/software.cfg';
const kinds = ['vfat', 'exfat', 'ext4'] as const;
type Kind = (typeof kinds)[number];

/** Slow enough for a test to pull it while it is written to or read back. */
const slow: Plug = { slowBytes: 4_000_000 };
const contentBytes = 48_000_000;

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Code and parameters of the last problem that was told. */
  readonly problem: { readonly code: string; readonly params: Readonly<Record<string, unknown>> } | null;
}

describe.skipIf(reason !== null)('a preparation on real sticks', () => {
  let machine: UsbMachine;
  let served: Loopback;
  let upstream: Upstream;
  const images: Record<string, string> = {};

  const kit = 'node kit/out/cli/fieldkit.mjs';
  const environment = 'FIELDKIT_HOME=$HOME/data LANG=en_GB.UTF-8';
  const told = ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }): Told => {
    const line = stdout.split('\n').findLast((one) => one.includes('"problem":{'));
    const problem = line === undefined ? null : (JSON.parse(line) as { problem: Told['problem'] }).problem;
    return { code, out: stdout, err: stderr, problem };
  };
  const fieldkit = async (words: string): Promise<Told> =>
    told(await machine.run(`${environment} ${kit} ${words} --json`));
  const prepare = (site: string) => `run prepare --site ${site} --yes --answers $HOME/answers.json`;
  const mustDo = async (words: string): Promise<Told> => {
    const result = await fieldkit(words);
    expect(result.code, `${words}\n${result.out.slice(-3000)}${result.err}`).toBe(0);
    return result;
  };

  /** Runs the program and pulls the stick as soon as a line of shell is true in the machine. */
  async function pulledWhen(id: string, line: string, words: string): Promise<Told> {
    const running = machine.run(`${environment} ${kit} ${words} --json`);
    await Promise.race([
      machine.until(line, 'root'),
      running.then(({ stdout }) => {
        throw new Error(`it ended before: ${line}\n${stdout.slice(-3000)}`);
      }),
    ]);
    await machine.unplug(id);
    return told(await running);
  }

  /** Plugs a stick in and waits until it can be chosen; the partition's device. */
  async function plugged(kind: Kind, id: string, plug: Plug = {}): Promise<string> {
    const serial = plug.serial ?? `SERIAL-${id}`;
    await machine.plug(id, images[id] ?? '', { serial, ...plug });
    const find = `name=$(lsblk -dno NAME,SERIAL | awk '$2 == "${serial}" { print $1 }'); test -n "$name" && udevadm settle && test "$(lsblk -no FSTYPE /dev/\${name}1)" = ${kind} && echo /dev/\${name}1`;
    return (await machine.until(find)).trim();
  }

  const fetchedBlobs = (): number => upstream.asked.filter((line) => line.startsWith('GET shacache')).length;

  const generationAt = async (folder: string): Promise<number> => {
    const { out } = await fieldkit(`medium show ${folder}`);
    return (
      (JSON.parse(out.trim().split('\n')[0] ?? '') as { sealed: { generation: number } | null }).sealed?.generation ?? 0
    );
  };

  beforeAll(async () => {
    machine = await UsbMachine.start();
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
    served = await serveFiles(files);
    upstream = await startUpstream();
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
      ...Object.fromEntries(kinds.map((kind) => [`${kind}.yaml`, plan(kind)])),
    };
    for (const [name, text] of Object.entries(texts)) await writeFile(join(machine.folder, name), text);
    await machine.bring(machine.folder, Object.keys(texts), '.');
    for (const kind of kinds) images[kind] = await machine.stick(kind, kind);
  });
  afterAll(async () => {
    await machine?.stop();
    await served?.close();
    await upstream?.close();
  });

  describe.each(kinds)('%s', (kind) => {
    const place = `/media/user/STICK${kind.toUpperCase()}`;
    const journal = `/home/user/data/data/sites/${kind}/journal.jsonl`;
    /** Sealing was begun so many times. */
    const sealing = (times: number) =>
      `test $(grep command-started ${journal} | grep -c seal-medium@site) -ge ${times}`;

    it('pulled in the middle of a write: said, and nothing lies below the bare mount point', async () => {
      await mustDo(`sites create ${kind}.yaml`);
      const device = await plugged(kind, kind, slow);
      await mustDo(`run describe-site choose-medium --site ${kind} --yes --input choose-medium@site.path=${device}`);
      await machine.must(`findmnt ${place} && test -e ${place}/fieldkit/medium-id`);
      const written = `test "$(stat -c %s ${place}/fieldkit/bcache/*.part | head -1)" -gt 8000000`;
      const cut = await pulledWhen(kind, written, prepare(kind));
      expect(cut.code, cut.out.slice(-2000)).toBe(7);
      expect(cut.problem?.code).toBe('medium-absent');
      await machine.until(`! findmnt ${place}`);
      expect((await machine.run('find /media/user -mindepth 1 -not -path "*/.*"', 'root')).stdout).toBe('');
    });

    it('back, it is found and mended where it must be; pulled while it is read back: said, not called damaged', async () => {
      await plugged(kind, kind, slow);
      // FAT was marked as not unmounted: the plan has the repair in front of the mount.
      const chosen = await mustDo(`plan choose-medium --site ${kind}`);
      expect(chosen.out.includes('does.repair')).toBe(kind === 'vfat');
      const reading = sealing(1);
      const cut = await pulledWhen(kind, reading, prepare(kind));
      expect([cut.code, cut.problem?.code], cut.out.slice(-2000)).toEqual([7, 'medium-absent']);
      await machine.until(`! findmnt ${place}`);
    });

    it('pulled at the manifest’s rename: the medium is the old one or the new one, whole', async () => {
      await plugged(kind, kind, slow);
      await mustDo(`run choose-medium --site ${kind} --yes`);
      const at = (await machine.must(`findmnt -no TARGET -S LABEL=STICK${kind.toUpperCase()}`)).trim();
      // While it reads back, every rename to come is made to wait; the line is there as soon as one has begun.
      const watch = `setsid strace -f -p $(pgrep -f '[f]ieldkit.mjs run prepare' | tail -1) -o /tmp/trace -e trace=/^rename -e inject=/^rename:delay_enter=8000000`;
      const renaming = `${sealing(2)} && { test -e /tmp/trace || { touch /tmp/trace; ${watch} > /dev/null 2>&1 & } ; grep -q 'manifest.json"' /tmp/trace; }`;
      const cut = await pulledWhen(kind, renaming, prepare(kind));
      expect([cut.code, cut.problem?.code], cut.out.slice(-2000)).toEqual([7, 'medium-absent']);
      await machine.until(`! findmnt ${at}; rm -f /tmp/trace`);
      const device = await plugged(kind, kind);
      await mustDo(`run choose-medium --site ${kind} --yes`);
      const now = (await machine.must(`findmnt -no TARGET ${device}`)).trim();
      expect([0, 1]).toContain(await generationAt(now));
    });

    it('the next run goes on; let go when asked, said so only then, and it holds what was sealed', async () => {
      const fetched = fetchedBlobs();
      await mustDo(prepare(kind));
      // All was on the laptop or the stick already: nothing is fetched a second time.
      expect(fetchedBlobs()).toBe(fetched);
      const ended = await mustDo(
        `run seal-medium --site ${kind} --yes --answers $HOME/answers.json --input seal-medium@site.release=true`,
      );
      expect(ended.out).toContain('steps.seal-medium.found.off');
      await machine.must(`! lsblk -dno SERIAL | grep -q SERIAL-${kind} && ! findmnt ${place}`);
      await machine.unplug(kind);
      const device = await plugged(kind, kind);
      await mustDo(`run choose-medium --site ${kind} --yes`);
      const at = (await machine.must(`findmnt -no TARGET ${device}`)).trim();
      const report = JSON.parse((await mustDo(`medium verify ${at}`)).out) as { findings: unknown[]; files: number };
      expect(report.findings).toEqual([]);
      expect(report.files).toBeGreaterThan(8);
      await machine.unplug(kind);
      await machine.until(`! findmnt ${at}`);
    });
  });
});
