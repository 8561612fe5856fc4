import { describe, expect, it } from 'vitest';
import { noLive, reduceLive, settleLive } from '../../../src-renderer/state/live.ts';
import { addressOf, type Route, routeOf } from '../../../src-renderer/state/route.ts';
import { canPass, draftOf, missingFields, stepState } from '../../../src-renderer/state/step-state.ts';
import type { InstanceView } from '../../../src-shared/journal.ts';
import type { FieldInfo, Plan } from '../../../src-shared/step.ts';

const instance = 'install@machine:a';
const progress = (done: number, index = 0, total: number | null = 10) => ({
  kind: 'progress' as const,
  instance,
  index,
  done,
  total,
  unit: 'files' as const,
  speed: null,
  leftMs: null,
  what: null,
});

describe('reduceLive', () => {
  it('keeps a speed a second, and begins anew with the next command', () => {
    let views: ReturnType<typeof reduceLive> = {};
    for (let ms = 0; ms < 200_000; ms += 250) views = reduceLive(views, { ...progress(7), speed: ms }, ms);
    const speeds = views[instance]?.speeds ?? [];
    expect(speeds).toHaveLength(120);
    expect(speeds.at(-1)).toEqual({ atMs: 199_000, speed: 199_000 });
    expect(reduceLive({}, { ...progress(7), speed: null }, 0)[instance]?.speeds).toEqual([]);
    const stamp = { seq: 1, at: '', mono: 0 };
    const ended = settleLive(views, { ...stamp, kind: 'command-started', instance, hash: 'h', index: 1 });
    expect(ended[instance]?.speeds).toEqual([]);
  });

  it('never lets progress of a command go backwards, and starts anew with the next', () => {
    let views = reduceLive({}, progress(7), 0);
    views = reduceLive(views, progress(3), 1);
    expect(views[instance]?.progress?.done).toBe(7);
    expect(reduceLive(views, progress(0, 1), 2)[instance]?.progress?.done).toBe(0);
    expect(reduceLive(views, progress(3, 0, 20), 2)[instance]?.progress?.done).toBe(3);
  });

  it('forgets everything when a run is over', () => {
    expect(reduceLive(reduceLive({}, progress(1), 0), { kind: 'run-over', run: 'r', problem: null }, 1)).toEqual({});
  });
});

describe('settleLive', () => {
  it('ends with the command what the command said', () => {
    const views = reduceLive({}, progress(7), 0);
    const stamp = { seq: 1, at: '', mono: 0 };
    const ended = settleLive(views, { ...stamp, kind: 'command-started', instance, hash: 'h', index: 1 });
    expect(ended[instance]).toEqual(noLive);
  });
});

describe('routes', () => {
  it.each<Route>([
    { page: 'start' },
    { page: 'site', site: 'plant-lille' },
    { page: 'new' },
    { page: 'plan', site: 'a/b#c' },
    { page: 'support', site: 'plant' },
    { page: 'step', site: 'plant', instance: 'set-addresses@machine:master-1' },
  ])('%j survives the address', (route) => {
    expect(routeOf(addressOf(route))).toEqual(route);
  });

  it.each(['', '#', '#/site/', '#/site/%zz', '#/elsewhere', '#/site/a/b/c/d'])('%s leads to the start', (address) => {
    expect(routeOf(address)).toEqual({ page: 'start' });
  });
});

const plan: Plan = {
  instance,
  round: 1,
  hash: 'h1',
  commands: [{ kind: 'reboot', on: { machine: 'a' }, limitMs: 1000 }],
};
const view = (change: Partial<InstanceView>): InstanceView => ({
  key: instance,
  step: 'install',
  subject: { kind: 'machine', name: 'a' },
  chapter: 'machine',
  state: 'todo',
  verdict: { state: 'todo', findings: [] },
  found: [],
  facts: null,
  readAt: null,
  plan: null,
  commands: [],
  problem: null,
  everDone: false,
  doneAt: null,
  before: null,
  input: {},
  answers: {},
  waitingFor: null,
  skipped: [],
  formerly: null,
  ...change,
});
const ready = { state: 'ready' as const, plan, shell: '', inputKey: '{}' };

describe('stepState', () => {
  it('offers to perform only a plan that is shown', () => {
    expect(stepState(view({}), noLive, undefined, []).act.kind).toBe('read');
    expect(stepState(view({}), noLive, { state: 'reading' }, []).act.kind).toBe('reading');
    expect(stepState(view({}), noLive, ready, []).act).toEqual({ kind: 'perform', plan });
  });

  it('puts a plan that waits for a yes before everything else', () => {
    const confirm = { kind: 'confirm' as const, run: 'r', instance, plan: { ...plan, hash: 'h2' } };
    const state = stepState(view({ state: 'doing' }), { ...noLive, confirm }, ready, []);
    expect(state.act).toEqual({ kind: 'confirm', plan: confirm.plan, run: 'r' });
    expect(state.commandsAre).toBe('planned');
  });

  it('shows what is being done with its own states, and offers nothing', () => {
    const commands = [{ ...(plan.commands.map((command) => ({ command }))[0] as object), state: 'running' }];
    const state = stepState(view({ state: 'doing', commands: commands as never }), noLive, ready, []);
    expect([state.act.kind, state.commandsAre, state.commands[0]?.state]).toEqual(['doing', 'performing', 'running']);
  });

  it('offers the very act again after a failure that may pass, else only reading', () => {
    const problem = (retryable: boolean) => ({
      code: 'internal',
      params: {},
      severity: 'strict',
      retryable,
      evidence: '',
    });
    const failed = (retryable: boolean) => view({ state: 'failed', problem: problem(retryable) as never });
    expect(stepState(failed(true), noLive, undefined, []).act.kind).toBe('retry');
    expect(stepState(failed(false), noLive, undefined, []).act.kind).toBe('read');
  });
});

describe('canPass', () => {
  const strict = { code: 'target-ipv6-disabled' as const, params: {} };
  const light = { code: 'target-name-lookup-slow' as const, params: {} };
  const note = { code: 'ranges-overlap' as const, params: {} };
  it.each([
    [[], [], false],
    [[light], [], false],
    [[light], [light.code], true],
    [[light, note], [light.code], true],
    [[light, strict], [light.code, strict.code], false],
  ])('%j with %j chosen: %s', (findings, skip, expected) => {
    expect(canPass(findings, skip)).toBe(expected);
  });
});

const field = (name: string, kind: FieldInfo['kind'], required: boolean): FieldInfo => ({
  name,
  kind,
  required,
  choices: [],
  initial: null,
  once: false,
});

it('keeps no secret in a draft, nor what holds for one run', () => {
  const fields = [
    field('user', 'text', true),
    field('word', 'secret', true),
    { ...field('now', 'boolean', false), once: true },
  ];
  expect(draftOf(fields, { user: 'ada', word: 'hush', now: true })).toEqual({ user: 'ada' });
});

it('counts required fields as missing while they are empty, and zero and no as given', () => {
  const fields = [
    field('a', 'text', true),
    field('b', 'number', true),
    field('c', 'boolean', true),
    field('d', 'text', false),
  ];
  expect(missingFields(fields, {})).toEqual(['a', 'b', 'c']);
  expect(missingFields(fields, { a: '', b: 0, c: false })).toEqual(['a']);
});
