/** A service on a node when the plan names another release than the one it lives with. */
import { describe, expect, it } from 'vitest';
import { urlKey } from '../../../src-main/software/entry.ts';
import { readService, type Service, servicePlan, serviceVerdict } from '../../../src-main/steps/client.ts';
import { releaseFolder } from '../../../src-main/steps/slapos.ts';
import { compareWithMedium } from '../../../src-main/steps/update/compare-with-medium.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { tell } from '../../../src-shared/step.ts';

const url = (tag: string): string => `https://example.org/raw/${tag}/software/rapid-cdn/software.cfg`;
const [old, wanted] = [url('1.0.400'), url('1.0.500')] as const;
const site = sitePlan.parse({
  format: 1,
  name: 'somewhere',
  machines: [
    { name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' },
    { name: 'n', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0' },
  ],
});
const service: Service = {
  ...{ step: 'install-frontend', name: 'front', url: wanted, serialisation: 'xml', parameters: '{}' },
  ...{ parametersSha256: 'a'.repeat(64), published: [] },
};
const told = tell('steps.install-frontend.waits.green');

/** The node with one instance, built from and asked for with these; which releases are installed. */
const world = (built: string | null, release: string, installed: readonly string[], behind = false) => {
  const partition = (more: object) => ({
    ...{
      partition: 'slappart0',
      title: null,
      root: 'front',
      type: 'default',
      release,
      built,
      behind,
      requestedState: 'started',
    },
    ...{ parametersSha256: 'a'.repeat(64), published: ['domain'], addresses: [], failing: [], ...more },
  });
  const state = {
    ...{ error: '', status: 200, software: [old, wanted].map((one) => ({ url: one, state: 'available' })) },
    partitions: [partition({ title: 'front' }), partition({ partition: 'slappart1' })],
  };
  return {
    probe: async (_machine: string, probes: readonly { id: string; path?: string }[]) =>
      Object.fromEntries(
        probes.map(({ id, path }) => {
          const stands = installed.some((one) => path === `${releaseFolder(urlKey(one))}/.completed`);
          if (id === 'completed') return [id, { exit: stands ? 0 : 1, out: '', err: '' }];
          const out =
            id === 'state' ? JSON.stringify(state) : id === 'config' ? '[slapos]\ncomputer_id = COMP-1\n' : '';
          return [id, { exit: 0, out, err: '' }];
        }),
      ),
  } as never;
};
/** What a run that asked for it left in the journal of its wait; nothing when nobody asked. */
const earlier = (...states: readonly string[]) =>
  ({ commands: states.map((state) => ({ command: { kind: 'until' }, state })) }) as never;
const look = async (at: never, now: boolean, before = earlier()) => {
  const facts = await readService(at, { site, input: { now }, earlier: before }, 'n', service);
  const notes = { supply: told, request: told, installed: told, green: told };
  return {
    verdict: serviceVerdict(facts, service, 'n', site, told),
    plan: servicePlan(facts, service, 'n', site, notes),
  };
};

describe('a service that lives with another release', () => {
  it('stays as it is, and says so', async () => {
    const { verdict } = await look(world(old, old, [old]), false);
    expect(verdict).toMatchObject({
      state: 'done',
      findings: [{ code: 'machine-behind-medium', params: { first: wanted, step: 'install-frontend' } }],
    });
  });

  it('gets what else changed with the release it has', async () => {
    const facts = await readService(
      world(old, old, [old]),
      { site, input: { now: false }, earlier: earlier() },
      'n',
      service,
    );
    const other = { ...service, parametersSha256: 'b'.repeat(64) };
    expect(serviceVerdict(facts, other, 'n', site, told).state).toBe('todo');
    const notes = { supply: told, request: told, installed: told, green: told };
    const text = JSON.stringify(servicePlan(facts, other, 'n', site, notes));
    expect([text.includes(old), text.includes(wanted)]).toEqual([true, false]);
  });

  it('is asked for with the plan’s release where nothing of the other one stands: the node was installed anew', async () => {
    const facts = await readService(
      world(null, old, []),
      { site, input: { now: false }, earlier: earlier() },
      'n',
      service,
    );
    expect(facts).toMatchObject({ release: wanted, installed: false, moved: false });
    const text = JSON.stringify((await look(world(null, old, []), false)).plan);
    expect([text.includes(old), text.includes(wanted)]).toEqual([false, true]);
    // Part of it there, it is kept.
    for (const at of [world(old, old, []), world(null, old, [old])])
      expect((await readService(at, { site, input: { now: false }, earlier: earlier() }, 'n', service)).release).toBe(
        old,
      );
  });

  it('is moved when that is asked for', async () => {
    const { verdict, plan } = await look(world(old, old, [old]), true);
    expect(verdict.state).toBe('todo');
    const text = JSON.stringify(plan);
    expect([text.includes(old), text.includes(wanted)]).toEqual([false, true]);
  });

  it('has moved once every partition is built from the new one, not before', async () => {
    expect((await look(world(old, wanted, [old, wanted]), false)).verdict.state).toBe('waiting');
    const there = await look(world(wanted, wanted, [old, wanted]), false);
    expect(there.verdict).toEqual({ state: 'done', findings: [] });
  });
});

it('a service asked for with other parameters, and not waited for, is not done before slapgrid has been there', async () => {
  const state = async (behind: boolean, before: never) =>
    (await look(world(wanted, wanted, [wanted], behind), false, before)).verdict.state;
  for (const cut of ['pending', 'running', 'unknown', 'failed', 'cancelled'])
    expect([await state(true, earlier(cut)), await state(false, earlier(cut))], cut).toEqual(['waiting', 'done']);
  // A pass of every day, or one that a restarted process asked for.
  expect(await state(true, earlier('performed'))).toBe('done');
});

it('the comparison names the step that brings each release', () => {
  const releases = ['slapos-master', 're6stnet', 'rapid-cdn'].map((name) => ({ name, url: url(name) }));
  const context = { site, subject: { kind: 'machine', name: 'n' } } as never;
  const { findings } = compareWithMedium.verdict({ packages: [], releases }, context);
  expect(findings.map(({ params }) => params.step)).toEqual([
    'update-software',
    'install-re6st-registry',
    'install-frontend',
  ]);
});
