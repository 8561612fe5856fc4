/** The master, whole: from an installed release, where slice.test.ts ends, to one that answers, also after a reboot. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { runCommand } from './command.ts';
import {
  checkpointAnswers,
  Lab,
  type LabMachine,
  labUnavailable,
  lastingChanges,
  restore,
  takeSnapshot,
} from './index.ts';
import { type Laptop, walk } from './site.ts';

const reason = labUnavailable();

/** The first user's, as the stand-in publishes it. */
const password = 'labinituser5canary5of5the5master';
const caFolder = '/srv/slapcommon/erp5-ssl';

/** Asks once a second until the answer is a yes. */
async function eventually(ask: () => Promise<{ readonly code: number }>, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    if ((await ask()).code === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`not within ${seconds} s`);
}

describe('the master', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;

  beforeAll(async () => {
    lab = await Lab.open();
    ({ machine, laptop } = await restore(lab, 'software-installed', { name: 'master' }));
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('comes of an installed release in one walk', async () => {
    const run = await laptop.fieldkit(walk.site(laptop));
    expect(run.code, run.stdout.slice(-6000) + run.stderr).toBe(0);
  });

  /** What somebody may do, tried as that user. */
  const as = (user: string, script: string) =>
    machine.shell(`setpriv --reuid ${user} --regid ${user} --init-groups sh -c '${script}'`);

  it('shares the certificate authority’s folder with the partitions’ users, and with nobody else', async () => {
    expect((await as('slapuser0', `umask 027; mkdir ${caFolder}/kept; echo one > ${caFolder}/kept/by-0`)).code).toBe(0);
    expect((await as('slapuser3', `cat ${caFolder}/kept/by-0 && echo two > ${caFolder}/kept/by-0`)).stdout).toBe(
      'one\n',
    );
    expect((await as('slapuser0', `cat ${caFolder}/kept/by-0; rm -r ${caFolder}/kept`)).stdout).toBe('two\n');
    for (const user of ['nobody', 'slapsoft']) {
      const other = await machine.shell(`setpriv --reuid ${user} --clear-groups --regid nogroup ls ${caFolder}`);
      expect(other.code, user).not.toBe(0);
    }
  });

  it('was requested with everything the plan says, and came together', async () => {
    const state = await machine.mustShell(
      'slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --params --partitions | cat',
    );
    expect(state).toContain('"family-service-v6"');
    expect(state).toMatch(/"zope-address-list": [\s["]*\d+\.\d+\.\d+\.\d+:2200/);
    expect(state).toContain(password);
    const asked = await machine.mustShell('cat /var/lib/fieldkit/parameters/slapos-master.json');
    expect(JSON.parse(asked)).toMatchObject({ city: 'Lille', 'check-crl': false, 'country-code': 'FR' });
  });

  it('keeps the folder shared whatever the master makes in it', async () => {
    const modes = await machine.mustShell(`stat -c '%a %G' ${caFolder}/private/cakey.pem ${caFolder}/private`);
    expect(modes).toBe('660 slapcommon\n2770 slapcommon\n');
    for (const user of ['slapuser0', 'slapuser1'])
      expect((await as(user, `test -r ${caFolder}/private/cakey.pem -a -w ${caFolder}/openssl.cnf`)).code).toBe(0);
    // A new certificate that only its maker may read; the timer has a minute for it.
    await as('slapuser0', `umask 077; echo new > ${caFolder}/newcerts/01.pem; chmod 600 ${caFolder}/newcerts/01.pem`);
    await eventually(() => as('slapuser1', `cat ${caFolder}/newcerts/01.pem`), 90);
    // A link put there by a partition leads the unit nowhere.
    await as('slapuser0', `rm ${caFolder}/newcerts/01.pem; ln -s /etc/shadow ${caFolder}/newcerts/link`);
    const before = await machine.mustShell('stat -c "%a %G" /etc/shadow');
    await machine.mustShell('systemctl start fieldkit-ca-folder.service');
    expect(await machine.mustShell('stat -c "%a %G" /etc/shadow')).toBe(before);
    await as('slapuser0', `rm ${caFolder}/newcerts/link`);
  });

  const answersOnPort80 = async () => {
    // From another machine: the host of the lab, which has no route to the partitions.
    const answer = await fetch(`http://${machine.address}/erp5/`);
    return answer.text();
  };

  it('leads port 80 to the web server, from inside and from outside, beside rules of others', async () => {
    expect(await answersOnPort80()).toContain('Lab master');
    await machine.mustShell(
      `bash -c 'exec 3<>/dev/tcp/${machine.address}/80; printf "GET /erp5/ HTTP/1.0\\r\\n\\r\\n" >&3; grep -q "Lab master" <&3'`,
    );
    await machine.mustShell(
      'nft add table ip others; nft add chain ip others kept; nft add rule ip others kept counter',
    );
    const others = await machine.mustShell('nft -a list table ip others');
    await machine.mustShell('systemctl start fieldkit-redirect-master.service');
    expect(await machine.mustShell('nft -a list table ip others')).toBe(others);
    await machine.mustShell('nft delete table ip others');
  });

  it('asks the master what came of its first project and users, whatever a person said at the gate', async () => {
    const gate = () => laptop.fieldkit(['run', 'configure-new-master', '--yes', '--answers', laptop.answersPath]);
    const makes = (persons: string, projects: string) =>
      machine.mustShell(`cd "$(dirname /srv/slapgrid/slappart*/var/passed-once)" &&
      printf '${persons}' > person_module && printf '${projects}' > project_module`);
    // The walk had a person's word alone; now the master counts.
    const shown = ['show-password', 'configure-new-master', '--print', '--answers', laptop.answersPath];
    expect(await laptop.reads(shown)).toContain(password);
    await makes('one\\ntwo\\n', '');
    expect((await gate()).lines.at(-1)).toMatchObject({
      problem: { code: 'new-master-unconfigured', params: { persons: 2, projects: 0 } },
    });
    await makes('one\\ntwo\\n', 'first\\n');
    const verified = await gate();
    expect(verified.code, verified.stdout.slice(-3000) + verified.stderr).toBe(0);
    expect(await laptop.reads(['check', 'configure-new-master', '--answers', laptop.answersPath])).toContain(
      '2 persons and 1 projects',
    );
  });

  const recordFolder = () => join(laptop.siteFolder, 'record', '0001');
  const records = (...words: readonly string[]) =>
    laptop.fieldkit(['record', ...words, ...(words[0] === 'compare' ? ['--answers', laptop.answersPath] : [])]);
  /** What differs from the record, as `part name`. */
  const differing = async () => {
    const compared = await records('compare');
    const [line] = compared.lines as { differences: { part: string; name: string; was: string; is: string }[] }[];
    return { code: compared.code, differences: line?.differences ?? [] };
  };

  it('is recorded: signed, on the laptop and on the medium, with what stands and without what is secret', async () => {
    const made = await laptop.fieldkit(['run', 'record-site', '--yes', '--answers', laptop.answersPath]);
    expect(made.code, made.stdout.slice(-3000) + made.stderr).toBe(0);
    const record = JSON.parse(await readFile(join(recordFolder(), 'record.json'), 'utf8'));
    const { facts } = record.machines[0];
    expect(facts.package['slapos-node']).toMatch(/^1\.22\.1/);
    expect(Object.keys(facts.partition)).toHaveLength(5);
    expect(facts['host-key']['ssh-ed25519']).toBe(record.machines[0].hostKey);
    expect(facts.rule['ip fieldkit_master']).toMatch(/dnat to \d+\.\d+\.\d+\.\d+:2200/);
    expect(facts.config['slapos.cfg [networkcache] download-binary-cache-url']).toContain('http://127.0.0.1:');
    expect(facts.unit['fieldkit-redirect-master.timer']).toBe('enabled');
    expect(Object.values(facts).filter((part) => part === null)).toEqual([]);
    const gates = record.gates.map(({ id, answer, who }: Record<string, string>) => [id, answer, who !== '']);
    expect(gates).toContainEqual(['host-key:master-1', 'yes', true]);
    expect(gates).toContainEqual(['configure-new-master:master-1', 'yes', true]);
    const redirect = record.steps.find(({ step }: { step: string }) => step === 'redirect-to-master');
    expect(redirect.runs.at(-1).commands.some(({ change }: { change: string }) => change.includes('+ExecStart='))).toBe(
      true,
    );
    for (const name of await readdir(recordFolder())) {
      const text = (await readFile(join(recordFolder(), name))).toString('latin1');
      for (const secret of [password, checkpointAnswers.passphrase]) expect(text.includes(secret), name).toBe(false);
      const onMedium = join(laptop.stick, 'fieldkit', 'site', 'lab', 'record', '0001', name);
      expect((await readFile(onMedium)).toString('latin1'), name).toBe(text);
    }
  });

  it('is checked by our program, by openssl without it, and gives away a single changed byte', async () => {
    expect((await records('verify', recordFolder())).lines).toMatchObject([{ number: 1, fingerprintTrusted: true }]);
    const inFolder = (...argv: readonly string[]) => runCommand(argv, { cwd: recordFolder() });
    const signature = ['pkeyutl', '-verify', '-pubin', '-inkey', 'key.pem', '-rawin', '-in', 'checksums.sha256'];
    const checked = await inFolder('openssl', ...signature, '-sigfile', 'checksums.sha256.sig');
    expect(checked.stdout + checked.stderr).toContain('Signature Verified Successfully');
    expect((await inFolder('sha256sum', '--check', 'checksums.sha256')).code).toBe(0);
    const path = join(recordFolder(), 'record.json');
    const whole = await readFile(path);
    const bytes = Buffer.from(whole);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect((await records('verify', recordFolder())).lines.at(-1)).toMatchObject({
      problem: { code: 'record-damaged', params: { file: 'record.json' } },
    });
    expect((await inFolder('sha256sum', '--check', 'checksums.sha256')).stdout).toContain('record.json: FAILED');
    await writeFile(path, whole);
    expect((await records('verify', path)).code).toBe(0);
  });

  it('is as its record says, and comparing changes nothing on it', async () => {
    const before = await takeSnapshot(machine);
    expect(await differing()).toEqual({ code: 0, differences: [] });
    expect(await lastingChanges(before, machine)).toEqual([]);
  });

  it('shows every change that was made since, and no other', async () => {
    await machine.mustShell(`set -e
cp -a /etc/opt/slapos/slapos.cfg /root/slapos.cfg
sed -i '/^interface_name *=/a log_level = debug' /etc/opt/slapos/slapos.cfg
mkdir -p /root/deb/DEBIAN
printf '%s\\n' 'Package: lab-since' 'Version: 1.0' 'Architecture: all' 'Maintainer: lab <lab@example.org>' 'Description: made for a test' > /root/deb/DEBIAN/control
dpkg-deb --build /root/deb /root/lab-since.deb && dpkg -i /root/lab-since.deb
nft add table ip others
ip address add 10.99.0.1/32 dev lo
systemctl disable --now fieldkit-ca-folder.timer
echo '# changed' >> /usr/local/lib/fieldkit/fieldkit-ca-folder.sh`);
    const { code, differences } = await differing();
    expect(code).toBe(4);
    expect(differences.map(({ part, name }) => `${part} ${name}`)).toEqual([
      'address 10.99.0.1/32',
      'package lab-since',
      'config slapos.cfg [slapformat] log_level',
      'rule ip others',
      'unit fieldkit-ca-folder.timer',
      'file /usr/local/lib/fieldkit/fieldkit-ca-folder.sh',
    ]);
    expect(differences.find(({ part }) => part === 'package')).toMatchObject({ was: null, is: '1.0' });
    await machine.mustShell(`set -e
cp -a /root/slapos.cfg /etc/opt/slapos/slapos.cfg
dpkg --purge lab-since && rm -rf /root/deb /root/lab-since.deb /root/slapos.cfg
nft delete table ip others
ip address del 10.99.0.1/32 dev lo
sed -i '/^# changed$/d' /usr/local/lib/fieldkit/fieldkit-ca-folder.sh
systemctl enable --now fieldkit-ca-folder.timer`);
    expect(await differing()).toEqual({ code: 0, differences: [] });
  });

  it('is closed: nothing is left that was there for the work only, and a second time performs nothing', async () => {
    const close = () => laptop.fieldkit(['run', 'close-site', '--yes', '--answers', laptop.answersPath]);
    const closed = await close();
    expect(closed.code, closed.stdout.slice(-3000) + closed.stderr).toBe(0);
    const left = await machine.mustShell(
      'find /etc /var/lib /usr /opt /root /home /srv -xdev -iname "*fieldkit*" -not -path "/srv/slapgrid/*" | sort',
    );
    expect(left.split('\n').filter((path) => path !== '')).toEqual([
      '/etc/opt/slapos/slapos.cfg.fieldkit-copy',
      '/etc/systemd/system/fieldkit-ca-folder.service',
      '/etc/systemd/system/fieldkit-ca-folder.timer',
      '/etc/systemd/system/fieldkit-redirect-master.service',
      '/etc/systemd/system/fieldkit-redirect-master.timer',
      '/etc/systemd/system/timers.target.wants/fieldkit-ca-folder.timer',
      '/etc/systemd/system/timers.target.wants/fieldkit-redirect-master.timer',
      '/usr/local/lib/fieldkit',
      '/usr/local/lib/fieldkit/fieldkit-ca-folder.sh',
      '/usr/local/lib/fieldkit/fieldkit-redirect-master.sh',
    ]);
    const again = await close();
    expect(again.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
    // The record is no less true for it.
    expect(await differing()).toEqual({ code: 0, differences: [] });
  });

  it('gets a package that was lost after it was closed, and is closed again', async () => {
    await machine.mustShell('dpkg --purge acl');
    const run = (step: string) => laptop.fieldkit(['run', step, '--yes', '--answers', laptop.answersPath]);
    const mended = await run('share-ca-folder');
    expect(mended.code, mended.stdout.slice(-3000) + mended.stderr).toBe(0);
    expect(await machine.mustShell(`dpkg-query -W -f '\${Status}' acl; ls /etc/apt/fieldkit.sources`)).toBe(
      'install ok installed/etc/apt/fieldkit.sources\n',
    );
    // Something was done since the record: it is made anew, or a second walk would do so.
    expect((await run('record-site')).code).toBe(0);
    const closed = await run('close-site');
    expect(closed.code, closed.stdout.slice(-3000) + closed.stderr).toBe(0);
    expect(await machine.mustShell('find /etc/apt /var/lib -iname "*fieldkit*"')).toBe('');
    expect(await differing()).toEqual({ code: 0, differences: [] });
  });

  it('answers again after a reboot, without anybody’s help', async () => {
    await machine.reboot();
    await eventually(
      async () => ({ code: (await answersOnPort80().catch(() => '')).includes('Lab master') ? 0 : 1 }),
      240,
    );
  });

  it('told the master where its authority’s folder is, and left the other field alone', async () => {
    const kept = await machine.mustShell('cat /srv/slapgrid/slappart*/var/portal_certificate_authority.json');
    expect(JSON.parse(kept)).toEqual({ certificate_authority_path: caFolder, openssl_binary: '/usr/bin/openssl' });
  });

  it('kept the first password off the laptop and the medium', async () => {
    for (const folder of [laptop.siteFolder, laptop.stick])
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
        expect(text.includes(password), entry.name).toBe(false);
      }
  });

  it('performs nothing the second time', async () => {
    // After its reboot the site says again that it is ready; before that, waiting for it would be right.
    await eventually(async () => {
      const answer = await fetch(`http://${machine.address}/erp5/ERP5Site_isReady`).then(
        (one) => one.text(),
        () => '',
      );
      return { code: answer.trim() === '' ? 1 : 0 };
    }, 240);
    const run = await laptop.fieldkit(walk.all(laptop));
    expect(run.code, run.stdout.slice(-3000)).toBe(0);
    expect(run.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
  });
});
