import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Step, work } from '../../../src-main/runbook/define.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import type { Runner } from '../../../src-main/runbook/runner.ts';
import { problem } from '../../../src-shared/problem.ts';
import { tell } from '../../../src-shared/step.ts';
import { type FakeWorld, newSiteFolder, newWorld, openFake, options, standingStep, yes } from '../../fakes/engine.ts';

let folder: string;
let world: FakeWorld;
let site: OpenSite;
let runner: Runner;

/** Stands by being in the world; its undo takes it out again by a job of the same fake hands. */
const undoable = (id: string, after: readonly string[] = [], more: Partial<Step> = {}): Step =>
  standingStep(id, after, world, {
    undo: {
      plan: (facts) => ((facts as { stands: boolean }).stands ? [work('fall', { what: `not ${id}` })] : []),
      stays: () => [tell('what.stays')],
    },
    ...more,
  });
const instance = (id: string) => {
  const found = runner.instances().find(({ step }) => step.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};
const viewOf = (id: string) => site.view.instances[`${id}@site`];

async function open(runbook: readonly Step[]): Promise<void> {
  ({ site, runner } = await openFake(folder, runbook, world));
  world.before = (command) => {
    if (command.kind === 'work' && command.job === 'fall') world.standing.delete(String(command.args.what).slice(4));
  };
  await runner.runAll(runner.instances(), options());
}

beforeEach(async () => {
  folder = await newSiteFolder();
  world = newWorld();
});
afterEach(async () => {
  await site?.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

it('takes back what was done, and the step is to do again', async () => {
  await open([undoable('a')]);
  expect(viewOf('a')).toMatchObject({ everDone: true, before: { stands: false } });
  expect(await runner.undo(instance('a'), options())).toMatchObject({ outcome: 'undone', performed: 1 });
  expect(world.standing.has('a')).toBe(false);
  expect(viewOf('a')).toMatchObject({ state: 'todo', everDone: false, doneAt: null, before: null });
  expect(await runner.run(instance('a'), options())).toMatchObject({ outcome: 'done', performed: 1 });
});

it('says what stays before, and performs nothing for that', async () => {
  await open([undoable('a'), standingStep('b', ['a'], world)]);
  const performed = [...world.performed];
  const shown = await runner.undoPlan(instance('a'), new AbortController().signal);
  expect(shown).toMatchObject({
    stays: [{ key: 'what.stays' }],
    standing: ['b@site'],
    plan: { commands: [{ job: 'fall' }] },
  });
  expect(world.performed).toEqual(performed);
});

it('gives the step its facts from before the first run, also after later ones', async () => {
  const seen: unknown[] = [];
  const step = undoable('a');
  await open([
    {
      ...step,
      undo: {
        plan: (facts, context, before) => {
          seen.push(before);
          return step.undo?.plan(facts, context, before) ?? [];
        },
        stays: () => [],
      },
    },
  ]);
  world.standing.delete('a');
  await runner.run(instance('a'), options());
  await runner.undo(instance('a'), options());
  expect(seen.every((before) => JSON.stringify(before) === '{"stands":false}')).toBe(true);
});

it.each([
  [true, 'undone', null],
  [undefined, 'failed', 'undo-impossible'],
] as const)('a step that stopped halfway goes back only when it says it can: %s', async (halfway, outcome, code) => {
  const step = undoable('a');
  const undo = { ...step.undo, ...(halfway ? { halfway } : {}) } as NonNullable<Step['undo']>;
  ({ site, runner } = await openFake(folder, [{ ...step, undo }], world));
  world.before = () => {
    throw problem('connection-lost', { machine: 'm', detail: '' });
  };
  expect(await runner.run(instance('a'), options())).toMatchObject({ outcome: 'failed' });
  world.standing.add('a');
  world.before = () => {
    world.standing.delete('a');
  };
  const ended = await runner.undo(instance('a'), options());
  expect([ended.outcome, ended.problem?.code ?? null]).toEqual([outcome, code]);
  expect(world.standing.has('a')).toBe(halfway === undefined);
});

it('a step is not taken back from under one that builds on it and stopped halfway', async () => {
  const above = undoable('b', ['a']);
  const undo = { ...above.undo, halfway: true } as NonNullable<Step['undo']>;
  ({ site, runner } = await openFake(folder, [undoable('a'), { ...above, undo }], world));
  await runner.run(instance('a'), options());
  world.before = () => {
    throw problem('connection-lost', { machine: 'm', detail: '' });
  };
  expect(await runner.run(instance('b'), options())).toMatchObject({ outcome: 'failed' });
  expect(await runner.undo(instance('a'), options())).toMatchObject({ problem: { code: 'undo-others-first' } });
  expect(world.standing.has('a')).toBe(true);
});

describe('changes nothing', () => {
  it.each([
    ['a step that cannot be undone', () => [standingStep('a', [], world)], 'undo-impossible'],
    [
      'a step that others build on',
      () => [undoable('a'), standingStep('b', ['a'], world), undoable('c', ['b'])],
      'undo-others-first',
    ],
  ] as const)('for %s', async (_what, steps, code) => {
    await open(steps());
    const standing = [...world.standing];
    expect(await runner.undo(instance('a'), options())).toMatchObject({ outcome: 'failed', problem: { code } });
    expect([...world.standing]).toEqual(standing);
    expect(viewOf('a')?.everDone).toBe(true);
  });

  it('without a yes', async () => {
    await open([undoable('a')]);
    const no = options({ asker: { ...yes, confirm: async () => false } });
    expect(await runner.undo(instance('a'), no)).toMatchObject({ outcome: 'cancelled', performed: 0 });
    expect(viewOf('a')).toMatchObject({ everDone: true });
  });
});
