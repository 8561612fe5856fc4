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
import { ownServicesProgram } from '../../../src-main/target/own-services.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { problem } from '../../../src-shared/problem.ts';
import { planFaults, sitePlan } from '../../../src-shared/site.ts';
import type { Command, Probe } from '../../../src-shared/step.ts';

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
const withRegistry = sitePlan.parse({
  ...site,
  machines: [...site.machines, machine('n4', 'fd00::5', { roles: ['node', 'registry'] })],
});
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

  const worldWhere = (thrown: Error) =>
    ({
      probe: async (name: string) => {
        if (name === 'n1') throw thrown;
        return {};
      },
      sight: async (name: string) => (name === 'secret' ? { held: false, spent: false } : false),
    }) as unknown as World;

  it('does not fail with a client that cannot be reached', async () => {
    for (const away of [
      problem('host-unreachable', { machine: 'n1', address: 'a', detail: 'ETIMEDOUT' }),
      problem('login-refused', { machine: 'n1', user: 'u' }),
      problem('command-timed-out', { machine: 'n1', command: 'c', limit: 60 }),
      problem('question-unanswered', { question: 'password:n1' }),
    ])
      expect(await createNodeToken.read(worldWhere(away), context('n2'))).toMatchObject({ byClient: false });
  });

  it('stops where another machine answers in the client’s place, and at a cancel', async () => {
    for (const stop of [
      problem('host-key-changed', { machine: 'n1', expected: 'e', found: 'f', since: '' }),
      problem('cancelled', { what: 'n1' }),
      new TypeError('a fault of ours'),
    ])
      await expect(createNodeToken.read(worldWhere(stop), context('n2'))).rejects.toBe(stop);
  });
});

describe('a node that leaves', () => {
  const instance = (title: string, root = title, more: object = {}) => ({
    partition: 'slappart0',
    title,
    root,
    type: 'RootSoftwareInstance',
    release: 'https://example.org/software.cfg',
    behind: false,
    built: null,
    requestedState: 'started',
    ...more,
  });
  /** What the master tells the client. */
  const own = (title: string | null, more: object = {}) => ({
    partition: 'slappart0',
    title,
    root: title,
    type: 'RootSoftwareInstance',
    release: 'https://example.org/software.cfg',
    trees: 1,
    ...more,
  });
  const ownedOf = (...partitions: object[]) => ({ trouble: null, partitions, elsewhere: [] as string[] });
  const facts = (more: object = {}) =>
    ({
      computer: 'COMP-3',
      formerly: null,
      error: '',
      instances: [instance('shop'), instance('shop-db', 'shop', { partition: 'slappart1' })],
      software: ['https://example.org/software.cfg'],
      client: true,
      owned: ownedOf(own('shop')),
      re6st: false,
      panel: 'http://10.0.0.1/panel',
      ...more,
    }) as never;
  const verdict = (of: object, more: object = {}) => takeOutNode.verdict(facts(of), context('n3', more));
  const plan = (of: object = {}, more: object = {}) => takeOutNode.plan(facts(of), context('n3', more));
  const revoked = { earlier: { answers: { 'taken-out:n3': 'yes' }, skipped: [], everDone: false, formerly: null } };

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
    const last = plan({ instances: [], software: [], re6st: true });
    expect(kinds(last)).toHaveLength(3);
    // While re6st may be the way to the master, nothing is left to ask it for: it goes last, and a run cut off before goes on there.
    expect(last[1]).toMatchObject({ argv: ['systemctl', 'disable', '--now', 're6stnet.service'] });
    const off = { computer: null, formerly: 'COMP-3', re6st: true };
    expect(plan(off)).toEqual(last.slice(1));
    expect(plan(off, revoked)).toEqual([last[1]]);
    expect(plan({ computer: null, re6st: true })).toEqual([last[1]]);
  });

  const other = (known: object) => ({
    record: (step: string, { name }: { name?: string } = {}) =>
      name === 'n2' && step === 'register-node' ? { facts: known } : undefined,
  });
  const shop = (title: string, more: object = {}) => ({
    instances: [instance(title)],
    software: [],
    owned: ownedOf(own(title, more)),
  });
  const unsearched = (...elsewhere: string[]) => ({
    ...shop('shop'),
    owned: { ...ownedOf(own('shop', { trees: null })), elsewhere },
  });
  it.each<[string, object, object?]>([
    ['the master tells the client nothing of', { ...shop('shop'), owned: ownedOf(own(null)) }],
    ['the client was told nothing of', { ...shop('shop'), owned: ownedOf() }],
    ['is another one there, as the client was told', { ...shop('shop'), owned: ownedOf(own('blog')) }],
    ['is a part there, as the client was told', shop('shop', { root: 'site' })],
    ['shares its name with another that the client sees', shop('shop', { trees: 2 })],
    ['is no service that the client finds', shop('shop', { trees: 0 })],
    ['shares its name with one on another node', unsearched('shop')],
    [
      'is there twice',
      { ...shop('shop'), instances: [instance('shop'), instance('shop', 'shop', { partition: 'p1' })] },
    ],
    ['has the name of the master', shop('slapos-master')],
    ['has the name of the registry', shop('re6st-registry')],
    ['has a name like an option', shop('--help')],
    ['has a name that ends the search', shop('a" OR title:="b')],
    ['has no release', shop('shop', { release: null })],
    ['has a release like an option', shop('shop', { release: '--help' })],
    ['hangs on a node that calls itself another', shop('shop'), other({ computer: 'COMP-3' })],
    [
      'hangs on a node that is configured as another',
      shop('shop'),
      other({ config: '[slapos]\ncomputer_id = COMP-3\n' }),
    ],
    ['has software with a name like an option', { ...shop('shop'), software: ['--help'] }],
  ])('is not emptied of what %s', (_what, of, more: object = {}) => {
    const found = verdict(of, { site: withRegistry, ...more });
    expect([found.state, found.findings.map(({ code }) => code)]).toEqual(['blocked', ['node-holds-foreign']]);
  });

  it('makes no request for what is doubtful, whoever asked for the plan', () => {
    const asked = plan({ ...shop('shop'), owned: ownedOf(own(null)) }).flatMap((command) =>
      command.kind === 'run' ? [command.argv.join(' ')] : [],
    );
    expect(asked.filter((line) => line.includes('slapos request'))).toEqual([]);
  });

  it('asks with what the master told, not with what the node says, and looks once more before it does', () => {
    const lied = { ...shop('shop', { release: 'https://example.org/true.cfg', type: 'kvm' }) };
    const [destroy] = plan(lied);
    if (destroy?.kind !== 'run') throw new Error('no command');
    expect(destroy.argv.slice(4)).toEqual([
      ownServicesProgram,
      ...['COMP-3', 'slappart0', 'searched', 'slapos', 'request', 'shop', 'https://example.org/true.cfg'],
      ...['--state', 'destroyed', '--type', 'kvm', '--node', 'computer_guid=COMP-3'],
    ]);
    // 2 is not taken for granted: the script looks at what was said.
    expect(destroy.expect).toBe(undefined);
    expect(verdict(unsearched('blog')).state).toBe('todo');
    const [without] = plan(unsearched('blog'));
    expect(without).toMatchObject({ argv: expect.arrayContaining(['unsearched']) });
  });

  it('asks the other nodes where the master’s pages have no search, and is not content without their answer', async () => {
    const node = { ...instance('blog'), parametersSha256: '', published: [], addresses: [], failing: [] };
    const state = (partitions: object[], error = '') =>
      JSON.stringify({ error, status: 200, software: [], partitions });
    const worldOf = (n2: string, trees: number | null) =>
      ({
        probe: async (name: string, probes: readonly Probe[]) =>
          Object.fromEntries(
            probes.map(({ id }) => {
              const out: Record<string, string> = {
                config: `[slapos]\ncomputer_id = COMP-${name.slice(1)}\n`,
                state:
                  name === 'n3' ? state([{ ...node, title: 'shop', root: 'shop' }]) : name === 'n2' ? n2 : state([]),
                own: JSON.stringify({ error: '', partitions: [own('shop', { trees })] }),
              };
              const known = id === 'files' || (id in out && !(id === 'config' && name === 'm'));
              return [id, { exit: known ? 0 : 1, out: out[id] ?? '' }];
            }),
          ),
      }) as unknown as World;
    const read = async (n2: string, trees: number | null) => {
      const found = await takeOutNode.read(worldOf(n2, trees), context('n3'));
      takeOutNode.facts.parse(found);
      return found;
    };
    expect(await read(state([node]), null)).toMatchObject({ owned: { trouble: null, elsewhere: ['blog'] } });
    const silent = await read(state([], 'HTTP 503'), null);
    expect(silent).toMatchObject({ owned: { trouble: { machine: 'n2', detail: 'HTTP 503' } } });
    expect(takeOutNode.verdict(silent, context('n3')).findings).toMatchObject([
      { code: 'node-cannot-ask', params: { machine: 'n2' } },
    ]);
    // With a search nobody else is asked.
    expect(await read(state([], 'HTTP 503'), 1)).toMatchObject({ owned: { trouble: null, elsewhere: [] } });
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
    ['gets no answer', { error: 'HTTP 503' }, {}, 'blocked', ['leaving-cannot-ask']],
    ['has nobody who may ask', { client: false }, {}, 'blocked', ['client-not-configured']],
    [
      'is doubted by the client',
      { owned: { ...ownedOf(), trouble: { machine: 'n1', detail: 'HTTP 503' } } },
      {},
      'blocked',
      ['node-cannot-ask'],
    ],
    ['needs nobody to ask', { client: false, instances: [], software: [] }, {}, 'todo', []],
    ['was stopped, and nobody answered the gate', { computer: null, formerly: 'COMP-3' }, {}, 'todo', []],
    [
      'is out',
      { computer: null, formerly: 'COMP-3' },
      { earlier: { answers: { 'taken-out:n3': 'yes' }, skipped: [], everDone: false, formerly: null } },
      'done',
      [],
    ],
    ['still has re6st', { computer: null, formerly: 'COMP-3', re6st: true }, revoked, 'todo', []],
    ['was never registered and has re6st', { computer: null, re6st: true }, {}, 'todo', []],
    ['never was in', { computer: null }, {}, 'done', []],
  ])('that %s', (_what, of, more, state, codes) => {
    const found = verdict(of, more);
    expect([found.state, found.findings.map(({ code }) => code)]).toEqual([state, codes]);
    if (state === 'done') expect(takeOutNode.plan(facts({ ...of, formerly: null }), context('n3'))).toEqual([]);
  });
});
