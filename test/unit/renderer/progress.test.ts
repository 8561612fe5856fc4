import { describe, expect, it } from 'vitest';
import { chaptersOf, machinesOf, missingBefore, nextOf, stateOf } from '../../../src-renderer/state/progress.ts';
import { fold, type JournalEvent, type NewEvent } from '../../../src-shared/journal.ts';
import { type StepInfo, type Subject, theSite, type Verdict } from '../../../src-shared/step.ts';

const info = (id: string, chapter: StepInfo['chapter'], after: StepInfo['after'] = []): StepInfo => ({
  id,
  chapter,
  phase: 'site',
  risk: 'changes',
  per: 'machine',
  after,
  holds: [],
  reveals: false,
  undo: 'never',
  input: [],
});
const machine = (name: string): Subject => ({ kind: 'machine', name });
const steps = [
  info('plan', 'prepare'),
  info('connect', 'machine', [{ step: 'plan', on: 'all' }]),
  info('install', 'machine', [{ step: 'connect', on: 'same' }]),
];
const list = [
  { step: 'plan', subject: theSite },
  { step: 'connect', subject: machine('a') },
  { step: 'connect', subject: machine('b') },
  { step: 'install', subject: machine('a') },
  { step: 'install', subject: machine('b') },
];

const viewOf = (...events: NewEvent[]) =>
  fold(
    [{ kind: 'instances', list } as NewEvent, ...events].map(
      (event, index) => ({ ...event, seq: index + 1, at: '2026-11-22T08:00:00.000Z', mono: index }) as JournalEvent,
    ),
  );
const read = (instance: string, verdict: Verdict): NewEvent => ({
  kind: 'facts',
  instance,
  facts: {},
  found: [],
  verdict,
});
const done = (instance: string): NewEvent => read(instance, { state: 'done', findings: [] });

describe('nextOf', () => {
  it('is the first step with nothing missing before it, on any machine', () => {
    expect(nextOf(viewOf(), steps)?.key).toBe('plan@site');
    expect(nextOf(viewOf(done('plan@site'), done('connect@machine:a')), steps)?.key).toBe('connect@machine:b');
  });

  it('is nothing when all is done', () => {
    const all = viewOf(
      ...list.map(({ step, subject }) =>
        done(subject.kind === 'site' ? `${step}@site` : `${step}@machine:${subject.name}`),
      ),
    );
    expect(nextOf(all, steps)).toBeNull();
  });
});

describe('missingBefore', () => {
  it('looks at the same machine where the step before has it, else at all of them', () => {
    const view = viewOf(done('connect@machine:a'));
    expect(missingBefore(view, steps, 'install@machine:a')).toEqual([]);
    expect(missingBefore(view, steps, 'install@machine:b').map((item) => item.key)).toEqual(['connect@machine:b']);
    expect(missingBefore(view, steps, 'connect@machine:b').map((item) => item.key)).toEqual(['plan@site']);
  });
});

describe('chaptersOf', () => {
  it('leaves out chapters the site does not have, and counts what is done', () => {
    const chapters = chaptersOf(viewOf(done('plan@site'), done('connect@machine:a')), steps);
    expect(chapters.map(({ chapter, done: count, state }) => [chapter, count, state])).toEqual([
      ['prepare', 1, 'done'],
      ['machine', 1, 'todo'],
    ]);
  });
});

describe('stateOf', () => {
  it('names what a person should hear of first', () => {
    const view = viewOf(
      done('plan@site'),
      read('connect@machine:a', { state: 'blocked', findings: [{ code: 'target-unreachable', params: {} }] } as never),
      { kind: 'run-started', instance: 'connect@machine:b', input: {} },
      { kind: 'run-ended', instance: 'connect@machine:b', outcome: 'failed', problem: null },
    );
    expect(stateOf(Object.values(view.instances))).toBe('failed');
    expect(stateOf([])).toBe('unread');
  });
});

describe('machinesOf', () => {
  it('gathers the steps of each machine, in the order of the runbook', () => {
    expect(machinesOf(viewOf()).map(({ name, instances }) => [name, instances.map((item) => item.step)])).toEqual([
      ['a', ['connect', 'install']],
      ['b', ['connect', 'install']],
    ]);
  });
});
