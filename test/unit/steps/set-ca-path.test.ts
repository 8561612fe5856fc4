/** When the master's form is filled in, waited for, or left to a person. */
import { expect, it } from 'vitest';
import { setCaPath } from '../../../src-main/steps/master/set-ca-path.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const machines = [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }];
const site = sitePlan.parse({ format: 1, name: 'lab', machines });
const { caFolder } = site.master;
const context = (answers: Readonly<Record<string, string>> = {}, commands: readonly object[] = []) =>
  ({ site, lock: emptyLock, subject: { kind: 'machine', name: 'm' }, earlier: { answers, commands } }) as never;
const address = '10.0.0.1';

it.each([
  ['nobody answers yet, as after a boot', { status: 0, path: null, address }, 'waiting', ['until']],
  ['the master is in trouble, as on a full disk', { status: 500, path: null, address }, 'waiting', ['until']],
  ['the form does not let us in', { status: 401, path: null, address }, 'todo', ['ask']],
  ['the form names another folder', { status: 200, path: '/elsewhere', address }, 'todo', ['run']],
  ['the form names ours', { status: 200, path: caFolder, address }, 'done', []],
  ['no address to reach it at', { status: 0, path: null, address: '' }, 'blocked', null],
] as const)('%s', (_, facts, state, kinds) => {
  expect(setCaPath.verdict(facts, context()).state).toBe(state);
  if (kinds !== null) expect(setCaPath.plan(facts, context()).map(({ kind }) => kind)).toEqual(kinds);
});

it('waits once for an answer; when none came a person is asked, and stays asked', () => {
  const facts = { status: 0, path: null, address };
  const after = (problem: string | null) => context({}, [{ command: { kind: 'until' }, problem }]);
  // What was cut off, cancelled, or ended by a full disk is waited for again once that was mended.
  for (const problem of [null, 'cancelled', 'target-disk-full', 'host-unreachable']) {
    expect(setCaPath.verdict(facts, after(problem)).state, `${problem}`).toBe('waiting');
    expect(setCaPath.plan(facts, after(problem)).map(({ kind }) => kind)).toEqual(['until']);
  }
  expect(setCaPath.verdict(facts, after('wait-too-long')).state).toBe('todo');
  const plan = setCaPath.plan(facts, after('wait-too-long'));
  expect(plan).toMatchObject([{ kind: 'ask', question: { id: 'set-ca-path:m', kind: 'confirm' } }]);
  // The plan that was shown has taken the wait's place in the record.
  const shown = context(
    {},
    plan.map((command) => ({ command, problem: null })),
  );
  expect(setCaPath.verdict(facts, shown).state).toBe('todo');
  expect(setCaPath.plan(facts, shown)).toEqual(plan);
});

it('is done where a person said so and nobody can look', () => {
  const said = context({ 'set-ca-path:m': 'yes' });
  for (const status of [0, 401]) {
    expect(setCaPath.verdict({ status, path: null, address }, said).state).toBe('done');
    expect(setCaPath.plan({ status, path: null, address }, said)).toEqual([]);
  }
});
