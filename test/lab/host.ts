/**
 * What the host must have before a lab machine can run, and the cache that outlives a run.
 * Called first by every lab test. Must never leave a half-built thing under its final name.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { debianMirror } from './archive.ts';
import { claim } from './claims.ts';
import { mustRun } from './command.ts';
import { processStartTime } from './process-identity.ts';

/** Programs the lab starts, each with the Debian package that brings it. */
const neededPrograms: Readonly<Record<string, string>> = {
  debootstrap: 'debootstrap',
  'systemd-nspawn': 'systemd-container',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  iptables: 'iptables',
  'apt-ftparchive': 'apt-utils',
  'dpkg-deb': 'dpkg',
  gpg: 'gnupg',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  tar: 'tar',
  strace: 'strace',
};

/** Why a lab test of many minutes is left out: they run by `npm run lab -- long`, and not with everything else. */
export const longLabUnavailable = (): string | null =>
  labUnavailable() ?? (process.env.FIELDKIT_LONG ? null : 'takes many minutes: npm run lab -- long');

/** The reason why no lab machine can run here, or null. `npm run lab` and `npm test` bring the packages beforehand. */
export function labUnavailable(): string | null {
  if (process.platform !== 'linux') return 'lab machines need Linux';
  if (process.getuid?.() !== 0) return 'lab machines need root (systemd-nspawn, overlay mounts, a bridge)';
  if (process.arch !== 'x64') return `lab machines are amd64, this host is ${process.arch}`;
  const missing = Object.entries(neededPrograms).filter(([program]) => !programFound(program));
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (packages.length > 0) return `missing: apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!filesystemKnown('overlay')) spawnSync('modprobe', ['overlay'], { stdio: 'ignore' });
  if (!filesystemKnown('overlay')) return 'the kernel has no overlay file system';
  const namespaces = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true'], { stdio: 'ignore' });
  if (namespaces.status !== 0) return 'this host may not make namespaces (a container without the rights?)';
  try {
    debianMirror();
  } catch (error) {
    return (error as Error).message;
  }
  return null;
}

/** A name for a folder of this process that nobody needs later: the next run removes it when this process is gone. */
export function scratchName(): string {
  return `.scratch-${process.pid}-${randomBytes(4).toString('hex')}`;
}

function programFound(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, name)));
}

function filesystemKnown(name: string): boolean {
  return readFileSync('/proc/filesystems', 'utf8').includes(`\t${name}\n`);
}

/** The folder that outlives a run: base trees, packages, releases. Never inside the project. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME;
  const folder = base?.startsWith('/') ? base : join(homedir(), '.cache');
  return join(folder, 'slapos-field-kit', 'lab');
}

/** A short key for a thing that is built from these texts: another text, another thing. */
export function recipeKey(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex').slice(0, 12);
}

/**
 * Returns `<cache>/<name>`, built first when it is not there. It is built under another name and renamed when whole, by one
 * process at a time. Builds of the same kind (same name before the last dash) that nobody used for two weeks are removed.
 */
export async function cached(name: string, build: (path: string) => Promise<void>): Promise<string> {
  const folder = cacheFolder();
  const path = join(folder, name);
  if (existsSync(path)) {
    await utimes(path, new Date(), new Date());
    return path;
  }
  return withLock(name, async () => {
    if (existsSync(path)) return path;
    process.stderr.write(`lab: building ${name}\n`);
    const startedAt = Date.now();
    await buildWhole(name, build);
    await removeUnused(folder, name);
    process.stderr.write(`lab: built ${name} in ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
    return path;
  });
}

/** Builds `<cache>/<name>` under another name and renames it when it is whole. The caller holds its lock. */
export async function buildWhole(name: string, build: (path: string) => Promise<void>): Promise<void> {
  const building = join(cacheFolder(), `.building-${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await build(building);
    await rename(building, join(cacheFolder(), name));
  } finally {
    await removeTree(building);
  }
}

/** Does something no other process using this cache does at the same time. */
export async function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const release = await takeLock(name);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function removeUnused(folder: string, name: string): Promise<void> {
  const kind = name.slice(0, name.lastIndexOf('-') + 1);
  for (const sibling of await readdir(folder)) {
    if (sibling === name || !sibling.startsWith(kind) || sibling.endsWith('.lock')) continue;
    const unusedMs = Date.now() - (await stat(join(folder, sibling))).mtimeMs;
    if (unusedMs > 14 * 86_400_000) await removeTree(join(folder, sibling));
  }
}

/** Removes a tree of files after taking down what is mounted in it: a mounted tree is never emptied. */
export async function removeTree(path: string): Promise<void> {
  unmountUnder(path);
  await rm(path, { recursive: true, force: true });
}

/** Unmounts everything at or below a path, the deepest first. Throws when something stays mounted. */
export function unmountUnder(path: string): void {
  const below = () =>
    readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
      .filter((point) => point === path || point.startsWith(`${path}/`));
  for (const point of below().reverse()) execFileSync('umount', ['--lazy', point], { stdio: 'ignore' });
  const left = below();
  if (left.length > 0) throw new Error(`still mounted: ${left.join(' ')}`);
}

/** One builder at a time; the lock of a dead process is taken over. Returns the release, which may be called again. */
export async function takeLock(name: string): Promise<() => Promise<void>> {
  await mkdir(cacheFolder(), { recursive: true });
  const path = join(cacheFolder(), `${name}.lock`);
  let released = false;
  const mine = `${process.pid} ${processStartTime(process.pid)}`;
  for (;;) {
    if (await createWhole(path, mine))
      return async () => {
        if (!released) await rm(path, { force: true });
        released = true;
      };
    if (await isDead(path)) await removeDeadLock(path);
    else await sleep(500);
  }
}

/** Nobody ever sees it without its text. False when it is there already. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const temporary = join(cacheFolder(), scratchName());
  await writeFile(temporary, text);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isDead(path: string): Promise<boolean> {
  const [pid = '', start] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  return pid !== '' && processStartTime(Number(pid)) !== start;
}

/** Two that find the same dead lock must not both remove it: the second would remove what the first has put in its place. */
async function removeDeadLock(path: string): Promise<void> {
  const claimed = await claim(`lock ${createHash('sha256').update(path).digest('hex').slice(0, 16)}`);
  if (claimed === null) {
    await sleep(100);
    return;
  }
  if (await isDead(path)) await rm(path, { force: true });
  await claimed.release();
}

/**
 * For systemd-nspawn: what a machine asks to have written out is believed and not waited for, where systemd-nspawn can do that (systemd
 * 250). The host does not lose power in a test, and installing packages takes two thirds of the time.
 */
export function withoutSync(): readonly string[] {
  suppressing ??= spawnSync('systemd-nspawn', ['--help'], { encoding: 'utf8' }).stdout.includes('--suppress-sync=');
  return suppressing ? ['--suppress-sync=yes'] : [];
}
let suppressing: boolean | undefined;

/** Runs a program of the host at low priority: builds must not slow down what the person is doing. */
export function runQuietly(argv: readonly string[], timeoutMs = 1_800_000): Promise<string> {
  return mustRun(['nice', '-n', '10', ...argv], { timeoutMs });
}
