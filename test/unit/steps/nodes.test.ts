/** How a node gets its token, and what is done with one that leaves: facts, with the verdict and plan expected of each. */
import { describe, expect, it } from 'vitest';
import type { World } from '../../../src-main/runbook/define.ts';
import { instancesOf } from '../../../src-main/runbook/instances.ts';
import { clientOf } from '../../../src-main/steps/client.ts';
import { tokenReason } from '../../../src-main/steps/computer.ts';
import { runbook } from '../../../src-main/steps/index.ts';
import { createNodeToken } from '../../../src-main/steps/node/create-node-token.ts';
import { takeOutNode } from '../../../src-main/steps/node/take-out-node.ts';
import { tokenSays } from '../../../src-main/target/computer.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { planFaults, sitePlan } from '../../../src-shared/site.ts';
import type { Command } from '../../../src-shared/step.ts';

const machine = (name: string, address: string, more: object = {}) => ({
  name,
  roles: ['node'],
  address,
  release: '12',
  interface: 'eth0',
  ...more,
});
const planWith = (...nodes: object[]) =>
  sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [machine('m', 'fd00::1', { roles: ['master'] }), ...nodes],
  });
const site = planWith(
  machine('n1', 'fd00::2', { client: 'tech' }),
  machine('n2', 'fd00::3'),
  machine('n3', 'fd00::4', { leaving: true }),
);
const context = (name: string, more: object = {}) =>
  ({
    site,
    lock: emptyLock,
    subject: { kind: 'machine', name },
    input: { byHand: false },
    needs: [],
    earlier: { answers: {}, skipped: [], everDone: false, formerly: null },
    record: () => undefined,
    ...more,
  }) as never;
const kinds = (commands: readonly Command[]): string[] =>
  commands.map((command) => (command.kind === 'ask' ? command.question.key : command.kind));

describe('why a token is asked for', () => {
  const fresh = { held: false, spent: false };
  const consumer = (code: string | null, formerly: string | null = null) =>
    ({ problem: code === null ? null : { code }, formerly }) as never;
  it.each([
    ['nothing is known', fresh, undefined, false, 'first'],
    ['the master refused the last one', { held: false, spent: true }, consumer('token-refused'), true, 'refused'],
    ['another has the name', { held: false, spent: true }, consumer('node-name-taken'), true, 'taken'],
    ['it was installed anew', { held: false, spent: true }, consumer(null, 'COMP-4'), false, 'taken'],
    ['it was typed before and lost', fresh, consumer(null, 'COMP-4'), true, 'again'],
    ['it is spent', { held: false, spent: true }, undefined, false, 'again'],
  ] as const)('%s', (_what, token, record, given, reason) => {
    expect(tokenReason(token, record, given)).toBe(reason);
  });
});

describe('create-node-token', () => {
  const facts = (more: object = {}) =>
    ({
      computer: null,
      token: { held: false, spent: false },
      places: { service: 'https://[fd00::9]:2155', panel: 'http://10.0.0.1/panel' },
      byClient: true,
      missed: false,
      ...more,
    }) as never;
  const plan = (name: string, of: object = {}, more: object = {}) =>
    createNodeToken.plan(facts(of), context(name, more));

  it('has the client ask for it, and keeps what it says out of everything', () => {
    const [command, ...others] = plan('n2');
    expect(others).toEqual([]);
    expect(command).toMatchObject({
      on: { machine: 'n1' },
      as: 'tech',
      argv: ['slapos', 'computer', 'token'],
      keeps: { secret: 'create-node-token:n2' },
    });
    expect(new RegExp(tokenSays, 'm').exec('noise\nComputer token: 20261123-AB12\n')?.[1]).toBe('20261123-AB12');
  });

  it.each([
    ['the client cannot', 'n2', { byClient: false }, {}],
    ['a person says so', 'n2', {}, { input: { byHand: true } }],
    ['the client is this very machine', 'n1', {}, {}],
  ])('is a gate where %s', (_what, name, of, more) => {
    expect(kinds(plan(name, of, more))).toEqual(['steps.create-node-token.asks.token']);
  });

  it('is a gate that says why once the client got none', () => {
    expect(kinds(plan('n2', { byClient: false, missed: true }))).toEqual(['steps.create-node-token.asks.instead']);
  });

  it('asks first whether the former one’s certificate is revoked', () => {
    const record = () => ({ problem: null, formerly: 'COMP-4' });
    const earlier = { answers: {}, skipped: [], everDone: false, formerly: 'COMP-4' };
    const [gate, token] = plan('n2', {}, { record, earlier });
    expect(gate).toMatchObject({ question: { id: 'revoked:n2', params: { computer: 'COMP-4' } } });
    expect(token).toMatchObject({ argv: ['slapos', 'computer', 'token'] });
    expect(kinds(plan('n2', { byClient: false }, { record, earlier }))).toEqual(['steps.create-node-token.asks.taken']);
  });

  it('does not fail with a client that cannot be reached', async () => {
    const world = {
      probe: async (name: string) => {
        if (name === 'n1') throw new Error('away');
        return {};
      },
      sight: async (name: string) => (name === 'secret' ? { held: false, spent: false } : false),
    } as unknown as World;
    expect(await createNodeToken.read(world, context('n2'))).toMatchObject({ byClient: false, computer: null });
  });
});

describe('a node that leaves', () => {
  const instance = (title: string, root = title, more: object = {}) => ({
    partition: 'slappart0',
    title,
    root,
    type: 'RootSoftwareInstance',
    release: 'https://example.org/software.cfg',
    requestedState: 'started',
    ...more,
  });
  const facts = (more: object = {}) =>
    ({
      computer: 'COMP-3',
      formerly: null,
      error: '',
      instances: [instance('shop'), instance('shop-db', 'shop')],
      software: ['https://example.org/software.cfg'],
      client: true,
      re6st: false,
      panel: 'http://10.0.0.1/panel',
      ...more,
    }) as never;
  const verdict = (of: object, more: object = {}) => takeOutNode.verdict(facts(of), context('n3', more));
  const plan = (of: object = {}) => takeOutNode.plan(facts(of), context('n3'));

  it('has the steps that reach and empty it, and no other; it is nobody’s client', () => {
    const own = instancesOf(runbook, site).filter(({ subject }) => subject.kind === 'machine' && subject.name === 'n3');
    expect(own.map(({ step }) => step.id)).toEqual(['connect', 'take-out-node']);
    expect(instancesOf(runbook, site).filter(({ step }) => step.id === 'take-out-node')).toHaveLength(1);
    const leaver = planWith(machine('n1', 'fd00::2', { client: 'tech', leaving: true }), machine('n2', 'fd00::3'));
    expect(clientOf(leaver)?.machine.name).toBe('n2');
    expect(clientOf(planWith(machine('n1', 'fd00::2', { leaving: true })))?.machine.name).toBe('n1');
  });

  it.each([
    [
      'stands for more than a node',
      machine('n1', 'fd00::2', { roles: ['node', 'registry'], leaving: true }),
      'leaving',
    ],
    ['is the way to another', machine('n1', 'fd00::2', { leaving: true }), 'leaving'],
  ])('cannot leave while it %s', (_what, leaver, field) => {
    const plan = sitePlan.parse({
      format: 1,
      name: 'somewhere',
      machines: [machine('m', 'fd00::1', { roles: ['master'] }), leaver, machine('n2', 'fd00::3', { jump: 'n1' })],
      ranges: { re6st: 'fd00:6::/48' },
    });
    expect(planFaults(plan).map(({ path }) => path)).toContainEqual(['machines', 1, field]);
  });

  it('is emptied by who may ask, then on the node, then stopped, and ends at the gate', () => {
    const commands = plan();
    const words = commands.map((command) =>
      command.kind === 'run'
        ? `${typeof command.on === 'string' ? '' : command.on.machine} ${command.as ?? 'root'}`
        : command.kind,
    );
    expect(words).toEqual(['n1 tech', 'n3 root', 'n1 tech', 'n3 root', 'n3 root', 'ask']);
    const asked = commands.flatMap((command) => (command.kind === 'run' ? [command.argv.join(' ')] : []));
    // The root of the tree alone: what hangs on it goes with it.
    expect(asked[0]).toContain('slapos request shop https://example.org/software.cfg --state destroyed');
    expect(asked.filter((line) => line.includes('--state destroyed'))).toHaveLength(1);
    expect(asked[2]).toBe('slapos remove https://example.org/software.cfg COMP-3');
  });

  it('asks for nothing twice that is on its way, and for nothing where nothing is', () => {
    const going = plan({ instances: [instance('shop', 'shop', { requestedState: 'destroyed' })], software: [] });
    expect(kinds(going)).toEqual(['run', 'run', 'steps.take-out-node.asks.revoked']);
    expect(kinds(plan({ instances: [], software: [] }))).toEqual(['run', 'steps.take-out-node.asks.revoked']);
    expect(kinds(plan({ instances: [], software: [], re6st: true }))).toHaveLength(3);
  });

  it.each([
    ['is asked', {}, {}, 'todo', []],
    [
      'holds a part of what stands elsewhere',
      { instances: [instance('db', 'other')] },
      {},
      'blocked',
      ['node-holds-parts'],
    ],
    ['gets no answer', { error: 'HTTP 503' }, {}, 'blocked', ['node-cannot-ask']],
    ['has nobody who may ask', { client: false }, {}, 'blocked', ['client-not-configured']],
    ['needs nobody to ask', { client: false, instances: [], software: [] }, {}, 'todo', []],
    ['was stopped, and nobody answered the gate', { computer: null, formerly: 'COMP-3' }, {}, 'todo', []],
    [
      'is out',
      { computer: null, formerly: 'COMP-3' },
      { earlier: { answers: { 'taken-out:n3': 'yes' }, skipped: [], everDone: false, formerly: null } },
      'done',
      [],
    ],
    ['never was in', { computer: null }, {}, 'done', []],
  ])('that %s', (_what, of, more, state, codes) => {
    const found = verdict(of, more);
    expect([found.state, found.findings.map(({ code }) => code)]).toEqual([state, codes]);
    if (state === 'done') expect(takeOutNode.plan(facts({ ...of, formerly: null }), context('n3'))).toEqual([]);
  });
});
