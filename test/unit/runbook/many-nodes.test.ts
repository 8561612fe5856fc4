/** Twenty nodes, three of which fail in different ways: the seventeen come to their end, the three say why, and a second run does them alone. */
import { rm, writeFile } from 'node:fs/promises';
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

it('three of twenty stop by themselves, and go on by themselves', async () => {
  const faults = new Map<string, () => Error>([
    ['install n4', () => problem('target-disk-full', { machine: 'n4', command: 'apt-get', detail: '' })],
    ['register n9', () => problem('token-refused', { machine: 'n9' })],
    ['connect n15', () => problem('host-key-changed', { machine: 'n15', expected: 'a', found: 'b', since: '' })],
  ]);
  let now = 0;
  let most = 0;
  const order: string[] = [];
  /** Five meet here: with fewer side by side nobody would come through. */
  let five: () => void = () => undefined;
  const met = new Promise<void>((resolve) => {
    five = resolve;
  });
  const all = steps.map((id, index) => nodeStep(id, index === 0 ? [] : [steps[index - 1] ?? '']));
  // Everybody stands on it, so nobody else is at work meanwhile.
  const restart = nodeStep('restart', ['format'], { alone: true });
  ({ site, runner } = await openFake(folder, [...all, restart], world, {
    hands: {
      perform: async (command) => {
        const words = command.kind === 'run' ? command.argv.join(' ') : '';
        now += 1;
        most = Math.max(most, now);
        order.push(words);
        if (now === 5) five();
        if (words.startsWith('restart')) expect(now).toBe(1);
        else if (!words.endsWith(' n1')) await met;
        now -= 1;
        const fault = faults.get(words);
        if (fault !== undefined) throw fault();
        world.standing.add(words);
        return { exit: 0, output: '' };
      },
    },
  }));
  const first = await runner.runAll(runner.instances(), options({ consent: 'phase' }));
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
  const second = await runner.runAll(runner.instances(), options({ consent: 'phase' }));
  expect(second.every(({ outcome }) => outcome === 'done')).toBe(true);
  expect([...order].sort()).toEqual(
    [
      ...['install', 'register', 'format', 'restart'].map((id) => `${id} n4`),
      ...['register', 'format', 'restart'].map((id) => `${id} n9`),
      ...[...steps, 'restart'].map((id) => `${id} n15`),
    ].sort(),
  );
  expect(
    (await runner.runAll(runner.instances(), options({ consent: 'phase' }))).map(({ performed }) => performed),
  ).toEqual(runner.instances().map(() => 0));
});
