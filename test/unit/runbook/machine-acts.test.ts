/** A machine taken out of the plan, or installed anew under its name: what plan and journal hold afterwards. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Step } from '../../../src-main/runbook/define.ts';
import { machines } from '../../../src-main/runbook/define.ts';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import { knownComputer, removeMachine, renewMachine } from '../../../src-main/runbook/machine-acts.ts';
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
  - { name: n2, roles: [node], address: 10.0.0.3, release: "12", interface: eth0 }
`;

let folder: string;
let world: FakeWorld;
let site: OpenSite;
let runner: Runner;
const text = () => readFile(join(folder, 'site.yaml'), 'utf8');
const viewOf = (step: string, machine: string) => site.view.instances[`${step}@machine:${machine}`];

/** On each node: says what the master calls it. */
const node = (id: string, after: readonly string[], more: Partial<Step> = {}): Step =>
  standingStep(id, after, world, {
    per: machines('node'),
    facts: { parse: (facts: unknown) => facts } as unknown as Step['facts'],
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
  expect(await renewMachine(site, 'n1', 'somebody')).toBe('COMP-7');
  expect(viewOf('a', 'n1')).toMatchObject({ state: 'unread', everDone: false, facts: null, formerly: 'COMP-7' });
  expect(viewOf('b', 'n2')).toMatchObject({ state: 'done', everDone: true, formerly: null });
  expect(await text()).not.toContain('hostKey');
  expect(await text()).toContain('- name: n1 # by the door');
  // A second time nothing new is known, and nothing is lost.
  expect(await renewMachine(site, 'n1', 'somebody')).toBe('COMP-7');
  const { events } = await readJournal(join(folder, 'journal.jsonl'));
  expect(fold(events).instances['b@machine:n1']).toMatchObject({ state: 'unread', formerly: 'COMP-7' });
  expect(events.filter(({ kind }) => kind === 'renewed')).toHaveLength(2);
});

it('takes out at once what the master never knew', async () => {
  expect(await removeMachine(site, 'n2', false)).toEqual({ state: 'removed', computer: null });
  expect(site.plan.machines.map(({ name }) => name)).toEqual(['m1', 'n1']);
  expect(await text()).toContain('# by the door');
});

it('marks a node that the master knows, holds it until it was emptied, and lets a lost one go', async () => {
  expect(await removeMachine(site, 'n1', false)).toEqual({ state: 'leaving', computer: 'COMP-7' });
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
