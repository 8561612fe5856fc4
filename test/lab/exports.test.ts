/** What was done on a real machine, exported: real Ansible reads it, and finds that machine as the playbook wants it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restore } from './checkpoints.ts';
import { runCommand } from './command.ts';
import { cached, runQuietly } from './host.ts';
import { Lab, longLabUnavailable } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

/** ansible-playbook from the Python index, in an environment of its own. */
async function ansible(): Promise<string> {
  const folder = await cached('ansible-core-2.17.7', async (path) => {
    await runQuietly(['python3', '-m', 'venv', path]);
    await runQuietly([join(path, 'bin/python'), '-m', 'pip', 'install', '--quiet', 'ansible-core==2.17.7']);
  });
  return join(folder, 'bin');
}

describe.skipIf(reason !== null)('exports of a site', () => {
  let lab: Lab;
  let laptop: Laptop;
  let folder: string;

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop } = await restore(lab, 'master-running', { name: 'exported' }));
    const exported = await laptop.fieldkit(['export', 'ansible', laptop.home]);
    expect(exported.code).toBe(0);
    folder = (exported.lines.at(-1) as { path: string }).path;
  }, 900_000);
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are an inventory and a playbook that ansible-playbook --check goes through, task by task', async () => {
    expect((await readdir(folder)).sort()).toEqual(['inventory.yml', 'playbook.yml']);
    const bin = await ansible();
    const checked = await runCommand(
      [
        join(bin, 'python'),
        join(bin, 'ansible-playbook'),
        '-i',
        join(folder, 'inventory.yml'),
        '--check',
        join(folder, 'playbook.yml'),
      ],
      {
        timeoutMs: 900_000,
        env: { LANG: 'C.UTF-8', ANSIBLE_HOST_KEY_CHECKING: 'False', ANSIBLE_NOCOLOR: '1' },
      },
    );
    expect(checked.code, `${checked.stdout}\n${checked.stderr}`).toBe(0);
    expect(checked.stdout).toMatch(/failed=0/);
    // Files that the program wrote are what the playbook would write.
    expect(checked.stdout).toMatch(/TASK \[use-cache@machine:master-1: \/etc\/opt\/slapos\/slapos\.cfg\] \*+\nok: /);
  }, 1_200_000);
});
