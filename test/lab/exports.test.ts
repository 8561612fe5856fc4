/**
 * What was done on a real machine, exported: real Ansible reads it and finds that machine as the playbook wants it; run on a bare
 * machine with the same address, it makes a master of it, whose steps the program itself then finds done.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentServer } from '../../src-main/software/content-server.ts';
import { unless } from '../unless.ts';
import { ansibleEnv, ansiblePlaybookWords } from './ansible.ts';
import { baseLayers, packageLayer } from './base.ts';
import { checkpointAnswers, checkpointIpv6, restore } from './checkpoints.ts';
import { runCommand } from './command.ts';
import { Lab, type LabMachine, longLabUnavailable } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();

describe('exports of a site', unless(reason), () => {
  let lab: Lab;
  let laptop: Laptop;
  let machine: LabMachine;

  const exported = async (): Promise<string> => {
    const { code, lines } = await laptop.fieldkit(['export', 'ansible', laptop.home]);
    expect(code).toBe(0);
    return (lines.at(-1) as { path: string }).path;
  };
  const play = async (folder: string, ...more: readonly string[]) =>
    runCommand(
      [...(await ansiblePlaybookWords()), '-i', join(folder, 'inventory.yml'), ...more, join(folder, 'playbook.yml')],
      { timeoutMs: 1_500_000, env: ansibleEnv },
    );

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop, machine } = await restore(lab, 'master-running', { name: 'exported' }));
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are an inventory and a playbook that ansible-playbook --check goes through, task by task', async () => {
    const folder = await exported();
    expect((await readdir(folder)).sort()).toEqual(['inventory.yml', 'playbook.yml']);
    const checked = await play(folder, '--check');
    expect(checked.code, `${checked.stdout}\n${checked.stderr}`).toBe(0);
    expect(checked.stdout).toMatch(/failed=0/);
    // Files that the program wrote are what the playbook would write.
    expect(checked.stdout).toMatch(/TASK \[use-cache@machine:master-1: \/etc\/opt\/slapos\/slapos\.cfg\] \*+\nok: /);
  });

  it('make a master of a bare machine, when the playbook is run', async () => {
    // Two machines cannot have one address.
    await machine.stop();
    const bare = await lab.bootMachine({
      name: 'bare',
      // Ansible wants a Python there; the program wants nothing.
      base: await packageLayer('python', await baseLayers('bookworm'), ['python3']),
      addresses: { ipv6: checkpointIpv6 },
    });
    await laptop.aimAt(bare);
    const folder = await exported();
    const medium = join(laptop.stick, 'fieldkit');
    const server = contentServer({ root: medium, manifest: null });
    const port = await server.listen(0);
    // As the playbook's first lines say: content is led there with ssh -R.
    const lead = spawn(
      'ssh',
      [
        ...['-N', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
        ...['-o', 'ExitOnForwardFailure=yes', '-i', bare.login.keyPath, '-R', `127.0.0.1:5050:127.0.0.1:${port}`],
        `root@${bare.address}`,
      ],
      { stdio: 'ignore' },
    );
    const over = once(lead, 'exit');
    try {
      const played = await play(folder, '-e', `medium=${medium}`);
      expect(played.code, `${played.stdout.slice(-6000)}\n${played.stderr}`).toBe(0);
      expect(played.stdout).toMatch(/failed=0/);
    } finally {
      lead.kill();
      await over;
      await server.close();
    }
    expect(await bare.mustShell('slapos --version')).toMatch(/^slapos \d/);

    // The program meets it as a stranger, and finds done what the playbook did.
    expect((await laptop.fieldkit(['machines', 'renew', 'master-1'])).code).toBe(0);
    await laptop.answer({ ...checkpointAnswers, 'host-key:master-1': 'yes' });
    const met = await laptop.fieldkit(['run', 'machine', 'master', '--yes', '--answers', laptop.answersPath]);
    expect(met.code, met.stdout.slice(-5000)).toBe(0);
    const performed = met.lines.flatMap(({ kind, instance }) =>
      kind === 'command-started' ? [String(instance).split('@')[0]] : [],
    );
    for (const step of [
      'install-slapos-node',
      'configure-proxy',
      'use-cache',
      'install-master-software',
      'request-master',
    ])
      expect(performed).not.toContain(step);
    const answer = await fetch(`http://${bare.address}/erp5/`);
    expect(await answer.text()).toContain('Lab master');
  });
});
