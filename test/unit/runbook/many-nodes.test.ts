/**
 * Twenty nodes, three of which fail in different ways: the seventeen come to their end, the three say why, and a second run does them
 * alone. The same three among the first keep the others from being begun.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Command, machineOfSubject, machines, type Step } from '../../../src-main/runbook/define.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import type { Runner } from '../../../src-main/runbook/runner.ts';
import { problem } from '../../../src-shared/problem.ts';
import { type FakeWorld, newSiteFolder, newWorld, openFake, options, standingStep } from '../../fakes/engine.ts';

const names = Array.from({ length: 20 }, (_, index) => `n${index + 1}`);
const steps = ['connect', 'install', 'register', 'format'] as const;

let folder: string;
let world: FakeWorld;
let site: OpenSite;
let runner: Runner;

/** Stands machine by machine. */
const nodeStep = (id: string, after: readonly string[], more: Partial<Step> = {}): Step =>
  standingStep(id, after, world, {
    chapter: 'node',
    phase: 'site',
    per: machines('node'),
    read: async (_world, context) => ({ stands: world.standing.has(`${id} ${machineOfSubject(context).name}`) }),
    plan: (_facts, context): readonly Command[] => [
      {
        kind: 'run',
        on: { machine: machineOfSubject(context).name },
        argv: [id, machineOfSubject(context).name],
        limitMs: 1000,
      },
    ],
    ...more,
  });

beforeEach(async () => {
  folder = await newSiteFolder();
  const machine = (name: string, index: number) =>
    `  - { name: ${name}, roles: [node], address: 10.0.1.${index + 1}, release: "12", interface: eth0 }\n`;
  await writeFile(
    join(folder, 'site.yaml'),
    `format: 1\nname: fake\nmachines:\n  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }\n${names.map(machine).join('')}`,
  );
  world = newWorld();
});
afterEach(async () => {
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A site of these steps, whose hands fail where a fault is set. Before the first was done nobody else begins. */
async function open(
  faults: ReadonlyMap<string, () => Error>,
  onPerform: (words: string) => Promise<void>,
): Promise<void> {
  const all = steps.map((id, index) => nodeStep(id, index === 0 ? [] : [steps[index - 1] ?? '']));
  // Everybody stands on it, so nobody else is at work meanwhile.
  const restart = nodeStep('restart', ['format'], { alone: true });
  ({ site, runner } = await openFake(folder, [...all, restart], world, {
    hands: {
      perform: async (command) => {
        const words = command.kind === 'run' ? command.argv.join(' ') : '';
        await onPerform(words);
        const fault = faults.get(words);
        if (fault !== undefined) throw fault();
        world.standing.add(words);
        return { exit: 0, output: '' };
      },
    },
  }));
}
const walkAll = () => runner.runAll(runner.instances(), options({ consent: 'phase' }));
const diskFull = (machine: string) => () => problem('target-disk-full', { machine, command: 'apt-get', detail: '' });
const refused = (machine: string) => () => problem('token-refused', { machine });
const otherKey = (machine: string) => () =>
  problem('host-key-changed', { machine, expected: 'a', found: 'b', since: '' });

it('three of twenty stop by themselves, and go on by themselves', async () => {
  const faults = new Map<string, () => Error>([
    ['install n4', diskFull('n4')],
    ['register n9', refused('n9')],
    ['connect n15', otherKey('n15')],
  ]);
  let now = 0;
  let most = 0;
  const order: string[] = [];
  /** Five meet here: with fewer side by side nobody would come through. */
  let five: () => void = () => undefined;
  const met = new Promise<void>((resolve) => {
    five = resolve;
  });
  await open(faults, async (words) => {
    now += 1;
    most = Math.max(most, now);
    order.push(words);
    if (now === 5) five();
    if (words.startsWith('restart')) expect(now).toBe(1);
    else if (!words.endsWith(' n1')) await met;
    now -= 1;
  });
  const first = await walkAll();
  const failed = first.filter(({ outcome }) => outcome !== 'done');
  expect(failed.map(({ instance, problem: why }) => [instance, why?.code]).sort()).toEqual([
    ['connect@machine:n15', 'host-key-changed'],
    ['install@machine:n4', 'target-disk-full'],
    ['register@machine:n9', 'token-refused'],
  ]);
  const ready = names.filter((name) => site.view.instances[`restart@machine:${name}`]?.state === 'done');
  expect(ready).toEqual(names.filter((name) => !['n4', 'n9', 'n15'].includes(name)));
  expect(most).toBe(5);
  // The first went to its end before any other began.
  expect(order.slice(0, 5)).toEqual([...steps, 'restart'].map((id) => `${id} n1`));

  faults.clear();
  order.length = 0;
  const second = await walkAll();
  expect(second.every(({ outcome }) => outcome === 'done')).toBe(true);
  expect([...order].sort()).toEqual(
    [
      ...['install', 'register', 'format', 'restart'].map((id) => `${id} n4`),
      ...['register', 'format', 'restart'].map((id) => `${id} n9`),
      ...[...steps, 'restart'].map((id) => `${id} n15`),
    ].sort(),
  );
  expect((await walkAll()).map(({ performed }) => performed)).toEqual(runner.instances().map(() => 0));
});

it('three of the first keep the rest from being begun: each says so, and a later run begins them', async () => {
  const faults = new Map<string, () => Error>([
    ['install n2', diskFull('n2')],
    ['register n3', refused('n3')],
    ['connect n5', otherKey('n5')],
  ]);
  const order: string[] = [];
  await open(faults, async (words) => {
    order.push(words);
  });
  const first = await walkAll();
  const begun = [...new Set(order.map((words) => words.split(' ')[1] ?? ''))];
  const left = names.filter((name) => !begun.includes(name));
  // Whoever was at work when the third failed goes to its end, and nobody else.
  expect(begun.length).toBeLessThanOrEqual(2 + 5 + 2);
  expect(left.length).toBeGreaterThan(10);
  for (const name of begun)
    expect(site.view.instances[`restart@machine:${name}`]?.state === 'done').toBe(!['n2', 'n3', 'n5'].includes(name));
  const why = { failed: 3, left: left.join(', '), stopAfterFailed: 3, stopAbovePercent: 30 };
  const held = first.filter(({ problem: one }) => one?.code === 'too-many-nodes-failed');
  expect(held.map(({ instance }) => instance)).toEqual(left.map((name) => `connect@machine:${name}`));
  for (const { outcome, problem: one } of held) {
    expect(outcome).toBe('stopped');
    expect(one?.params).toMatchObject(why);
    expect(String(one?.params.names).split(', ').toSorted()).toEqual(['n2', 'n3', 'n5']);
  }
  for (const name of left)
    expect(site.view.instances[`connect@machine:${name}`]?.problem?.code).toBe('too-many-nodes-failed');

  faults.clear();
  order.length = 0;
  expect((await walkAll()).every(({ outcome }) => outcome === 'done')).toBe(true);
  expect(new Set(order.map((words) => words.split(' ')[1]))).toEqual(new Set([...left, 'n2', 'n3', 'n5']));
});

it('goes on whatever fails where the plan says so', async () => {
  const path = join(folder, 'site.yaml');
  await writeFile(path, `${await readFile(path, 'utf8')}nodes: { stopAbovePercent: 100 }\n`);
  await open(new Map(names.map((name) => [`connect ${name}`, diskFull(name)])), async () => undefined);
  const ended = await walkAll();
  expect(ended.map(({ problem: one }) => one?.code)).toEqual(names.map(() => 'target-disk-full'));
});
