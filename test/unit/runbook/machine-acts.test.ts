/** A machine taken out of the plan, or installed anew under its name: what plan and journal hold afterwards. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Step } from '../../../src-main/runbook/define.ts';
import { leavingMachines, machines } from '../../../src-main/runbook/define.ts';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import { knownComputer, outlookOf, removeMachine, renewMachine } from '../../../src-main/runbook/machine-acts.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import type { Runner } from '../../../src-main/runbook/runner.ts';
import { fold } from '../../../src-shared/journal.ts';
import { type FakeWorld, newSiteFolder, newWorld, openFake, options, standingStep } from '../../fakes/engine.ts';

const planText = `# the north hall
format: 1
name: fake
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }
  - name: n1 # by the door
    roles: [node]
    address: 10.0.0.2
    release: "12"
    interface: eth0
    hostKey: SHA256:${'A'.repeat(43)}
    baseline: surveys/n1.json
  - { name: n2, roles: [node], address: 10.0.0.3, release: "12", interface: eth0 }
`;

let folder: string;
let world: FakeWorld;
let site: OpenSite;
let runner: Runner;
const text = () => readFile(join(folder, 'site.yaml'), 'utf8');
const viewOf = (step: string, machine: string) => site.view.instances[`${step}@machine:${machine}`];

const anyFacts = { parse: (facts: unknown) => facts } as unknown as Step['facts'];
/** On each node: says what the master calls it. */
const node = (id: string, after: readonly string[], more: Partial<Step> = {}): Step =>
  standingStep(id, after, world, {
    per: machines('node'),
    facts: anyFacts,
    read: async (_world, { subject }) => ({
      stands: world.standing.has(id),
      computer: subject.kind === 'machine' && subject.name === 'n1' ? 'COMP-7' : null,
    }),
    ...more,
  });

beforeEach(async () => {
  folder = await newSiteFolder();
  await writeFile(join(folder, 'site.yaml'), planText);
  world = newWorld();
  ({ site, runner } = await openFake(folder, [node('a', []), node('b', ['a'])], world));
  await runner.runAll(runner.instances(), options());
});
afterEach(async () => {
  await site.close();
  await rm(folder, { recursive: true, force: true });
});

it('forgets all of a machine that was installed anew but its former name, and nothing of the others', async () => {
  expect(viewOf('a', 'n1')).toMatchObject({ state: 'done', everDone: true });
  expect(await renewMachine(site, 'n1', 'somebody')).toEqual({ computer: 'COMP-7', baseline: true });
  expect(viewOf('a', 'n1')).toMatchObject({ state: 'unread', everDone: false, facts: null, formerly: 'COMP-7' });
  expect(viewOf('b', 'n2')).toMatchObject({ state: 'done', everDone: true, formerly: null });
  expect(await text()).not.toContain('hostKey');
  // What was installed on it before is no more: packages must not be left out for it.
  expect(await text()).not.toContain('baseline');
  expect(await text()).toContain('- name: n1 # by the door');
  // A second time nothing new is known, and nothing is lost.
  expect(await renewMachine(site, 'n1', 'somebody')).toEqual({ computer: 'COMP-7', baseline: false });
  const { events } = await readJournal(join(folder, 'journal.jsonl'));
  expect(fold(events).instances['b@machine:n1']).toMatchObject({ state: 'unread', formerly: 'COMP-7' });
  expect(events.filter(({ kind }) => kind === 'renewed')).toHaveLength(2);
});

it('tells what either act would come to, and each comes to that', async () => {
  const known = { computer: 'COMP-7', emptied: false, hostKey: true, baseline: true };
  expect(outlookOf(site, 'n1')).toEqual({ ...known, removal: 'leaving' });
  const unknown = { computer: null, emptied: false, hostKey: false, baseline: false, removal: 'removed' };
  expect(outlookOf(site, 'n2')).toEqual(unknown);
  expect(() => outlookOf(site, 'n9')).toThrow(expect.objectContaining({ code: 'machine-unknown' }));
  expect(await removeMachine(site, 'n1', false)).toMatchObject({ state: 'leaving' });
  expect(outlookOf(site, 'n1')).toMatchObject({ removal: 'waits', emptied: false });
  await expect(removeMachine(site, 'n1', false)).rejects.toMatchObject({ code: 'machine-in-use' });
  expect(await removeMachine(site, 'n1', true)).toMatchObject({ state: 'removed' });
});

it('takes out at once what the master never knew', async () => {
  expect(await removeMachine(site, 'n2', false)).toEqual({ state: 'removed', computer: null, emptied: false });
  expect(site.plan.machines.map(({ name }) => name)).toEqual(['m1', 'n1']);
  expect(await text()).toContain('# by the door');
});

it('marks a node that the master knows, holds it until it was emptied, and lets a lost one go', async () => {
  expect(await removeMachine(site, 'n1', false)).toEqual({ state: 'leaving', computer: 'COMP-7', emptied: false });
  expect(await text()).toContain('leaving: true');
  // No step of this runbook is for a machine that leaves: the record holds nothing of it any more.
  await runner.refresh();
  await expect(removeMachine(site, 'n1', false)).rejects.toMatchObject({
    code: 'machine-in-use',
    data: { params: { machine: 'n1' } },
  });
  expect(await removeMachine(site, 'n1', true)).toMatchObject({ state: 'removed' });
  expect(site.plan.machines.map(({ name }) => name)).toEqual(['m1', 'n2']);
});

it('knows no other machine, and breaks no plan', async () => {
  await expect(removeMachine(site, 'n9', false)).rejects.toMatchObject({ code: 'machine-unknown' });
  await expect(renewMachine(site, 'n9', 'somebody')).rejects.toMatchObject({ code: 'machine-unknown' });
  await expect(removeMachine(site, 'm1', false)).rejects.toMatchObject({ code: 'site-plan-invalid' });
  expect(await text()).toBe(planText);
  expect(knownComputer(site.view, 'n2')).toBe(null);
});

/** The site of above is opened anew with another runbook, as the program has it. */
async function reopen(...steps: readonly Step[]): Promise<void> {
  await site.close();
  ({ site, runner } = await openFake(folder, steps, world));
  await runner.runAll(runner.instances(), options());
}
const connect = () =>
  standingStep('connect', [], world, { per: machines('master', 'node'), opensWay: true, facts: anyFacts });
const takeOut = () =>
  standingStep('take-out-node', ['connect'], world, {
    per: leavingMachines('node'),
    facts: anyFacts,
    read: async () => ({ stands: world.standing.has('take-out-node'), computer: null, formerly: 'COMP-7' }),
  });

it('marks a node that was once reached, though nobody knows any more what the master calls it', async () => {
  await reopen(connect(), takeOut());
  const marked = { state: 'leaving', computer: null, emptied: false };
  expect(await removeMachine(site, 'n2', false)).toEqual(marked);
  await runner.refresh();
  await expect(removeMachine(site, 'n2', false)).rejects.toMatchObject({ code: 'machine-in-use' });
  // Somebody takes the mark out of the plan by hand: what was known of it went with its steps.
  await site.editPlan((plan) => [
    { path: ['machines', plan.machines.findIndex(({ name }) => name === 'n2'), 'leaving'], value: null },
  ]);
  await runner.refresh();
  expect(await removeMachine(site, 'n2', false)).toEqual(marked);
  // Once it was emptied, the plan forgets it, and says so.
  await runner.refresh();
  await runner.runAll(runner.instances(), options());
  expect(await removeMachine(site, 'n2', false)).toEqual({ state: 'removed', computer: 'COMP-7', emptied: true });
  expect(await removeMachine(site, 'n1', true)).toMatchObject({ state: 'removed', emptied: false });
});

it('knows a computer by its configuration too', async () => {
  const config = '[slapos]\ncomputer_id = COMP-9\n';
  await reopen(node('a', [], { read: async () => ({ stands: world.standing.has('a'), config }) }));
  expect(knownComputer(site.view, 'n2')).toBe('COMP-9');
  expect(await removeMachine(site, 'n2', false)).toMatchObject({ state: 'leaving', computer: 'COMP-9' });
});
