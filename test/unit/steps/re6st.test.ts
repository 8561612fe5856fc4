/** Steps around the re6st network: a registry that is found from outside, and machines that come after the move. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createNodeToken } from '../../../src-main/steps/node/create-node-token.ts';
import { installRe6stRegistry } from '../../../src-main/steps/re6st/install-re6st-registry.ts';
import { joinRe6st } from '../../../src-main/steps/re6st/join-re6st.ts';
import { moveToRe6st } from '../../../src-main/steps/re6st/move-to-re6st.ts';
import { redirectUnit, registryRedirection } from '../../../src-main/steps/redirect.ts';
import { unitTexts } from '../../../src-main/steps/units.ts';
import { re6stTokenSays, re6stTokenScript } from '../../../src-main/target/client-scripts.ts';
import { canonicalJson } from '../../../src-shared/json.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { authority } from '../target/re6st-authority.ts';

const url = 'https://lab.example/raw/1.0.499/software/re6stnet/software.cfg';
const network = 'fdbb:eb3c:1b95::/48';
const machine = (name: string, roles: readonly string[], address: string) => ({
  ...{ name, roles, address, release: '12', interface: 'eth0' },
});
const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [
    machine('m', ['master'], '10.0.0.1'),
    machine('n1', ['node', 'registry'], '10.0.0.2'),
    machine('n2', ['node'], '10.0.0.3'),
  ],
  releases: [{ name: 're6stnet', url }],
  ranges: { lan: 'fd5a:77::/48', re6st: network },
});
const contextOf = (name: string) =>
  ({
    site,
    lock: emptyLock,
    subject: { kind: 'machine', name },
    input: {},
    needs: [],
    earlier: { answers: {} },
  }) as never;

describe('create-node-token', () => {
  const token = { held: false, spent: false };
  const at = (address: string) => ({ service: `https://[${address}]:2155`, panel: 'http://10.0.0.1/erp5/' });
  it.each([
    ['a master beside it', at('fd5a:77::3'), false, 'todo'],
    ['a master inside the network, and the machine not', at('fdbb:eb3c:1b95:1::3'), false, 'blocked'],
    ['both inside the network', at('fdbb:eb3c:1b95:1::3'), true, 'todo'],
  ])('%s', (_, places, joined, state) => {
    const verdict = createNodeToken.verdict({ computer: null, token, places, joined }, contextOf('n2'));
    expect(verdict.state).toBe(state);
    if (state === 'blocked')
      expect(verdict.findings).toMatchObject([
        { code: 'step-before-missing', params: { before: 'join-re6st@machine:n2' } },
      ]);
  });
});

describe('install-re6st-registry', () => {
  const parameters = { 'ipv6-prefix': network, 'prefix-length': 16, encrypt: true };
  const facts = {
    service: {
      ...{ computer: 'COMP-1', client: true, error: '', supplied: true, installed: true, failing: [] },
      ...{ release: url, moved: true },
      instance: {
        ...{ partition: 'slappart0', title: 're6st-registry', root: null, type: null, release: url },
        requestedState: 'started',
        parametersSha256: createHash('sha256').update(canonicalJson(parameters)).digest('hex'),
        published: ['re6stry-url'],
      },
    },
    registry: { address: 'fdbb:eb3c:1b95::2', network, fingerprint: 'ab' },
    package: 'install ok installed 1.0',
    apt: { key: null, source: null, config: null },
  };
  const none = { program: null, service: null, timer: null, active: false, rules: [] };
  const leading = (to: string) => ({
    ...unitTexts(redirectUnit(registryRedirection({ interface: 'eth0' }))),
    active: true,
    rules: [`ip6 tcp 9026 [${to}]:9026`, `ip6 tcp 9026 [${to}]:9026`],
  });
  it.each([
    ['found nowhere but at its partition', none, 'todo'],
    ['led to where it was', leading('fd5a:77:0:1::2'), 'todo'],
    ['led to where it is', leading('fdbb:eb3c:1b95::2'), 'done'],
  ])('%s', (_, redirect, state) => {
    expect(installRe6stRegistry.verdict({ ...facts, redirect } as never, contextOf('n1')).state).toBe(state);
  });

  it('leads to it in a guard of its own, and asks for the service no second time', () => {
    const plan = installRe6stRegistry.plan({ ...facts, redirect: none } as never, contextOf('n1'));
    expect(plan.map(({ kind }) => kind)).toEqual(['until', 'guard']);
  });
});

describe('move-to-re6st, the way back', () => {
  const config = (url: string) => `[slapos]\nmaster_url = ${url}\n[slapformat]\ninterface_name = lo\n`;
  const kept = (url: string) => [
    { path: '/kept/etc/opt/slapos/slapos.cfg', text: config(url), mode: 0o644, owner: 'root:root' },
  ];
  const moved = (name: string, before: string, changes: readonly { was: string; now: string }[]) => ({
    ...{ name, subnet: 'fdbb:eb3c:1b95:1::/64', config: config('-'), partitions: [], processed: true },
    ...{ formatsAtBoot: true, kept: kept(before), changes },
  });
  const master = moved('m', 'http://127.0.0.1:5000', [
    { was: '10.0.0.9', now: '10.0.0.10' },
    { was: 'fd5a:77::9', now: 'fdbb:eb3c:1b95:1::9' },
  ]);
  const undo = (...nodes: readonly ReturnType<typeof moved>[]) =>
    moveToRe6st.undo?.plan({ machines: [...nodes, master] } as never, contextOf('m'), []) ?? [];

  it('changes first what a machine keeps that came when the master had moved', () => {
    const plan = undo(
      moved('n1', 'https://[fd5a:77::9]:2155', []),
      moved('n2', 'https://[fdbb:eb3c:1b95:1::9]:2155', []),
    );
    expect(plan[0]).toMatchObject({
      ...{ kind: 'write', on: { machine: 'n2' }, path: '/kept/etc/opt/slapos/slapos.cfg' },
      ...{ before: config('https://[fdbb:eb3c:1b95:1::9]:2155'), text: config('https://[fd5a:77::9]:2155') },
    });
    expect(plan.filter(({ kind }) => kind === 'write')).toHaveLength(1);
    // Only then the first machine is touched: the master.
    expect(plan[1]).toMatchObject({ kind: 'run', on: { machine: 'm' } });
  });

  it('is not planned around a machine whose kept files could not be read', async () => {
    const answersWith = (kept: { exit: number; out: string }) => ({
      probe: async () => ({ complete: { exit: 0, out: '' }, kept }),
    });
    const read = (kept: { exit: number; out: string }) =>
      moveToRe6st.read(answersWith(kept) as never, contextOf('m')).catch(({ code }: { code: string }) => code);
    expect(await read({ exit: 1, out: 'Traceback' })).toBe('facts-unreadable');
    expect(await read({ exit: 0, out: JSON.stringify(kept('-')) })).toMatchObject({
      machines: [{ kept: kept('-') }, {}, {}],
    });
  });

  it('leaves what a machine keeps of itself as it was', () => {
    const own = moved('n1', 'https://[fd5a:77::9]:2155', [{ was: 'fd5a:77::7', now: 'fd5a:77::9' }]);
    expect(undo(own).map(({ kind }) => kind)).not.toContain('write');
  });
});

describe('join-re6st', () => {
  const registry = { address: 'fdbb:eb3c:1b95::2', network, fingerprint: 'ab', at: 'fd5a:77:0:1::11' };
  const outside = {
    ...{ registry, answer: 200, inside: 0, first: true, subnet: null, network: null, config: null },
    ...{ running: false, enabled: false, addressed: false, ip: '10.0.0.3', token: { held: true, spent: false } },
    ...{ asks: null, missed: false },
  };
  const inside = {
    ...outside,
    subnet: 'fdbb:eb3c:1b95:2::/64',
    network,
    running: true,
    enabled: true,
    addressed: true,
  };
  const config = `ca ca.crt\ncert cert.crt\nkey cert.key\nregistry http://[${registry.at}]:9026\nip 10.0.0.3\ninterface eth0\n`;

  const without = { ...outside, token: { held: false, spent: false } };
  const asks = { release: url, computer: 'COMP-1' };

  it('has the client ask for the token alone, in a round of its own, and keeps what it says out of everything', () => {
    const [command, ...others] = joinRe6st.plan({ ...without, asks }, contextOf('n2'));
    expect(others).toEqual([]);
    expect(command).toMatchObject({
      ...{ kind: 'run', on: { machine: 'n1' }, as: 'root', keeps: { secret: 're6st-token:n2' } },
      argv: ['sh', '-c', re6stTokenScript, 'sh', '480', url, 'COMP-1', 're6st-n2'],
    });
    expect(new RegExp(re6stTokenSays, 'm').exec('noise\nre6st token: 3abc\n')?.[1]).toBe('3abc');
  });

  it('has the first ask for all, since a token takes its time', () => {
    const [command] = joinRe6st.plan({ ...without, asks }, contextOf('n1'));
    expect(JSON.stringify(command)).toContain('"re6st-n1","re6st-m","re6st-n2"');
  });

  it.each([
    ['a first one', { missed: false }, 'token'],
    ['one after the client got none', { missed: true }, 'instead'],
    ['one after it was spent', { token: { held: false, spent: true } }, 'again'],
  ])('asks a person where the client cannot: %s', (_, more, key) => {
    const [command] = joinRe6st.plan({ ...without, ...more }, contextOf('n2'));
    expect(command).toMatchObject({ kind: 'ask', question: { key: `steps.join-re6st.asks.${key}` } });
  });

  it('asks the registry where it is found from outside, for the network that it is inside of', () => {
    expect(joinRe6st.verdict(outside, contextOf('n2')).state).toBe('todo');
    expect(JSON.stringify(joinRe6st.plan(outside, contextOf('n2')))).toContain(`http://[${registry.at}]:9026`);
    expect(joinRe6st.verdict({ ...outside, answer: 0 }, contextOf('n2'))).toMatchObject({
      state: 'blocked',
      findings: [{ code: 're6st-registry-unreachable', params: { url: `http://[${registry.at}]:9026` } }],
    });
  });

  it.each([
    ['no address', {}, 'fd5a:77:0:1:5054:ff:fe12:3456'],
    ['one of them among its addresses', { addresses: ['FD5A:77:0:1:0::11/64'] }, 'fd5a:77:0:1::11'],
    ['one of them as the way to it', { address: 'fd5a:77:0:1::11' }, 'fd5a:77:0:1::11'],
    ['one that it has not', { addresses: ['fd5a:77:0:1::99/64'] }, 'fd5a:77:0:1:5054:ff:fe12:3456'],
  ])('finds the registry at an address of its machine that lasts; the plan names %s', async (_, known, at) => {
    const [m, n1, n2] = site.machines;
    const context = { ...(contextOf('n2') as object), site: { ...site, machines: [m, { ...n1, ...known }, n2] } };
    const there = {
      registry: { exit: 0, out: `${registry.address}\nHTTP/1.0 200 OK\r\n\r\n${authority}`, err: '' },
      own: { exit: 0, out: 'fd5a:77:0:1:5054:ff:fe12:3456\nfd5a:77:0:1::11\n', err: '' },
      'rules ip6': { exit: 0, out: ` ip6 daddr fd5a::1 tcp dport 9026 dnat to [${registry.address}]:9026\n`, err: '' },
    };
    const world = {
      probe: async (name: string) => (name === 'n1' ? there : {}),
      sight: async (sight: string) => (sight === 'secret' ? { held: false, spent: false } : false),
      secret: () => null,
    };
    const facts = await joinRe6st.read(world as never, context as never);
    expect(facts).toMatchObject({ registry: { at } });
  });

  it('is in once the registry answers inside the network', () => {
    expect(joinRe6st.verdict({ ...inside, config, inside: 200 }, contextOf('n2')).state).toBe('done');
    expect(joinRe6st.verdict({ ...inside, config }, contextOf('n2')).state).toBe('todo');
    expect(joinRe6st.verdict({ ...inside, config: 'ca ca.crt\n', inside: 200 }, contextOf('n2')).state).toBe('todo');
  });
});
