// A site that is open: its plan, lock, journal and view, and the one stream of events about it.
// Opened by the desk; used by the runner and the hands. All writing to the site's folder goes through here.
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { LiveEvent, StreamEvent } from '../../src-shared/api.ts';
import { cleanText } from '../../src-shared/clean.ts';
import type { JournalEvent, NewEvent, SiteView } from '../../src-shared/journal.ts';
import { fold, reduce } from '../../src-shared/journal.ts';
import { canonicalJson, type Json } from '../../src-shared/json.ts';
import type { SiteLock } from '../../src-shared/lock.ts';
import { emptyLock, siteLock } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import type { SitePlan } from '../../src-shared/site.ts';
import type { Clock } from '../platform/clock.ts';
import { ensureFolder, readTextOrNull, sha256Of, writeAtomic } from '../platform/files.ts';
import { userName } from '../platform/who.ts';
import { Journal, readJournal } from './journal-store.ts';
import { editPlanText, planFromText } from './plan-file.ts';
import { Secrets } from './secrets.ts';
import { takeWriterLock } from './writer-lock.ts';

/** Files of a site's folder. No secret is in any of them. */
export const siteFiles = {
  plan: 'site.yaml',
  lock: 'site.lock',
  journal: 'journal.jsonl',
  blobs: 'blobs',
  /** Encrypted backups of machines. */
  backups: 'backup',
  drafts: 'drafts.json',
  medium: 'medium.json',
  /** How fast that one was when it was chosen. */
  speed: 'medium-speed.json',
  /** Marks the folder of a practice site. */
  practice: 'practice',
  /** Names this site on this laptop to the machines. */
  holdId: 'hold-id',
  /** What the last rehearsal came to. */
  rehearsal: 'rehearsal.json',
  /** How the drive was let go; it counts as long as the medium is away. */
  released: 'medium-released.json',
} as const;

/** Events kept for a window that reloads; older ones are in the journal's fold. */
const kept = 4096;

export class OpenSite {
  readonly folder: string;
  readonly name: string;
  readonly practice: boolean;
  readonly clock: Clock;
  readonly secrets = new Secrets();
  plan: SitePlan;
  lock: SiteLock;
  view: SiteView;
  /** The latest moment that the journal tells of: none can be before it now (see `latestAfter`). ISO; empty in a new site. */
  latestAt: string;
  number = 0;
  readonly #journal: Journal;
  #changing: Promise<unknown> = Promise.resolve();
  readonly #release: () => Promise<void>;
  readonly #recent: StreamEvent[] = [];
  readonly #listeners = new Set<(event: StreamEvent) => void>();
  readonly #live = new Map<string, LiveEvent>();
  #planText: string;

  private constructor(parts: {
    folder: string;
    practice: boolean;
    clock: Clock;
    plan: SitePlan;
    planText: string;
    lock: SiteLock;
    view: SiteView;
    latestAt: string;
    journal: Journal;
    release: () => Promise<void>;
  }) {
    this.folder = parts.folder;
    this.name = parts.plan.name;
    this.practice = parts.practice;
    this.clock = parts.clock;
    this.plan = parts.plan;
    this.#planText = parts.planText;
    this.lock = parts.lock;
    this.view = parts.view;
    this.latestAt = parts.latestAt;
    this.#journal = parts.journal;
    this.#release = parts.release;
  }

  /** Opens for writing. Throws `site-in-use`, `site-plan-*`, `lock-damaged`, `journal-damaged`. */
  static async open(
    folder: string,
    options: { readonly program: string; readonly practice: boolean; readonly clock: Clock },
  ): Promise<OpenSite> {
    const planPath = join(folder, siteFiles.plan);
    const planText = await readTextOrNull(planPath);
    if (planText === null) throw problem('site-plan-missing', { path: planPath });
    const plan = planFromText(planText, planPath);
    const now = options.clock.now();
    const release = await takeWriterLock(folder, plan.name, now);
    try {
      await ensureFolder(join(folder, siteFiles.blobs));
      const lock = await readSiteLock(folder);
      const path = join(folder, siteFiles.journal);
      const read = await readJournal(path);
      const journal = await Journal.open(path, read);
      const site = new OpenSite({
        folder,
        practice: options.practice,
        clock: options.clock,
        plan,
        planText,
        lock,
        view: fold(read.events),
        latestAt: read.events.reduce(latestAfter, ''),
        journal,
        release,
      });
      await site.append({
        kind: 'opened',
        program: options.program,
        who: userName(),
        laptop: hostname(),
        tornLine: read.torn,
      });
      return site;
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Journals, folds, tells. Resolves when the event is on the disk. */
  async append(event: NewEvent): Promise<void> {
    const stamped = await this.#journal.append(event, this.clock.now(), this.clock.monotonicMs());
    this.view = reduce(this.view, stamped);
    this.latestAt = latestAfter(this.latestAt, stamped);
    this.#tell({ journal: stamped });
  }

  /** Shows something that is not worth keeping. The last of each kind is kept for a window that reloads. */
  live(event: LiveEvent): void {
    const slot = 'instance' in event ? `${event.kind} ${event.instance}` : event.kind;
    if (event.kind === 'run-over') this.#live.clear();
    else if (event.kind !== 'lines') this.#live.set(slot, event);
    this.#tell({ live: event });
  }

  /** Live things that are over: an answered question, an ended command. */
  settleLive(instance: string, ...kinds: readonly LiveEvent['kind'][]): void {
    for (const kind of kinds) this.#live.delete(`${kind} ${instance}`);
  }

  liveNow(): readonly LiveEvent[] {
    return [...this.#live.values()];
  }

  #tell(event: StreamEvent['event']): void {
    this.number += 1;
    const numbered: StreamEvent = { site: this.name, number: this.number, event };
    this.#recent.push(numbered);
    if (this.#recent.length > kept) this.#recent.splice(0, this.#recent.length - kept);
    for (const listener of this.#listeners) {
      try {
        listener(numbered);
      } catch {
        // A screen that fails must not end a run; it asks again from the last number it has.
      }
    }
  }

  listen(listener: (event: StreamEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Events after `number`; `gap` when some of them are no longer kept. */
  since(number: number): readonly StreamEvent[] | 'gap' {
    const first = this.#recent[0]?.number ?? this.number + 1;
    if (number > this.number || number + 1 < first) return number === this.number ? [] : 'gap';
    return this.#recent.filter((event) => event.number > number);
  }

  /** Replaces the plan's text. Throws `site-plan-*` and changes nothing when it cannot stand. */
  async savePlan(text: string): Promise<void> {
    const path = join(this.folder, siteFiles.plan);
    const plan = planFromText(text, path);
    if (plan.name !== this.plan.name)
      throw problem('site-plan-invalid', {
        path,
        place: 'name',
        fault: 'name-stays',
        value: this.plan.name,
        other: '',
      });
    await writeAtomic(path, text);
    this.plan = plan;
    this.#planText = text;
  }

  /**
   * Edits the plan file as it is on the disk now, so that what a person wrote there meanwhile stays, comments too.
   * Throws `site-plan-*` and changes nothing when it cannot stand.
   */
  editPlan(
    edits: (plan: SitePlan) => readonly { readonly path: readonly (string | number)[]; readonly value: Json }[],
  ): Promise<void> {
    return this.#inTurn(async () => {
      const path = join(this.folder, siteFiles.plan);
      const text = (await readTextOrNull(path)) ?? this.#planText;
      await this.savePlan(editPlanText(text, edits(planFromText(text, path))));
    });
  }

  /** Steps of several machines change the same files: one reads what the other has written. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  /** Replaces the lock atomically. */
  updateLock(change: (lock: SiteLock) => SiteLock): Promise<void> {
    return this.#inTurn(async () => {
      const lock = siteLock.parse(change(this.lock));
      await writeAtomic(
        join(this.folder, siteFiles.lock),
        `${JSON.stringify(JSON.parse(canonicalJson(lock)), null, 1)}\n`,
      );
      this.lock = lock;
    });
  }

  /** Keeps large output beside the journal, redacted, without terminal sequences; returns its hash, null for nothing. */
  async keep(output: string): Promise<string | null> {
    if (output === '') return null;
    const clean = cleanText(this.secrets.redact(output));
    const hash = sha256Of(clean);
    await writeAtomic(join(this.folder, siteFiles.blobs, hash), clean);
    return hash;
  }

  async readBlob(hash: string): Promise<string> {
    return /^[0-9a-f]{64}$/.test(hash) ? ((await readTextOrNull(join(this.folder, siteFiles.blobs, hash))) ?? '') : '';
  }

  async close(): Promise<void> {
    this.secrets.clear();
    await this.#journal.close();
    await this.#release();
    this.#listeners.clear();
  }
}

/**
 * The latest moment known after one more event, by whichever clock. Who goes on past a clock that is behind it says that the one
 * of then was ahead: only what comes later counts.
 */
function latestAfter(latest: string, event: JournalEvent): string {
  if (event.kind === 'skipped' && event.codes.includes('laptop-clock-behind')) return event.at;
  return event.at > latest ? event.at : latest;
}

/** What was resolved for a site; nothing where there is no such file yet. Throws `lock-damaged`. */
export async function readSiteLock(folder: string): Promise<SiteLock> {
  const path = join(folder, siteFiles.lock);
  const text = await readTextOrNull(path);
  if (text === null) return emptyLock;
  try {
    return siteLock.parse(JSON.parse(text));
  } catch (error) {
    throw problem('lock-damaged', { path, detail: error instanceof Error ? error.message.slice(0, 300) : '' });
  }
}
