/**
 * Pictures for docs/failures.md: ways in which a field technician fails, made to happen on lab machines with a real slapos, and looked at
 * through the real window on that very site. Only when asked for: FIELDKIT_SCREENS=1 npm test -- e2e
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { checkpointAnswers } from '../lab/checkpoints.ts';
import {
  bootBareNode,
  Lab,
  type LabMachine,
  labUnavailable,
  masterRelease,
  Panel,
  restore,
  restoreWithNode,
  startVendorRepository,
} from '../lab/index.ts';
import { type Laptop, walk } from '../lab/site.ts';
import { expect, launchKit, projectFolder, test } from './launch.ts';

const reason =
  process.env.FIELDKIT_SCREENS === undefined ? 'takes pictures for the docs: set FIELDKIT_SCREENS' : labUnavailable();
test.skip(reason !== null, reason ?? '');
test.describe.configure({ timeout: 30 * 60_000 });

const folder = path.join(projectFolder, 'docs', 'screens', 'failures');
const config = '/etc/opt/slapos/slapos.cfg';

/** The page of a step, once it says what it must. The window reads the machine itself. */
async function picture(laptop: Laptop, instance: string, name: string, wanted: RegExp): Promise<void> {
  const { app, window: page } = await launchKit({ home: laptop.home, env: { SSH_AUTH_SOCK: '' } });
  try {
    const site = page.getByRole('button', { name: /^lab\b/ }).or(page.getByRole('link', { name: /^lab\b/ }));
    await site.first().click();
    await expect(page.locator('h1')).toHaveText('lab', { timeout: 60_000 });
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(1280, 1000));
    await page.evaluate(
      (address) => {
        window.location.hash = address;
      },
      `#/site/lab/step/${encodeURIComponent(instance)}`,
    );
    await expect(page.locator('main')).toContainText(wanted, { timeout: 120_000 });
    await expect(page.locator('main [aria-busy="true"]')).toHaveCount(0, { timeout: 120_000 });
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
  } finally {
    await app.close();
  }
}

const doing = (laptop: Laptop) => ({
  run: (...words: readonly string[]) => laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]),
  must: async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
    expect(code, stdout.slice(-4000) + stderr).toBe(0);
  },
});

test('on a master', async () => {
  const lab = await Lab.open();
  const { url, md5 } = await masterRelease();
  const { machine, laptop } = await restore(lab, 'node-installed', { name: 'failing' });
  const { run, must } = doing(laptop);
  const release = `/opt/slapgrid/${md5}`;
  try {
    // 9: no global IPv6 address on the interface.
    const address = (
      await machine.mustShell("ip -6 -o addr show dev host0 scope global | awk '{print $4; exit}'")
    ).trim();
    await machine.mustShell(`ip -6 addr del ${address} dev host0`);
    await run('set-addresses');
    await picture(laptop, 'set-addresses@machine:master-1', '09-no-global-ipv6', /lacks a global IPv6 address/);
    await machine.mustShell(`ip -6 addr add ${address} dev host0 nodad`);
    await must('set-addresses', 'configure-proxy');

    // 4: a second [networkcache] section, as many a page on the web tells to append.
    const before = await machine.mustShell(`cat ${config}`);
    await machine.mustShell(
      `printf '\\n[networkcache]\\ndownload-binary-cache-url = http://192.168.32.10:5050\\n' >> ${config}`,
    );
    await run('use-cache');
    await picture(laptop, 'use-cache@machine:master-1', '04-second-section', /networkcache.*is twice/);
    await machine.mustShell(`cat > ${config} <<'END'\n${before}END`);

    // 3: supplied before there was a cache: slapos compiles, fails, and leaves its folder.
    await machine.mustShell(`slapos supply ${url} local_computer --cfg ${config}`);
    await expect
      .poll(
        () =>
          machine.shell(`slapos node software --cfg ${config} >/dev/null 2>&1; test -d ${release}`).then((r) => r.code),
        { timeout: 300_000, intervals: [3000] },
      )
      .toBe(0);
    await must('use-cache', 'check-cache');
    await expect
      .poll(
        () =>
          machine
            .shell(`slapos node software --cfg ${config} 2>&1 | grep -q 'Binary cache forced.* already exists'`)
            .then(({ code }) => code),
        { timeout: 300_000, intervals: [3000] },
      )
      .toBe(0);
    await picture(laptop, 'install-master-software@machine:master-1', '03-poisoned-folder', /is half built/);

    // 12: no room where archives are unpacked.
    await machine.mustShell('mount -t tmpfs -o size=1m tmpfs /tmp');
    await run('preflight');
    await picture(laptop, 'preflight@machine:master-1', '12-no-room', /\/tmp.*are needed/);
    await machine.mustShell('umount /tmp');

    // 2: the release's address in the plan is not the one that was mirrored, by a character.
    await laptop.editPlan((text) => text.replace(url, `${url.replace('software.cfg', '')}./software.cfg`));
    await run('check-cache');
    await picture(laptop, 'check-cache@machine:master-1', '02-other-address', /and the medium holds/);
  } finally {
    await lab.close();
    await laptop.discard();
  }
});

test('between master and nodes', async () => {
  const lab = await Lab.open();
  const vendor = await startVendorRepository();
  const { machine: master, laptop } = await restoreWithNode(lab, vendor);
  const { run, must } = doing(laptop);
  try {
    const panel = new Panel(master);

    // 17: an instantiation gave the certificate authority's folder back to one user alone.
    const second: LabMachine = await bootBareNode(lab, 2);
    await laptop.addMachine(second, 'node-2', ['roles: [node]']);
    await laptop.answer({ ...checkpointAnswers, 'host-key:node-2': 'yes' });
    const authority = '/srv/slapcommon/erp5-ssl/private';
    await panel.token('computer');
    await master.mustShell(
      `systemctl stop fieldkit-ca-folder.timer; chown -R root: ${authority}; setfacl -Rb ${authority}; chmod -R go= ${authority}`,
    );
    await run('machine', 'node');
    await picture(laptop, 'register-node@machine:node-2', '17-authority-folder', /could not make a certificate/);
    await must('reapply-ca-folder');
    await must('machine', 'node');

    // 8: the master serves the content, and a firewall keeps the nodes from it.
    await laptop.editPlan((text) => `${text}content: { via: resident }\n`);
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    expect(prepared.code, prepared.stdout.slice(-4000)).toBe(0);
    await must('serve-content@machine:master-1');
    const allow = await master.blockPort(5051);
    await run('serve-content@machine:node-1');
    await picture(laptop, 'serve-content@machine:node-1', '08-firewall', /cannot fetch/);
    await allow();
    await must('serve-content@machine:node-1');
  } finally {
    await vendor.close();
    await lab.close();
    await laptop.discard();
  }
});
