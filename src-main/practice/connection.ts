// A connection to a simulated machine: the same interface as one over SSH. Opened through the pool in place of the real one.
// It must never touch the laptop but for the files a transfer names.
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Problem, problem } from '../../src-shared/problem.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';
import { ensureFolder, sha256Of, writeAtomic } from '../platform/files.ts';
import type { Connection, ConnectionRequest } from '../target/connection.ts';
import type { ExecOptions, ExecResult, FollowOptions, UnitEnd, UnitState, WriteOptions } from '../target/target.ts';
import { onFaultChange, setPracticeFault } from './faults.ts';
import type { Outcome, SimulatedMachine } from './machine.ts';
import { take } from './pace.ts';
import { readProbe } from './reading.ts';
import { bytesOf, type FileNode, type Unit } from './state.ts';

const roundTripMs = 120;
const loginMs = 700;
const tailCharacters = 64 * 1024;

/**
 * Logs in, as `openConnection` does. Throws `host-key-unknown`, `host-key-changed`, `login-refused`, `cancelled`.
 * @param folder the practice folder, where faults are kept
 */
export async function openPractice(
  machine: SimulatedMachine,
  folder: string,
  request: ConnectionRequest,
): Promise<Connection> {
  const { name, user } = request.machine;
  await take(machine.options, loginMs, request.signal);
  const { fingerprint } = await machine.hostKey();
  const { pinnedHostKey, pinnedSince = '' } = request;
  if (pinnedHostKey === null) throw problem('host-key-unknown', { machine: name, fingerprint });
  if (pinnedHostKey !== fingerprint)
    throw problem('host-key-changed', {
      machine: name,
      expected: pinnedHostKey,
      found: fingerprint,
      since: pinnedSince,
    });
  if ((await machine.faults()).has('wrong-password')) throw problem('login-refused', { machine: name, user });
  return new PracticeConnection(machine, folder, user);
}

class PracticeConnection implements Connection {
  readonly name: string;
  readonly user: string;
  readonly serverVersion = '';
  readonly banner = '';
  readonly closed: Promise<Problem>;
  readonly #machine: SimulatedMachine;
  readonly #folder: string;
  readonly #ports = new Map<number, (stream: Duplex) => void>();
  #tellClosed: (reason: Problem) => void = () => undefined;
  #gone: Problem | null = null;

  constructor(machine: SimulatedMachine, folder: string, user: string) {
    this.#machine = machine;
    this.#folder = folder;
    this.name = machine.name;
    this.user = user;
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    // A machine that was installed anew, or that takes another password, has not kept its old sessions.
    const stop = onFaultChange(folder, (active) => {
      if (active.has('wrong-password') || active.has('host-key-changed')) this.#lost('the machine ended the session');
    });
    void this.closed.then(stop);
  }

  /** Simulated machines stand side by side: none is behind another. */
  dial(host: string, port: number): Promise<never> {
    return Promise.reject(
      problem('host-unreachable', { machine: this.name, address: `${host} ${port}`, detail: 'simulated' }),
    );
  }

  gone(): Problem | null {
    return this.#gone;
  }

  close(): void {
    this.#end(problem('cancelled', { what: this.name }));
  }

  #end(reason: Problem): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    for (const [port, onStream] of this.#ports) this.#machine.unlisten(port, onStream);
    this.#ports.clear();
    this.#tellClosed(reason);
  }

  #lost(detail: string): Problem {
    const reason = problem('connection-lost', { machine: this.name, detail });
    this.#end(reason);
    return reason;
  }

  /** Before each act: the line stands, and the machine is up to date. */
  async #reach(signal?: AbortSignal): Promise<void> {
    if (this.#gone !== null)
      throw problem('connection-lost', { machine: this.name, detail: 'the connection is closed' });
    await take(this.#machine.options, roundTripMs, signal);
    await this.#machine.advance();
  }

  async probe(probes: readonly Probe[], signal?: AbortSignal): Promise<Record<string, Answer>> {
    await this.#reach(signal);
    const faults = await this.#machine.faults();
    const answers: Record<string, Answer> = {};
    for (const probe of probes) {
      if (probe.kind !== 'run') {
        answers[probe.id] = readProbe(this.#machine, probe, faults);
        continue;
      }
      const { exit, out = '', err = '' } = await this.#machine.run(await this.#machine.call(probe.argv));
      answers[probe.id] = { exit, out, err };
    }
    return answers;
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    await this.#reach(options.signal);
    const stdin = options.stdin === undefined ? '' : Buffer.from(options.stdin).toString('utf8');
    if (argv[0] === 'systemctl' && argv[1] === 'reboot') return this.#reboot();
    // Nobody else works on a simulated machine.
    if (argv[2]?.startsWith('# fieldkit-hold')) return { exit: 0, stdout: 'ours\n', stderr: '' };
    const guarded = await this.#guard(argv, stdin);
    if (guarded !== null) return { stdout: '', stderr: '', ...guarded };
    const outcome = await this.#machine.run(await this.#machine.call(argv, stdin));
    const { exit, out = '', err = '', patch } = outcome;
    for (const [stream, text] of [['stdout', out] as const, ['stderr', err] as const]) {
      const lines = linesOf(text);
      for (const line of lines) {
        options.onLine?.(stream, line);
        const share = (outcome.lastsMs ?? 0) / Math.max(1, linesOf(out).length + linesOf(err).length);
        await take(this.#machine.options, share, options.signal);
      }
    }
    if (patch !== undefined) await this.#machine.apply(patch);
    return { exit, stdout: out, stderr: err };
  }

  /** The scripts that arm and disarm a guard, known by the names of the units they handle. */
  async #guard(argv: readonly string[], stdin: string): Promise<{ exit: number } | null> {
    const script = argv[0] === 'sh' && argv[1] === '-c' ? (argv[2] ?? '') : '';
    const id = /fieldkit-guard-([\w-]+)\.(?:timer|service)/.exec(script)?.[1];
    if (id === undefined) return null;
    const machine = this.#machine;
    if (script.includes('systemctl enable --now')) {
      const seconds = Number(/^OnActiveSec=(\d+)$/m.exec(script)?.[1] ?? 0);
      const guard = { undo: stdin, dueMs: machine.nowMs() + seconds * 1000, undone: false };
      await machine.change((state) => ({ ...state, guards: { ...state.guards, [id]: guard } }));
      return { exit: 0 };
    }
    const now = script.includes('systemctl start');
    if (now) await machine.undoGuard(id);
    const undone = machine.state.guards[id]?.undone === true;
    await machine.change((state) => {
      const { [id]: _ended, ...guards } = state.guards;
      return { ...state, guards };
    });
    return { exit: undone && !now ? 3 : 0 };
  }

  async #reboot(): Promise<never> {
    const machine = this.#machine;
    const back = machine.nowMs() + 4000 * machine.options.pace;
    const bootId = sha256Of(`${machine.state.bootId} again`).slice(0, 32);
    await machine.change((state) => ({
      ...state,
      bootId: bootId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      proxySinceMs: state.proxySinceMs === null ? null : back,
      nextCronMs: back,
    }));
    throw this.#lost('the machine went down');
  }

  // -------------------------------------------------------------- long work

  async startUnit(
    id: string,
    argv: readonly string[],
    options: { readonly stdin?: string | Uint8Array } = {},
  ): Promise<void> {
    await this.#reach();
    const machine = this.#machine;
    if (machine.state.units[id] !== undefined) return;
    const startedMs = machine.nowMs();
    await this.#setUnit(id, { argv: [...argv], startedMs, timeline: null });
    const stdin = options.stdin === undefined ? '' : Buffer.from(options.stdin).toString('utf8');
    const call = await machine.call(argv, stdin);
    let asksOut: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      asksOut = resolve;
    });
    const get: typeof call.get = (...where) => {
      asksOut();
      return call.get(...where);
    };
    // What needs nothing from outside is settled here; what does goes on by itself, and who follows it sees how it ends.
    const started = machine
      .run({ ...call, get })
      .then((outcome) => this.#setTimeline(id, { argv: [...argv], startedMs }, outcome));
    started.catch(() => undefined);
    await (machine.options.pace === 0 ? started : Promise.race([started, asked]));
  }

  async #setTimeline(id: string, unit: Pick<Unit, 'argv' | 'startedMs'>, outcome: Outcome): Promise<void> {
    const { options } = this.#machine;
    const timeline = {
      log: `${outcome.out ?? ''}${outcome.err ?? ''}`,
      endsMs: this.#machine.nowMs() + (outcome.lastsMs ?? 0) * options.pace,
      exit: outcome.exit,
      patch: outcome.patch ?? {},
      applied: false,
    };
    await this.#setUnit(id, { ...unit, timeline });
  }

  #setUnit(id: string, unit: Unit): Promise<void> {
    return this.#machine.change((state) => ({ ...state, units: { ...state.units, [id]: unit } }));
  }

  async followUnit(id: string, options: FollowOptions = {}): Promise<UnitEnd> {
    let told = 0;
    for (;;) {
      await this.#reach(options.signal);
      const unit = this.#machine.state.units[id];
      if (unit === undefined)
        throw problem('command-failed', {
          command: `follow ${id}`,
          exit: 1,
          machine: this.name,
          detail: 'no such unit',
        });
      const { timeline } = unit;
      if (timeline !== null) {
        const lines = linesOf(timeline.log);
        const due = this.#linesDue(unit, lines.length);
        if (await this.#cutsHere(unit, due, lines.length)) {
          for (; told < Math.floor(lines.length / 2); told += 1) options.onLine?.(lines[told] ?? '');
          throw this.#lost('no answer for 30 seconds');
        }
        for (; told < due; told += 1) options.onLine?.(lines[told] ?? '');
        if (timeline.applied) return { exit: timeline.exit, tail: timeline.log.slice(-tailCharacters) };
      }
      await take(this.#machine.options, 300, options.signal);
      // At pace nought nothing above waits; other work must get its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #linesDue({ startedMs, timeline }: Unit, count: number): number {
    if (timeline === null) return 0;
    const now = this.#machine.nowMs();
    if (timeline.applied || now >= timeline.endsMs) return count;
    return Math.floor((count * (now - startedMs)) / Math.max(1, timeline.endsMs - startedMs));
  }

  /** The fault "connection lost": once, when half of the installation is done. */
  async #cutsHere({ argv }: Unit, due: number, count: number): Promise<boolean> {
    const installs = argv.includes('apt-get') && argv.includes('install');
    if (!installs || due < count / 2 || !(await this.#machine.faults()).has('connection-lost')) return false;
    await setPracticeFault(this.#folder, 'connection-lost', false);
    return true;
  }

  async unitState(id: string): Promise<UnitState> {
    await this.#reach();
    const unit = this.#machine.state.units[id];
    if (unit === undefined) return { state: 'absent' };
    return unit.timeline?.applied ? { state: 'ended', exit: unit.timeline.exit } : { state: 'running' };
  }

  async stopUnit(id: string): Promise<void> {
    await this.#reach();
    const unit = this.#machine.state.units[id];
    if (unit === undefined || unit.timeline?.applied) return;
    const log = unit.timeline?.log ?? '';
    await this.#setUnit(id, {
      ...unit,
      timeline: { log, endsMs: this.#machine.nowMs(), exit: null, patch: {}, applied: true },
    });
  }

  async forgetUnit(id: string): Promise<void> {
    if ((await this.unitState(id)).state === 'running')
      throw problem('command-failed', {
        command: `forget ${id}`,
        exit: 9,
        machine: this.name,
        detail: 'still running',
      });
    await this.#machine.change((state) => {
      const { [id]: _forgotten, ...units } = state.units;
      return { ...state, units };
    });
  }

  // -------------------------------------------------------------- files

  async writeFile(path: string, text: string | Uint8Array, options: WriteOptions): Promise<void> {
    await this.#reach(options.signal);
    const { files } = this.#machine.state;
    const old = files[path];
    const failed = (detail: string) =>
      problem('command-failed', { command: `write ${path}`, exit: 1, machine: this.name, detail });
    if (old !== undefined && old.kind !== 'f') throw failed(`not a file: ${path}`);
    // Networkd's drop-in folders are made by their writer; anything else must be there.
    if (files[dirname(path)]?.kind !== 'd') throw failed(`no such folder: ${dirname(path)}`);
    const expected = options.expectSha256OfOld;
    const found = old === undefined ? null : sha256Of(bytesOf(old));
    if (expected !== undefined && expected !== found)
      throw problem('file-changed-meanwhile', { path, machine: this.name });
    const bytes = Buffer.from(text);
    const binary = !bytes.equals(Buffer.from(bytes.toString('utf8')));
    const node: FileNode = {
      kind: 'f',
      mode: options.mode,
      owner: options.owner ?? old?.owner ?? 'root:root',
      text: bytes.toString(binary ? 'base64' : 'utf8'),
      ...(binary ? { binary } : {}),
    };
    const copy = `${path}.fieldkit-copy`;
    const kept = options.keepCopy && old !== undefined && files[copy] === undefined ? { [copy]: old } : {};
    await this.#machine.apply({ files: { ...kept, [path]: node } });
  }

  async upload(request: Parameters<Connection['upload']>[0]): Promise<void> {
    const bytes = await readFile(request.from);
    if (sha256Of(bytes) !== request.sha256) throw problem('upload-differs', { machine: this.name, path: request.to });
    await this.writeFile(request.to, bytes, {
      mode: request.mode,
      ...(request.signal ? { signal: request.signal } : {}),
    });
    request.onProgress?.(bytes.length);
  }

  async receive(request: Parameters<Connection['receive']>[0]): Promise<void> {
    await this.#reach(request.signal);
    const node = this.#machine.state.files[request.from];
    if (node === undefined || node.kind !== 'f')
      throw problem('command-failed', {
        command: 'receive',
        exit: 1,
        machine: this.name,
        detail: `no file ${request.from}`,
      });
    const bytes = bytesOf(node);
    await ensureFolder(dirname(request.to));
    await writeAtomic(request.to, bytes);
    request.onProgress?.(bytes.length, bytes.length);
  }

  /** Backups of a simulated machine are its files as JSON: what is put back is what was taken. */
  async pull(_argv: readonly string[], { take: hand, signal }: Parameters<Connection['pull']>[1]): Promise<void> {
    await this.#reach(signal);
    const kept = /^\/(etc\/opt\/slapos|srv\/slapcommon)\//;
    const files = Object.entries(this.#machine.state.files).filter(([path]) => kept.test(path));
    const still = { pause: () => undefined, resume: () => undefined };
    hand(Buffer.from(JSON.stringify(Object.fromEntries(files))), still);
  }

  async push(_argv: readonly string[], source: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#reach();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const files = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, FileNode>;
    await this.#machine.apply({ files });
  }

  // -------------------------------------------------------------- ports

  async reverseForward(request: Parameters<Connection['reverseForward']>[0]) {
    const { port, onStream, signal } = request;
    await this.#reach(signal);
    if ((await this.#machine.faults()).has('forwarding-forbidden'))
      throw problem('forwarding-forbidden', { machine: this.name });
    if (!this.#machine.listen(port, onStream))
      throw problem('forward-port-taken', { machine: this.name, port, holder: 'sshd' });
    this.#ports.set(port, onStream);
    return {
      close: async () => {
        this.#machine.unlisten(port, onStream);
        this.#ports.delete(port);
      },
    };
  }
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
