/**
 * Five bare machines that are to become nodes, three of which fail in different ways: a token that was used, a disk that is full, a
 * machine that dies while it is installed. The other two come to their end; the three say why, and go on to the same end.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import {
  bootBareNode,
  checkpointAnswers,
  clientUser,
  Lab,
  type LabMachine,
  longLabUnavailable,
  Panel,
  restore,
} from './index.ts';
import type { CliResult, Laptop } from './site.ts';

const reason = longLabUnavailable();

const numbers = [1, 2, 3, 4, 5] as const;
/** Where our apt keeps what it has downloaded. */
const archives = '/var/lib/fieldkit/apt/archives';

/** Outcome, or the problem's code, of each run. */
const ended = ({ lines }: CliResult) =>
  Object.fromEntries(
    lines.flatMap((line) =>
      line.kind === 'run-ended'
        ? [[line.instance, (line.problem as { code: string } | null)?.code ?? line.outcome] as const]
        : [],
    ),
  );
const started = ({ lines }: CliResult) =>
  lines.flatMap(({ kind, instance }) => (kind === 'command-started' ? [String(instance)] : []));

describe('three of five nodes that fail', unless(reason), () => {
  let lab: Lab;
  let master: LabMachine;
  let laptop: Laptop;
  let panel: Panel;
  const nodes = new Map<number, LabMachine>();
  const node = (number: number): LabMachine => nodes.get(number) as LabMachine;
  const answers: Record<string, string> = { ...checkpointAnswers };

  const walk = () => ['run', 'machine', 'node', '--yes', '--answers', laptop.answersPath];

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop, machine: master } = await restore(lab, 'master-running', { name: 'master' }));
    for (const number of numbers) {
      nodes.set(number, await bootBareNode(lab, number));
      const more = number === 1 ? [`client: ${clientUser}`] : [];
      await laptop.addMachine(node(number), `node-${number}`, ['roles: [node]', ...more]);
      answers[`host-key:node-${number}`] = 'yes';
    }
    panel = new Panel(master);
    answers['configure-client:node-1'] = await panel.token('credential');
    for (const number of [1, 2]) answers[`create-node-token:node-${number}`] = await panel.token('computer');
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('stop by themselves, and say why; the other two come to their end', async () => {
    await panel.spend(answers['create-node-token:node-2'] ?? '', 'somebody-else');
    await node(3).mustShell(`mkdir -p ${archives} && mount -t tmpfs -o size=8m tmpfs ${archives}`);
    await laptop.answer(answers);
    let killed: Promise<void> | null = null;
    const run = await laptop.fieldkit([...walk(), '--input', 'create-node-token@machine:node-2.byHand=true'], {
      onLine: ({ kind, instance, index }) => {
        if (kind === 'command-started' && instance === 'install-slapos-node@machine:node-4' && Number(index) > 5)
          killed ??= node(4).kill();
      },
    });
    await killed;
    expect(killed).not.toBeNull();
    const outcomes = ended(run);
    expect(outcomes, run.stdout.slice(-3000)).toMatchObject({
      'refresh-master@machine:node-1': 'done',
      'configure-client@machine:node-1': 'done',
      'register-node@machine:node-2': 'token-refused',
      'install-slapos-node@machine:node-3': 'target-disk-full',
      'install-slapos-node@machine:node-4': 'host-unreachable',
      'refresh-master@machine:node-5': 'done',
    });
    expect(
      Object.keys(outcomes).filter((key) => /^(create-node-token|register-node)@machine:node-[34]$/.test(key)),
    ).toEqual([]);
    expect(run.code).not.toBe(0);
    for (const number of [1, 5])
      expect(await node(number).mustShell('cat /etc/opt/slapos/slapos.cfg')).toMatch(/^computer_id = COMP-\d$/m);
    for (const number of [2, 3])
      expect((await node(number).shell('test -e /etc/opt/slapos/slapos.cfg')).code).not.toBe(0);
  });

  it('go on to the same end once each is mended, and nothing of the others is done again', async () => {
    answers['create-node-token:node-2'] = await panel.token('computer');
    await laptop.answer(answers);
    await node(3).mustShell(`umount ${archives}`);
    await node(4).start();
    const resumed = await laptop.fieldkit(walk());
    expect(resumed.code, resumed.stdout.slice(-5000)).toBe(0);
    expect(started(resumed).filter((instance) => /node-[15]$/.test(instance))).toEqual([]);
    const configs = await Promise.all(
      numbers.map((number) => node(number).mustShell('cat /etc/opt/slapos/slapos.cfg')),
    );
    const computers = configs.map((config) => /^computer_id = (COMP-\d+)$/m.exec(config)?.[1]);
    expect(new Set(computers).size).toBe(numbers.length);
    for (const config of configs) {
      expect(config).toMatch(/^master_url = https:\/\/\[fd5a:77::[0-9a-f]+\]:2155$/m);
      expect(config).toContain('download-binary-cache-url = http://127.0.0.1:5050/bcache');
    }
    const partitions = await Promise.all(
      numbers.map((number) => node(number).mustShell('ls -d /srv/slapgrid/slappart*')),
    );
    expect(new Set(partitions).size).toBe(1);
    const journal = await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8');
    for (const [name, value] of Object.entries(answers))
      if (/token|client/.test(name)) expect(journal).not.toContain(value);
    const again = await laptop.fieldkit(walk());
    expect(again.code).toBe(0);
    expect(started(again)).toEqual([]);
  });
});
