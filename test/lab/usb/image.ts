/**
 * The disk, kernel and saved state of the machine sticks are plugged into, built once and kept in the lab's cache.
 * Called by the USB machine. Must never start a machine from a state that another QEMU, kernel or recipe has saved.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseLayers, buildLayer, mountOverlay, packageLayer, runInTree } from '../base.ts';
import { mustRun, runCommand } from '../command.ts';
import { cached, labUnavailable, recipeKey, removeTree, runQuietly } from '../host.ts';

/** What an ordinary desktop has for sticks, and what the layouts are recorded with. */
const guestPackages = [
  'btrfs-progs',
  'busybox-static',
  'cpio',
  'cryptsetup-bin',
  'dosfstools',
  'e2fsprogs',
  'exfatprogs',
  'fdisk',
  'kmod',
  'lvm2',
  'mdadm',
  'ntfs-3g',
  'polkitd',
  'strace',
  'udev',
  'udisks2',
  'util-linux',
];

/** A saved state fits the hardware it was saved on, and no other. A stick goes into `xhci.0`. */
export const hardware: readonly string[] = [
  ...['-accel', 'tcg,thread=multi,tb-size=128', '-M', 'q35,hpet=off', '-cpu', 'Nehalem', '-smp', '2', '-m', '512'],
  ...['-nodefaults', '-no-user-config', '-display', 'none'],
  ...['-device', 'virtio-rng-pci', '-device', 'qemu-xhci,id=xhci,p2=8,p3=8'],
];

export const kernelLine =
  'console=ttyS0 root=/dev/vda rw quiet loglevel=4 net.ifnames=0 mitigations=off nokaslr audit=0 tsc=reliable no_timer_check random.trust_cpu=on systemd.show_status=0';

/** The reason why no such machine can run here, or null. `npm run lab` and `npm test` bring the packages beforehand. */
export function usbUnavailable(): string | null {
  const lab = labUnavailable();
  if (lab !== null) return lab;
  try {
    qemuVersion();
  } catch {
    return 'missing: apt-get install --no-install-recommends qemu-system-x86 qemu-utils';
  }
  return null;
}

export interface UsbImage {
  /** An ELF kernel: QEMU starts it without unpacking. */
  readonly kernelPath: string;
  readonly initrdPath: string;
  /** qcow2 with the saved state `booted`; copied for each machine. */
  readonly diskPath: string;
  readonly keyPath: string;
  /** Sticks by name: vfat, exfat, ext4, super, ntfs. Copied for each use. */
  readonly sticksFolder: string;
}

/** Builds what is not there yet (about two minutes). `saveBooted` boots the disk once and saves its state. */
export async function usbImage(saveBooted: (image: UsbImage) => Promise<void>): Promise<UsbImage> {
  const recipe = readFileSync(join(import.meta.dirname, 'guest.sh'), 'utf8');
  const layers = await packageLayer('usb', await baseLayers('bookworm'), guestPackages);
  const system = await cached(`layer-usbsystem-${recipeKey(recipe, ...layers)}`, (path) =>
    buildLayer(path, layers, async (tree) => {
      await writeFile(join(tree, 'var/tmp/guest.sh'), recipe);
      await runInTree(tree, ['sh', '/var/tmp/guest.sh'], { network: 'host' });
      await rm(join(tree, 'var/tmp/guest.sh'));
    }),
  );
  const node = await guestNode();
  const key = recipeKey('1', ...hardware, kernelLine, system, node.version, qemuVersion());
  const folder = await cached(`usb-machine-${key}`, async (path) => {
    await mkdir(path, { recursive: true });
    await writeDisk(path, [system, ...layers], node.path);
    await saveBooted(imageIn(path));
  });
  return imageIn(folder);
}

const imageIn = (folder: string): UsbImage => ({
  kernelPath: join(folder, 'vmlinux'),
  initrdPath: join(folder, 'initrd.img'),
  diskPath: join(folder, 'disk.qcow2'),
  keyPath: join(folder, 'id'),
  sticksFolder: join(folder, 'sticks'),
});

async function writeDisk(folder: string, lower: readonly string[], nodePath: string): Promise<void> {
  const image = imageIn(folder);
  const scratch = join(folder, 'scratch');
  const tree = join(scratch, 'tree');
  try {
    await mountOverlay({ lower, upper: join(scratch, 'upper'), work: join(scratch, 'work'), tree });
    await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', image.keyPath]);
    for (const [home, owner] of [
      ['root', 0],
      ['home/user', 1000],
    ] as const) {
      const place = join(tree, home, '.ssh');
      await mkdir(place, { recursive: true, mode: 0o700 });
      await copyFile(`${image.keyPath}.pub`, join(place, 'authorized_keys'));
      await mustRun(['chown', '-R', `${owner}:${owner}`, place]);
    }
    await copyFile(nodePath, join(tree, 'usr/local/bin/node'));
    await chmod(join(tree, 'usr/local/bin/node'), 0o755);
    await unpackKernel(join(tree, 'boot/vmlinuz'), image.kernelPath);
    await copyFile(join(tree, 'boot/initrd.img'), image.initrdPath);
    await mustRun(['cp', '-a', '--sparse=always', join(tree, 'sticks'), image.sticksFolder]);
    const gone = 'rm -rf sticks boot/* usr/share/doc/* usr/share/man/* usr/share/locale/* usr/share/info/*';
    await mustRun(['sh', '-c', gone], { cwd: tree });
    const raw = join(scratch, 'disk.ext4');
    await mustRun(['truncate', '-s', '1800M', raw]);
    await runQuietly(['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'root', '-d', tree, raw]);
    await runQuietly(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, `${image.diskPath}.new`]);
    await rename(`${image.diskPath}.new`, image.diskPath);
  } finally {
    await removeTree(scratch);
  }
}

const xzMagic = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const elfMagic = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** A bzImage is a small program with the kernel packed behind it; unpacking here saves seconds of every emulated boot. */
async function unpackKernel(packed: string, to: string): Promise<void> {
  const bytes = await readFile(packed);
  for (let at = bytes.indexOf(xzMagic); at >= 0; at = bytes.indexOf(xzMagic, at + 1)) {
    await writeFile(`${to}.xz`, bytes.subarray(at));
    // What follows the packed part is not xz: xz says so with its exit code, after all is unpacked.
    await runCommand(['sh', '-c', 'xz -dc -- "$0.xz" > "$0.raw" 2>/dev/null', to]);
    const file = await open(`${to}.raw`, 'r');
    const head = Buffer.alloc(4);
    await file.read(head, 0, 4, 0).finally(() => file.close());
    if (!head.equals(elfMagic)) continue;
    await rename(`${to}.raw`, to);
    await rm(`${to}.xz`);
    return;
  }
  throw new Error('no kernel packed with xz in the distribution’s vmlinuz');
}

/** The Node a person would have: not the one among our packages, which the built program must not depend on. */
async function guestNode(): Promise<{ readonly path: string; readonly version: string }> {
  const folders = ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(':')];
  const candidates = [...folders.filter((folder) => !folder.includes('node_modules')), join(process.execPath, '..')];
  for (const folder of candidates) {
    const path = join(folder, 'node');
    const result = await runCommand([path, '--version']).catch(() => null);
    const version = result?.stdout.trim() ?? '';
    if (/^v(2\d|[3-9]\d)\./.test(version)) return { path: realpathSync(path), version };
  }
  throw new Error('no Node 20 or newer on this host');
}

function qemuVersion(): string {
  return execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
}
