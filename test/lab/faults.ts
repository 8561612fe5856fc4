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
import { removeTree, unmountUnder } from './host.ts';
import { Lab } from './lab.ts';
import type { LabMachine } from './machine.ts';
import { type CliOptions, type CliResult, Laptop } from './site.ts';
import { diffSnapshots, ofTheStandIn, type Snapshot, takeSnapshot } from './snapshot.ts';

export const faultKinds = ['kill', 'cut', 'reboot', 'disk-full', 'slapproxy-stopped', 'medium-unplugged'] as const;
export type FaultKind = (typeof faultKinds)[number];

/**
 * The steps of a master on site, in their order: this site's plan has no other machine. What is done for nodes, re6st and the frontend
 * has faults of its own in their tests.
 */
export const siteSteps: readonly string[] = runbook
  .filter(({ phase, chapter }) => phase === 'site' && ['machine', 'master', 'close'].includes(chapter))
  .map(({ id }) => id);

/** Steps that last: they meet a fault at five moments inside as well, not only at their boundary. */
const longSteps: readonly string[] = [
  'install-slapos-node',
  'configure-proxy',
  'install-master-software',
  'share-ca-folder',
  'request-master',
];

/** Steps that wait for what slapgrid makes of a request, which cron starts once a minute. */
const slapgridSteps: readonly string[] = ['install-master-software', 'request-master'];

/** 0: before the first command. 1 to 5: so many sixths of the time that the undisturbed step took. */
export const momentsOf = (step: string): readonly number[] => (longSteps.includes(step) ? [0, 1, 2, 3, 4, 5] : [0]);

/** What a step is given beside the plan, as the backup's number. */
const inputsOf: Readonly<Record<string, readonly string[]>> = {
  'back-up-master': ['--input', 'back-up-master@machine:master-1.number=1'],
  // Every copy has a name and an address of its own, which the record knows otherwise.
  'compare-with-record': ['--skip', 'site-differs'],
};

const answers = { ...checkpointAnswers, 'backup-passphrase': 'canary8passphrase8of8the8backup' };

const chapterOf = (step: string) => runbook.find(({ id }) => id === step)?.chapter;

/** Where the ladder may begin, and the first step that is not done there. */
const starts: readonly (readonly [Checkpoint, string])[] = [
  ['master-running', siteSteps.find((id) => chapterOf(id) === 'close') ?? ''],
  ['software-installed', 'share-ca-folder'],
  ['node-installed', 'configure-proxy'],
  ['sealed', siteSteps[0] ?? ''],
];

/** A machine shut down, and the laptop that brought it there. */
interface Standing {
  readonly layers: Layers;
  readonly laptop: Laptop;
}

/** A machine and a laptop frozen before a step, and what undisturbed runs make of them. */
export interface Boundary {
  readonly step: string;
  readonly before: Standing;
  readonly durationMs: number;
  readonly reference: Snapshot;
  /** What two undisturbed runs differ in: drawn at random, or written by somebody else. */
  readonly noise: ReadonlySet<string>;
}

/** slapformat registers whichever address is first on the interface when it looks: after a reboot, and hourly, another one. */
const alwaysNoise = ['table computer17 0000'];

/**
 * The boundaries of a site, from one step to the next: each is where an undisturbed run of the step before ended, so that every step
 * is performed as often as it is tried and no more. Labs of their own let faults be tried side by side.
 */
export class Ladder {
  readonly labs: readonly Lab[];
  #at: number;
  #standing: Standing;
  readonly #laptops: Laptop[] = [];

  private constructor(labs: readonly Lab[], at: number, standing: Standing) {
    this.labs = labs;
    this.#at = at;
    this.#standing = standing;
    this.#laptops.push(standing.laptop);
  }

  /** Stands before this step, or at the nearest checkpoint before it. `width` is how many faults will be tried at once; two at least. */
  static async open(step: string, width: number): Promise<Ladder> {
    const wanted = siteSteps.indexOf(step);
    const start = starts.find(([, first]) => siteSteps.indexOf(first) <= wanted);
    if (start === undefined) throw new Error(`no step of a master on site: ${step}`);
    const [checkpoint, first] = start;
    const labs: Lab[] = [];
    for (let count = 0; count < Math.max(2, width); count += 1) labs.push(await Lab.open());
    try {
      const [lab] = labs as [Lab];
      const { machine, laptop } = await restore(lab, checkpoint, { name: 'ladder' });
      await laptop.answer(answers);
      const layers = await machine.freeze();
      await machine.discard();
      return new Ladder(labs, siteSteps.indexOf(first), { layers, laptop });
    } catch (error) {
      for (const lab of labs) await lab.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const lab of this.labs) await lab.close();
    for (const laptop of this.#laptops) await laptop.discard();
  }

  /** The boundary before a step, which may not be one that was gone past. Steps in between are performed undisturbed. */
  async boundary(step: string): Promise<Boundary> {
    const wanted = siteSteps.indexOf(step);
    if (wanted < this.#at) throw new Error(`${step} was gone past`);
    if (wanted > this.#at) await this.#climb(siteSteps.slice(this.#at, wanted));
    this.#at = wanted + 1;
    const before = this.#standing;
    const [lab, other] = this.labs as [Lab, Lab];
    const undisturbed = async (machine: LabMachine, technician: Laptop) => {
      let started = Date.now();
      let durationMs = 0;
      await hurry(machine, step);
      const result = await run(technician, step, {
        onLine: ({ kind }) => {
          if (kind === 'run-started') started = Date.now();
          if (kind === 'run-ended') durationMs = Date.now() - started;
        },
      });
      mustEndWell(result);
      await machine.shell(`systemctl stop ${hurryUnit}`);
      return { durationMs, performed: performedIn(result), snapshot: await settled(machine) };
    };
    // One in each lab: what differs between labs (keys, addresses) differs between these two as well.
    const [first, second] = await Promise.all([
      onCopy(
        lab,
        before,
        async (machine, technician) => {
          const ended = await undisturbed(machine, technician);
          // A step that only looked leaves the machine as it was, and a journal that says so.
          await this.#stand(ended.performed > 0 ? await machine.freeze() : before.layers, technician);
          return ended;
        },
        { keep: true },
      ),
      onCopy(other, before, undisturbed),
    ]);
    const noise = new Set([...diffSnapshots(first.snapshot, second.snapshot).map(keyOf), ...alwaysNoise]);
    return { step, before, durationMs: first.durationMs, reference: first.snapshot, noise };
  }

  async #climb(steps: readonly string[]): Promise<void> {
    const [lab] = this.labs as [Lab];
    const climbing = async (machine: LabMachine, technician: Laptop) => {
      for (const step of steps) {
        await hurry(machine, step);
        mustEndWell(await run(technician, step));
        await machine.shell(`systemctl stop ${hurryUnit}`);
      }
      await this.#stand(await machine.freeze(), technician);
    };
    await onCopy(lab, this.#standing, climbing, { keep: true });
  }

  /** From here on: where this machine and this laptop are. */
  async #stand(layers: Layers, technician: Laptop): Promise<void> {
    const laptop = await copyOf(technician);
    this.#laptops.push(laptop);
    this.#standing = { layers, laptop };
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
export function meetFault(lab: Lab, boundary: Boundary, kind: FaultKind, moment: number): Promise<FaultOutcome> {
  const started = Date.now();
  const meet = async (machine: LabMachine, technician: Laptop): Promise<FaultOutcome> => {
    const kill = new AbortController();
    let mend: (() => Promise<void>) | null = null;
    let finished = false;
    let striking: Promise<void> | null = null;
    const over = () => finished;
    const strike = async (): Promise<void> => {
      await sleep((boundary.durationMs * moment) / 6);
      if (finished) return;
      mend = await faults[kind]({ machine, technician, kill, over });
      if (kind === 'reboot') await hurry(machine, boundary.step);
    };
    await hurry(machine, boundary.step);
    let told = '';
    let runs = 0;
    for (let ended = false; !ended; ) {
      runs += 1;
      const result = await run(technician, boundary.step, {
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
    // Whatever the fault took away meanwhile is there again now: one more run may have to put something right, the next may not.
    const last = await run(technician, boundary.step);
    mustEndWell(last);
    const differences = await differencesOf(boundary, machine);
    const performed = performedIn(last) === 0 ? 0 : performedIn(await run(technician, boundary.step));
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
  return onCopy(lab, boundary.before, meet, { small: kind === 'disk-full' });
}

async function differencesOf(boundary: Boundary, machine: LabMachine): Promise<readonly string[]> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const found = diffSnapshots(boundary.reference, await takeSnapshot(machine)).filter(
      (line) => !boundary.noise.has(keyOf(line)) && !ofTheStandIn.test(keyOf(line)),
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
  /** Whether the run has ended meanwhile. */
  readonly over: () => boolean;
}
const nothing = async (): Promise<void> => undefined;

/** Each strikes and answers with how a person mends it; what mends itself answers with nothing to do. Null: it found nothing to strike. */
const faults: Readonly<Record<FaultKind, (means: Means) => Promise<(() => Promise<void>) | null>>> = {
  kill: async ({ kill }) => {
    kill.abort();
    return nothing;
  },
  cut: async ({ machine, over }) => {
    // At the very beginning there may be none yet.
    for (;;) {
      if ((await machine.cutConnections()) > 0) return nothing;
      if (over()) return null;
      await sleep(20);
    }
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

let number = 0;

/** A machine from these layers and a laptop like that one, both gone afterwards; with `keep` the machine's own layer stays until the lab is closed. */
async function onCopy<Result>(
  lab: Lab,
  { layers, laptop }: Standing,
  act: (machine: LabMachine, technician: Laptop) => Promise<Result>,
  { small = false, keep = false }: { readonly small?: boolean; readonly keep?: boolean } = {},
): Promise<Result> {
  number += 1;
  const name = `f${number}`;
  const folder = join(lab.folder, 'machines', name);
  const image = `${folder}.image`;
  await mkdir(folder, { recursive: true });
  if (small) {
    await mustRun(['truncate', '-s', '4G', image]);
    // As many files as on a whole disk: too few of them is something else, and told before.
    await mustRun(['mkfs.ext4', '-q', '-m', '0', '-N', '1000000', '-F', image]);
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
    // A machine that did not come up is still mounted here.
    unmountUnder(join(folder, 'tree'));
    if (small) await mustRun(['umount', folder]);
    if (!keep) await removeTree(folder);
    await rm(image, { force: true });
  }
}

/** Another laptop in the same state, with a stick of its own. What was fetched at the office is shared: nobody writes into it on site. */
async function copyOf(laptop: Laptop): Promise<Laptop> {
  const copy = await Laptop.make(answers);
  for (const folder of ['cache', 'stick/fieldkit/debian']) {
    await mkdir(join(copy.home, folder), { recursive: true });
    await mustRun(['cp', '-al', `${join(laptop.home, folder)}/.`, join(copy.home, folder)]);
  }
  await mustRun(['cp', '-a', '--no-clobber', `${laptop.home}/.`, copy.home]);
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

const run = (laptop: Laptop, step: string, options: CliOptions = {}): Promise<CliResult> =>
  laptop.fieldkit(['run', step, '--yes', '--answers', laptop.answersPath, ...(inputsOf[step] ?? [])], options);

const hurryUnit = 'faults-hurry';

/** Starts slapgrid as cron does, every few seconds: a step that waits for many passes of it is tried in a quarter of the time. */
async function hurry(machine: LabMachine, step: string): Promise<void> {
  if (!slapgridSteps.includes(step)) return;
  const pass = (kind: string) =>
    `/opt/slapos/bin/slapos node ${kind} --verbose --logfile=/opt/slapos/log/slapos-node-${kind}.log >/dev/null 2>&1`;
  const passes = `while sleep 4; do ${pass('software')}; ${pass('instance')}; done`;
  await machine.mustShell(`systemd-run --quiet --collect --unit=${hurryUnit} --setenv=HOME=/root sh -c '${passes}'`);
}

/** Ends once each service of our timers has ended well since the start; at once where there is none. */
const unitsRan = `for service in $(systemctl list-timers --all --plain --no-legend 'fieldkit-*' | awk '{ print $NF }'); do
  until systemctl show -p Result,ActiveState,ExecMainExitTimestampMonotonic "$service" | sort | paste -s -d ' ' |
    grep -q '^ActiveState=inactive ExecMainExitTimestampMonotonic=[1-9][0-9]* Result=success$'; do sleep 1; done
done`;

const performedIn = ({ lines }: CliResult): number => lines.filter(({ kind }) => kind === 'command-started').length;

function mustEndWell(result: CliResult): void {
  if (result.code !== 0) throw new Error(`exit ${result.code}\n${result.stdout.slice(-4000)}${result.stderr}`);
}

const codeOf = ({ lines, code }: CliResult): string =>
  (lines.findLast((line) => line.problem != null)?.problem as { code?: string } | undefined)?.code ?? `exit ${code}`;

const keyOf = (difference: string): string => /^[-+] (.*?): /.exec(difference)?.[1] ?? difference;

/**
 * A snapshot that is the same a little later, and not before the units that we left there have run since the start: packet rules are
 * gone with a reboot, and theirs come back fifteen seconds after it, when a short step is long over.
 */
async function settled(machine: LabMachine): Promise<Snapshot> {
  await machine.mustShell(unitsRan, { timeoutMs: 120_000 });
  let last = await takeSnapshot(machine);
  for (let look = 0; look < 20; look += 1) {
    await sleep(3000);
    const now = await takeSnapshot(machine);
    if (diffSnapshots(last, now).length === 0) return now;
    last = now;
  }
  return last;
}
