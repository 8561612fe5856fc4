/**
 * What a run has put on this host, written down before it is made, so that a run that was killed can be taken down by the next one.
 * Called by the lab when it opens and closes. Must never end a process by its name, nor one whose start time is not the recorded one.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, claim } from './claims.ts';
import { runCommand } from './command.ts';
import { cacheFolder, removeTree } from './host.ts';
import { hostBootId, processStartTime } from './process-identity.ts';

/** A process, told apart from a later one with the same id. */
export interface RecordedProcess {
  readonly pid: number;
  readonly start: string;
}

export interface RunRecord {
  readonly owner: RecordedProcess;
  readonly bootId: string;
  /** Our bridge's name. */
  readonly bridge: string;
  /** systemd-nspawn and the first process of each machine. */
  readonly processes: readonly RecordedProcess[];
  /** Names of the control groups of our machines. */
  readonly groups: readonly string[];
}

export const bridgePrefix = 'fkbr';

/** Where the folders of running labs are, one each. */
export function runsFolder(): string {
  return join(cacheFolder(), 'runs');
}

export function recordedProcess(pid: number): RecordedProcess | null {
  const start = processStartTime(pid);
  return start === null ? null : { pid, start };
}

export function isAlive(one: RecordedProcess): boolean {
  return processStartTime(one.pid) === one.start;
}

/** Not asynchronous: machines boot side by side, and each record must hold all that the one before held. */
export function saveRecord(folder: string, record: RunRecord): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'record.json.new'), JSON.stringify(record));
  renameSync(join(folder, 'record.json.new'), join(folder, 'record.json'));
}

/** Makes this process the owner of a bridge's name on this host, whatever folder its records are in; null while another one is. */
export const claimBridge = (name: string): Promise<Claim | null> => claim(`bridge ${name}`);

/** Removes a bridge, unless its name is somebody's: the one that a dead run has left may have gone, and be another's by now. */
async function deleteBridge(name: string): Promise<void> {
  const claimed = await claimBridge(name);
  if (claimed === null) return;
  await runCommand(['ip', 'link', 'delete', name]);
  await claimed.release();
}

/** Ends what runs whose program is gone left behind: processes, mounts, bridges, control groups, folders. */
export async function takeDownLeftovers(): Promise<void> {
  const bridgesInUse = new Set<string>();
  const abandoned: { readonly folder: string; readonly record: RunRecord | null }[] = [];
  for (const name of existsSync(runsFolder()) ? await readdir(runsFolder()) : []) {
    const folder = join(runsFolder(), name);
    const record = await readRecord(folder);
    if (record !== null && record.bootId === hostBootId() && isAlive(record.owner)) bridgesInUse.add(record.bridge);
    else abandoned.push({ folder, record });
  }
  for (const { folder, record } of abandoned) {
    await endMachines(record);
    const bridge = record?.bootId === hostBootId() ? record.bridge : '';
    if (bridge.startsWith(bridgePrefix) && !bridgesInUse.has(bridge)) await deleteBridge(bridge);
    await removeTree(folder);
  }
  for (const name of readdirSync('/sys/class/net')) {
    const ours = /^fkbr\d+$/.test(name) && !bridgesInUse.has(name) && portsOf(name).length === 0;
    if (ours) await deleteBridge(name);
  }
  await removeAbandonedBuilds();
}

/** What hangs on a bridge; one that is gone meanwhile has nothing. */
function portsOf(bridge: string): readonly string[] {
  try {
    return readdirSync(`/sys/class/net/${bridge}/brif`);
  } catch {
    return [];
  }
}

/** Ends everything one run has made. The caller owns its bridge's name. */
export async function takeDown(folder: string, record: RunRecord): Promise<void> {
  await endMachines(record);
  await runCommand(['ip', 'link', 'delete', record.bridge]);
  await removeTree(folder);
}

async function endMachines(record: RunRecord | null): Promise<void> {
  if (record === null || record.bootId !== hostBootId()) return;
  // The machine's first process takes all others with it; systemd-nspawn then ends by itself.
  for (const one of [...record.processes].reverse()) await endProcess(one);
  for (const group of record.groups) removeControlGroup(group);
}

async function endProcess(one: RecordedProcess): Promise<void> {
  if (!isAlive(one)) return;
  process.kill(one.pid, 'SIGKILL');
  for (let attempt = 0; attempt < 100 && isAlive(one); attempt += 1) await sleep(50);
}

async function readRecord(folder: string): Promise<RunRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'record.json'), 'utf8')) as RunRecord;
  } catch {
    return null;
  }
}

/** The folders in which a machine's control group stands: one per hierarchy systemd uses. */
export function controlGroupFolders(group: string): string[] {
  const hierarchies = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified'].filter((folder) => existsSync(folder));
  if (hierarchies.length === 0) hierarchies.push('/sys/fs/cgroup');
  return hierarchies.map((hierarchy) => join(hierarchy, group));
}

/** Removes an empty control group with those below it. One that is still in use stays: it costs nothing. */
function removeControlGroup(group: string): void {
  const remove = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(folder, entry.name));
    }
    rmdirSync(folder);
  };
  for (const folder of controlGroupFolders(group)) {
    try {
      if (existsSync(folder)) remove(folder);
    } catch {}
  }
}

/** Builds whose program died: their names hold its process id. */
async function removeAbandonedBuilds(): Promise<void> {
  if (!existsSync(cacheFolder())) return;
  for (const name of readdirSync(cacheFolder())) {
    const pid = /^\.(?:building|scratch)-.*?(\d+)-[0-9a-f]{8}$/.exec(name)?.[1];
    if (pid !== undefined && processStartTime(Number(pid)) === null) await removeTree(join(cacheFolder(), name));
  }
}
