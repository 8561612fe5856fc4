/** A small site with made-up steps, for tests of the engine: hands that remember what they were asked, and can be told to fail. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Clock, systemClock } from '../../src-main/platform/clock.ts';
import type { Asker } from '../../src-main/runbook/asking.ts';
import type { Command, Step, World } from '../../src-main/runbook/define.ts';
import { blocked, defineStep, done, finding, perSite, todo, work } from '../../src-main/runbook/define.ts';
import { OpenSite } from '../../src-main/runbook/open-site.ts';
import type { Hands, Performing } from '../../src-main/runbook/performer.ts';
import { Runner, type RunOptions } from '../../src-main/runbook/runner.ts';

export const planText = `format: 1
name: fake
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }
`;

export interface FakeWorld {
  /** What stands; steps read it, performers write it. */
  readonly standing: Set<string>;
  readonly performed: string[];
  /** Called before each command; may throw. */
  before: (command: Command, context: Performing) => void | Promise<void>;
}

/** A step that wants one thing to stand, and does it with `commands` of one thing each. */
export function standingStep(id: string, after: readonly string[], world: FakeWorld, more: Partial<Step> = {}): Step {
  return {
    ...defineStep({
      id,
      chapter: 'prepare',
      phase: 'prepare',
      per: perSite,
      after: after.map((step) => ({ step, on: 'same' as const })),
      risk: 'changes',
      holds: [],
      input: z.strictObject({}),
      facts: z.strictObject({ stands: z.boolean() }),
      read: async () => ({ stands: world.standing.has(id) }),
      found: () => [],
      verdict: ({ stands }) => (stands ? done() : todo()),
      plan: () => [work('stand', { what: id })],
    }),
    ...more,
  };
}

/** A check with one skippable finding. */
export const clockStep: Step = defineStep({
  id: 'clock',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [],
  risk: 'reads',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({}),
  read: async () => ({}),
  found: () => [],
  verdict: () => blocked(finding('target-clock-off', { machine: 'm1', awayMs: 900_000 })),
  plan: () => [],
});

export const newWorld = (): FakeWorld => ({ standing: new Set(), performed: [], before: () => undefined });

export function fakeHands(world: FakeWorld): Hands {
  return {
    world: () => ({}) as World,
    perform: async (command, context) => {
      await world.before(command, context);
      world.performed.push(`${context.instance} ${context.index}`);
      if (command.kind === 'work') world.standing.add(String(command.args.what));
      if (command.kind === 'ask') await context.ask(command.question);
      return { exit: null, output: '' };
    },
    settle: async () => null,
    openLease: async () => undefined,
    leaseOpen: () => true,
    ready: async () => undefined,
    edge: async () => undefined,
    rest: async () => undefined,
    close: async () => undefined,
  };
}

export const yes: Asker = {
  who: 'test',
  answer: async (_instance, question) => `answer to ${question.id}`,
  confirm: async () => true,
};

export const options = (more: Partial<RunOptions> = {}): RunOptions => ({
  asker: yes,
  consent: 'each',
  agreed: [],
  skip: [],
  inputs: {},
  signal: new AbortController().signal,
  ...more,
});

export async function newSiteFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-engine-'));
  await writeFile(join(folder, 'site.yaml'), planText);
  return folder;
}

export async function openFake(
  folder: string,
  runbook: readonly Step[],
  world: FakeWorld,
  more: { readonly clock?: Clock; readonly hands?: Partial<Hands> } = {},
): Promise<{ site: OpenSite; runner: Runner }> {
  const site = await OpenSite.open(folder, { program: 'test', practice: false, clock: more.clock ?? systemClock });
  const runner = new Runner(site, runbook, { ...fakeHands(world), ...more.hands });
  await runner.refresh();
  return { site, runner };
}
