/** Twenty tasks on each of four machines over SSH: our engine, and the same in Ansible. Once from nothing, once with nothing left to do. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { compose } from '../../src-main/compose.ts';
import { recordedAsker } from '../../src-main/runbook/asking.ts';
import { closeBench, openBench } from '../../src-main/runbook/bench.ts';
import {
  type Command,
  defineStep,
  done,
  machineOfSubject,
  machines,
  type Probe,
  run,
  type Step,
  todo,
} from '../../src-main/runbook/define.ts';
import { createSite } from '../../src-main/runbook/sites.ts';
import { ansibleEnv, ansiblePlaybookWords } from '../lab/ansible.ts';
import { baseLayers, packageLayer } from '../lab/base.ts';
import { mustRun } from '../lab/command.ts';
import { Lab, type LabMachine, labUnavailable } from '../lab/index.ts';
import { contest } from './measure.ts';

type Task =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'command'; readonly path: string };

/** Ten files, five folders, five programs that leave something behind. */
function tasks(): readonly Task[] {
  const at = (number: number) => `/srv/bench/${number}`;
  return Array.from({ length: 20 }, (_, number): Task => {
    if (number % 2 === 0) return { kind: 'file', path: at(number), text: `${number}\n`.repeat(200) };
    return number % 4 === 1 ? { kind: 'folder', path: at(number) } : { kind: 'command', path: at(number) };
  });
}

/** A task as a step of its own: it looks, it acts, it looks again. */
const stepOf = (task: Task, number: number): Step =>
  defineStep({
    id: `task-${number}`,
    chapter: 'node',
    phase: 'site',
    per: machines('node'),
    after: number === 0 ? [] : [{ step: `task-${number - 1}`, on: 'same' }],
    risk: 'changes',
    holds: [],
    input: z.strictObject({}),
    facts: z.strictObject({ text: z.string().nullable() }),
    read: async (world, context) => {
      const probe: Probe =
        task.kind === 'file'
          ? { id: 'it', kind: 'read', path: task.path }
          : { id: 'it', kind: 'stat', path: task.path };
      const { it } = await world.probe(machineOfSubject(context).name, [probe]);
      return { text: it?.exit === 0 ? it.out : null };
    },
    found: () => [],
    verdict: ({ text }) => ((task.kind === 'file' ? text === task.text : text !== null) ? done() : todo()),
    plan: ({ text }, context): readonly Command[] => {
      const { name } = machineOfSubject(context);
      if (task.kind !== 'file')
        return [run(name, task.kind === 'folder' ? ['install', '-d', task.path] : ['touch', task.path])];
      return [{ kind: 'write', on: { machine: name }, path: task.path, text: task.text, before: text, mode: 0o644 }];
    },
  });

/** Once it was done on a node, the way is known to be good, and nodes go side by side. */
const known = defineStep({
  id: 'known',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [],
  risk: 'reads',
  alone: true,
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({}),
  read: async (world, context) => {
    await world.probe(machineOfSubject(context).name, [{ id: 'it', kind: 'run', argv: ['true'] }]);
    return {};
  },
  found: () => [],
  verdict: () => done(),
  plan: () => [],
});

const taskOf = (task: Task): object => {
  switch (task.kind) {
    case 'file':
      return { 'ansible.builtin.copy': { dest: task.path, content: task.text, mode: '0644' } };
    case 'folder':
      return { 'ansible.builtin.file': { path: task.path, state: 'directory', mode: '0755' } };
    case 'command':
      return { 'ansible.builtin.command': { argv: ['touch', task.path], creates: task.path } };
  }
};

async function compare(words: readonly string[]): Promise<void> {
  const lab = await Lab.open();
  const home = await mkdtemp(join(tmpdir(), 'fieldkit-bench-'));
  try {
    // Ansible wants a Python on the machine; ours wants nothing.
    const from = await packageLayer('python', await baseLayers('bookworm'), ['python3']);
    const all: LabMachine[] = [];
    for (const number of [1, 2, 3, 4]) all.push(await lab.bootMachine({ name: `node-${number}`, base: from }));
    const list = tasks();
    await contestOf(words, home, all, list);
  } finally {
    await lab.close();
    await rm(home, { recursive: true, force: true });
  }
}

async function contestOf(
  words: readonly string[],
  home: string,
  all: readonly LabMachine[],
  list: readonly Task[],
): Promise<void> {
  const machine = (name: string, address: string, more: object) => ({
    name,
    address,
    release: '12',
    interface: 'host0',
    ...more,
  });
  const kit = compose({ env: { FIELDKIT_HOME: home } });
  await createSite(
    kit.parts.dataFolder,
    stringify({
      format: 1,
      name: 'bench',
      machines: [
        // Nodes have a master; nobody turns to it here.
        machine('master-1', '192.0.2.1', { roles: ['master'] }),
        ...(await Promise.all(
          all.map(async (one) =>
            machine(one.name, one.address, {
              roles: ['node'],
              keyFile: one.login.keyPath,
              hostKey: await one.hostKeyFingerprint(),
            }),
          ),
        )),
      ],
    }),
    { practice: false },
  );
  const inventory = join(home, 'inventory.yml');
  const book = join(home, 'playbook.yml');
  await writeFile(
    inventory,
    stringify({
      all: {
        hosts: Object.fromEntries(
          all.map(({ name, address, login }) => [
            name,
            { ansible_host: address, ansible_user: login.user, ansible_ssh_private_key_file: login.keyPath },
          ]),
        ),
      },
    }),
  );
  await writeFile(book, stringify([{ hosts: 'all', gather_facts: false, tasks: list.map(taskOf) }]));

  const asker = recordedAsker({}, { yes: true, who: 'bench' });
  const steps = [...list.map(stepOf), known];
  const walk = async (runbook: readonly Step[]): Promise<void> => {
    const bench = await openBench({ ...kit.parts, runbook }, 'bench', asker);
    try {
      const ended = await bench.runner.runAll(bench.runner.instances(), {
        asker,
        consent: 'phase',
        agreed: [],
        skip: [],
        inputs: {},
        signal: new AbortController().signal,
      });
      const bad = ended.find(({ outcome }) => outcome !== 'done');
      if (bad !== undefined) throw new Error(`${bad.instance}: ${bad.problem?.code} ${JSON.stringify(bad.problem)}`);
    } finally {
      await closeBench(bench);
    }
  };
  const theirs = async (): Promise<void> => {
    await mustRun([...words, '--forks', '5', '-i', inventory, book], { env: { ...ansibleEnv, HOME: home } });
  };
  const bare = async (): Promise<void> => {
    await Promise.all(all.map((one) => one.mustShell('rm -rf /srv/bench && mkdir /srv/bench')));
  };
  const standing = async (): Promise<void> => {
    await bare();
    await walk(steps);
  };
  await walk([known]);
  const best = 'ansible-playbook, 5 forks';
  const common = { best, asked: 5, rounds: 3, ours: () => walk(steps), theirs };
  await contest({ ...common, work: '20 tasks on 4 machines', reset: bare });
  await contest({ ...common, work: 'the same, nothing left to do', reset: standing });
}

const reason = labUnavailable();
const playbook = reason === null ? await ansiblePlaybookWords().catch((error: unknown) => String(error)) : [];
if (reason !== null) console.log(`Left out: ${reason}`);
else if (typeof playbook === 'string') console.log(`Left out: no Ansible to compare with: ${playbook.slice(0, 300)}`);
else await compare(playbook);
