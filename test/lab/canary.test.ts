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
import { Canaries } from './canaries.ts';
import { checkpointAnswers, checkpointIpv6, clientUser, restoreLaptop } from './checkpoints.ts';
import { bootBareNode, Lab, type LabMachine, longLabUnavailable, Panel } from './index.ts';
import { traceWords } from './machine.ts';
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
  /** What every run said, and the traces of the laptop and of both machines. */
  const said: string[] = [];
  const own: string[] = [];
  const remote: string[] = [];
  const canaries = new Canaries();
  /** Those that no machine may know but where they are used; the others may be nowhere on a machine. */
  const nowhere: string[] = [];

  const secret = (name: string, value: string): void => {
    canaries.text(name, value);
    nowhere.push(value);
  };

  /** The program under a tracer, and so everything below the ssh server of the machines it works on. */
  async function traced(machines: readonly LabMachine[], words: readonly string[]): Promise<void> {
    const stops: (() => Promise<void>)[] = [];
    for (const one of machines) {
      const trace = join(lab.folder, `remote-${remote.length}.trace`);
      remote.push(trace);
      stops.push(await one.traceLogins(trace));
    }
    const trace = join(lab.folder, `own-${own.length}.trace`);
    own.push(trace);
    const under = ['strace', '--seccomp-bpf', ...traceWords(trace)];
    const ran = await laptop.fieldkit([...words, '--answers', laptop.answersPath], { under });
    for (const stop of stops) await stop();
    expect(ran.code, ran.stdout.slice(-4000) + ran.stderr).toBe(0);
    said.push(ran.stdout + ran.stderr);
  }

  beforeAll(async () => {
    lab = await Lab.open();
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
    expect(await readFile(remote[0] ?? '', 'latin1')).toMatch(/execve\("\/usr\/bin\/sudo"/);
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
    const counts = { own: 0, remote: 0 };
    const seen: string[] = [];
    for (const [side, traces] of Object.entries({ own, remote }) as ['own' | 'remote', string[]][])
      for (const trace of traces) {
        const looked = await canaries.seenInTrace(trace);
        counts[side] += looked.count;
        seen.push(...looked.seen);
      }
    expect(seen).toEqual([]);
    expect(counts.own).toBeGreaterThanOrEqual(own.length);
    expect(counts.remote).toBeGreaterThan(500);
    expect(said.flatMap((text) => canaries.seenIn('what the program says', text))).toEqual([]);
  });

  it('are in no file of the laptop and the medium, the record, the backup and the keys’ file among them', async () => {
    const places = await canaries.seenBelow(laptop.home, [laptop.answersPath]);
    expect(places).toEqual([]);
    for (const path of [keysFile, join(laptop.siteFolder, 'backup/master-1-0001.age')])
      expect((await readFile(path, 'latin1')).slice(0, 22)).toBe('age-encryption.org/v1\n');
    expect(await readFile(join(laptop.siteFolder, 'record/0001/record.json'), 'utf8')).toContain('"answer": null');
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
