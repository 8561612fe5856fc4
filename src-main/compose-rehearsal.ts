// A rehearsal: every step of a site, run through the same engine on simulated machines that are made from its plan, with the
// sealed medium alone. Called by compose for window and command line. It works in a folder of its own that goes afterwards; it must
// never write to the site's journal, nor to the medium, nor ask a network or a real machine for anything.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mediumPaths } from '../src-shared/manifest.ts';
import { type ProblemData, problem, problems } from '../src-shared/problem.ts';
import type { Rehearsal, RehearsalProgress, RehearsedStep } from '../src-shared/rehearsal.ts';
import { machineNamed, releasesFor, type SitePlan, systemOf } from '../src-shared/site.ts';
import { type Asking, makeAsking } from './compose-rehearsal-asking.ts';
import { type Hearing, makeHearing } from './compose-rehearsal-hearing.ts';
import { readIdentity } from './medium/identity.ts';
import { readBinding, sealedMedium, writeBinding } from './performers/bound-medium.ts';
import { makeHands } from './performers/hands.ts';
import { installedAtFirst } from './performers/installed-at-first.ts';
import type { Job, Sight } from './performers/jobs.ts';
import type { Clock } from './platform/clock.ts';
import { forbiddenFetch } from './platform/fetch.ts';
import { ensureFolder, sha256Of, writeAtomic } from './platform/files.ts';
import { practiceTokens } from './practice/prepare.ts';
import { type SimulatedSite, simulatedSite } from './practice/simulated-site.ts';
import { simulatedOutside } from './practice/site.ts';
import { installedAs } from './practice/state.ts';
import type { Asker } from './runbook/asking.ts';
import type { Need } from './runbook/define.ts';
import { before, type Instance } from './runbook/instances.ts';
import { OpenSite, siteFiles } from './runbook/open-site.ts';
import type { Hands } from './runbook/performer.ts';
import { type Ended, Runner } from './runbook/runner.ts';
import { runbook } from './steps/index.ts';

export interface RehearsalParts {
  /** The site: what is rehearsed, and where its binding of the medium is. Only read. */
  readonly site: Pick<OpenSite, 'folder' | 'plan' | 'lock'>;
  /** Another folder than the medium of the site, e.g. a copy of it; null: the site's own. */
  readonly medium: string | null;
  readonly program: string;
  readonly clock: Clock;
  readonly trustFolder: string;
  readonly cacheFolder: string;
  readonly jobs: Readonly<Record<string, Job>>;
  readonly sights: (vaultPath: string) => Readonly<Record<string, Sight>>;
  readonly onProgress: (progress: RehearsalProgress) => void;
  readonly signal: AbortSignal;
}

/** Jobs that sign with the site's keys or write to the medium: here they do neither, and their steps do not run. */
const refusedJobs = ['make-record', 'copy-records'] as const;

/**
 * Rehearses a site. Throws what the medium throws (`medium-not-chosen`, `medium-absent`, `medium-unsealed`,
 * `medium-manifest-invalid`, `fingerprint-differs`, …), `leaves-for-network` when it is not known here what a fresh machine has,
 * and `cancelled`.
 */
export async function rehearse(parts: RehearsalParts): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-rehearsal-'));
  try {
    return await rehearseIn(folder, parts);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function rehearseIn(folder: string, parts: RehearsalParts): Promise<Rehearsal> {
  const { clock, signal } = parts;
  const startedMs = clock.monotonicMs();
  const site = await standIn(join(folder, 'site'), parts);
  try {
    const { root, manifest, fingerprint } = await sealedMedium(site);
    const heard = makeHearing(root, manifest, site.lock);
    const installed = await installedAtFirst(parts.site, parts);
    const simulated = simulatedSite(site.plan, ({ name }) => installedAs(installed[name] ?? []));
    const { plan, lock } = site;
    const asking = makeAsking({
      folder: join(folder, 'asking'),
      simulated,
      plan,
      lock,
      root,
      manifest,
      heard,
      clock,
      signal,
    });
    const steps = await walk(site, simulated, { ...parts, folder, heard, asking });
    return {
      format: 1,
      at: clock.now().toISOString(),
      tookMs: Math.round(clock.monotonicMs() - startedMs),
      manifestSha256: sha256Of(await readFile(join(root, mediumPaths.manifest))),
      generation: manifest.generation,
      fingerprint,
      steps,
      unasked: await heard.unasked(),
    };
  } finally {
    await site.close();
  }
}

interface Walking extends RehearsalParts {
  readonly folder: string;
  readonly heard: Hearing;
  readonly asking: Asking;
}

async function walk(site: OpenSite, simulated: SimulatedSite, parts: Walking): Promise<RehearsedStep[]> {
  const { heard, signal } = parts;
  /** What the machines did not know, and the jobs that are refused: since the step began. */
  const unknown: string[] = [];
  const hands = handsOf(site, simulated, parts, unknown);
  const runner = new Runner(site, runbook, hands);
  const steps: RehearsedStep[] = [];
  try {
    await runner.refresh();
    const all = runner.instances();
    await standAsPrepared(site, all);
    const onSite = all.filter(({ phase }) => phase === 'site');
    const stands = new Set(all.filter(({ phase }) => phase !== 'site').map(({ key }) => key));
    for (const instance of onSite) {
      signal.throwIfAborted();
      parts.onProgress({
        done: steps.length,
        total: onSite.length,
        step: instance.key,
        sizeBytes: heard.totalBytes(),
      });
      heard.begin();
      unknown.length = 0;
      const ready = before(instance, all).every(({ key }) => stands.has(key));
      const ended = ready ? await runner.run(instance, { ...runOptions, signal }) : null;
      signal.throwIfAborted();
      if (ended?.outcome === 'done') stands.add(instance.key);
      steps.push(await judged(instance, ended, unknown, parts));
    }
  } finally {
    await hands.close();
  }
  return steps;
}

/** What a step came to, once the medium was asked for whatever it needs and did not take. */
async function judged(
  instance: Instance,
  ended: Ended | null,
  unknown: readonly string[],
  { site, heard, asking }: Walking,
): Promise<RehearsedStep> {
  let refused: ProblemData | null = null;
  for (const [system, needs] of needsAt(instance, site)) {
    const open = needs.filter((need) => !heard.has(need));
    if (open.length > 0) refused ??= (await asking(system, open))?.data ?? null;
  }
  const ran = ended?.outcome === 'done';
  // A step that met what no real machine would show says nothing by not ending well.
  const stopped = ended !== null && !ran && unknown.length === 0;
  const lacking = await heard.lacking(!ran || refused !== null);
  const failed = stopped || refused !== null || lacking.length > 0;
  const notRun = ended === null ? 'comes-after' : unknown.includes(refusedJob) ? 'signs-or-writes' : 'not-simulated';
  return {
    instance: instance.key,
    outcome: failed ? 'failed' : ran ? 'done' : 'asked',
    notRun: ran || stopped ? null : notRun,
    problem: stopped ? (ended.problem ?? refused) : refused,
    ...heard.taken(),
    lacking: [...lacking],
  };
}

const refusedJob = 'left out of a rehearsal';

function handsOf(site: OpenSite, simulated: SimulatedSite, parts: Walking, unknown: string[]): Hands {
  const { clock, folder, program, cacheFolder, heard } = parts;
  const onUnknown = (_machine: string, what: string) => void unknown.push(what);
  const outside = simulatedOutside(join(folder, 'machines'), simulated, { clock, pace: 0, onUnknown });
  const refuse: Job = async () => {
    unknown.push(refusedJob);
    throw problem('cancelled', { what: refusedJob });
  };
  const vaultPath = join(folder, 'vault.json');
  return makeHands({
    site,
    asker: assent,
    outside: { ...outside, fetch: forbiddenFetch('rehearsal') },
    jobs: { ...parts.jobs, ...Object.fromEntries(refusedJobs.map((name) => [name, refuse])) },
    sights: parts.sights(vaultPath),
    program,
    cacheFolder,
    vaultPath,
    heard,
    env: {},
  });
}

/** Says yes to everything, and gives simulated machines what they take. */
const assent: Asker = {
  who: 'rehearsal',
  confirm: async () => true,
  answer: async (_instance, { id, kind }) => {
    if (id.startsWith('create-node-token:')) return practiceTokens.node;
    if (id.startsWith('configure-client:')) return practiceTokens.client;
    // Which of several answers is right only the person knows: a step that asks for one is told as it is, not walked on a guess.
    if (kind === 'choice') throw problem('question-unanswered', { question: id });
    return kind === 'confirm' ? 'yes' : 'a rehearsal: no secret';
  },
};

/** Nobody is asked, and what a person may pass over is passed over: it is about machines that nobody has seen yet. */
const runOptions = {
  asker: assent,
  consent: 'phase' as const,
  agreed: [],
  skip: Object.entries(problems).flatMap(([code, { severity }]) => (severity === 'skippable' ? [code] : [])),
  inputs: {},
};

/** The office's part counts as done: what it came to is on the medium. */
async function standAsPrepared(site: OpenSite, all: readonly Instance[]): Promise<void> {
  for (const { key } of all.filter(({ phase }) => phase !== 'site')) {
    await site.append({ kind: 'run-started', instance: key, input: {} });
    await site.append({ kind: 'run-ended', instance: key, outcome: 'done', problem: null });
  }
}

/** What a step asks the medium for where it is done, by target system. */
function needsAt({ step, subject }: Instance, { plan }: RehearsalParts['site']): ReadonlyMap<string, readonly Need[]> {
  const machine = subject.kind === 'machine' ? machineNamed(plan, subject.name) : undefined;
  const needs = new Map<string, Need[]>();
  for (const need of step.needs?.(plan) ?? []) {
    if (need.kind === 'key') continue;
    if (machine !== undefined && need.system !== systemOf(machine)) continue;
    if (
      machine !== undefined &&
      need.kind === 'release' &&
      !releasesFor(plan, machine).some(({ url }) => url === need.url)
    )
      continue;
    needs.set(need.system, [...(needs.get(need.system) ?? []), need]);
  }
  return needs;
}

/** A site beside the real one, with the same plan, lock and medium, and a history of its own. */
async function standIn(folder: string, { site, medium, program, clock }: RehearsalParts): Promise<OpenSite> {
  await ensureFolder(folder);
  await writeAtomic(join(folder, siteFiles.plan), JSON.stringify(rehearsedPlan(site)));
  await writeAtomic(join(folder, siteFiles.lock), JSON.stringify(site.lock));
  const opened = await OpenSite.open(folder, { program, practice: false, clock });
  try {
    const identity = medium === null ? await readBinding(site) : await readIdentity(medium);
    if (identity !== null) await writeBinding(opened, identity);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * The plan as it is rehearsed: simulated machines show keys of their own, need no login, and take their content through the
 * connection; what leaves the site is not worked on. Files are named from the root, since the plan lies elsewhere.
 */
function rehearsedPlan({ plan, folder }: RehearsalParts['site']): SitePlan {
  const { frontend } = plan;
  const at = (path: string): string => resolve(folder, path);
  return {
    ...plan,
    machines: plan.machines
      .filter(({ leaving }) => leaving !== true)
      .map(({ hostKey: _shown, keyFile: _login, content: _way, ...machine }) => machine),
    content: { ...plan.content, via: 'connection' },
    ...(frontend === undefined
      ? {}
      : { frontend: { ...frontend, certificate: at(frontend.certificate), key: at(frontend.key) } }),
  };
}
