// Asks a medium for what a step would ask it for, without the step: where that did not run, or where its machine had the thing
// already. Packages through apt on a bare simulated machine, releases through the cache's protocol. Used by the rehearsal alone.
import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { SiteLock } from '../src-shared/lock.ts';
import type { Manifest } from '../src-shared/manifest.ts';
import { Problem, problem } from '../src-shared/problem.ts';
import { type Machine, type SitePlan, systemOf } from '../src-shared/site.ts';
import type { Heard } from './performers/content-leases.ts';
import type { Clock } from './platform/clock.ts';
import { ensureFolder } from './platform/files.ts';
import { askOver } from './practice/duplex-pair.ts';
import type { SimulatedSite } from './practice/simulated-site.ts';
import { simulatedOutside } from './practice/site.ts';
import type { Command, Need } from './runbook/define.ts';
import { targetOf } from './software/compatibility.ts';
import { type ContentServer, contentServer } from './software/content-server.ts';
import { chooseEntry, parseIndexDocument, urlKey } from './software/entry.ts';
import { trustedCertificates } from './software/trusted.ts';
import { aptArgv, aptInstallArgv, aptSetUp, aptTexts } from './steps/apt.ts';
import type { Connection } from './target/connection.ts';

export interface AskingParts {
  /** Where its machines are kept. */
  readonly folder: string;
  readonly simulated: SimulatedSite;
  readonly plan: SitePlan;
  readonly lock: SiteLock;
  /** The medium's `fieldkit` folder. */
  readonly root: string;
  readonly manifest: Manifest;
  readonly heard: Heard;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Asks for needs of one target system; what kept the first of them from being met, null when all are. */
export type Asking = (system: string, needs: readonly Need[]) => Promise<Problem | null>;

export function makeAsking(parts: AskingParts): Asking {
  return async (system, needs) => {
    const server = contentServer({
      root: parts.root,
      manifest: parts.manifest,
      onServed: parts.heard.served,
      onError: parts.heard.failed,
    });
    try {
      const packages = needs.flatMap((need) => (need.kind === 'package' ? [need.name] : []));
      if (packages.length > 0) await installAll(parts, server, system, packages);
      for (const need of needs) if (need.kind === 'release') await takeRelease(parts, server, need);
      return null;
    } catch (error) {
      if (error instanceof Problem && !parts.signal.aborted) return error;
      throw error;
    } finally {
      await server.close();
    }
  };
}

/** apt with our configuration on a machine of that system that has nothing yet. Throws `command-failed`. */
async function installAll(
  { folder, simulated, plan, lock, clock, signal }: AskingParts,
  server: ContentServer,
  system: string,
  packages: readonly string[],
): Promise<void> {
  const machine = machineFor(plan, system);
  await ensureFolder(folder);
  const bare = { ...simulated, machines: simulated.machines.map((item) => ({ ...item, packages: {} })) };
  const outside = simulatedOutside(await mkdtemp(join(folder, 'bare-')), bare, { clock, pace: 0 });
  const { fingerprint } = await outside.scanHostKey(machine);
  const { name, address, port, user } = machine;
  const connection = await outside.open({
    machine: { name, address, port, user },
    pinnedHostKey: fingerprint,
    login: {},
  });
  try {
    const { port: contentPort } = plan.content;
    await connection.reverseForward({ port: contentPort, onStream: server.accept, signal });
    const texts = aptTexts(lock.keys?.repositoryKey ?? '', `http://127.0.0.1:${contentPort}`, system);
    for (const command of aptSetUp(name, texts, { key: null, source: null, config: null }))
      await performPlainly(connection, command);
    for (const argv of [aptArgv('update'), aptInstallArgv(...packages)]) await must(connection, argv);
  } finally {
    connection.close();
  }
}

function machineFor(plan: SitePlan, system: string): Machine {
  const machine = plan.machines.find((item) => systemOf(item) === system);
  if (machine === undefined) throw problem('internal', { detail: `no machine of ${system}` });
  return machine;
}

async function performPlainly(connection: Connection, command: Command): Promise<void> {
  if (command.kind === 'write' && typeof command.text === 'string')
    return connection.writeFile(command.path, command.text, { mode: command.mode });
  if (command.kind === 'run') return must(connection, command.argv.map(String));
}

async function must(connection: Connection, argv: readonly string[]): Promise<void> {
  const { exit, stderr } = await connection.exec(argv);
  if (exit === 0) return;
  const command = argv.join(' ');
  throw problem('command-failed', { command, exit, machine: connection.name, detail: stderr.trim().slice(-300) });
}

/** Throws `cache-entry-*`, and what reading an index document throws. */
async function takeRelease(
  { plan, lock, root }: AskingParts,
  server: ContentServer,
  { url, system }: Extract<Need, { kind: 'release' }>,
): Promise<void> {
  const read = async (path: string): Promise<AsyncIterable<Uint8Array>> => {
    const answer = await askOver(server.accept, { method: 'GET', path, port: plan.content.port });
    if (answer?.statusCode === 200) return answer;
    answer?.resume();
    throw problem('medium-file-missing', { file: `${root}${path}` });
  };
  const parts: Uint8Array[] = [];
  for await (const part of await read(`/bdir/${urlKey(url)}`)) parts.push(part);
  const entries = parseIndexDocument(Buffer.concat(parts).toString('utf8'), url);
  const { fields } = chooseEntry(entries, targetOf(system), trustedCertificates(lock), url);
  const hash = createHash('sha512');
  const path = `/bcache/${fields.sha512}`;
  for await (const part of await read(path)) hash.update(part);
  if (hash.digest('hex') !== fields.sha512) throw problem('medium-file-damaged', { file: path.slice(1), offset: 0 });
}
