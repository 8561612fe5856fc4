/**
 * What a machine is, in a form two of which can be compared: files, packages, packet rules, slapproxy's tables. Called by tests that
 * prove that something changed nothing, or that two ways lead to the same end.
 * Must never leave out more than logs, times and what systems write by themselves: each exception below says why it is one.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream, existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from './command.ts';
import type { LabMachine } from './machine.ts';

/** Line by line, so that a difference reads well. Keys: `file PATH`, `package NAME`, `nft N`, `iptables N`, `table NAME ROW`. */
export type Snapshot = ReadonlyMap<string, string>;

export interface SnapshotOptions {
  /** More paths to leave out. */
  readonly without?: readonly RegExp[];
}

const leftOut: readonly RegExp[] = [
  // Not kept over a reboot, or not on the disk at all.
  /^\/(run|proc|sys|dev|tmp)(\/|$)/,
  // Logs.
  /^\/var\/log(\/|$)/,
  /^\/opt\/slapos\/log(\/|$)/,
  /\.log(\.\d+|-\d{8})?(\.gz)?$/,
  // What systemd writes by itself: the seed, when a timer last fired, the identity made at the first boot.
  /^\/var\/lib\/systemd(\/|$)/,
  /^\/etc\/machine-id$/,
  /^\/etc\/\.updated$/,
  /^\/var\/\.updated$/,
  // Caches, and what may be deleted at any time.
  /^\/var\/(cache|tmp)(\/|$)/,
  /^\/var\/backups(\/|$)/,
  /\/__pycache__(\/|$)/,
  /\/\.cache\/python-entrypoints(\/|$)/,
  // dpkg's state is compared package by package; these hold the same, the one before, and locks.
  /^\/var\/lib\/dpkg\/(status|status-old|available|available-old|lock|lock-frontend|triggers\/Lock)$/,
  /^\/var\/lib\/apt\/(extended_states|lists\/lock|lists\/partial)$/,
  // What stood in the user database before its last change: the same users may have come in more changes.
  /^\/etc\/(passwd|shadow|group|gshadow|subuid|subgid)-$/,
  // Its locks, which are there as long as any program changes it: slapos does at boot.
  /^\/etc\/(passwd|shadow|group|gshadow|subuid|subgid)\.lock$/,
  // slapproxy's database is compared table by table.
  /^\/opt\/slapos\/slapproxy\.db(-journal|-wal|-shm)?$/,
  // What SlapOS measures every minute, and when it looked.
  /^\/srv\/slapgrid\/var(\/|$)/,
  /^\/srv\/slapgrid\/slappart\d+\/\.(timestamp|slapgrid\/log|slapgrid\/promise)(\/|$)/,
  /\/\.slapos-(report|request)-[^/]*$/,
  // Ids of processes.
  /\.pid$/,
];

/** Keys of what the stand-in for a master writes of its own accord once it has started, some seconds after a boot. */
export const ofTheStandIn = /^file \/srv\/slapgrid\/slappart\d+\/(\.cache|var\/nodes)(\/|$)/;

/** Reads a machine, running or not. A running one should be idle: this is no instant, it takes a second or two. */
export async function takeSnapshot(machine: LabMachine, options: SnapshotOptions = {}): Promise<Snapshot> {
  const lines = new Map<string, string>();
  const without = [...leftOut, ...(options.without ?? [])];
  await readChanges(machine, '/', without, lines);
  await readPackages(machine, lines);
  if (machine.running) await readRules(machine, lines);
  await readProxyTables(machine, lines);
  return lines;
}

/** One line per difference, `- ` for what was, `+ ` for what is; empty when both are equal. */
export function diffSnapshots(before: Snapshot, after: Snapshot): readonly string[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const was = before.get(key);
    const is = after.get(key);
    if (was === is) return [];
    return [...(was === undefined ? [] : [`- ${key}: ${was}`]), ...(is === undefined ? [] : [`+ ${key}: ${is}`])];
  });
}

/**
 * How a machine differs from what it was, for good: empty as soon as it is equal once. The jobs of every minute write and take away
 * files of their own while somebody looks; what somebody changed is still changed a moment later.
 */
export async function lastingChanges(
  before: Snapshot,
  machine: LabMachine,
  options: SnapshotOptions = {},
): Promise<readonly string[]> {
  for (let look = 1; ; look += 1) {
    const changes = diffSnapshots(before, await takeSnapshot(machine, options));
    if (changes.length === 0 || look === 5) return changes;
    await sleep(3000);
  }
}

/**
 * Two snapshots of machines made from the same layers can only differ where a machine differs from its layers. So only the machine's
 * own changes are read; what was written and is the same as below counts as no change.
 */
async function readChanges(
  machine: LabMachine,
  path: string,
  without: readonly RegExp[],
  lines: Map<string, string>,
): Promise<void> {
  const upper = new Set(await names(join(machine.upper, path)));
  const changed = new Set(upper);
  for (const layer of machine.lowerSinceBase) for (const name of await names(join(layer, path))) changed.add(name);
  const now = new Set(await names(join(machine.tree, path)));
  const base = new Set(await names(join(machine.base, path)));
  for (const name of base) if (!now.has(name)) changed.add(name);
  const visited = [...changed].map(async (name) => {
    const child = join(path, name);
    if (without.some((pattern) => pattern.test(child))) return;
    const is = now.has(name) ? await entryOf(machine.tree, child, upper.has(name) ? machine.upper : '') : null;
    const was = base.has(name) ? await entryOf(machine.base, child, '') : null;
    if (is !== was && is !== '') lines.set(`file ${child}`, is ?? 'removed');
    if (is?.startsWith('folder')) await readChanges(machine, child, without, lines);
  });
  await Promise.all(visited);
}

/**
 * Hashes already taken, by everything that changes with a file's content: the time of its last change cannot be set by anybody. What
 * machines have from the layers below them they share; of their own files the number alone says nothing, as it is that of the file below.
 */
const knownHashes = new Map<string, string>();

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

/** Kind, mode, owner, and content; '' for what is no content at all (sockets, pipes), null when it went away meanwhile. */
async function entryOf(tree: string, name: string, owner: string): Promise<string | null> {
  const path = join(tree, name);
  let stats: BigIntStats;
  try {
    stats = await lstat(path, { bigint: true });
  } catch {
    return null;
  }
  const rights = `${(Number(stats.mode) & 0o7777).toString(8).padStart(4, '0')} ${stats.uid}:${stats.gid}`;
  if (stats.isDirectory()) return `folder ${rights}`;
  if (stats.isSymbolicLink()) return `link ${await readlink(path)}`;
  if (stats.isSocket() || stats.isFIFO()) return '';
  if (!stats.isFile()) return `device ${rights} ${stats.rdev}`;
  const identity = `${owner} ${name} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
  const hash = knownHashes.get(identity) ?? (await oneOfFew(() => hashOf(path, stats.size)).catch(nullWhenGone));
  if (hash === null) return null;
  knownHashes.set(identity, hash);
  return `file ${rights} ${stats.size} ${hash}`;
}

function nullWhenGone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

/** Who is in which group: users are put into theirs by several programs, in any order. */
const isGroups = (path: string): boolean => /\/etc\/g(roup|shadow)$/.test(path);
const sortedGroups = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/[^:]*$/, (members) => members.split(',').sort().join(',')))
    .sort()
    .join('\n');

async function hashOf(path: string, sizeBytes: bigint): Promise<string> {
  const hash = createHash('sha256');
  if (isGroups(path)) hash.update(sortedGroups(await readFile(path, 'utf8')));
  else if (sizeBytes < 8_000_000n) hash.update(await readFile(path));
  else for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Reads few files at a time: all at once would hold a whole machine in memory. */
const waiting: (() => void)[] = [];
let reading = 0;
async function oneOfFew<Result>(work: () => Promise<Result>): Promise<Result> {
  if (reading >= 8) await new Promise<void>((resolve) => waiting.push(resolve));
  else reading += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) reading -= 1;
    else next();
  }
}

async function readPackages(machine: LabMachine, lines: Map<string, string>): Promise<void> {
  const status = await readFile(join(machine.tree, 'var/lib/dpkg/status'), 'utf8');
  const automatic = await readFile(join(machine.tree, 'var/lib/apt/extended_states'), 'utf8').catch(() => '');
  const byItself = new Set([...automatic.matchAll(/^Package: (\S+)$/gm)].map((match) => match[1]));
  for (const stanza of status.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    const name = field('Package');
    if (name === '') continue;
    const how = byItself.has(name) ? ', as a dependency' : '';
    lines.set(`package ${name}:${field('Architecture')}`, `${field('Version')} ${field('Status')}${how}`);
  }
}

async function readRules(machine: LabMachine, lines: Map<string, string>): Promise<void> {
  // -s leaves out counters; iptables-save's comments hold the time, its brackets the counters.
  const programs = { nft: 'nft -s list ruleset', iptables: 'iptables-save', ip6tables: 'ip6tables-save' };
  for (const [name, command] of Object.entries(programs)) {
    const program = command.split(' ')[0];
    const answer = await machine.shell(`command -v ${program} >/dev/null || exit 0; ${command}`);
    const rules = answer.stdout
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/\[\d+:\d+\]/, '').trimEnd());
    rules.forEach((rule, index) => {
      lines.set(`${name} ${String(index).padStart(4, '0')}`, rule);
    });
  }
}

interface Sqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readOnly: boolean },
  ) => { prepare(sql: string): { all(): Record<string, unknown>[] }; close(): void };
}

/** Every row of slapproxy's database but for its times. */
async function readProxyTables(machine: LabMachine, lines: Map<string, string>): Promise<void> {
  const sqlite = process.getBuiltinModule('node:sqlite') as unknown as Sqlite | undefined;
  const source = join(machine.tree, 'opt/slapos/slapproxy.db');
  if (!existsSync(source)) return;
  if (sqlite === undefined) throw new Error('reading slapproxy.db needs Node 22.5 or newer');
  // A copy: reading in place would leave SQLite's own files beside it.
  const folder = await mkdtemp(join(tmpdir(), 'lab-proxy-'));
  try {
    await runCommand(['sh', '-c', `cp ${source}* ${folder}/`]);
    const database = new sqlite.DatabaseSync(join(folder, 'slapproxy.db'), { readOnly: false });
    const tables = database.prepare(`select name from sqlite_master where type = 'table' order by name`).all();
    for (const { name } of tables) {
      const rows = database
        .prepare(`select * from "${name}"`)
        .all()
        .map((row) => JSON.stringify({ ...row, timestamp: undefined }))
        .sort();
      rows.forEach((row, index) => {
        lines.set(`table ${name} ${String(index).padStart(4, '0')}`, row);
      });
    }
    database.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
