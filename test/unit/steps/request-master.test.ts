/** What the facts of the master's instance mean, above all where slapproxy knows more than the machine has. */
import { describe, expect, it } from 'vitest';
import { requestMaster } from '../../../src-main/steps/master/request-master.ts';
import { masterParameters } from '../../../src-main/steps/master-parameters.ts';
import { slapproxyProgram } from '../../../src-main/target/slapproxy.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const url = 'https://lab.example/software.cfg';
const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
  releases: [{ name: 'slapos-master', url }],
});
const context = {
  ...{ site, lock: emptyLock, subject: { kind: 'machine', name: 'm' }, input: {}, needs: [] },
  earlier: { skipped: [], commands: [] },
} as never;
const instance = {
  release: url,
  requestedState: 'started',
  parameters: masterParameters(site.master),
  families: ['family-1', 'family-service-v6'],
  address: '10.0.1.2:2200',
  children: 1,
  moved: true,
};
const stands = {
  known: true,
  proxy: true,
  instance,
  failing: [],
  missing: [],
  behind: [],
  answers: true,
  used: [],
  program: slapproxyProgram,
  file: null,
};

describe('request-master', () => {
  it.each([
    ['all of it stands', {}, 'done'],
    ['a promise is not kept', { failing: ['slappart1 one'] }, 'waiting'],
    ['put back: slapproxy knows it, no partition stands', { missing: ['slappart0', 'slappart1'] }, 'waiting'],
    ['its partitions stand, its web server does not answer', { answers: false }, 'waiting'],
    ['no families', { instance: { ...instance, families: [] } }, 'waiting'],
    ['nothing asked for', { instance: null }, 'todo'],
    [
      'a living one of another release is left to update-software',
      { instance: { ...instance, release: 'other' } },
      'done',
    ],
    ['parameters were lost', { instance: { ...instance, parameters: {} } }, 'todo'],
    ['our program is older', { program: '#' }, 'todo'],
    ['no database', { known: false }, 'blocked'],
  ])('%s', (_, facts, state) => {
    expect(requestMaster.verdict({ ...stands, ...facts } as never, context).state).toBe(state);
  });

  it('is not done over a promise that was waited for in vain, unless a person goes past it', () => {
    const failed = [{ command: { kind: 'until' }, problem: 'wait-too-long' }];
    const at = (earlier: object) => ({ ...(context as object), earlier: { ...earlier } }) as never;
    const red = { ...stands, failing: ['slappart1 one'] } as never;
    const stopped = at({ skipped: [], commands: failed });
    expect(requestMaster.verdict(red, stopped)).toMatchObject({
      state: 'blocked',
      findings: [{ code: 'promises-failing', params: { first: 'slappart1 one' } }],
    });
    expect(requestMaster.plan(red, stopped)).toEqual([]);
    expect(requestMaster.verdict(red, at({ skipped: ['promises-failing'], commands: failed }))).toMatchObject({
      state: 'done',
      findings: [{ code: 'promises-failing' }],
    });
    const first = at({ skipped: [], commands: [] });
    expect(requestMaster.plan(red, first).map(({ kind }) => kind)).toEqual(['until']);
    // What does not stand is waited for again, whatever became of the last wait.
    const silent = { ...stands, failing: ['slappart1 one'], answers: false } as never;
    expect(requestMaster.verdict(silent, stopped).state).toBe('waiting');
    expect(requestMaster.plan(silent, stopped).map(({ kind }) => kind)).toEqual(['until']);
  });

  it('is not done on what stood before it was asked for anew, when the wait for that was cut off', () => {
    const at = (...states: readonly string[]) => {
      const commands = states.map((state) => ({ command: { kind: 'until' }, state }));
      return { ...(context as object), earlier: { skipped: [], commands, everDone: true } } as never;
    };
    const changed = { ...stands, behind: ['slappart0'] } as never;
    for (const state of ['pending', 'running', 'unknown', 'failed', 'cancelled']) {
      expect(requestMaster.verdict(changed, at(state)).state, state).toBe('waiting');
      expect(requestMaster.plan(changed, at(state)).map(({ kind }) => kind)).toEqual(['until']);
      expect(requestMaster.verdict(stands as never, at(state)).state, state).toBe('done');
    }
    // Slapgrid also works at what nobody changed: every day, and where a process had to be started anew.
    expect(requestMaster.verdict(changed, at('performed')).state).toBe('done');
  });

  it('waits again after a wait that a person cancelled', () => {
    const earlier = { skipped: [], commands: [{ command: { kind: 'until' }, state: 'cancelled' }], everDone: false };
    const at = { ...(context as object), earlier } as never;
    const red = { ...stands, failing: ['slappart1 one'] } as never;
    expect(requestMaster.verdict(red, at).state).toBe('waiting');
    expect(requestMaster.plan(red, at).map(({ kind }) => kind)).toEqual(['until']);
  });

  it('waits ten minutes for a promise of a master that once stood; after that it is told, and can be passed', () => {
    const at = (skipped: readonly string[], problem?: string) => {
      const commands = problem === undefined ? [] : [{ command: { kind: 'until' }, problem }];
      return { ...(context as object), earlier: { skipped, commands, everDone: true } } as never;
    };
    const red = { ...stands, failing: ['slappart1 one'] } as never;
    expect(requestMaster.verdict(red, at([])).state).toBe('waiting');
    expect(requestMaster.plan(red, at([]))).toMatchObject([{ kind: 'until', limitMs: 600_000 }]);
    expect(requestMaster.verdict(red, at([], 'wait-too-long'))).toMatchObject({
      state: 'blocked',
      findings: [{ code: 'promises-failing' }],
    });
    expect(requestMaster.plan(red, at([], 'wait-too-long'))).toEqual([]);
    expect(requestMaster.verdict(red, at(['promises-failing'])).state).toBe('done');
    // One that does not stand, after a boot or where it was put back, is waited for all the same.
    const silent = { ...stands, failing: ['slappart1 one'], answers: false } as never;
    expect(requestMaster.verdict(silent, at([])).state).toBe('waiting');
    expect(requestMaster.plan(silent, at([]))).toMatchObject([{ kind: 'until', limitMs: 7_200_000 }]);
  });

  it('starts slapproxy before it asks, where it is silent after a boot', () => {
    const kinds = (facts: object) => requestMaster.plan({ ...stands, instance: null, ...facts } as never, context);
    const said = (facts: object) => JSON.stringify(kinds(facts));
    expect(said({ proxy: false }).indexOf('"start","slapproxy"')).toBeLessThan(
      said({ proxy: false }).indexOf('"request"'),
    );
    expect(said({ proxy: false })).toContain('"start","slapproxy"');
    expect(said({})).not.toContain('"start","slapproxy"');
  });

  it('only waits for what was put back, and asks for nothing again', () => {
    const plan = requestMaster.plan({ ...stands, missing: ['slappart0'] } as never, context);
    expect(plan.map(({ kind }) => kind)).toEqual(['until']);
  });
});
