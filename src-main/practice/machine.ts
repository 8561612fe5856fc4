// One simulated machine: an installed Debian with its state, its clock, its cron, and the ports that a connection forwards.
// Made by the practice site; driven by connection.ts and by the commands. It must never act on the laptop: everything it
// "does" is a change of its own state.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { askOver } from './duplex-pair.ts';
import { activeFaults, type FaultId } from './faults.ts';
import type { PracticeOptions } from './pace.ts';
import type { SimulatedSite } from './simulated-site.ts';
import {
  freshState,
  type Installed,
  type MachineState,
  type Made,
  type Patch,
  patched,
  readState,
  writeState,
} from './state.ts';

/** What one command came to. */
export interface Outcome {
  readonly exit: number;
  readonly out?: string;
  readonly err?: string;
  /** How long it takes at full pace; its lines come evenly spread over that time. */
  readonly lastsMs?: number;
  /** What it changes, at its end. */
  readonly patch?: Patch;
}

/** One command being run on the machine. */
export interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly state: MachineState;
  readonly faults: ReadonlySet<FaultId>;
  readonly nowMs: number;
  readonly pace: number;
  /** A request made on the machine to its own loopback; null when nothing listens on the port. */
  readonly get: (port: number, path: string, method?: 'GET' | 'HEAD') => Promise<HttpAnswer | null>;
  /** The same for what may be too large to hold; null as well for whatever is not answered with 200. */
  readonly open: (port: number, path: string) => Promise<AsyncIterable<Uint8Array> | null>;
  /** The site that the machine stands on. */
  readonly site: SimulatedSite;
  /** Another machine of it as it is now; null when there is none of that name. */
  readonly neighbour: (name: string) => Promise<MachineState | null>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** The commands of the machine, handed in so that this file knows none of them. */
export interface Commands {
  readonly run: (call: Call) => Promise<Outcome>;
  /** What cron starts when it looks; null when there is nothing to do. */
  readonly cron: (call: Call) => Promise<CronWork | null>;
  /** Takes back a guarded change; the shell text of the guard. */
  readonly undo: (call: Call, shell: string) => Patch;
}

export interface CronWork {
  readonly patch: Patch;
  /** A release whose unpacking began. */
  readonly unpacking: { readonly url: string; readonly lastsMs: number; readonly patch: Patch } | null;
}

const cronEveryMs = 8000;
export const slapproxyPort = 8080;

/** How every answer begins to something that no simulated machine knows; its exit code is 127. */
const notSimulated = 'practice machine:';

interface MachinePlace {
  /** Where machines are kept. */
  readonly folder: string;
  readonly name: string;
  readonly site: SimulatedSite;
  readonly made: Made;
  readonly packages: Readonly<Record<string, Installed>>;
}

export class SimulatedMachine {
  readonly name: string;
  readonly options: PracticeOptions;
  readonly #folder: string;
  readonly #commands: Commands;
  readonly #site: SimulatedSite;
  readonly #forwards = new Map<number, (stream: Duplex) => void>();
  #state: MachineState;
  #saving: Promise<void> = Promise.resolve();
  #cron: Promise<void> | null = null;

  private constructor(place: MachinePlace, state: MachineState, commands: Commands, options: PracticeOptions) {
    this.#folder = place.folder;
    this.name = place.name;
    this.#site = place.site;
    this.#state = state;
    this.#commands = commands;
    this.options = options;
  }

  /** The machine as it was left, or a new one. */
  static async load(place: MachinePlace, commands: Commands, options: PracticeOptions): Promise<SimulatedMachine> {
    const { folder, name, made, packages } = place;
    const known = await readState(folder, name);
    const state = known ?? freshState(name, made, packages, options.clock.now().getTime());
    const machine = new SimulatedMachine(place, withoutDeadWork(state), commands, options);
    if (known === null) await machine.save();
    return machine;
  }

  /** Takes up what another program did meanwhile, unless something of our own is under way. */
  async refresh(): Promise<void> {
    const starting = Object.values(this.#state.units).some(({ timeline }) => timeline === null);
    if (starting || this.#cron !== null) return;
    await this.#saving;
    const kept = await readState(this.#folder, this.name);
    if (kept !== null) this.#state = withoutDeadWork(kept);
  }

  get state(): MachineState {
    return this.#state;
  }

  nowMs(): number {
    return this.options.clock.now().getTime();
  }

  faults(): Promise<ReadonlySet<FaultId>> {
    // What goes wrong goes wrong on site: the build machine is there to show how it should be.
    return this.name === this.#site.master ? activeFaults(this.#folder) : Promise.resolve(new Set());
  }

  /** Public host key, as the machine shows it now. */
  async hostKey(): Promise<{ readonly type: string; readonly fingerprint: string }> {
    const { hostKey, otherHostKey } = this.#state;
    const blob = Buffer.from((await this.faults()).has('host-key-changed') ? otherHostKey : hostKey, 'base64');
    const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
    return { type: 'ssh-ed25519', fingerprint: `SHA256:${digest}` };
  }

  /** Changes the state and keeps it. */
  async change(next: (state: MachineState) => MachineState): Promise<void> {
    this.#state = next(this.#state);
    await this.save();
  }

  apply(change: Patch): Promise<void> {
    return this.change((state) => patched(state, change));
  }

  /** Writes the state as it is when its turn comes; earlier calls are covered by later ones. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => writeState(this.#folder, this.name, this.#state));
    return this.#saving;
  }

  /** Lets everything happen that is due: guards, ended units, an unpacked release, cron. Called before each look at the machine. */
  async advance(): Promise<void> {
    const now = this.nowMs();
    for (const [id, guard] of Object.entries(this.#state.guards))
      if (!guard.undone && guard.dueMs <= now) await this.undoGuard(id);
    for (const [id, unit] of Object.entries(this.#state.units)) {
      const { timeline } = unit;
      if (timeline === null || timeline.applied || timeline.endsMs > now) continue;
      await this.change((state) => ({
        ...patched(state, timeline.patch),
        units: { ...state.units, [id]: { ...unit, timeline: { ...timeline, applied: true, patch: {} } } },
      }));
    }
    const { unpacking } = this.#state;
    if (unpacking !== null && unpacking.endsMs <= now)
      await this.change((state) => ({ ...patched(state, unpacking.patch), unpacking: null }));
    if (this.#cron === null && this.#state.unpacking === null && this.#state.nextCronMs <= now) {
      this.#cron = this.#runCron().finally(() => {
        this.#cron = null;
      });
      this.#cron.catch(() => undefined);
    }
    // At once means at once: what cron begins is over before anyone looks.
    if (this.options.pace === 0) await this.#cron;
  }

  async #runCron(): Promise<void> {
    const work = await this.#commands.cron(await this.call(['cron']));
    const nowMs = this.nowMs();
    const { pace } = this.options;
    await this.change((state) => {
      const next = { ...state, nextCronMs: nowMs + cronEveryMs * pace };
      if (work === null) return next;
      const { unpacking } = work;
      const changed = patched(next, work.patch);
      if (unpacking === null) return changed;
      if (pace === 0) return patched(changed, unpacking.patch);
      const { url, lastsMs, patch } = unpacking;
      return { ...changed, unpacking: { url, endsMs: nowMs + lastsMs * pace, patch } };
    });
  }

  async undoGuard(id: string): Promise<void> {
    const guard = this.#state.guards[id];
    if (guard === undefined || guard.undone) return;
    const change = this.#commands.undo(await this.call([]), guard.undo);
    await this.change((state) => ({
      ...patched(state, change),
      guards: { ...state.guards, [id]: { ...guard, undone: true } },
    }));
  }

  async call(argv: readonly string[], stdin = ''): Promise<Call> {
    let rest = argv;
    const env: Record<string, string> = {};
    if (argv[0] === 'env') {
      const at = argv.findIndex((word, index) => index > 0 && !/^[A-Za-z_]\w*=/.test(word));
      for (const word of argv.slice(1, at)) env[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1);
      rest = argv.slice(at);
    }
    return {
      argv: rest,
      env,
      stdin,
      state: this.#state,
      faults: await this.faults(),
      nowMs: this.nowMs(),
      pace: this.options.pace,
      site: this.#site,
      open: (port, path) => this.#open(port, path),
      get: (port, path, method = 'GET') => this.#get(port, path, method),
      neighbour: (name) => (name === this.name ? Promise.resolve(this.#state) : readState(this.#folder, name)),
    };
  }

  async run(call: Call): Promise<Outcome> {
    const outcome = await this.#commands.run(call);
    if (outcome.exit === 127 && outcome.err?.startsWith(notSimulated)) this.options.onUnknown?.(this.name, outcome.err);
    return outcome;
  }

  // -------------------------------------------------------------- ports

  /** Opens a forwarded port; false when it is taken. */
  listen(port: number, onStream: (stream: Duplex) => void): boolean {
    if (this.#forwards.has(port) || port === slapproxyPort) return false;
    this.#forwards.set(port, onStream);
    return true;
  }

  unlisten(port: number, onStream: (stream: Duplex) => void): void {
    if (this.#forwards.get(port) === onStream) this.#forwards.delete(port);
  }

  async #get(port: number, path: string, method: 'GET' | 'HEAD'): Promise<HttpAnswer | null> {
    if (port === slapproxyPort) return this.#slapproxy(path);
    const answer = await this.#ask(port, path, method);
    if (answer === null) return null;
    const parts: Buffer[] = [];
    try {
      for await (const part of answer) parts.push(part as Buffer);
    } catch {
      // Cut off on the way: no answer.
      return null;
    }
    return { status: answer.statusCode ?? 0, body: Buffer.concat(parts) };
  }

  async #open(port: number, path: string): Promise<AsyncIterable<Uint8Array> | null> {
    const answer = await this.#ask(port, path, 'GET');
    if (answer?.statusCode === 200) return answer;
    answer?.resume();
    return null;
  }

  /** A request to a forwarded port; null when nothing listens, or nothing answers. */
  #ask(port: number, path: string, method: 'GET' | 'HEAD'): Promise<IncomingMessage | null> {
    const onStream = this.#forwards.get(port);
    return onStream === undefined ? Promise.resolve(null) : askOver(onStream, { method, path, port });
  }

  /** slapproxy answers a moment after it was started. */
  #slapproxy(path: string): HttpAnswer | null {
    const { proxySinceMs } = this.#state;
    if (proxySinceMs === null || this.nowMs() < proxySinceMs + 1500 * this.options.pace) return null;
    const ok = (body: string): HttpAnswer => ({ status: 200, body: Buffer.from(body) });
    if (path === '/getRunId') return ok(createHash('md5').update(this.#state.bootId).digest('hex'));
    if (path.startsWith('/getFullComputerInformation?')) return ok(this.#partitions().join('\n'));
    return { status: 404, body: Buffer.alloc(0) };
  }

  /** Formatting here always reaches slapproxy: what has its addresses is registered. */
  #partitions(): readonly string[] {
    return Object.keys(this.#state.files).flatMap((path) => {
      const name = /\/(slappart\d+)\/\.slapos-resource$/.exec(path)?.[1];
      return name === undefined ? [] : [`<string>${name}</string>`];
    });
  }
}

/** Work that was still downloading when the program ended has failed meanwhile: its way to the laptop was gone. */
function withoutDeadWork(state: MachineState): MachineState {
  const units = Object.entries(state.units).map(([id, unit]) => {
    if (unit.timeline !== null) return [id, unit] as const;
    const log = 'E: Failed to fetch some archives. The connection to 127.0.0.1 was closed.\n';
    return [id, { ...unit, timeline: { log, endsMs: unit.startedMs, exit: 100, patch: {}, applied: true } }] as const;
  });
  return { ...state, units: Object.fromEntries(units) };
}
