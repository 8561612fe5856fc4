/**
 * What was done on a real machine, exported: real Ansible reads it and finds that machine as the playbook wants it; run on a bare
 * machine with other addresses, which the inventory alone says, it makes a master of it, whose steps the program then finds done.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameAddresses } from '../../src-main/runbook/exports/addresses.ts';
import { ansiblePlaybook } from '../../src-main/runbook/exports/ansible.ts';
import { contentServer } from '../../src-main/software/content-server.ts';
import { sitePlan } from '../../src-shared/site.ts';
import type { Command } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { ansibleEnv, ansiblePlaybookWords } from './ansible.ts';
import { baseLayers, packageLayer } from './base.ts';
import { checkpointAnswers, restore } from './checkpoints.ts';
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

  it('put the addresses of the inventory into any text, and leave the rest of it as it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fieldkit-exports-'));
    try {
      const on = { machine: 'one' };
      const odd = `{"a": "10.1.2.3", "b": "{\\"c\\": 'fd00::1'}"} \\d \\n {{ x }} {% y %} {# z #} @ it's \`q\` $h\n[10.9.9.9]\\\n`;
      const write = (name: string, text: string): Command => ({
        kind: 'write',
        on,
        path: join(folder, name),
        text,
        mode: 0o644,
        before: null,
      });
      const commands: Command[] = [
        write('odd', odd),
        write('json', '{"a": "10.1.2.3"}'),
        {
          kind: 'run',
          on,
          argv: [
            'sh',
            '-c',
            `cat > "$1/in"; printf '%s|' "$2" "$3" > "$1/words"`,
            'sh',
            folder,
            '["10.1.2.3"]',
            'a\\n10.9.9.9',
          ],
          stdin: [{ secret: 'key' }, '\n'],
          limitMs: 5000,
        },
        {
          kind: 'until',
          on,
          probe: { id: 'words', kind: 'read', path: join(folder, 'words') },
          wanted: { exit: 0, pattern: '(?=[\\s\\S]*10\\.9\\.9\\.9)\\["10.1.2.3"' },
          everyMs: 1000,
          limitMs: 2000,
          awaited: { key: 'words', params: {} },
          evidence: [],
        },
      ];
      const of = { release: '12', interface: 'host0' };
      const { machines } = sitePlan.parse({
        format: 1,
        name: 'plant',
        machines: [
          { ...of, name: 'one', roles: ['master'], address: '10.1.2.3', addresses: ['fd00::1/64'] },
          { ...of, name: 'two', roles: ['node'], address: '10.9.9.9' },
        ],
      });
      const steps = [{ instance: 'one@machine:one', machine: 'one', commands }];
      await writeFile(join(folder, 'playbook.yml'), ansiblePlaybook('plant', nameAddresses(steps, [], machines)));
      const here = 'ansible_connection: local, ansible_become: false, ansible_python_interpreter: /usr/bin/python3';
      await writeFile(
        join(folder, 'inventory.yml'),
        `all: { hosts: { one: { ansible_host: 10.3.3.3, ${here}, own_addresses: ["fd33::3"] }, two: { ansible_host: 10.4.4.4 } } }\n`,
      );
      const secret = '["s\\n", "{{ 1 + 1 }}"]';
      const played = await runCommand(
        [...(await ansiblePlaybookWords()), '-i', join(folder, 'inventory.yml'), join(folder, 'playbook.yml')],
        { timeoutMs: 120_000, env: { ...ansibleEnv, FIELDKIT_SECRET_KEY: secret } },
      );
      expect(played.code, `${played.stdout}\n${played.stderr}`).toBe(0);
      const read = (name: string) => readFile(join(folder, name), 'utf8');
      const elsewhere = (text: string): string =>
        text.replaceAll('10.1.2.3', '10.3.3.3').replaceAll('fd00::1', 'fd33::3').replaceAll('10.9.9.9', '10.4.4.4');
      expect(await read('odd')).toBe(elsewhere(odd));
      expect(await read('json')).toBe('{"a": "10.3.3.3"}');
      expect(await read('words')).toBe('["10.3.3.3"]|a\\n10.4.4.4|');
      expect(await read('in')).toBe(`${secret}\n`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('make a master of a bare machine with other addresses, when the playbook is run', async () => {
    const folder = await exported();
    const recorded = machine.address;
    await machine.stop();
    const bare = await lab.bootMachine({
      name: 'bare',
      // Ansible wants a Python there; the program wants nothing.
      base: await packageLayer('python', await baseLayers('bookworm'), ['python3']),
      addresses: { ipv6: 'fd5a:88::21/64' },
    });
    // The inventory is all that a person changes.
    // Machines of the lab, where the steps were recorded and here, are reached in this range.
    expect(await readFile(join(folder, 'playbook.yml'), 'utf8')).not.toMatch(/\b10\.77\./);
    const path = join(folder, 'inventory.yml');
    const inventory = await readFile(path, 'utf8');
    expect(inventory).toContain(`ansible_host: ${recorded}\n`);
    await writeFile(
      path,
      inventory
        .replace(`ansible_host: ${recorded}\n`, `ansible_host: ${bare.address}\n`)
        .replace(machine.login.keyPath, bare.login.keyPath),
    );
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
    await laptop.aimAt(bare);
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
