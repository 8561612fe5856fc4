import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { type Clock, systemClock } from '../../../src-main/platform/clock.ts';
import { type AnyContext, machines, machinesAmong, type Step } from '../../../src-main/runbook/define.ts';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { Runner } from '../../../src-main/runbook/runner.ts';
import { type Problem, problem } from '../../../src-shared/problem.ts';
import type { SitePlan } from '../../../src-shared/site.ts';
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

async function open(runbook: readonly Step[], more: Parameters<typeof openFake>[3] = {}): Promise<void> {
  ({ site, runner } = await openFake(folder, runbook, world, more));
}
/** A step of two commands: the first of them long, on a machine. */
const longStep = (more: Partial<Step> = {}): Step =>
  standingStep('a', [], world, {
    plan: () => [
      { kind: 'run', on: { machine: 'm1' }, argv: ['make', 'it'], long: true, limitMs: 1000 },
      { kind: 'work', job: 'stand', args: { what: 'a' } },
    ],
    ...more,
  });
const impatient: Clock = { ...systemClock, sleep: async () => undefined };
const cut = () => problem('connection-lost', { machine: 'm1', detail: 'cut' });
const eventsOf = async () => (await readJournal(join(folder, 'journal.jsonl'))).events;
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

it('a no to a question is no failure: the command is cancelled and the step is what it was', async () => {
  world.before = () => {
    throw problem('not-confirmed', { step: 'a@site' });
  };
  await open([standingStep('a', [], world)]);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({
    outcome: 'cancelled',
    problem: { code: 'not-confirmed' },
  });
  expect(site.view.instances['a@site']).toMatchObject({ state: 'todo', commands: [{ state: 'cancelled' }] });
});

it.each(['code', 'evidence', 'done', 'true', 'null', 'strict', 'command-failed', '":"x', 'a@site', 'm1","'])(
  'keeps a record that can be read when the password is %s',
  async (password) => {
    await open([standingStep('a', [], world)]);
    site.secrets.set('password:m1', password);
    world.before = () => {
      throw problem(
        'command-failed',
        { command: 'x', exit: 1, machine: 'm1', detail: `it said <${password}>` },
        { evidence: `and again <${password}>` },
      );
    };
    await runner.run(instance('a@site'), options());
    const end = (await eventsOf()).at(-1);
    expect(end).toMatchObject({
      kind: 'run-ended',
      problem: { code: 'command-failed', params: { detail: 'it said <[secret]>' }, evidence: 'and again <[secret]>' },
    });
  },
);

it('keeps secrets out of what was found, the verdict and the progress', async () => {
  const secret = 'canary-in-the-banner';
  const live: string[] = [];
  const telling = standingStep('a', [], world, {
    found: () => [{ key: 'k', params: { what: secret } }],
    verdict: () => ({
      state: 'blocked',
      findings: [{ code: 'target-apt-broken', params: { machine: 'm1', detail: secret } }],
    }),
  });
  await open([telling]);
  site.secrets.set('password:m1', secret);
  site.listen((event) => live.push(JSON.stringify(event)));
  await runner.run(instance('a@site'), options());
  expect(JSON.stringify(await eventsOf())).not.toContain(secret);
  expect(live.join()).not.toContain(secret);
});

it('never records the secret fields of an input', async () => {
  const input = z.strictObject({
    token: z.string().default('').meta({ widget: 'secret' }),
    name: z.string().default(''),
  });
  await open([standingStep('a', [], world, { input })]);
  await runner.run(instance('a@site'), options({ inputs: { 'a@site': { token: 'canary-token', name: 'n' } } }));
  expect(site.view.instances['a@site']?.input).toEqual({ name: 'n' });
  expect(site.secrets.redact('canary-token')).toBe('[secret]');
});

it('does not repeat by itself what was wished for one run alone', async () => {
  const input = z.strictObject({ now: z.boolean().default(false).meta({ once: true }), kept: z.string().default('') });
  const seen: unknown[] = [];
  const step = standingStep('a', [], world, { input });
  await open([
    {
      ...step,
      read: (given, context) => {
        seen.push(context.input);
        return step.read(given, context);
      },
    },
  ]);
  await runner.run(instance('a@site'), options({ inputs: { 'a@site': { now: true, kept: 'k' } } }));
  expect(seen[0]).toEqual({ now: true, kept: 'k' });
  expect(site.view.instances['a@site']?.input).toEqual({ kept: 'k' });
  await runner.run(instance('a@site'), options());
  expect(seen.at(-1)).toEqual({ now: false, kept: 'k' });
});

it('falls back to the defaults when an older program recorded an input that no longer fits', async () => {
  await open([standingStep('a', [], world, { input: z.strictObject({ old: z.string() }) })]);
  await runner.run(instance('a@site'), options({ inputs: { 'a@site': { old: 'x' } } }));
  await site.close();
  await open([standingStep('a', [], world)]);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  await expect(runner.run(instance('a@site'), options({ inputs: { 'a@site': { no: 1 } } }))).rejects.toMatchObject({
    code: 'usage-wrong',
  });
});

it('a cancel reaches a short command that ends well by itself, and the secret it was given stays good', async () => {
  const controller = new AbortController();
  world.before = (_command, { signal }) => {
    controller.abort();
    signal.throwIfAborted();
  };
  const asking = standingStep('a', [], world, {
    plan: () => [
      { kind: 'run', on: { machine: 'm1' }, argv: ['join'], limitMs: 1000, endsWell: true, spends: 'token:m1' },
    ],
  });
  await open([asking]);
  site.secrets.set('token:m1', 'once');
  expect(await runner.run(instance('a@site'), options({ signal: controller.signal }))).toMatchObject({
    outcome: 'cancelled',
    problem: { code: 'cancelled' },
  });
  expect(site.view.instances['a@site']).toMatchObject({ state: 'todo', commands: [{ state: 'cancelled' }] });
  expect(site.view.spent).toEqual([]);
  expect(site.secrets.get('token:m1')).toBe('once');
});

it('a cancel lets a short command end, and says that a long one goes on', async () => {
  const controller = new AbortController();
  const seen: boolean[] = [];
  world.before = (_command, { signal }) => {
    controller.abort();
    seen.push(signal.aborted);
  };
  const short = standingStep('a', [], world, {
    plan: () => [{ kind: 'run', on: { machine: 'm1' }, argv: ['short'], limitMs: 1000 }],
  });
  await open([short]);
  expect(await runner.run(instance('a@site'), options({ signal: controller.signal }))).toMatchObject({
    outcome: 'cancelled',
  });
  expect(seen).toEqual([false]);
  expect(site.view.instances['a@site']?.commands[0]?.state).toBe('performed');
  await site.close();

  const again = new AbortController();
  world.before = (_command, { signal }) => {
    again.abort();
    signal.throwIfAborted();
  };
  await open([longStep()]);
  await runner.run(instance('a@site'), options({ signal: again.signal }));
  expect(site.view.instances['a@site']).toMatchObject({
    state: 'interrupted',
    commands: [{ state: 'unknown' }, { state: 'pending' }],
  });
  const settled: number[] = [];
  world.before = () => undefined;
  runner = new Runner(site, [longStep()], {
    ...fakeHands(world),
    settle: async (_command, { index }) => {
      settled.push(index);
      world.standing.add('a');
      return { exit: 0, output: '' };
    },
  });
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done', performed: 0 });
  expect(settled).toEqual([0]);
});

it('a command that ran on without us and ended badly is told as failed', async () => {
  let lost = false;
  world.before = (command) => {
    if (command.kind !== 'run' || lost) return;
    lost = true;
    throw cut();
  };
  await open([longStep()], { hands: { settle: async () => ({ exit: 100, output: 'no room' }) } });
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  const outcomes = (await eventsOf()).flatMap((event) =>
    event.kind === 'command-ended' ? [[event.index, event.outcome, event.exit]] : [],
  );
  expect(outcomes).toEqual([
    [0, 'unknown', null],
    [0, 'failed', 100],
    [0, 'performed', null],
    [1, 'performed', null],
  ]);
});

it('the rest of a confirmed plan needs no new yes after a cut; anything else does', async () => {
  let confirmed = 0;
  const confirm = async () => {
    confirmed += 1;
    return true;
  };
  const things = ['x', 'y', 'a'];
  const walking = standingStep('a', [], world, {
    plan: () =>
      things
        .filter((what) => !world.standing.has(what))
        .map((what) => ({ kind: 'work' as const, job: 'stand', args: { what } })),
  });
  let cuts = 1;
  world.before = (command) => {
    if (command.kind === 'work' && command.args.what === 'y' && cuts-- > 0) throw cut();
  };
  await open([walking]);
  expect(await runner.run(instance('a@site'), options({ asker: { ...yes, confirm } }))).toMatchObject({
    outcome: 'done',
    performed: 3,
  });
  expect(confirmed).toBe(1);
  expect(world.performed.length).toBe(3);
  await site.close();

  world.standing.clear();
  cuts = 1;
  confirmed = 0;
  world.before = (command) => {
    if (command.kind !== 'work' || command.args.what !== 'y' || cuts-- <= 0) return;
    things.splice(0, things.length, 'y', 'another', 'a');
    throw cut();
  };
  await open([walking]);
  await runner.run(instance('a@site'), options({ asker: { ...yes, confirm } }));
  expect(confirmed).toBe(2);
});

it('reads on after a connection was lost in the middle, and does not wait for a machine that was never there', async () => {
  const away: Problem[] = [];
  let reads = 0;
  const read = standingStep('a', [], world, {
    read: async () => {
      reads += 1;
      const met = away.shift();
      if (met !== undefined) throw met;
      return { stands: true };
    },
  });
  await open([read], { clock: impatient });
  const unreachable = problem('host-unreachable', { machine: 'm1', address: '10.0.0.1', detail: 'no route' });
  away.push(cut(), unreachable, unreachable);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  expect(reads).toBe(4);
  away.push(unreachable);
  expect(await runner.run(instance('a@site'), options())).toMatchObject({
    outcome: 'stopped',
    problem: { code: 'host-unreachable' },
  });
  expect(reads).toBe(5);
});

it('waits a while for a machine whose cable was pulled', async () => {
  let away = 0;
  world.before = () => {
    if (away > 0) return;
    away = 5;
    throw cut();
  };
  const reached = standingStep('a', [], world, {
    read: async () => {
      if (away > 1) {
        away -= 1;
        throw problem('host-unreachable', { machine: 'm1', address: '10.0.0.1', detail: 'no route' });
      }
      return { stands: world.standing.has('a') };
    },
  });
  await open([reached], { clock: impatient });
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
});

it('opens what a step holds before it follows a command that was cut off', async () => {
  const order: string[] = [];
  let openNow = true;
  const lender = standingStep('lend', [], world, { per: { kind: 'machine', roles: ['master'] }, lends: 'content' });
  const holder = longStep({ per: { kind: 'machine', roles: ['master'] }, holds: ['content'] });
  world.before = (command) => {
    if (command.kind !== 'run' || order.length > 0) return;
    openNow = false;
    order.push('cut');
    throw cut();
  };
  await open([lender, holder], {
    hands: {
      leaseOpen: () => openNow,
      openLease: async () => {
        openNow = true;
        order.push('opened');
      },
      settle: async () => {
        order.push('followed');
        return { exit: 0, output: '' };
      },
    },
  });
  await runner.runAll(runner.instances(), options());
  expect(order).toEqual(['cut', 'opened', 'followed']);
});

it('a cancel while done steps are read again ends cancelled, not as a fault', async () => {
  const controller = new AbortController();
  await open([standingStep('a', [], world), standingStep('b', [], world)]);
  await runner.runAll(runner.instances(), options({ consent: 'phase' }));
  controller.abort();
  expect(
    await runner.runAll(runner.instances(), options({ consent: 'phase', signal: controller.signal })),
  ).toMatchObject([{ outcome: 'cancelled', problem: { code: 'cancelled' } }]);
});

it('an instance found undone by a later check is undone, though it once was done', async () => {
  await open([standingStep('a', [], world), standingStep('b', ['a'], world)]);
  await runner.run(instance('a@site'), options());
  world.standing.clear();
  await runner.check(instance('a@site'), undefined, new AbortController().signal);
  expect(site.view.instances['a@site']).toMatchObject({ state: 'todo', everDone: true });
  expect(await runner.run(instance('b@site'), options())).toMatchObject({ problem: { code: 'step-before-missing' } });
});

it('a failed step that stands after all is done once it is read again', async () => {
  world.before = () => {
    throw problem('command-failed', { command: 'x', exit: 1, machine: 'm1', detail: '' });
  };
  await open([standingStep('a', [], world)]);
  await runner.run(instance('a@site'), options());
  expect(site.view.instances['a@site']?.state).toBe('failed');
  expect(site.view.instances['a@site']?.commands).toMatchObject([{ state: 'failed', problem: 'command-failed' }]);
  world.standing.add('a');
  await runner.check(instance('a@site'), undefined, new AbortController().signal);
  expect(site.view.instances['a@site']).toMatchObject({ state: 'done', problem: null });
});

/** Two nodes beside the master, and steps that stand on a machine each. */
async function withNodes(): Promise<(id: string, more: Partial<Step>) => Step> {
  const node = (name: string, address: string) =>
    `  - { name: ${name}, roles: [node], address: ${address}, release: "12", interface: eth0 }\n`;
  await appendFile(join(folder, 'site.yaml'), node('n1', '10.0.0.2') + node('n2', '10.0.0.3'));
  return (id, more) => {
    const what = ({ subject }: AnyContext) => `${id} ${subject.kind === 'machine' ? subject.name : ''}`;
    return standingStep(id, [], world, {
      phase: 'site',
      read: async (_world, context) => ({ stands: world.standing.has(what(context)) }),
      plan: (_facts, context) => [{ kind: 'work', job: 'stand', args: { what: what(context) } }],
      ...more,
    });
  };
}

it('keeps the order of machines that a step has of its own, also when nodes go side by side', async () => {
  const step = await withNodes();
  const order = ['n2', 'm1', 'n1'];
  const inOrder = (plan: SitePlan) => plan.machines.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  await open([
    step('first', { per: machines('master', 'node') }),
    step('joins', { after: [{ step: 'first', on: 'same' }], per: machinesAmong(inOrder, 'master', 'node') }),
    step('last', { after: [{ step: 'joins', on: 'same' }], per: machines('node') }),
  ]);
  const ended = await runner.runAll(runner.instances(), options({ consent: 'phase' }));
  expect(ended.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  const joined = world.performed.filter((line) => line.startsWith('joins'));
  expect(joined).toEqual(order.map((name) => `joins@machine:${name} 0`));
});

it('lets go first what a step waits for, whatever becomes of it', async () => {
  const step = await withNodes();
  world.before = (_command, { instance: key }) => {
    if (key === 'node@machine:n2')
      throw problem('command-failed', { command: 'x', exit: 1, machine: 'n2', detail: '' });
  };
  await open([
    step('node', { per: machines('node') }),
    step('site', {}),
    step('service', { per: machines('node'), waitsFor: ['site'] }),
    step('record', { waitsFor: 'everything' }),
  ]);
  await runner.runAll(runner.instances(), options({ consent: 'phase' }));
  const performed = world.performed.map((line) => line.replace(' 0', ''));
  expect(performed.toSorted()).toEqual(['node@machine:n1', 'record@site', 'service@machine:n1', 'site@site']);
  expect(performed.indexOf('service@machine:n1')).toBeGreaterThan(performed.indexOf('site@site'));
  expect(performed.at(-1)).toBe('record@site');
  // Nothing of theirs is needed: done alone, it is done.
  expect(await runner.run(instance('record@site'), options())).toMatchObject({ outcome: 'done' });
});

it('keeps a secret that a command says in memory alone, and shows and records nothing of its output', async () => {
  const said = 'Computer token: canary9token9of9the9master';
  const keeps = { secret: 'token', pattern: 'token: (\\S+)' };
  const shown: string[] = [];
  const asks = standingStep('a', [], world, {
    plan: () => [
      { kind: 'run', on: { machine: 'm1' }, argv: ['ask'], limitMs: 1000, keeps },
      { kind: 'work', job: 'stand', args: { what: 'a' } },
    ],
  });
  await open([asks], {
    hands: {
      perform: async (command, context) => {
        if (command.kind === 'work') world.standing.add('a');
        else context.onLine(said);
        return { exit: 0, output: command.kind === 'run' ? `${said}\n` : '' };
      },
    },
  });
  site.listen(({ event }) => shown.push(JSON.stringify(event)));
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  expect(site.secrets.get('token')).toBe('canary9token9of9the9master');
  expect(shown.join()).not.toContain('canary9');
  expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).not.toContain('canary9');
  expect((await eventsOf()).filter(({ kind }) => kind === 'command-ended')).toMatchObject([{ output: null }, {}]);
});

it('knows that a command did not bring its secret, and records nothing of what it said: the secret may stand there in other words', async () => {
  const keeps = { secret: 'token', pattern: 'token: (\\S+)' };
  const asks = standingStep('a', [], world, {
    plan: () => [
      { kind: 'run', on: { machine: 'm1' }, argv: ['ask'], limitMs: 1000, expect: [0, 1], keeps },
      { kind: 'work', job: 'stand', args: { what: 'a' } },
    ],
  });
  await open([asks], {
    hands: {
      perform: async (command) => {
        if (command.kind === 'work') world.standing.add('a');
        return { exit: 1, output: command.kind === 'run' ? 'Your token is canary9token\n' : '' };
      },
    },
  });
  expect(await runner.run(instance('a@site'), options())).toMatchObject({ outcome: 'done' });
  expect([site.secrets.get('token'), site.secrets.missed('token')]).toEqual([undefined, true]);
  const [ended] = (await eventsOf()).filter(({ kind }) => kind === 'command-ended');
  expect(ended).toMatchObject({ exit: 1, output: null });
  site.secrets.set('token', 'canary');
  expect(site.secrets.missed('token')).toBe(false);
});
