// Everything that would fail later and can be known now, read by one script in one round trip; nothing on the machine is
// touched, but for its clock when a person asked for that. What is checked stands in preflight-checks.ts.
import { z } from 'zod';
import { type LaptopClockSight, secondsBehind } from '../../../src-shared/laptop-clock.ts';
import { problems } from '../../../src-shared/problem.ts';
import { releasesFor, systemOf } from '../../../src-shared/site.ts';
import { bySeverity } from '../../../src-shared/step.ts';
import type { AnyContext, Context, Finding } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { factsScript, shiftClockScript } from '../../target/facts-script.ts';
import { machineFacts, parseMachineFacts } from '../../target/machine-facts.ts';
import { clockToleranceSeconds, preflightChecks, type Seen } from './preflight-checks.ts';
import { comparePackages, packageFacts } from './preflight-packages.ts';
import { neededByFolder, roomsOf } from './preflight-room.ts';

const facts = z.strictObject({
  machine: machineFacts,
  /** Target's clock minus the laptop's, rounded to ten seconds. */
  clockOffSeconds: z.int(),
  /** How far the laptop's clock is before a moment that it must be after, rounded to ten seconds, and that moment. */
  laptop: z.strictObject({ behindSeconds: z.int(), least: z.string() }),
  packages: packageFacts,
});
type Facts = z.infer<typeof facts>;

export const preflight = defineStep({
  id: 'preflight',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [{ step: 'connect', on: 'same' }],
  risk: 'changes',
  holds: [],
  // A clock is set when somebody asks for it, not by a later look.
  input: z.strictObject({ setClock: z.boolean().default(false).meta({ once: true }) }),
  facts,
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const probe = {
      id: 'facts',
      kind: 'run' as const,
      argv: ['sh', '-c', factsScript, 'sh', machine.interface],
      limitMs: 180_000,
    };
    const answer = (await world.probe(machine.name, [probe])).facts;
    const { facts: seen, packages } = parseMachineFacts(machine.name, answer?.out ?? '');
    const laptop = await world.sight<LaptopClockSight>('laptop-clock');
    const behindSeconds = secondsBehind(laptop);
    return {
      machine: seen,
      clockOffSeconds: Math.round((seen.clockSeconds - laptop.seconds) / 10) * 10,
      laptop: { behindSeconds: Math.round(behindSeconds / 10) * 10, least: behindSeconds > 0 ? laptop.least : '' },
      packages: comparePackages(packages, context.lock.systems[systemOf(machine)]),
    };
  },
  found: ({ machine, clockOffSeconds }, context) => [
    says('preflight', 'found.system', { system: machine.system, architecture: machine.architecture }),
    ...[...new Map(Object.values(machine.folders).map((folder) => [folder.mount, folder.freeBytes]))].map(
      ([path, freeBytes]) => says('preflight', 'found.free', { path, freeBytes }),
    ),
    says('preflight', 'found.memory', { memoryBytes: machine.memoryBytes, swapBytes: machine.swapBytes }),
    says('preflight', 'found.interfaces', {
      names: machine.interfaces.join(', '),
      wanted: machineOfSubject(context).interface,
    }),
    clockOffSeconds === 0
      ? says('preflight', 'found.clockRight')
      : says('preflight', 'found.clock', { awayMs: clockOffSeconds * 1000 }),
    says('preflight', 'found.checks', { count: checksFor(context).length }),
  ],
  verdict: (read, context) => {
    const seen = seenOf(read, context);
    const findings = bySeverity(
      checksFor(context).flatMap(({ id, finds }): Finding[] =>
        finds(seen).map((params) =>
          // What it finds may be the laptop's own.
          finding(id, problems[id].params.includes('machine') ? { machine: seen.machine.name, ...params } : params),
        ),
      ),
    );
    const [first, ...rest] = findings;
    if (first === undefined) return done();
    if (clockIsToBeSet(read, context)) return todo(...findings);
    const passed = context.earlier.skipped;
    const stops = findings.some(
      ({ code }) =>
        problems[code].severity === 'strict' || (problems[code].severity === 'skippable' && !passed.includes(code)),
    );
    return stops ? blocked(first, ...rest) : done(...findings);
  },
  plan: (read, context) => {
    const { name } = machineOfSubject(context);
    if (!clockIsToBeSet(read, context)) return [];
    const { clockOffSeconds: seconds } = read;
    const on = { machine: name };
    return [
      {
        kind: 'guard',
        on,
        commands: [{ kind: 'run', on, argv: ['sh', '-c', shiftClockScript, 'sh', String(-seconds)], limitMs: 60_000 }],
        undo: `sh -c '${shiftClockScript}' sh ${seconds}`,
        confirmWithinMs: 150_000,
        note: says('preflight', 'does.clock', { awayMs: seconds * 1000 }),
      },
    ];
  },
});

/** Never by a laptop whose own clock is known to be wrong. */
const clockIsToBeSet = (
  { clockOffSeconds, laptop }: Facts,
  { input }: Context<{ readonly setClock: boolean }>,
): boolean =>
  laptop.behindSeconds <= clockToleranceSeconds && input.setClock && Math.abs(clockOffSeconds) > clockToleranceSeconds;

const checksFor = (context: AnyContext) => {
  const { roles } = machineOfSubject(context);
  return preflightChecks.filter((check) => check.roles.some((role) => roles.includes(role)));
};

function isInstalling(context: AnyContext): boolean {
  const install = context.record('install-slapos-node');
  return install?.everDone === false && install.commands.some(({ state }) => state !== 'pending');
}

function seenOf({ machine: facts, clockOffSeconds, laptop, packages }: Facts, context: AnyContext): Seen {
  const machine = machineOfSubject(context);
  const system = systemOf(machine);
  const needed = neededByFolder(system, context.lock, releasesFor(context.site, machine), facts, packages);
  return {
    facts,
    packages,
    clockOffSeconds,
    laptop,
    rooms: roomsOf(needed, facts.folders),
    machine,
    site: context.site,
    installing: isInstalling(context),
    carriedSlapos: context.lock.systems[system]?.vendor.find(({ name }) => name === 'slapos-node')?.version ?? null,
  };
}
