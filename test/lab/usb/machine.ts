/**
 * A whole Debian in QEMU, without KVM, into which sticks are plugged and from which they are pulled while they are written to.
 * Called by the tests of drives. It starts from a saved state in two or three seconds. It must never touch a drive of its host:
 * every stick is a file of the run's own folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandOptions, type CommandResult, mustRun, runCommand } from '../command.ts';
import { cacheFolder, removeTree, scratchName } from '../host.ts';
import { hardware, kernelLine, type UsbImage, usbImage } from './image.ts';
import { type Monitor, openMonitor } from './qmp.ts';

export interface Plug {
  readonly serial?: string;
  /** With these it is another kind of stick to the kernel: vendor and model as a shop's stick tells them. */
  readonly vendor?: string;
  readonly product?: string;
  readonly readOnly?: boolean;
  /** Bytes a second it can be written with, and read with. */
  readonly slowBytes?: number;
  /** Every write to this sector (512 bytes) fails, the others do not. */
  readonly badSector?: number;
}

interface Start {
  /** Boot from the disk (`cold`) or go on where the saved state stopped. */
  readonly from: 'cold' | 'saved';
  readonly disk: string;
  /** More hardware; only with a cold start. */
  readonly more?: readonly string[];
}

/** As both users of the machine: `user` is an ordinary one who may use UDisks2, `root` prepares and looks. */
export type User = 'user' | 'root';

export class UsbMachine {
  readonly folder: string;
  readonly #image: UsbImage;
  #qemu: ChildProcess | null = null;
  #monitor: Monitor | null = null;
  #port = 0;
  /** Sticks with a limit of their own, by id. */
  readonly #slowed = new Set<string>();

  private constructor(image: UsbImage, folder: string) {
    this.#image = image;
    this.folder = folder;
  }

  /** A machine that has booted, with no stick in it. */
  static async start(): Promise<UsbMachine> {
    const image = await usbImage(saveBooted);
    const machine = await UsbMachine.#make(image);
    const disk = join(machine.folder, 'disk.qcow2');
    await mustRun(['cp', '--reflink=auto', '--sparse=always', image.diskPath, disk]);
    await machine.#boot({ from: 'saved', disk });
    return machine;
  }

  /**
   * Other hardware, booted anew (about a quarter of a minute): for recording what such laptops show. `disks` are empty ones
   * by name, of so many megabytes, for the arguments to use.
   */
  static async startWith(
    disks: Readonly<Record<string, number>>,
    hardwareArguments: readonly string[],
  ): Promise<UsbMachine> {
    const image = await usbImage(saveBooted);
    const machine = await UsbMachine.#make(image);
    const disk = await machine.#copyOnWrite(image.diskPath);
    const more: string[] = [];
    for (const [name, megabytes] of Object.entries(disks)) {
      const file = await machine.stick(name, megabytes);
      more.push('-drive', `if=none,id=${name},format=raw,file=${file}`);
    }
    await machine.#boot({ from: 'cold', disk, more: [...more, ...hardwareArguments] });
    return machine;
  }

  async #copyOnWrite(image: string): Promise<string> {
    const disk = join(this.folder, 'disk.qcow2');
    await mustRun(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, disk]);
    return disk;
  }

  static async #make(image: UsbImage): Promise<UsbMachine> {
    const folder = join(cacheFolder(), scratchName());
    await mkdir(folder, { recursive: true });
    return new UsbMachine(image, folder);
  }

  /** Boots a disk once and keeps its state in it. */
  static async save(image: UsbImage): Promise<void> {
    const machine = await UsbMachine.#make(image);
    try {
      await machine.#boot({ from: 'cold', disk: image.diskPath });
      // What is in memory now needs not be read from the disk in every run.
      await machine.must(
        'udisksctl status; node --version; lsblk; systemctl is-system-running --wait; sync',
        'user',
        true,
      );
      const said = await machine.#monitorNow().human('savevm booted');
      if (said.trim() !== '') throw new Error(`savevm: ${said}`);
      await machine
        .#monitorNow()
        .command('quit')
        .catch(() => undefined);
    } finally {
      await machine.stop();
    }
  }

  async #boot({ from, disk, more = [] }: Start): Promise<void> {
    this.#port = await freePort();
    const qmp = join(this.folder, 'qmp');
    const argv = [
      ...hardware,
      ...['-kernel', this.#image.kernelPath, '-initrd', this.#image.initrdPath],
      ...['-append', kernelLine],
      ...['-drive', `if=none,id=d0,format=qcow2,file=${disk}`, '-device', 'virtio-blk-pci,drive=d0,disable-legacy=on'],
      ...['-netdev', `user,id=n0,hostfwd=tcp:127.0.0.1:${this.#port}-:22`],
      ...['-device', 'virtio-net-pci,netdev=n0,romfile='],
      ...['-serial', `file:${this.consolePath}`, '-qmp', `unix:${qmp},server=on,wait=off`],
      ...more,
      ...(from === 'saved' ? ['-loadvm', 'booted'] : []),
    ];
    const log = openSync(join(this.folder, 'qemu.log'), 'w');
    // It must not outlive the test, however that ends.
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...argv], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#qemu = qemu;
    const until = Date.now() + 900_000;
    for (;;) {
      if (qemu.exitCode !== null || qemu.signalCode !== null)
        throw new Error(`QEMU ended: ${await readFile(join(this.folder, 'qemu.log'), 'utf8')}`);
      this.#monitor ??= await openMonitor(qmp).catch(() => null);
      if (this.#monitor !== null && (await this.run('true', 'root')).code === 0) break;
      if (Date.now() > until) throw new Error(`the machine did not come up:\n${await this.console()}`);
      await sleep(100);
    }
    await this.must(`date -s @${Math.ceil(Date.now() / 1000)}`, 'root');
  }

  /** How the host reaches its ssh server at 127.0.0.1, for a test in which it is no laptop but a machine of the site. */
  get port(): number {
    return this.#port;
  }

  get keyPath(): string {
    return this.#image.keyPath;
  }

  get consolePath(): string {
    return join(this.folder, 'console');
  }

  async console(): Promise<string> {
    return (await readFile(this.consolePath, 'utf8').catch(() => '')).split('\n').slice(-30).join('\n');
  }

  #monitorNow(): Monitor {
    if (this.#monitor === null) throw new Error('the machine is not running');
    return this.#monitor;
  }

  #ssh(user: User): readonly string[] {
    return [
      ...['ssh', '-i', this.#image.keyPath, '-p', String(this.#port), '-o', 'StrictHostKeyChecking=no'],
      ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=5'],
      ...[
        '-o',
        'ControlMaster=auto',
        '-o',
        `ControlPath=${join(this.folder, `cm-${user}`)}`,
        '-o',
        'ControlPersist=600',
      ],
      `${user}@127.0.0.1`,
    ];
  }

  /** Runs a shell line in the machine. 255 when it cannot be reached. */
  run(line: string, user: User = 'user', options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand([...this.#ssh(user), line], options);
  }

  /** As `run`, for a line that must succeed; its standard output is returned. */
  async must(line: string, user: User = 'user', anyCode = false): Promise<string> {
    const result = await this.run(line, user);
    if (result.code !== 0 && !anyCode)
      throw new Error(`${line}: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  }

  /** A program that goes on while the test does something to its stick. */
  spawn(line: string, user: User = 'user'): ChildProcess {
    const [program = '', ...args] = this.#ssh(user);
    return spawn(program, [...args, line], { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Puts a folder of the host, or single names of it, into a folder of the machine. */
  async bring(from: string, names: readonly string[], to: string, user: User = 'user'): Promise<void> {
    const [program = '', ...args] = this.#ssh(user);
    const line = `mkdir -p '${to}' && tar -x -C '${to}'`;
    const script = 'tar -c -h -C "$0" -- "$@"';
    const packer = spawn('sh', ['-c', script, from, ...names], { stdio: ['ignore', 'pipe', 'inherit'] });
    const unpacker = spawn(program, [...args, line], { stdio: [packer.stdout, 'ignore', 'inherit'] });
    const code = await new Promise((resolve) => unpacker.once('close', resolve));
    if (code !== 0) throw new Error(`${names.join(' ')} could not be brought`);
  }

  /** A stick of our own: a copy of a shop's one, or an empty one of so many megabytes. Returns its image. */
  async stick(name: string, from: 'vfat' | 'exfat' | 'ext4' | 'super' | 'ntfs' | number): Promise<string> {
    const path = join(this.folder, `${name}.img`);
    const made =
      typeof from === 'number'
        ? await runCommand(['truncate', '-s', `${from}M`, path])
        : await runCommand(['cp', '--sparse=always', join(this.#image.sticksFolder, `${from}.img`), path]);
    if (made.code !== 0) throw new Error(made.stderr);
    return path;
  }

  /** Plugs a stick in. It takes the kernel a second or two to show it. */
  async plug(id: string, file: string, plug: Plug = {}): Promise<void> {
    const monitor = this.#monitorNow();
    const host = { driver: 'file', filename: file, aio: 'threads', 'read-only': plug.readOnly ?? false };
    const node = `b-${id}`;
    const raw = { driver: 'raw', 'read-only': plug.readOnly ?? false, file: host };
    if (plug.slowBytes !== undefined) {
      const limits = Object.fromEntries(
        ['bps-write', 'bps-write-max', 'bps-read', 'bps-read-max'].map((name) => [name, plug.slowBytes]),
      );
      this.#slowed.add(id);
      await monitor.command('object-add', { 'qom-type': 'throttle-group', id: `tg-${id}`, limits });
      await monitor.command('blockdev-add', {
        driver: 'throttle',
        'node-name': node,
        'throttle-group': `tg-${id}`,
        file: raw,
      });
    } else if (plug.badSector !== undefined) {
      const fault = { event: 'none', iotype: 'write', errno: 5, sector: plug.badSector, once: false };
      const faulty = { driver: 'blkdebug', image: host, 'inject-error': [fault] };
      await monitor.command('blockdev-add', { driver: 'raw', 'node-name': node, file: faulty });
    } else {
      const cache = { direct: false, 'no-flush': true };
      await monitor.command('blockdev-add', { ...raw, 'node-name': node, cache });
    }
    const serial = plug.serial ?? `SN${id}`;
    if (plug.vendor === undefined) {
      const errors = plug.badSector === undefined ? {} : { werror: 'report' };
      const device = { driver: 'usb-storage', id, bus: 'xhci.0', drive: node, removable: true, serial };
      await monitor.command('device_add', { ...device, ...errors });
      return;
    }
    await monitor.command('device_add', { driver: 'usb-bot', id, bus: 'xhci.0', serial });
    const disk = {
      driver: 'scsi-hd',
      id: `${id}-d`,
      bus: `${id}.0`,
      drive: node,
      removable: true,
      ver: '1.00',
      serial,
    };
    await monitor.command('device_add', { ...disk, vendor: plug.vendor, product: plug.product ?? 'Stick' });
    await monitor.command('qom-set', { path: `/machine/peripheral/${id}`, property: 'attached', value: true });
  }

  /** Other hardware while it runs (a card reader, an optical drive): what stands behind it, and its parts. */
  async hardware(
    node: Readonly<Record<string, unknown>> | null,
    devices: readonly Readonly<Record<string, unknown>>[],
  ): Promise<void> {
    const monitor = this.#monitorNow();
    if (node !== null) await monitor.command('blockdev-add', node);
    for (const device of devices) {
      await monitor.command('device_add', device);
      const { driver, id } = device;
      if (driver !== 'usb-bot') continue;
      // Its parts come next; then it is shown to the machine.
      const part = devices[devices.indexOf(device) + 1];
      if (part !== undefined) await monitor.command('device_add', part);
      await monitor.command('qom-set', { path: `/machine/peripheral/${id}`, property: 'attached', value: true });
      break;
    }
  }

  /** Pulls a stick, whatever is being written to it. */
  async unplug(id: string): Promise<void> {
    const monitor = this.#monitorNow();
    await monitor.command('device_del', { id });
    const until = Date.now() + 300_000;
    for (;;) {
      try {
        await monitor.command('blockdev-del', { 'node-name': `b-${id}` });
        if (this.#slowed.delete(id)) await monitor.command('object-del', { id: `tg-${id}` });
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await sleep(50);
      }
    }
  }

  /** Waits for a line of shell to succeed in the machine. */
  async until(line: string, user: User = 'root', limitMs = 600_000): Promise<string> {
    const until = Date.now() + limitMs;
    for (;;) {
      const result = await this.run(line, user);
      if (result.code === 0) return result.stdout;
      if (Date.now() > until) throw new Error(`never true: ${line}\n${result.stdout}${result.stderr}`);
      await sleep(100);
    }
  }

  /** Switches the machine off and removes its folder with its sticks. */
  async stop(): Promise<void> {
    this.#monitor?.close();
    this.#monitor = null;
    const qemu = this.#qemu;
    if (qemu !== null && qemu.exitCode === null && qemu.signalCode === null) {
      const ended = new Promise((resolve) => qemu.once('exit', resolve));
      qemu.kill('SIGKILL');
      await ended;
    }
    await removeTree(this.folder);
  }
}

const saveBooted = (image: UsbImage): Promise<void> => UsbMachine.save(image);

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
