// Builds a site's record from what is known: the journal's events, the plan, the lock, the medium's list, and what was read
// from the machines at that moment. Pure; called by the job that makes a record. It must never hold a secret: every text goes
// through the session's redaction and through the one that knows what secrets look like.
import type { AsBuilt } from '../../src-shared/as-built.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { diffText } from '../../src-shared/diff.ts';
import type { CommandRecord, Dossier, RunRecord, StepRecord } from '../../src-shared/dossier.ts';
import { dossier, dossierFormat } from '../../src-shared/dossier.ts';
import { fold, type JournalEvent } from '../../src-shared/journal.ts';
import { canonicalJson, type Json } from '../../src-shared/json.ts';
import type { SiteLock } from '../../src-shared/lock.ts';
import { type Manifest, mediumPaths } from '../../src-shared/manifest.ts';
import { machinesOnSite, type SitePlan, systemOf } from '../../src-shared/site.ts';
import { type Command, machineOf, type Plan, type Question } from '../../src-shared/step.ts';
import { withoutSecrets } from '../../src-shared/withhold.ts';
import { sha256Of } from '../platform/files.ts';
import { lineOf } from './explain.ts';
import { redactJson } from './redact.ts';
import type { Secrets } from './secrets.ts';

export interface DossierParts {
  readonly number: number;
  readonly madeAt: Date;
  readonly who: string;
  readonly laptop: string;
  readonly program: string;
  readonly practice: boolean;
  readonly remark: string;
  readonly events: readonly JournalEvent[];
  readonly plan: SitePlan;
  readonly lock: SiteLock;
  /** Null when no sealed medium was there. */
  readonly manifest: Manifest | null;
  /** What that medium is known by. */
  readonly which?: NonNullable<Dossier['medium']>['which'];
  /** Why one that was there could not be used. */
  readonly mediumTrouble?: Dossier['mediumTrouble'];
  /** By machine, every machine of the plan. */
  readonly facts: Readonly<Record<string, AsBuilt>>;
}

const hashOf = (value: unknown): string => sha256Of(canonicalJson(value));

/** Where the medium lists every package and release, and the hash under which that is signed. */
function materialsOf({ files }: Manifest): Pick<NonNullable<Dossier['medium']>, 'materials'> {
  const listed = files.find(({ path }) => path === mediumPaths.materials);
  return listed === undefined ? {} : { materials: { path: listed.path, sha256: listed.sha256 } };
}

/** Identity of a plan, to see whether a record still speaks of the plan there is. */
export const planSha256 = (plan: SitePlan): string => hashOf(plan);

/** The record of a site. Throws a RangeError for a machine of the plan without facts: a record is whole or there is none. */
export function buildDossier(parts: DossierParts, secrets: Pick<Secrets, 'redact'>): Dossier {
  const { plan, lock, events, manifest } = parts;
  const view = fold(events);
  const past = historyOf(events);
  const { keys } = lock;
  const whole: Dossier = {
    format: dossierFormat,
    number: parts.number,
    madeAt: parts.madeAt.toISOString(),
    who: parts.who,
    laptop: parts.laptop,
    program: parts.program,
    site: plan.name,
    practice: parts.practice,
    remark: parts.remark,
    journal: { events: events.at(-1)?.seq ?? 0, sha256: hashOf(events) },
    plan: JSON.parse(canonicalJson(plan)),
    planSha256: planSha256(plan),
    keys:
      keys === null
        ? null
        : { manifest: keys.manifestFingerprint, repository: keys.repositoryFingerprint, cache: keys.cacheFingerprint },
    medium:
      manifest === null
        ? null
        : {
            ...(parts.which === undefined ? {} : { which: parts.which }),
            generation: manifest.generation,
            sealedAt: manifest.sealedAt,
            files: manifest.files.length,
            sizeBytes: manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
            sha256: hashOf(manifest),
            ...materialsOf(manifest),
          },
    ...(parts.mediumTrouble === undefined ? {} : { mediumTrouble: parts.mediumTrouble }),
    packages: Object.entries(lock.systems).flatMap(([system, { packages }]) =>
      packages.map(({ name, version, architecture, sha256 }) => ({ system, name, version, architecture, sha256 })),
    ),
    releases: Object.entries(lock.releases).map(([name, { url, md5, entries }]) => ({
      name,
      url,
      md5,
      archives: entries.map(({ system, sha512, sizeBytes }) => ({ system, sha512, sizeBytes })),
    })),
    machines: machinesOnSite(plan).map((machine) => {
      const facts = parts.facts[machine.name];
      if (facts === undefined) throw new RangeError(`no facts of ${machine.name}`);
      const { name, roles, address, port, user, hostKey } = machine;
      return { name, roles, address, port, user, system: systemOf(machine), hostKey: hostKey ?? null, facts };
    }),
    steps: view.order.flatMap((key): StepRecord[] => {
      const item = view.instances[key];
      if (item === undefined) return [];
      return [
        {
          instance: key,
          step: item.step,
          subject: item.subject,
          state: item.state,
          doneAt: item.doneAt,
          found: [...item.found],
          findings: (item.verdict?.findings ?? []).map(({ code, params }) => ({ code, params })),
          runs: [...(past.runs.get(key) ?? [])],
        },
      ];
    }),
    gates: past.gates,
    overrides: past.overrides,
  };
  const clean = { redact: (text: string) => withoutSecrets(secrets.redact(cleanText(text))) };
  return dossier.parse(redactJson(whole as unknown as Json, clean));
}

interface Past {
  readonly runs: ReadonlyMap<string, readonly RunRecord[]>;
  readonly gates: Dossier['gates'];
  readonly overrides: Dossier['overrides'];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The journal told as runs: which commands were performed in each, by whom, how long they took. */
function historyOf(events: readonly JournalEvent[]): Past {
  const runs = new Map<string, RunRecord[]>();
  const gates: Dossier['gates'] = [];
  const overrides: Dossier['overrides'] = [];
  const open = new Map<string, { readonly run: Mutable<RunRecord>; readonly mono: number }>();
  const plans = new Map<string, Plan>();
  const questions = new Map<string, Question>();
  const findings = new Map<string, Dossier['overrides'][number]['findings']>();
  let session = { who: '', laptop: '', program: '' };
  for (const event of events) {
    if (event.kind === 'opened') {
      // What was open then was cut off; its outcome stays so.
      session = { who: event.who, laptop: event.laptop, program: event.program };
      open.clear();
    }
    if (!('instance' in event)) continue;
    const { instance } = event;
    const now = open.get(instance);
    switch (event.kind) {
      case 'run-started': {
        const run: Mutable<RunRecord> = {
          startedAt: event.at,
          endedAt: null,
          durationMs: null,
          ...session,
          agreedBy: [],
          outcome: 'cut-off',
          problem: null,
          commands: [],
        };
        open.set(instance, { run, mono: event.mono });
        runs.set(instance, [...(runs.get(instance) ?? []), run]);
        break;
      }
      case 'plan':
        plans.set(`${instance} ${event.plan.hash}`, event.plan);
        break;
      case 'consent':
        if (now !== undefined && !now.run.agreedBy.includes(event.by)) now.run.agreedBy.push(event.by);
        break;
      case 'command-started': {
        const command = plans.get(`${instance} ${event.hash}`)?.commands[event.index];
        if (command !== undefined) now?.run.commands.push(startedOf(command, event.at));
        break;
      }
      case 'command-ended': {
        const last = now?.run.commands.pop();
        if (last !== undefined)
          now?.run.commands.push({
            ...last,
            outcome: event.outcome,
            exit: event.exit,
            durationMs: event.durationMs,
            problem: event.problem?.code ?? null,
          });
        break;
      }
      case 'facts':
        findings.set(
          instance,
          event.verdict.findings.map(({ code, params }) => ({ code, params })),
        );
        break;
      case 'asked':
        questions.set(`${instance} ${event.question.id}`, event.question);
        break;
      case 'answered': {
        const question = questions.get(`${instance} ${event.id}`);
        if (question === undefined) break;
        const { id, kind, key, params } = question;
        const answer = kind === 'secret' ? null : event.value;
        gates.push({ instance, id, kind, key, params, answer, who: session.who, by: event.by, at: event.at });
        break;
      }
      case 'skipped':
        overrides.push({
          instance,
          findings: (findings.get(instance) ?? []).filter(({ code }) => event.codes.includes(code)),
          who: session.who,
          by: event.by,
          at: event.at,
        });
        break;
      case 'run-ended':
        if (now === undefined) break;
        now.run.endedAt = event.at;
        now.run.durationMs = Math.max(0, Math.round(event.mono - now.mono));
        now.run.outcome = event.outcome;
        now.run.problem = event.problem === null ? null : { code: event.problem.code, params: event.problem.params };
        open.delete(instance);
        break;
    }
  }
  // What is not over is the run that makes this record.
  for (const [instance, { run }] of open)
    runs.set(
      instance,
      (runs.get(instance) ?? []).filter((one) => one !== run),
    );
  return { runs, gates, overrides };
}

/** A command that began and of whose end nothing is known yet. */
const startedOf = (command: Command, startedAt: string): CommandRecord => ({
  kind: command.kind,
  machine: machineOf(command),
  line: lineOf(command),
  note: (command.kind === 'until' ? command.awaited : 'note' in command ? command.note : undefined) ?? null,
  change: changeOf(command),
  outcome: 'unknown',
  exit: null,
  startedAt,
  durationMs: 0,
  problem: null,
});

/** What a command writes into files, as unified text with the file's name above each. */
function changeOf(command: Command): string {
  if (command.kind === 'guard')
    return command.commands
      .map(changeOf)
      .filter((text) => text !== '')
      .join('\n');
  if (command.kind !== 'write' || typeof command.text !== 'string') return '';
  const from = command.before === null ? '/dev/null' : command.path;
  const text = diffText(command.before, command.text);
  return text === '' ? '' : `--- ${from}\n+++ ${command.path}\n${text}`;
}

/** Commands performed after an event, but for steps that are named: whether a record still tells all. */
export const performedSince = (events: readonly JournalEvent[], seq: number, apart: readonly string[]): number =>
  events.filter(
    (event) =>
      event.kind === 'command-ended' &&
      event.seq > seq &&
      event.outcome === 'performed' &&
      !apart.includes(event.instance.slice(0, event.instance.indexOf('@'))),
  ).length;
