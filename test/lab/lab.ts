/**
 * One run of the lab: a bridge of its own with the machines on it. Opened by each test file and by `npm run lab -- shell`.
 * The host is the bridge's first address and forwards nothing: the machines reach each other and the host, and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BaseName, baseLayers, type Layers } from './base.ts';
import type { Claim } from './claims.ts';
import { mustRun, runCommand } from './command.ts';
import { withLock } from './host.ts';
import { LabMachine, type Login, type MachineAddresses } from './machine.ts';
import { hostBootId } from './process-identity.ts';
import {
  bridgePrefix,
  claimBridge,
  isAlive,
  type RecordedProcess,
  type RunRecord,
  recordedProcess,
  runsFolder,
  saveRecord,
  takeDown,
  takeDownLeftovers,
} from './run-record.ts';

export interface MachineSpec {
  /** Small letters, digits and dashes, nine at most: the host's end of the cable carries the name as well. */
  readonly name: string;
  /** Default: `bookworm`, or `bookworm-sudo` when somebody is to log in with sudo. */
  readonly base?: BaseName | Layers;
  /** Starts from what another machine was when it was frozen, its users and keys included, instead of a base. */
  readonly from?: Layers;
  /** `root` with a key, or `sudo`: an ordinary user with a password, and root may not log in. Default: `root`. */
  readonly login?: 'root' | 'sudo';
  /** With their prefix length; null for none. Default: the next free ones of this lab's own networks. */
  readonly addresses?: { readonly ipv4?: string | null; readonly ipv6?: string | null };
  /** Lines for the ssh server's configuration, put before its own. */
  readonly sshdOptions?: readonly string[];
  /** Block devices of the host that are plugged into it. */
  readonly devices?: readonly string[];
  /** Changes the tree before the first boot. */
  readonly prepare?: (tree: string) => Promise<void>;
}

const inotifyPath = '/proc/sys/fs/inotify/max_user_instances';

/** Machines share root's inotify instances with each other: where there are none left, systemd's boot stands still without a word. */
async function raiseLimits(): Promise<void> {
  const enough = 1024;
  if (Number(await readFile(inotifyPath, 'utf8')) < enough) await writeFile(inotifyPath, String(enough));
}

const bridgeOf = (network: number): string => `${bridgePrefix}${network}`;

export class Lab {
  readonly folder: string;
  readonly bridge: string;
  /** The host's own addresses on the bridge, without prefix length. */
  readonly hostAddresses: { readonly ipv4: string; readonly ipv6: string };
  readonly keyPath: string;
  readonly #machines: LabMachine[] = [];
  /** Held until the bridge is gone: no other lab of this host, from whatever clone, takes it for abandoned. */
  readonly #bridgeClaim: Claim;
  readonly #onExit = (): void => this.#killNow();
  #processes: readonly RecordedProcess[] = [];
  #nextNumber = 11;
  #closed = false;

  private constructor(folder: string, network: number, bridgeClaim: Claim) {
    this.folder = folder;
    this.bridge = bridgeOf(network);
    this.#bridgeClaim = bridgeClaim;
    this.hostAddresses = { ipv4: `10.77.${network}.1`, ipv6: `fd5a:${(network + 1).toString(16)}::1` };
    this.keyPath = join(folder, 'key');
  }

  static async open(): Promise<Lab> {
    const lab = await withLock('runs', async () => {
      await takeDownLeftovers();
      await raiseLimits();
      const folder = join(runsFolder(), `${Date.now().toString(36)}-${randomBytes(3).toString('hex')}`);
      for (let network = 0; network < 100; network += 1) {
        const claimed = await claimBridge(bridgeOf(network));
        if (claimed === null) continue;
        const added = await runCommand(['ip', 'link', 'add', bridgeOf(network), 'type', 'bridge']);
        if (added.code !== 0) {
          await claimed.release();
          continue;
        }
        const opened = new Lab(folder, network, claimed);
        opened.#record();
        return opened;
      }
      throw new Error('no bridge could be added: are a hundred labs open?');
    });
    process.once('exit', lab.#onExit);
    await mustRun(['ip', 'address', 'add', `${lab.hostAddresses.ipv4}/24`, 'dev', lab.bridge]);
    await mustRun(['ip', '-6', 'address', 'add', `${lab.hostAddresses.ipv6}/64`, 'dev', lab.bridge, 'nodad']);
    await mustRun(['ip', 'link', 'set', lab.bridge, 'up']);
    await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', lab.keyPath]);
    return lab;
  }

  /** Makes a machine, boots it and waits until somebody can log in. */
  async bootMachine(spec: MachineSpec): Promise<LabMachine> {
    if (!/^[a-z][a-z0-9-]{0,8}$/.test(spec.name)) throw new Error(`not a machine's name: ${spec.name}`);
    if (this.#machines.some((machine) => machine.name === spec.name)) throw new Error(`${spec.name} is there already`);
    const login = this.#login(spec.login ?? 'root');
    const addresses = this.#addresses(spec);
    const base = spec.base ?? (login.user === 'root' ? 'bookworm' : 'bookworm-sudo');
    const lower = spec.from ?? (typeof base === 'string' ? await baseLayers(base) : base);
    const folder = join(this.folder, 'machines', spec.name);
    await mkdir(folder, { recursive: true });
    const machine = new LabMachine({
      name: spec.name,
      hostname: `${this.bridge.slice(0, 2)}${this.bridge.slice(bridgePrefix.length)}-${spec.name}`,
      folder,
      lower,
      bridge: this.bridge,
      addresses,
      login,
      sshdOptions: spec.sshdOptions ?? [],
      devices: spec.devices ?? [],
      onProcess: (pid) => this.#remember(pid),
    });
    this.#machines.push(machine);
    this.#record();
    await machine.prepare(spec.from === undefined, spec.prepare);
    if (this.#closed) throw new Error('the lab was closed meanwhile');
    await machine.start();
    return machine;
  }

  /** Ends every machine at once and removes all traces of this run from the host. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const machine of this.#machines) await machine.discard();
    await withLock('runs', () => takeDown(this.folder, this.#currentRecord()));
    await this.#bridgeClaim.release();
    process.removeListener('exit', this.#onExit);
  }

  #login(kind: 'root' | 'sudo'): Login {
    if (kind === 'root') return { user: 'root', keyPath: this.keyPath, password: null };
    return { user: 'tech', keyPath: this.keyPath, password: randomBytes(12).toString('base64url') };
  }

  #addresses(spec: MachineSpec): MachineAddresses {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    const { ipv4, ipv6 } = spec.addresses ?? {};
    return {
      ipv4: ipv4 === undefined ? `${this.hostAddresses.ipv4.replace(/1$/, '')}${number}/24` : ipv4,
      ipv6: ipv6 === undefined ? `${this.hostAddresses.ipv6.replace(/1$/, '')}${number}/64` : ipv6,
    };
  }

  #remember(pid: number): void {
    const one = recordedProcess(pid);
    if (one === null) return;
    this.#processes = [...this.#processes.filter(isAlive), one];
    this.#record();
  }

  #record(): void {
    saveRecord(this.folder, this.#currentRecord());
  }

  #currentRecord(): RunRecord {
    const owner = recordedProcess(process.pid);
    if (owner === null) throw new Error('this process cannot be read in /proc');
    return {
      owner,
      bootId: hostBootId(),
      bridge: this.bridge,
      processes: this.#processes,
      groups: this.#machines.map((machine) => machine.hostname),
    };
  }

  /** The program ends without having closed the lab: no machine may outlive it. The rest is left to the next run. */
  #killNow(): void {
    for (const one of [...this.#processes].reverse()) {
      if (isAlive(one)) process.kill(one.pid, 'SIGKILL');
    }
  }
}
