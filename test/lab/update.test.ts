/** A master brought up to date from a newer generation of its medium: packages and release, with its data, addresses and parameters. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { checkpointAnswers, restore } from './checkpoints.ts';
import {
  Lab,
  type LabMachine,
  longLabUnavailable,
  masterRelease,
  type SoftwareRelease,
  startVendorRepository,
} from './index.ts';
import { laterSlapOsNode, laterVersion } from './later-package.ts';
import { masterReleaseUrl } from './release.ts';
import { type Laptop, walk } from './site.ts';
import type { VendorRepository } from './vendor.ts';

const reason = longLabUnavailable();

const laterUrl = masterReleaseUrl.replace('1.0.499', '1.0.500');
const answers = { ...checkpointAnswers, 'backup-passphrase': 'canary9passphrase9of9the9backup' };

/** Names the partitions that slapgrid has not gone through since they were asked for last, by what it leaves in each. */
const behindProgram = `import sqlite3
database = sqlite3.connect("file:/opt/slapos/slapproxy.db?mode=ro", uri=True)
names = [name for name, in database.execute("select name from sqlite_master")]
table = [name for name in names if name.startswith("partition") and name[9:].isdigit()][0]
for reference, asked in database.execute("select reference, timestamp from %s where slap_state != 'free'" % table):
    try:
        done = float(open("/srv/slapgrid/%s/.timestamp" % reference).read())
    except OSError:
        done = 0
    if done < float(asked or 0):
        print(reference)
`;

describe('a site brought up to date', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;
  let vendor: VendorRepository;
  let release: SoftwareRelease;
  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
  const must = async (...words: readonly string[]) => {
    const ran = await run(...words);
    expect(ran.code, ran.stdout.slice(-5000) + ran.stderr).toBe(0);
    return ran;
  };
  const findingsOf = ({ lines }: Awaited<ReturnType<typeof run>>, code: string) =>
    lines
      .flatMap((line) => (line.verdict as { findings?: { code: string; params: { first: string } }[] })?.findings ?? [])
      .filter((one) => one.code === code)
      .map(({ params }) => params.first);
  const answersHttp = () =>
    fetch(`http://${machine.address}/erp5/`).then(
      (one) => one.text(),
      () => '',
    );
  /** What must be the same after everything: the partitions with their addresses, what each was asked with, the passwords. */
  const kept = async () => ({
    partitions: await machine.mustShell(
      `slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --network --params | grep -v '^Using'`,
    ),
    parameters: await machine.mustShell(
      `/opt/slapos/bin/python -c "import sqlite3; d = sqlite3.connect('file:/opt/slapos/slapproxy.db?mode=ro', uri=True); t = [n for (n,) in d.execute('select name from sqlite_master') if n.startswith('partition') and n[9:].isdigit()][0]; print(sorted(d.execute('select reference, partition_reference, xml from ' + t + ' where slap_state != \\'free\\'')))"`,
    ),
    addresses: await machine.mustShell('cat /srv/slapgrid/slappart*/.slapos-resource'),
    settings: await machine.mustShell('find /etc/opt/slapos -type f | sort | xargs sha256sum'),
  });
  let before: Awaited<ReturnType<typeof kept>>;

  beforeAll(async () => {
    release = await masterRelease(0, laterUrl);
    vendor = await startVendorRepository('bookworm', [await laterSlapOsNode()]);
    lab = await Lab.open();
    ({ laptop, machine } = await restore(lab, 'master-running', { name: 'site' }, vendor));
    await laptop.answer(answers);
    await writeFile(join(laptop.home, 'vendor.asc'), vendor.publicKey);
  });
  afterAll(async () => {
    await lab?.close();
    await vendor?.close();
    await laptop?.discard();
  });

  it('is asked with another parameter alone, and is done once slapgrid has brought every partition to that', async () => {
    await expect.poll(answersHttp, { timeout: 300_000, interval: 1000 }).toContain('Lab master');
    const was = (await kept()).parameters;
    const behind = async () =>
      (await machine.mustShell(`/opt/slapos/bin/python - <<'END'\n${behindProgram}END`)).split('\n').filter(Boolean);
    await expect.poll(behind, { timeout: 300_000, interval: 1000 }).toEqual([]);
    await laptop.editPlan((text) => text.replace(/^(?=releases:)/m, 'master: { city: Nantes }\n'));
    // slapgrid is started by cron, and by nobody else.
    await machine.mustShell(
      'systemctl stop cron; while pgrep -f "[s]lapos node (instance|software)"; do sleep 1; done',
    );
    let ended = false;
    let resumed: Promise<readonly string[]> | null = null;
    const asked = await laptop
      .fieldkit(['run', 'request-master', '--yes', '--answers', laptop.answersPath], {
        onLine: ({ kind, index }) => {
          // The parameters are written, then the request is made, then it is waited for.
          if (kind === 'command-started' && Number(index) === 3)
            resumed ??= (async () => {
              const open = await behind();
              // Long enough for two looks.
              await new Promise((resolve) => setTimeout(resolve, 12_000));
              const early = ended;
              await machine.mustShell('systemctl start cron');
              return early ? ['ended before slapgrid had run'] : open;
            })();
        },
      })
      .finally(() => {
        ended = true;
      });
    expect(asked.code, asked.stdout.slice(-5000)).toBe(0);
    expect((await (resumed as Promise<readonly string[]> | null)) ?? []).toContain('slappart0');
    expect(await behind()).toEqual([]);
    const now = (await kept()).parameters;
    expect(was).toContain('Lille');
    expect(now).toBe(was.replaceAll('Lille', 'Nantes'));
    expect((await run('request-master')).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('has all that its medium holds, until that is prepared again at the office', async () => {
    await expect.poll(answersHttp, { timeout: 300_000, interval: 1000 }).toContain('Lab master');
    before = await kept();
    expect(findingsOf(await must('compare-with-medium'), 'machine-behind-medium')).toEqual([]);
    // At the office again: the same medium, a newer generation.
    await laptop.editPlan((text) =>
      text
        .replaceAll(masterReleaseUrl, laterUrl)
        .replace(/archives: \{ debian-12-amd64: \S+ \}/, `archives: { debian-12-amd64: ${release.archivePath} }`)
        .replace(/^releases:/m, `packages: { slapos-node: "${laterVersion}" }\nreleases:`),
    );
    // This vendor signs with another key than the one of before: nobody but a person says that it is right.
    const refused = await laptop.fieldkit(walk.prepare(laptop));
    const { code, params } = (refused.lines.at(-1)?.problem ?? {}) as {
      code?: string;
      params?: Record<string, string>;
    };
    expect([code, params?.now], refused.stdout.slice(-5000)).toEqual(['signer-changed', vendor.keyFingerprint]);
    await laptop.answer({ ...answers, [`signer:${params?.what}:${params?.now}`]: 'accept' });
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    expect(prepared.code, prepared.stdout.slice(-5000) + prepared.stderr).toBe(0);
  });

  it('is told what the medium holds that it has not, and stays as it is', async () => {
    await must('connect', 'serve-content', 'install-slapos-node', 'use-cache');
    const compared = await must('compare-with-medium');
    expect(findingsOf(compared, 'machine-behind-medium')).toEqual([`slapos-node ${laterVersion}`, 'slapos-master']);
    expect(await machine.mustShell("dpkg-query -W -f '${Version}' slapos-node")).not.toBe(laterVersion);
    const waiting = await must('request-master');
    expect(waiting.lines.at(-1)).toMatchObject({ performed: 0 });
    expect(await kept()).toMatchObject({ partitions: before.partitions, parameters: before.parameters });
  });

  it('gets its packages after a backup, and loses nothing', async () => {
    const [boot, supervisor] = [await machine.bootId(), await machine.mustShell('pgrep -of supervisord')];
    await must('update-packages', '--input', 'update-packages@machine:master-1.now=true');
    expect(await machine.mustShell("dpkg-query -W -f '${Version}' slapos-node")).toBe(laterVersion);
    expect(await machine.mustShell('systemctl is-active cron; slapos --version')).toMatch(/^active\nslapos /);
    expect(await machine.mustShell('pgrep -of supervisord')).toBe(supervisor);
    expect(await machine.bootId()).toBe(boot);
    expect(await kept()).toMatchObject({
      partitions: before.partitions,
      parameters: before.parameters,
      addresses: before.addresses,
    });
    const backup = await must('back-up-master');
    expect(backup.stdout).toContain('"number":1');
    expect((await run('update-packages')).lines.at(-1)).toMatchObject({ performed: 0 });
    await expect.poll(answersHttp, { timeout: 120_000, interval: 1000 }).toContain('Lab master');
  });

  it('moves to the new release beside the old one, with all its parameters and addresses', async () => {
    await must('check-cache', 'update-software', '--input', 'update-software@machine:master-1.now=true');
    const after = await kept();
    expect(after.parameters).toBe(before.parameters);
    expect(after.addresses).toBe(before.addresses);
    const partitions = await machine.mustShell(
      'slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --partitions; grep -h software-release-url /srv/slapgrid/slappart[01]/buildout.cfg',
    );
    expect(partitions).toContain(laterUrl);
    expect(partitions).not.toContain(masterReleaseUrl);
    expect(await machine.mustShell('ls /opt/slapgrid/*/.completed | wc -l')).toBe('2\n');
    await expect.poll(answersHttp, { timeout: 300_000, interval: 1000 }).toContain('Lab master');
    expect((await run('update-software')).lines.at(-1)).toMatchObject({ performed: 0 });
    expect(findingsOf(await must('compare-with-medium'), 'machine-behind-medium')).toEqual([]);
  });

  it('gives the old release up only when that is asked for', async () => {
    await must('update-software', '--input', 'update-software@machine:master-1.removeOld=true');
    expect(await machine.mustShell('ls /opt/slapgrid/*/.completed | wc -l')).toBe('1\n');
    await expect.poll(answersHttp, { timeout: 120_000, interval: 1000 }).toContain('Lab master');
    expect(
      (await machine.mustShell('slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --partitions')).includes(
        laterUrl,
      ),
    ).toBe(true);
  });
});
