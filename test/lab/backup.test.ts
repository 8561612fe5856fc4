/** A master that was lost comes back: backed up while it works, put back onto a fresh machine, with the same data and passwords. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { checkpointAnswers, restore, restoreMachine } from './checkpoints.ts';
import { Lab, type LabMachine, longLabUnavailable } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();

const passphrase = 'canary8passphrase8of8the8backup';
const caFolder = '/srv/slapcommon/erp5-ssl';

/** What must be the same again: what slapproxy knows, the authority's key and rights, the configuration. */
const kept = async (machine: LabMachine) => ({
  instances: await machine.mustShell(
    `slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --params --partitions | grep -E 'slappart|inituser|family|zope-address'`,
  ),
  authority: await machine.mustShell(
    `cd ${caFolder} && find . -printf '%p %m %u:%g\\n' | sort && sha256sum private/cakey.pem && getfacl -p .`,
  ),
  settings: await machine.mustShell('find /etc/opt/slapos -type f | sort | xargs sha256sum'),
});

describe('a backup of the master', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;
  let before: Awaited<ReturnType<typeof kept>>;
  const answer = (more: Readonly<Record<string, string>> = {}) =>
    writeFile(laptop.answersPath, JSON.stringify({ ...checkpointAnswers, 'backup-passphrase': passphrase, ...more }));
  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
  const restoring = ['restore-master', '--input', 'restore-master@machine:master-1.number=1'] as const;
  const planHash = async () => {
    const planned = await laptop.fieldkit(['plan', ...restoring, '--answers', laptop.answersPath]);
    const line = planned.lines.find((item) => item.plan != null) as { plan: { hash: string } } | undefined;
    return line?.plan.hash ?? planned.stdout;
  };
  const problemOf = ({ lines }: Awaited<ReturnType<typeof run>>) =>
    (lines.at(-1) as { problem?: { code: string } | null }).problem?.code;
  const answersHttp = (path: string) =>
    fetch(`http://${machine.address}${path}`).then(
      (one) => one.text(),
      () => '',
    );

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop, machine } = await restore(lab, 'master-running', { name: 'lost' }));
    await answer();
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('is taken while it works, encrypted before it touches a disk, and lies on the medium as well', async () => {
    await expect.poll(() => answersHttp('/erp5/ERP5Site_isReady'), { timeout: 300_000, interval: 1000 }).not.toBe('');
    before = await kept(machine);
    const taken = await run('back-up-master', '--input', 'back-up-master@machine:master-1.number=1');
    expect(taken.code, taken.stdout.slice(-3000) + taken.stderr).toBe(0);
    expect(await kept(machine)).toEqual(before);
    expect(await machine.mustShell('ls /run | grep fieldkit; true')).toBe('');
    for (const folder of [join(laptop.siteFolder, 'backup'), join(laptop.stick, 'fieldkit/site/lab/backup')]) {
      expect((await readdir(folder)).sort()).toEqual(['master-1-0001.age', 'master-1-0001.json']);
      const text = await readFile(join(folder, 'master-1-0001.age'), 'latin1');
      expect(text.slice(0, 22)).toBe('age-encryption.org/v1\n');
      expect(/SQLite format|PRIVATE KEY|labinituser|ustar/.test(text)).toBe(false);
    }
    expect(taken.stdout).not.toContain(passphrase);
    const again = await run('back-up-master');
    expect(again.lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('is put over a living master only when its name was typed', async () => {
    const hash = await planHash();
    await answer({ [hash]: 'yes' });
    expect(problemOf(await run(...restoring))).toBe('question-unanswered');
    await answer({ [hash]: 'yes', 'restore-over:master-1': 'yes' });
    expect(problemOf(await run(...restoring))).toBe('not-confirmed');
    await answer({ [await planHash()]: 'no', 'restore-over:master-1': 'master-1' });
    expect(problemOf(await run(...restoring))).toBe('not-confirmed');
    expect(await kept(machine)).toEqual(before);
  });

  it('brings a fresh machine of the same name to the same master', async () => {
    await machine.discard();
    machine = await restoreMachine(lab, 'software-installed', { name: 'fresh' });
    await laptop.aimAt(machine);
    const shared = await run('share-ca-folder');
    expect(shared.code, shared.stdout.slice(-3000)).toBe(0);
    const hash = await planHash();
    await answer({ [hash]: 'yes', 'backup-passphrase': 'not the one that it is' });
    expect(problemOf(await run(...restoring))).toBe('passphrase-wrong');
    await answer({ [hash]: 'yes' });
    const restored = await run(...restoring);
    expect(restored.code, restored.stdout.slice(-3000) + restored.stderr).toBe(0);
    const rest = await run('request-master', 'reapply-ca-folder', 'redirect-to-master', 'first-login', 'set-ca-path');
    expect(rest.code, rest.stdout.slice(-5000) + rest.stderr).toBe(0);
    expect(await answersHttp('/erp5/')).toContain('Lab master');
    expect(await kept(machine)).toEqual(before);
    expect(await machine.mustShell('ls /run | grep fieldkit-restore; ls -d /etc/opt/slapos.before-restore-*')).toMatch(
      /^\/etc\/opt\/slapos\.before-restore-\d+\n$/,
    );
  });
});
