/**
 * One real machine: Debian booted by systemd in a tree of its own, reached over its cable and by ssh like any other.
 * Made by a lab. What a test asks through `shell` goes past the network, so that asking changes nothing that is tested.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Layers, mountOverlay } from './base.ts';
import { type CommandOptions, type CommandResult, mustRun, runCommand } from './command.ts';
import { unmountUnder, withoutSync } from './host.ts';
import { controlGroupFolders } from './run-record.ts';

export interface Login {
  readonly user: string;
  readonly keyPath: string;
  /** For sudo and for logging in; null when the user is root. */
  readonly password: string | null;
}

/** With their prefix length; null where the machine has none. */
export interface MachineAddresses {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

interface MachineParts {
  readonly name: string;
  readonly hostname: string;
  readonly folder: string;
  readonly lower: Layers;
  readonly bridge: string;
  readonly addresses: MachineAddresses;
  readonly login: Login;
  readonly sshdOptions: readonly string[];
  /** Block devices of the host, seen by the machine under their own names. */
  readonly devices: readonly string[];
  readonly onProcess: (pid: number) => void;
}

/** strace, of every execve below a process, whole: no word and no variable is cut short. */
export const traceWords = (file: string): string[] => [
  '-f',
  '-v',
  '-s',
  '1048576',
  '-e',
  'trace=execve,execveat',
  '-e',
  'signal=none',
  '-o',
  file,
];

/** Holds the ranges of a site's machines; none of them has an address of this length. */
const siteRange = 'fd5a:77::/48';

/** systemd-nspawn ends with this when the machine asked for a reboot. */
const rebootCode = 133;
const bootTimeoutMs = 120_000;

export class LabMachine {
  readonly name: string;
  /** The machine's own name, and that of its control group and cable on the host. */
  readonly hostname: string;
  readonly addresses: MachineAddresses;
  readonly login: Login;
  readonly sshPort = 22;
  /** How long the last boot took until somebody could log in, in milliseconds. */
  bootMs = 0;
  readonly #parts: MachineParts;
  #lower: Layers;
  #generation = 0;
  #nspawn: ChildProcess | null = null;
  #leader: number | null = null;
  #wanted = false;
  /** The boot id of the last boot that came to its end; '' while one goes on. */
  #bootedId = '';
  #bootFailure: Error | null = null;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#lower = parts.lower;
    this.name = parts.name;
    this.hostname = parts.hostname;
    this.addresses = parts.addresses;
    this.login = parts.login;
  }

  /** The address without prefix length by which the host reaches the machine. */
  get address(): string {
    const address = this.addresses.ipv4 ?? this.addresses.ipv6;
    if (address === null) throw new Error(`${this.name} has no address`);
    return address.split('/')[0] ?? '';
  }

  get running(): boolean {
    return this.#leader !== null;
  }

  /** The lowest of the layers: the bare Debian. */
  get base(): string {
    return this.#lower.at(-1) ?? '';
  }

  /** The layers between the bare Debian and this machine's own changes. */
  get lowerSinceBase(): Layers {
    return this.#lower.slice(0, -1);
  }

  /** The machine's own changes since its layers. Read only. */
  get upper(): string {
    return join(this.#parts.folder, `upper-${this.#generation}`);
  }

  /** All of the machine's files. Mind that absolute links in it lead to the host's files. */
  get tree(): string {
    return join(this.#parts.folder, 'tree');
  }

  /** The console since the first boot, for when a machine does not come up. */
  get consolePath(): string {
    return join(this.#parts.folder, 'console');
  }

  /** Makes the tree. `fresh` is false for a copy of another machine: its host keys and users stay. */
  async prepare(fresh: boolean, last?: (tree: string) => Promise<void>): Promise<void> {
    await this.#mount();
    await writeFile(join(this.tree, 'etc/hostname'), `${this.hostname}\n`);
    await writeFile(join(this.tree, 'etc/hosts'), `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${this.hostname}\n`);
    await writeFile(join(this.tree, 'etc/resolv.conf'), '');
    await this.#writeNetwork();
    if (fresh) await this.#makeLogin();
    else await this.#authorize();
    await mkdir(join(this.tree, 'etc/ssh/sshd_config.d'), { recursive: true });
    const options = [...(this.login.user === 'root' ? [] : ['PermitRootLogin no']), ...this.#parts.sshdOptions];
    await writeFile(join(this.tree, 'etc/ssh/sshd_config.d/lab.conf'), options.map((line) => `${line}\n`).join(''));
    await last?.(this.tree);
  }

  /** Boots and waits until the machine has finished booting and its ssh server answers. */
  async start(): Promise<void> {
    if (this.#wanted) throw new Error(`${this.name} runs already`);
    this.#wanted = true;
    await this.#boot();
  }

  /** Shuts down in order: services are stopped, what they hold is written. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#nspawn;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    // systemd-nspawn hands this on to the machine as "power off".
    child.kill('SIGTERM');
    const inTime = await Promise.race([ended.then(() => true), sleep(90_000, false, { ref: false })]);
    if (!inTime) await this.kill();
    this.#leader = null;
  }

  /** Pulls the plug: nothing is stopped, nothing is written. */
  async kill(): Promise<void> {
    this.#wanted = false;
    const child = this.#nspawn;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (this.#leader !== null) process.kill(this.#leader, 'SIGKILL');
    else child.kill('SIGKILL');
    await ended;
    this.#leader = null;
  }

  /** Asks the machine to reboot and waits until somebody can log in again. */
  async reboot(): Promise<void> {
    const before = this.#bootedId;
    // The command may end with the machine before it has answered.
    await this.shell('systemctl reboot', { timeoutMs: 30_000 }).catch(() => undefined);
    await this.waitForBoot(before);
  }

  /**
   * Waits until the machine has booted anew, whoever asked for it. Nothing is asked of the machine meanwhile: a process that enters
   * while it shuts down holds it up.
   */
  async waitForBoot(otherThan: string): Promise<void> {
    const until = Date.now() + bootTimeoutMs;
    while (this.#bootedId === otherThan || this.#bootedId === '') {
      if (this.#bootFailure !== null) throw this.#bootFailure;
      if (Date.now() > until) throw this.#bootError('did not reboot');
      await sleep(50);
    }
  }

  async bootId(): Promise<string> {
    return (await this.shell('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
  }

  /** Runs a shell command as root in the machine, past network and login. */
  async shell(command: string, options: CommandOptions = {}): Promise<CommandResult> {
    const leader = this.#leader;
    if (leader === null) throw new Error(`${this.name} is not running`);
    const env = ['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8'];
    const enter = ['nsenter', '-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-r', '-w'];
    return runCommand([...enter, 'env', '-i', ...env, '/bin/sh', '-c', command], options);
  }

  /** As `shell`, for a command that must succeed; its standard output is returned. */
  async mustShell(command: string, options: CommandOptions = {}): Promise<string> {
    const result = await this.shell(command, options);
    if (result.code !== 0) throw new Error(`${this.name}: ${command}: exit ${result.code}\n${result.stderr}`);
    return result.stdout;
  }

  /** The fingerprint an administrator reads on the console: `SHA256:…` of the ssh server's ed25519 key. */
  async hostKeyFingerprint(): Promise<string> {
    const path = join(this.tree, 'etc/ssh/ssh_host_ed25519_key.pub');
    return (await mustRun(['ssh-keygen', '-l', '-E', 'sha256', '-f', path])).split(' ')[1] ?? '';
  }

  /** Gives the ssh server other host keys, as a reinstalled machine (or another one at this address) would have. */
  async changeHostKeys(): Promise<void> {
    await makeHostKeys(this.tree);
    await this.mustShell('systemctl restart ssh');
    await this.#waitForSsh(Date.now() + 30_000);
  }

  /** Cuts every ssh connection there is, as if the cable had been pulled for a moment. Returns how many there were. */
  async cutConnections(): Promise<number> {
    // The listener calls itself `sshd: /usr/sbin/sshd …`; it stays.
    const sessions = `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^sshd\\(-session\\)\\?: [^/]' && echo \${p#/proc/}; done`;
    const pids = (await this.shell(sessions)).stdout.trim().split(/\s+/).filter(Boolean);
    if (pids.length > 0) await this.shell(`kill -9 ${pids.join(' ')}`);
    return pids.length;
  }

  /** Traces every program that is started below the ssh server, with arguments and environment, until the returned function is called. */
  async traceLogins(file: string): Promise<() => Promise<void>> {
    const leader = this.#leader;
    if (leader === null) throw new Error(`${this.name} is not running`);
    // The listener's number as the host knows it: the innermost of its numbers is the one the machine knows.
    const inside = (await this.mustShell('systemctl show --value -p MainPID ssh.service')).trim();
    const below = (await mustRun(['pgrep', '-x', 'sshd'])).split('\n').filter((pid) => pid !== '');
    const own = `/proc/${leader}/ns/pid`;
    const space = readlinkSync(own);
    const listener = below.find((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return readlinkSync(`/proc/${pid}/ns/pid`) === space && new RegExp(`^NSpid:.*\\s${inside}$`, 'm').test(status);
      } catch {
        return false;
      }
    });
    if (listener === undefined) throw new Error(`${this.name}: no ssh server ${inside}`);
    const tracer = spawn('strace', [...traceWords(file), '-p', listener], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<void>((resolve) => tracer.once('close', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      tracer.once('error', reject);
      tracer.stderr.on('data', (chunk: Buffer) => chunk.toString().includes('attached') && resolve());
      void ended.then(() => reject(new Error('strace did not attach')));
    });
    return async () => {
      tracer.kill('SIGINT');
      await ended;
    };
  }

  /**
   * Lets nothing through to one TCP port of the machine: `silent` as a cable that is out, `refused` as a firewall that says so.
   * Returns what takes it back. A snapshot made meanwhile does not know of it.
   */
  async blockPort(port: number, how: 'silent' | 'refused' = 'silent'): Promise<() => Promise<void>> {
    const leader = this.#leader;
    if (leader === null) throw new Error(`${this.name} is not running`);
    const target = how === 'silent' ? ['DROP'] : ['REJECT', '--reject-with', 'tcp-reset'];
    const rule = ['INPUT', '-i', 'host0', '-p', 'tcp', '--dport', String(port), '-j', ...target];
    const enter = ['nsenter', '-t', String(leader), '-n'];
    // The legacy tables are apart from nft: the machine's own rules are neither touched nor shown.
    const programs = ['iptables-legacy', 'ip6tables-legacy'];
    for (const program of programs) await mustRun([...enter, program, '-w', '-I', ...rule]);
    return async () => {
      for (const program of programs) await mustRun([...enter, program, '-w', '-D', ...rule]);
    };
  }

  /** Pulls the network cable, or plugs it in again. Open connections live on and hear nothing. */
  async cable(state: 'in' | 'out'): Promise<void> {
    await mustRun(['ip', 'link', 'set', `vb-${this.hostname}`, state === 'in' ? 'up' : 'down']);
  }

  /** Runs a command over ssh as the machine's login user; `sudo` gives the password on standard input. */
  async ssh(
    command: string,
    options: { readonly sudo?: boolean; readonly by?: 'key' | 'password' } = {},
  ): Promise<CommandResult> {
    const { user, keyPath, password } = this.login;
    const by = options.by ?? 'key';
    const common = [
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
      '-F',
      'none',
    ];
    const how =
      by === 'key'
        ? ['-i', keyPath, '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes']
        : ['-o', 'PubkeyAuthentication=no', '-o', 'NumberOfPasswordPrompts=1'];
    const asked = options.sudo === true && user !== 'root' ? `sudo -S -p '' -- sh -c ${quote(command)}` : command;
    // ssh asks this program for the password; it answers from the environment, so that no argument ever shows it.
    const askpass = join(this.#parts.folder, 'askpass');
    if (!existsSync(askpass))
      await writeFile(askpass, '#!/bin/sh\nprintf \'%s\\n\' "$LAB_PASSWORD"\n', { mode: 0o700 });
    const env = {
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: 'force',
      LAB_PASSWORD: password ?? '',
      SSH_AUTH_SOCK: undefined,
    };
    return runCommand(['ssh', ...common, ...how, '-o', 'ConnectTimeout=10', `${user}@${this.address}`, asked], {
      stdin: password === null ? '' : `${password}\n`,
      ...(by === 'password' ? { env } : {}),
    });
  }

  /**
   * Shuts the machine down and keeps what it is now as layers others can start from; this machine can be started again and goes
   * on above them. Costs no copying.
   */
  async freeze(): Promise<Layers> {
    await this.stop();
    unmountUnder(this.tree);
    this.#lower = [this.upper, ...this.#lower];
    this.#generation += 1;
    await this.#mount();
    return this.#lower;
  }

  /** Ends the machine and forgets its files. Called by its lab. */
  async discard(): Promise<void> {
    await this.kill();
    unmountUnder(this.tree);
  }

  async #mount(): Promise<void> {
    const work = join(this.#parts.folder, `work-${this.#generation}`);
    await mountOverlay({ lower: this.#lower, upper: this.upper, work, tree: this.tree });
  }

  async #writeNetwork(): Promise<void> {
    const addresses = [this.addresses.ipv4, this.addresses.ipv6].filter((address) => address !== null);
    const lines = ['[Match]', 'Name=host0', '[Network]', ...addresses.map((address) => `Address=${address}`)];
    // No router is believed, and an address can be used as soon as it is there: nobody else is on the cable.
    const quiet = ['LinkLocalAddressing=ipv6', 'IPv6AcceptRA=no', 'IPv6DuplicateAddressDetection=0'];
    // Machines of one site may have ranges of their own: all of them are on this one cable.
    const neighbours = ['[Route]', `Destination=${siteRange}`];
    const folder = join(this.tree, 'etc/systemd/network');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '10-host0.network'), `${[...lines, ...quiet, ...neighbours].join('\n')}\n`);
    const wants = join(this.tree, 'etc/systemd/system/multi-user.target.wants');
    await mkdir(wants, { recursive: true });
    const unit = join(wants, 'systemd-networkd.service');
    if (!existsSync(unit)) await symlink('/lib/systemd/system/systemd-networkd.service', unit).catch(ignoreExisting);
  }

  async #makeLogin(): Promise<void> {
    const { user, password } = this.login;
    await makeHostKeys(this.tree);
    if (password !== null) {
      await mustRun([
        'chroot',
        this.tree,
        'useradd',
        '--create-home',
        '--shell',
        '/bin/bash',
        '--groups',
        'sudo',
        user,
      ]);
      await mustRun(['chroot', this.tree, 'chpasswd'], { stdin: `${user}:${password}\n` });
    }
    await this.#authorize();
  }

  /** Lets this lab's key in, unless it is let in already. */
  async #authorize(): Promise<void> {
    const { user, keyPath } = this.login;
    const home = user === 'root' ? '/root' : `/home/${user}`;
    const path = join(this.tree, home, '.ssh/authorized_keys');
    const publicKey = await readFile(`${keyPath}.pub`, 'utf8');
    if (existsSync(path) && (await readFile(path, 'utf8')).includes(publicKey)) return;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await appendFile(path, publicKey, { mode: 0o600 });
    await mustRun(['chroot', this.tree, 'chown', '-R', `${user}:`, dirname(join('/', home, '.ssh/authorized_keys'))]);
  }

  async #boot(): Promise<void> {
    const startedAt = Date.now();
    const groups = controlGroupFolders(this.hostname);
    // A control group of its own: two systemds in one group would stop each other's services.
    const enterGroups = groups.map(
      (folder) => `mkdir -p ${quote(folder)} && echo $$ >${quote(join(folder, 'cgroup.procs'))}`,
    );
    const underSystemd = existsSync('/run/systemd/system');
    const launch = [...(underSystemd ? [] : enterGroups), 'exec "$@"'].join(' && ');
    const nspawn = [
      'systemd-nspawn',
      '--quiet',
      '--register=no',
      ...(underSystemd ? [] : ['--keep-unit']),
      `--machine=${this.hostname}`,
      `--network-bridge=${this.#parts.bridge}`,
      '--resolv-conf=off',
      '--timezone=off',
      '--link-journal=no',
      ...withoutSync(),
      // Tunnels are made through it; the host's other devices stay unseen.
      ...(existsSync('/dev/net/tun') ? ['--bind=/dev/net/tun'] : []),
      ...this.#parts.devices.map((device) => `--bind=${device}`),
      '-D',
      this.tree,
      '--boot',
    ];
    const consoleFile = openSync(this.consolePath, 'a');
    const child = spawn('/bin/sh', ['-c', launch, 'machine', ...nspawn], {
      stdio: ['ignore', consoleFile, consoleFile],
      detached: true,
    });
    this.#nspawn = child;
    this.#leader = null;
    this.#bootedId = '';
    this.#bootFailure = null;
    child.once('exit', (code) => {
      this.#leader = null;
      this.#bootedId = '';
      if (code !== rebootCode || !this.#wanted) return;
      this.#boot().catch((error: Error) => {
        this.#bootFailure = error;
      });
    });
    closeSync(consoleFile);
    if (child.pid === undefined) throw new Error('systemd-nspawn did not start');
    this.#parts.onProcess(child.pid);
    this.#leader = await this.#findLeader(child);
    this.#parts.onProcess(this.#leader);
    await this.#waitUntilReady();
    this.bootMs = Date.now() - startedAt;
    this.#bootedId = await this.bootId();
  }

  /** The machine's first process: systemd-nspawn's only child that runs an init. */
  async #findLeader(child: ChildProcess): Promise<number> {
    const until = Date.now() + bootTimeoutMs;
    while (Date.now() < until && child.exitCode === null) {
      const children = readOr(`/proc/${child.pid}/task/${child.pid}/children`).trim().split(' ').filter(Boolean);
      const leader = children.find((pid) => /\/systemd\0|\/init\0/.test(readOr(`/proc/${pid}/cmdline`)));
      if (leader !== undefined) return Number(leader);
      await sleep(20);
    }
    throw this.#bootError('did not boot');
  }

  async #waitUntilReady(): Promise<void> {
    const until = Date.now() + bootTimeoutMs;
    if (this.addresses.ipv4 !== null || this.addresses.ipv6 !== null) await this.#waitForSsh(until);
    for (;;) {
      // Not with --wait: asked too early it may wait for a signal that has been sent.
      const asked = this.shell('systemctl is-system-running', { timeoutMs: 5000 });
      const state = (await asked.catch(() => null))?.stdout.trim();
      if (state === 'running' || state === 'degraded') return;
      if (Date.now() > until) throw this.#bootError(`does not finish booting: ${state}`);
      await sleep(100);
    }
  }

  #bootError(what: string): Error {
    return new Error(`${this.name} ${what}\n${readOr(this.consolePath).slice(-2000)}`);
  }

  async #waitForSsh(untilMs: number): Promise<void> {
    while (!(await sshAnswers(this.address, this.sshPort))) {
      if (Date.now() > untilMs) throw this.#bootError(`has no ssh server that answers on ${this.address}`);
      await sleep(100);
    }
  }
}

async function makeHostKeys(tree: string): Promise<void> {
  for (const type of ['ed25519', 'ecdsa']) {
    const path = join(tree, `etc/ssh/ssh_host_${type}_key`);
    await mustRun(['rm', '-f', path, `${path}.pub`]);
    await mustRun(['ssh-keygen', '-q', '-t', type, '-N', '', '-C', 'root@machine', '-f', path]);
  }
}

/** True when a server greets as ssh does. */
function sshAnswers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.once('data', (data) => end(data.toString('latin1').startsWith('SSH-2.0')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
