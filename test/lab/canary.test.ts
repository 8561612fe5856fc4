/**
 * No secret leaks: a canary in each, over the whole walk of a master and a node, a backup, the record and the keys' file; looked for in
 * every program started, every file that stays, and the journals. The frontend's key has its own place: frontend-service.test.ts.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyNames } from '../../src-main/performers/site-keys.ts';
import { openVault } from '../../src-main/platform/vault.ts';
import { unless } from '../unless.ts';
import { Canaries, Traces } from './canaries.ts';
import { checkpointAnswers, checkpointIpv6, clientUser, restoreLaptop } from './checkpoints.ts';
import { bootBareNode, Lab, type LabMachine, longLabUnavailable, Panel } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();

/** The first user's, as the stand-in publishes it. */
const firstPassword = 'labinituser5canary5of5the5master';
const typed = {
  'backup-passphrase': 'canary8passphrase8of8the8backup',
  'keys-passphrase': 'canary9passphrase9of9the9keys',
};

describe('secrets', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let node: LabMachine;
  let laptop: Laptop;
  let keysFile: string;
  let traces: Traces;
  /** What every run said. */
  const said: string[] = [];
  const canaries = new Canaries();
  /** Those that no machine may know but where they are used; the others may be nowhere on a machine. */
  const nowhere: string[] = [];

  const secret = (name: string, value: string): void => {
    canaries.text(name, value);
    nowhere.push(value);
  };

  async function traced(machines: readonly LabMachine[], words: readonly string[]): Promise<void> {
    const ran = await traces.run(laptop, machines, words);
    expect(ran.code, ran.stdout.slice(-4000) + ran.stderr).toBe(0);
    said.push(ran.stdout + ran.stderr);
  }

  beforeAll(async () => {
    lab = await Lab.open();
    traces = new Traces(lab.folder);
    laptop = await restoreLaptop('sealed');
    keysFile = join(laptop.home, 'keys.age');
    machine = await lab.bootMachine({ name: 'canary', login: 'sudo', addresses: { ipv6: checkpointIpv6 } });
    const { user, password, keyPath } = machine.login;
    secret('the sudo password', password ?? '');
    secret('the vault’s passphrase', checkpointAnswers.passphrase);
    secret('the backup’s passphrase', typed['backup-passphrase']);
    secret('the keys’ passphrase', typed['keys-passphrase']);
    canaries.text('the first user’s password', firstPassword);
    canaries.sshKey('the ssh key', await readFile(keyPath, 'utf8'));
    const vault = await openVault(join(laptop.home, 'data', 'vault.json'), checkpointAnswers.passphrase);
    const names = keyNames('lab');
    const keyOf = async (name: string) => Buffer.from((await vault.get(name)) ?? []).toString('utf8');
    canaries.key('the key that signs the list', await keyOf(names.manifest));
    canaries.key('the key that signs index entries', await keyOf(names.cache));
    await canaries.pgpKey('the key that signs packages', await keyOf(names.repository));
    await laptop.aimAt(machine);
    await laptop.editPlan((text) =>
      text.replace(/^ {4}user: .*$/m, `    user: ${user}`).replace(/^ {4}keyFile: .*\n/m, ''),
    );
    await laptop.answer({ ...checkpointAnswers, ...typed, 'password:master-1': password ?? '' });
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are in no argument list and no environment while a master is made, logging in with a password', async () => {
    await traced([machine], ['run', 'machine', 'master', '--yes']);
    // The trace saw what it should have seen: sudo on the machine.
    expect(await readFile(traces.remote[0] ?? '', 'latin1')).toMatch(/execve\("\/usr\/bin\/sudo"/);
  });

  it('nor while a node is registered with tokens and a key', async () => {
    node = await bootBareNode(lab, 1);
    const { user, keyPath, password } = machine.login;
    await laptop.editPlan((text) =>
      text.replace(`    user: ${user}\n`, `    user: ${user}\n    keyFile: ${keyPath}\n`),
    );
    await laptop.addMachine(node, 'node-1', ['roles: [node]', `client: ${clientUser}`]);
    const panel = new Panel(machine);
    const tokens = [await panel.token('computer'), await panel.token('credential')] as const;
    canaries.text('the node’s token', tokens[0]);
    canaries.text('the client’s token', tokens[1]);
    await laptop.answer({
      ...checkpointAnswers,
      ...typed,
      'password:master-1': password ?? '',
      'host-key:node-1': 'yes',
      'create-node-token:node-1': tokens[0],
      'configure-client:node-1': tokens[1],
    });
    await traced([machine, node], ['run', 'machine', 'node', '--yes']);
    for (const token of tokens)
      expect(await node.mustShell(`grep -rlF -e '${token}' /etc /home /opt /root /tmp /usr /var || true`)).toBe('');
  });

  it('nor while the master is backed up, the site is recorded, and its keys are taken along', async () => {
    const number = ['--input', 'back-up-master@machine:master-1.number=1'];
    await traced([machine], ['run', 'back-up-master', 'record-site', ...number, '--yes']);
    await traced([], ['keys', 'export', keysFile]);
  });

  it('are in none of the traces, and in nothing that was said', async () => {
    canaries.key('the node’s key', await node.mustShell('cat /etc/opt/slapos/ssl/key'));
    canaries.key('the client’s key', await node.mustShell(`cat /home/${clientUser}/.slapos/client.key`));
    const { own, remote, seen } = await traces.seen(canaries);
    expect(seen).toEqual([]);
    expect(own).toBeGreaterThanOrEqual(traces.own.length);
    expect(remote).toBeGreaterThan(500);
    expect(said.flatMap((text) => canaries.seenIn('what the program says', text))).toEqual([]);
  });

  it('are in no file of the laptop and the medium, the record, the backup and the keys’ file among them', async () => {
    const places = await canaries.seenBelow(laptop.home, [laptop.answersPath]);
    expect(places).toEqual([]);
    for (const path of [keysFile, join(laptop.siteFolder, 'backup/master-1-0001.age')])
      expect((await readFile(path, 'latin1')).slice(0, 22)).toBe('age-encryption.org/v1\n');
    const record = JSON.parse(await readFile(join(laptop.siteFolder, 'record/0001/record.json'), 'utf8'));
    expect(record.gates).toContainEqual(expect.objectContaining({ id: 'passphrase', answer: null }));
  });

  it('are in no file of ours on a machine, and nowhere else but where slapos keeps its own', async () => {
    const look = async (where: LabMachine, value: string) =>
      (
        await where.shell(
          `grep -rlF --devices=skip -e '${value}' /etc /home /opt /root /run /srv /tmp /usr /var /dev/shm 2>/dev/null | sort`,
        )
      ).stdout
        .split('\n')
        .filter((path) => path !== '');
    for (const where of [machine, node]) {
      for (const value of nowhere) expect(await look(where, value)).toEqual([]);
      const slapos = /^\/(srv\/slapgrid|opt\/slapos|opt\/slapgrid)\//;
      expect((await look(where, firstPassword)).filter((path) => !slapos.test(path))).toEqual([]);
      const journal = await where.mustShell('journalctl --no-pager -o cat | cat');
      expect(canaries.seenIn(`the journal of ${where.name}`, journal)).toEqual([]);
    }
  });
});
