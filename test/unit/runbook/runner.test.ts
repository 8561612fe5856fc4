import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Step } from '../../../src-main/runbook/define.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { Runner } from '../../../src-main/runbook/runner.ts';
import { problem } from '../../../src-shared/problem.ts';
import {
  clockStep,
  type FakeWorld,
  fakeHands,
  newSiteFolder,
  newWorld,
  openFake,
  options,
  standingStep,
  yes,
} from '../../fakes/engine.ts';

let folder: string;
let world: FakeWorld;
let site: OpenSite;
let runner: Runner;

async function open(runbook: readonly Step[]): Promise<void> {
  ({ site, runner } = await openFake(folder, runbook, world));
}
const instance = (key: string) => {
  const found = runner.instances().find((item) => item.key === key);
  if (found === undefined) throw new Error(key);
  return found;
};

beforeEach(async () => {
  folder = await newSiteFolder();
  world = newWorld();
});
afterEach(async () => {
  await site?.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

it('performs the plan that was confirmed and reads the facts again', async () => {
  await open([standingStep('a', [], world)]);
  const ended = await runner.run(instance('a@site'), options());
  expect(ended).toMatchObject({ outcome: 'done', performed: 1 });
  expect(site.view.instances['a@site']).toMatchObject({
    state: 'done',
    everDone: true,
    commands: [{ state: 'performed' }],
  });
});

it('performs nothing when everything stands', async () => {
  await open([standingStep('a', [], world)]);
  world.standing.add('a');
  const before = site.view.seq;
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done', performed: 0 });
  const kinds = (await readFile(join(folder, 'journal.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .slice(before)
    .map((line) => JSON.parse(line).kind);
  expect(kinds).toEqual(['run-started', 'facts', 'run-ended']);
});

it('does nothing without a yes', async () => {
  await open([standingStep('a', [], world)]);
  const ended = await runner.run(instance('a@site'), options({ asker: { ...yes, confirm: async () => false } }));
  expect(ended).toMatchObject({ outcome: 'cancelled', problem: { code: 'not-confirmed' } });
  expect(world.performed).toEqual([]);
});

it('shows a plan anew when the facts changed while a person thought about it', async () => {
  const shown: string[] = [];
  const growing: Step = standingStep('a', [], world, {
    plan: () =>
      [...world.standing]
        .sort()
        .concat('a')
        .map((what) => ({ kind: 'work' as const, job: 'stand', args: { what } })),
  });
  await open([growing]);
  const confirm = async (_key: string, plan: { hash: string }) => {
    shown.push(plan.hash);
    if (shown.length === 1) world.standing.add('somebody-else');
    return true;
  };
  expect(await runner.run(instance('a@site'), options({ asker: { ...yes, confirm } }))).toMatchObject({
    outcome: 'done',
  });
  expect(new Set(shown).size).toBe(2);
  expect(world.performed.length).toBe(2);
});

it('asks for destroying plans even when the phase was agreed to', async () => {
  let asked = 0;
  const confirm = async () => {
    asked += 1;
    return true;
  };
  await open([standingStep('a', [], world), standingStep('b', ['a'], world, { risk: 'destroys' })]);
  await runner.runAll(runner.instances(), options({ consent: 'phase', asker: { ...yes, confirm } }));
  expect(asked).toBe(1);
});

it('refuses a step whose former step is not done, and names it', async () => {
  await open([standingStep('a', [], world), standingStep('b', ['a'], world)]);
  expect(await runner.run(instance('b@site'), options())).toMatchObject({
    outcome: 'failed',
    problem: { code: 'step-before-missing', params: { step: 'b@site', before: 'a@site' } },
  });
  expect(world.performed).toEqual([]);
});

it('says so when a step does not settle, instead of repeating it for ever', async () => {
  await open([standingStep('a', [], world, { verdict: () => ({ state: 'todo', findings: [] }) })]);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({
    outcome: 'failed',
    problem: { code: 'step-not-settled' },
  });
  expect(world.performed.length).toBe(1);
});

it('stops at skippable findings until they are skipped, and records who skipped what', async () => {
  await open([clockStep]);
  expect(await runner.run(instance('clock@site'), options())).toMatchObject({
    outcome: 'stopped',
    problem: { code: 'target-clock-off' },
  });
  expect(await runner.run(instance('clock@site'), options({ skip: ['target-clock-off'] }))).toMatchObject({
    outcome: 'done',
  });
  expect(site.view.instances['clock@site']?.skipped).toEqual(['target-clock-off']);
});

it('a problem while reading blocks and performs nothing', async () => {
  await open([standingStep('a', [], world, { read: () => Promise.reject(problem('medium-absent', { path: '/x' })) })]);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({
    outcome: 'stopped',
    problem: { code: 'medium-absent' },
  });
  expect(world.performed).toEqual([]);
});

it('takes a cut connection up again, a few times', async () => {
  let cuts = 0;
  world.before = () => {
    cuts += 1;
    if (cuts <= 2) throw problem('connection-lost', { machine: 'm1', detail: 'cut' });
  };
  await open([standingStep('a', [], world)]);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  world.standing.clear();
  world.before = () => {
    throw problem('connection-lost', { machine: 'm1', detail: 'cut' });
  };
  expect(await runner.run(instance('a@site'), options())).toMatchObject({
    outcome: 'failed',
    problem: { code: 'connection-lost' },
  });
});

it('cancels between commands and says what was done', async () => {
  const controller = new AbortController();
  const two = standingStep('a', [], world, {
    plan: () => ['x', 'a'].map((what) => ({ kind: 'work' as const, job: 'stand', args: { what } })),
  });
  world.before = () => controller.abort();
  await open([two]);
  expect(await runner.run(instance('a@site'), options({ signal: controller.signal }))).toMatchObject({
    outcome: 'cancelled',
  });
  expect(world.performed).toEqual(['a@site 0']);
});

it('after a kill: says what is unknown, asks what became of it, and goes on', async () => {
  await open([standingStep('a', [], world)]);
  await runner.run(instance('a@site'), options());
  await site.close();
  // The journal as a killed program leaves it: the command started, no end, half a line.
  const path = join(folder, 'journal.jsonl');
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  const cut = lines.findIndex((line) => JSON.parse(line).kind === 'command-started');
  await writeFile(path, `${lines.slice(0, cut + 1).join('\n')}\n`);
  await appendFile(path, lines[cut + 1]?.slice(0, 20) ?? '');
  world.standing.clear();
  ({ site } = await openFake(folder, [standingStep('a', [], world)], world));
  expect(site.view.instances['a@site']).toMatchObject({ state: 'interrupted', commands: [{ state: 'unknown' }] });
  const asked: number[] = [];
  runner = new Runner(site, [standingStep('a', [], world)], {
    ...fakeHands(world),
    settle: async (_command, { index }) => {
      asked.push(index);
      world.standing.add('a');
      return { exit: 0, output: 'ran on without us' };
    },
  });
  world.performed.length = 0;
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done', performed: 0 });
  expect(asked).toEqual([0]);
  expect(world.performed).toEqual([]);
});

it('never records the answer to a secret question', async () => {
  const ask: Step = standingStep('a', [], world, {
    plan: () => [
      { kind: 'ask', question: { id: 'word', kind: 'secret', key: 'k', params: {}, show: [], choices: [] } },
      { kind: 'work', job: 'stand', args: { what: 'a' } },
    ],
  });
  await open([ask]);
  world.before = (command) => {
    if (command.kind === 'work')
      throw problem('command-failed', { command: 'x', exit: 1, machine: 'm1', detail: 'said answer to word aloud' });
  };
  await runner.run(instance('a@site'), options());
  const journal = await readFile(join(folder, 'journal.jsonl'), 'utf8');
  expect(journal).toContain('"answered"');
  expect(journal).not.toContain('answer to word');
});
