/**
 * The trees of files machines and builds start from: a bare Debian, and layers of packages on it. Called by machines and builders.
 * Must never hold a package more than a machine needs to be reached: a missing dependency would not show.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { debianMirror } from './archive.ts';
import { mustRun } from './command.ts';
import { cached, recipeKey, removeTree, runQuietly, scratchName, withoutSync } from './host.ts';

/** What a bare machine holds beyond Debian's smallest set: it boots, and it can be reached. */
const bootPackages = ['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'iproute2'];

/** The releases a machine can be of, with the number Debian counts them by. */
export const debianNumbers = { bookworm: '12', trixie: '13' } as const;
export type DebianRelease = keyof typeof debianNumbers;

/** A release's name is its bare machine; `bookworm-sudo` holds sudo as well. */
export type BaseName = DebianRelease | 'bookworm-sudo';

/** Folders to be laid over each other, the uppermost first, as overlayfs wants them. */
export type Layers = readonly string[];

/** The layers of a base, built and kept on first use (about 40 s each). */
export async function baseLayers(name: BaseName): Promise<Layers> {
  if (name === 'bookworm-sudo') return packageLayer('sudo', [await debootstrapped('bookworm')], ['sudo']);
  return [await debootstrapped(name)];
}

async function debootstrapped(release: DebianRelease): Promise<string> {
  const key = recipeKey('1', release, bootPackages.join(' '));
  return cached(`base-${release}-${key}`, async (path) => {
    const include = `--include=${bootPackages.join(',')}`;
    await runQuietly(['debootstrap', '--variant=minbase', include, release, path, debianMirror()]);
    await mustRun(['chroot', path, 'apt-get', 'clean']);
    // Keys and identities made here would be the same on every machine: each makes its own.
    await mustRun(['sh', '-c', 'rm -f etc/ssh/ssh_host_* && : > etc/machine-id && : > etc/resolv.conf'], { cwd: path });
  });
}

/**
 * A layer with these packages (or .deb files of the host) and what they depend on, installed by apt from the host's mirror.
 * Returns the layers with the new one on top.
 */
export async function packageLayer(
  name: string,
  lower: Layers,
  packages: readonly string[],
  files: readonly string[] = [],
): Promise<Layers> {
  const key = recipeKey(tidyUp, ...lower, ...packages, ...files);
  const path = await cached(`layer-${name}-${key}`, (building) =>
    buildLayer(building, lower, async (tree) => {
      const inside: string[] = [];
      for (const file of files) {
        const target = `/var/tmp/${randomBytes(4).toString('hex')}.deb`;
        await copyFile(file, join(tree, target));
        inside.push(target);
      }
      const install = `apt-get update -q && apt-get install -y -q --no-install-recommends "$@" && apt-get clean`;
      await runInTree(tree, ['sh', '-c', install, 'install', ...packages, ...inside], { network: 'host' });
      await mustRun(['sh', '-c', tidyUp], { cwd: tree });
    }),
  );
  return [path, ...lower];
}

/** Takes out of a tree what only its making needed, so that a machine made from it holds packages and nothing else. */
const tidyUp = `
  rm -rf var/lib/apt/lists/* var/tmp/*.deb usr/sbin/policy-rc.d var/log/apt/* var/log/dpkg.log
  [ -e var/lib/dpkg/info/ca-certificates.list ] || rm -f etc/ssl/certs/ca-certificates.crt
  : > etc/resolv.conf
`;

/** Lays an empty folder over the layers, lets the work change it, and leaves what changed at `path`. */
export async function buildLayer(path: string, lower: Layers, work: (tree: string) => Promise<void>): Promise<void> {
  const scratch = join(dirname(path), scratchName());
  const tree = join(scratch, 'tree');
  const upper = join(scratch, 'upper');
  try {
    await mountOverlay({ lower, upper, work: join(scratch, 'work'), tree });
    await prepareTree(tree);
    await work(tree);
    await mustRun(['umount', tree]);
    await rename(upper, path);
  } finally {
    await removeTree(scratch);
  }
}

/** Mounts layers with a writable folder on top, making the folders that are not there yet. */
export async function mountOverlay(paths: {
  readonly lower: Layers;
  readonly upper: string;
  readonly work: string;
  readonly tree: string;
}): Promise<void> {
  for (const folder of [paths.upper, paths.work, paths.tree]) await mkdir(folder, { recursive: true });
  const options = `lowerdir=${paths.lower.join(':')},upperdir=${paths.upper},workdir=${paths.work}`;
  await mustRun(['mount', '-t', 'overlay', 'overlay', '-o', options, paths.tree]);
}

/** Makes a tree fit for builds: the host's certificates, and no service may start while packages are installed. */
async function prepareTree(tree: string): Promise<void> {
  await mkdir(join(tree, 'etc/ssl/certs'), { recursive: true });
  await copyFile('/etc/ssl/certs/ca-certificates.crt', join(tree, 'etc/ssl/certs/ca-certificates.crt')).catch(() => {});
  await rm(join(tree, 'usr/sbin/policy-rc.d'), { force: true });
  await writeFile(join(tree, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
}

/**
 * Runs one command in a tree, with the host's network or with none. A tree is no machine: nothing boots, and what the command
 * leaves running ends with it.
 */
export async function runInTree(
  tree: string,
  argv: readonly string[],
  options: { readonly network: 'host' | 'none'; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const passed = Object.entries(process.env).filter(([name]) => /^(https?_proxy|no_proxy|PIP_.*)$/i.test(name));
  const env: [string, string | undefined][] = [
    ['DEBIAN_FRONTEND', 'noninteractive'],
    ['LC_ALL', 'C.UTF-8'],
    ...(options.network === 'host' ? passed : []),
    ...Object.entries(options.env ?? {}),
  ];
  return runQuietly([
    'systemd-nspawn',
    '--quiet',
    '--register=no',
    '--keep-unit',
    '--pipe',
    '--as-pid2',
    ...withoutSync(),
    `--machine=fkbuild-${randomBytes(4).toString('hex')}`,
    ...(options.network === 'host' ? ['--resolv-conf=replace-host'] : ['--private-network', '--resolv-conf=off']),
    ...env.filter(([, value]) => value !== undefined).map(([name, value]) => `--setenv=${name}=${value}`),
    '-D',
    tree,
    ...argv,
  ]);
}
