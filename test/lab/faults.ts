/**
 * What befalls a walk: one fault at one moment of one step, on a machine frozen just before that step. Used by faults.test.ts, which
 * tries a few, and by faults-matrix.ts, which tries them all. After the fault the technician mends what a person can see (plugs the
 * medium in, makes room) and starts the same step again; in the end the machine must be what undisturbed runs leave.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runbook } from '../../src-main/steps/index.ts';
import type { Layers } from './base.ts';
import { type Checkpoint, checkpointAnswers, checkpointIpv6, restore } from './checkpoints.ts';
import { mustRun } from './command.ts';
import { Lab } from './lab.ts';
import type { LabMachine } from './machine.ts';
import { type CliOptions, type CliResult, Laptop } from './site.ts';
import { diffSnapshots, type Snapshot, takeSnapshot } from './snapshot.ts';

export const faultKinds = ['kill', 'cut', 'reboot', 'disk-full', 'slapproxy-stopped', 'medium-unplugged'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Steps on site, in their order. */
export const siteSteps: readonly string[] = runbook.filter(({ phase }) => phase === 'site').map(({ id }) => id);

/** Steps that last: they meet a fault at five moments inside as well, not only at their boundary. */
export const longSteps: readonly string[] = [
  'install-slapos-node',
  'configure-proxy',
  'install-master-software',
  'share-ca-folder',
  'request-master',
];

/** 0: before the first command. 1 to 5: so many sixths of the time that the undisturbed step took. */
export const momentsOf = (step: string): readonly number[] => (longSteps.includes(step) ? [0, 1, 2, 3, 4, 5] : [0]);

/** The checkpoint from which the step is reached soonest. */
function checkpointBefore(step: string): { readonly name: Checkpoint; readonly between: readonly string[] } {
  const starts: readonly (readonly [Checkpoint, string])[] = [
    ['software-installed', 'share-ca-folder'],
    ['node-installed', 'configure-proxy'],
    ['sealed', 'connect'],
  ];
  const at = siteSteps.indexOf(step);
  for (const [name, first] of starts) {
    const from = siteSteps.indexOf(first);
    if (from <= at) return { name, between: siteSteps.slice(from, at) };
  }
  throw new Error(`no step on site: ${step}`);
}

/** A machine and a laptop frozen before a step, and what undisturbed runs make of them. */
export interface Boundary {
  readonly step: string;
  readonly lab: Lab;
  readonly layers: Layers;
  readonly laptop: Laptop;
  readonly durationMs: number;
  readonly reference: Snapshot;
  /** What two undisturbed runs differ in: drawn at random, or written by somebody else. */
  readonly noise: ReadonlySet<string>;
  close(): Promise<void>;
}

/** slapformat registers whichever address is first on the interface when it looks: after a reboot, and hourly, another one. */
const alwaysNoise = ['table computer17 0000'];

let number = 0;

export async function openBoundary(step: string): Promise<Boundary> {
  const lab = await Lab.open();
  const { name, between } = checkpointBefore(step);
  const { machine, laptop } = await restore(lab, name, { name: 'ladder' });
  const close = async () => {
    await lab.close();
    await laptop.discard();
  };
  try {
    if (between.length > 0) await mustEndWell(await run(laptop, between));
    const layers = await machine.freeze();
    await machine.discard();
    const runs: { snapshot: Snapshot; durationMs: number }[] = [];
    for (let count = 0; count < 2; count += 1)
      runs.push(
        await onCopy({ lab, layers, laptop }, async (other, technician) => {
          const started = Date.now();
          await mustEndWell(await run(technician, [step]));
          return { durationMs: Date.now() - started, snapshot: await settled(other) };
        }),
      );
    const [first, second] = runs;
    if (first === undefined || second === undefined) throw new Error('no undisturbed run');
    const noise = new Set([...diffSnapshots(first.snapshot, second.snapshot).map(keyOf), ...alwaysNoise]);
    return { step, lab, layers, laptop, durationMs: first.durationMs, reference: first.snapshot, noise, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface FaultOutcome {
  readonly step: string;
  readonly kind: FaultKind;
  readonly moment: number;
  /** `met`: it befell the step while it ran. `over`: the step had ended before. */
  readonly befell: 'met' | 'over';
  /** How many times the step was started until it ended well. */
  readonly runs: number;
  /** What the technician read, when the program did not get over it by itself. */
  readonly told: string;
  /** Differences to an undisturbed end; empty when all is well. */
  readonly differences: readonly string[];
  readonly seconds: number;
}

const mostRuns = 6;
/** What cron does a minute later is no difference: the end state is looked at again until it is reached. */
const patienceMs = 150_000;

/** One fault, from the frozen machine to the end. Throws when the step cannot be brought to its end at all. */
export function meetFault(boundary: Boundary, kind: FaultKind, moment: number): Promise<FaultOutcome> {
  const started = Date.now();
  const meet = async (machine: LabMachine, technician: Laptop): Promise<FaultOutcome> => {
    const kill = new AbortController();
    let mend: (() => Promise<void>) | null = null;
    let finished = false;
    let striking: Promise<void> | null = null;
    const strike = async (): Promise<void> => {
      await sleep((boundary.durationMs * moment) / 6);
      if (!finished) mend = await faults[kind]({ machine, technician, kill });
    };
    let told = '';
    let runs = 0;
    for (let ended = false; !ended; ) {
      runs += 1;
      const result = await run(technician, [boundary.step], {
        killed: kill.signal,
        onLine: (line) => {
          if (line.kind === 'run-started') striking ??= strike();
        },
      });
      finished = true;
      await striking;
      ended = result.code === 0;
      if (ended) break;
      told ||= result.code === null ? 'killed' : codeOf(result);
      if (runs === mostRuns) throw new Error(`${boundary.step} ${kind} ${moment}: ${result.stdout.slice(-3000)}`);
      await (mend as (() => Promise<void>) | null)?.();
    }
    const met = mend as (() => Promise<void>) | null;
    await met?.();
    // Whatever the fault took away meanwhile is there again now; a last run says whether the step still holds.
    await mustEndWell(await run(technician, [boundary.step]));
    const differences = await differencesOf(boundary, machine);
    const again = await run(technician, [boundary.step]);
    const performed = again.lines.filter((line) => line.kind === 'command-started').length;
    return {
      step: boundary.step,
      kind,
      moment,
      befell: met === null ? 'over' : 'met',
      runs,
      told,
      differences: [...differences, ...(performed === 0 ? [] : [`one more run performed ${performed} commands`])],
      seconds: Math.round((Date.now() - started) / 1000),
    };
  };
  return onCopy(boundary, meet, kind === 'disk-full');
}

async function differencesOf(boundary: Boundary, machine: LabMachine): Promise<readonly string[]> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const found = diffSnapshots(boundary.reference, await takeSnapshot(machine)).filter(
      (line) => !boundary.noise.has(keyOf(line)),
    );
    if (found.length === 0 || Date.now() > until) return found;
    await sleep(3000);
  }
}

// ---------------------------------------------------------------- the faults

interface Means {
  readonly machine: LabMachine;
  readonly technician: Laptop;
  readonly kill: AbortController;
}
const nothing = async (): Promise<void> => undefined;

/** Each strikes and answers with how a person mends it; what mends itself answers with nothing to do. */
const faults: Readonly<Record<FaultKind, (means: Means) => Promise<() => Promise<void>>>> = {
  kill: async ({ kill }) => {
    kill.abort();
    return nothing;
  },
  cut: async ({ machine }) => {
    await machine.cutConnections();
    return nothing;
  },
  reboot: async ({ machine }) => {
    await machine.reboot();
    return nothing;
  },
  'disk-full': async ({ machine }) => {
    await machine.shell(
      'fallocate -l "$(($(df --output=avail -B1 /var | tail -n 1) - 8192))" /var/filler; dd if=/dev/zero of=/var/filler-too bs=4096 2>/dev/null; sync',
    );
    return async () => {
      await machine.mustShell('rm -f /var/filler /var/filler-too');
    };
  },
  'slapproxy-stopped': async ({ machine }) => {
    await machine.shell('slapos node stop slapproxy');
    return async () => {
      await machine.shell('slapos node start slapproxy');
    };
  },
  'medium-unplugged': async ({ technician }) => {
    const away = `${technician.stick}-away`;
    await rename(technician.stick, away);
    let back = false;
    return async () => {
      if (back) return;
      back = true;
      await rename(away, technician.stick);
    };
  },
};

/** Whether the fault can befall the step at all. */
export const canBefall = (kind: FaultKind, step: string): boolean =>
  kind !== 'slapproxy-stopped' || siteSteps.indexOf(step) > siteSteps.indexOf('configure-proxy');

// ---------------------------------------------------------------- copies

/** A machine from the boundary's layers and a laptop like the boundary's, both gone afterwards. */
async function onCopy<Result>(
  { lab, layers, laptop }: Pick<Boundary, 'lab' | 'layers' | 'laptop'>,
  act: (machine: LabMachine, technician: Laptop) => Promise<Result>,
  small = false,
): Promise<Result> {
  number += 1;
  const name = `f${number}`;
  const folder = join(lab.folder, 'machines', name);
  const image = `${folder}.image`;
  await mkdir(folder, { recursive: true });
  if (small) {
    await mustRun(['truncate', '-s', '4G', image]);
    await mustRun(['mkfs.ext4', '-q', '-m', '0', '-F', image]);
    await mustRun(['mount', '-o', 'loop', image, folder]);
  }
  const technician = await copyOf(laptop);
  let machine: LabMachine | null = null;
  try {
    machine = await lab.bootMachine({ name, from: layers, addresses: { ipv6: checkpointIpv6 } });
    await technician.aimAt(machine);
    return await act(machine, technician);
  } finally {
    await machine?.discard();
    await technician.discard();
    if (small) await mustRun(['umount', folder]);
    await rm(folder, { recursive: true, force: true });
    await rm(image, { force: true });
  }
}

/** Another laptop in the same state, with a stick of its own. */
async function copyOf(laptop: Laptop): Promise<Laptop> {
  const copy = await Laptop.make(checkpointAnswers);
  await mustRun(['cp', '-a', '--reflink=auto', `${laptop.home}/.`, copy.home]);
  // The site's files, and their copies on the medium: their journals must stay the same.
  for (const folder of [copy.siteFolder, join(copy.stick, 'fieldkit', 'site', 'lab')])
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(folder, entry.name);
      await writeFile(path, (await readFile(path, 'utf8')).replaceAll(laptop.home, copy.home));
    }
  return copy;
}

// ---------------------------------------------------------------- small things

const run = (laptop: Laptop, steps: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  laptop.fieldkit(['run', ...steps, '--yes', '--answers', laptop.answersPath], options);

async function mustEndWell(result: CliResult): Promise<void> {
  if (result.code !== 0) throw new Error(`exit ${result.code}\n${result.stdout.slice(-4000)}${result.stderr}`);
}

const codeOf = ({ lines, code }: CliResult): string =>
  (lines.findLast((line) => line.problem != null)?.problem as { code?: string } | undefined)?.code ?? `exit ${code}`;

const keyOf = (difference: string): string => /^[-+] (.*?): /.exec(difference)?.[1] ?? difference;

/** A snapshot that is the same a little later. */
async function settled(machine: LabMachine): Promise<Snapshot> {
  let last = await takeSnapshot(machine);
  for (let look = 0; look < 20; look += 1) {
    await sleep(3000);
    const now = await takeSnapshot(machine);
    if (diffSnapshots(last, now).length === 0) return now;
    last = now;
  }
  return last;
}
