/**
 * Machines and laptops as they are at named points of the runbook, made once by the program itself and kept for every lab test that
 * begins there. Called by lab tests; how to use them stands in README.md beside this file.
 * Must never be begun from by the test that proves the walk up to that point.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { baseLayers, type Layers } from './base.ts';
import { mustRun, runCommand } from './command.ts';
import { buildWhole, cached, cacheFolder, recipeKey, removeTree, takeLock } from './host.ts';
import { Lab, type MachineSpec } from './lab.ts';
import type { LabMachine } from './machine.ts';
import { Panel } from './panel.ts';
import { masterRelease } from './release.ts';
import { cli, Laptop, makeSite, walk } from './site.ts';
import { slapOsNodePackage } from './slapos-node.ts';
import { startVendorRepository, type VendorRepository } from './vendor.ts';

/** Each begins where the one before ends, and is what the named words of the command line come to. */
const walks = {
  /** The office part: a sealed medium, proved complete. The machine is bare. */
  sealed: null,
  /** The machine is connected to, addressed, and slapos-node is installed. */
  'node-installed': ['machine'],
  /** Its cache and proxy are configured, and the master's release is installed from the medium. */
  'software-installed': ['configure-proxy', 'use-cache', 'check-cache', 'install-master-software'],
  /** The whole runbook: the master answers. */
  'master-running': ['machine', 'master'],
  /** A master and a node: registered, formatted, and its user `tech` is the site's client. */
  'node-registered': ['machine', 'node'],
} as const;

export type Checkpoint = keyof typeof walks;
const order = Object.keys(walks) as Checkpoint[];
/** Of which there are two machines. */
const withNode = 'node-registered' satisfies Checkpoint;

/** What the laptop of every checkpoint answers with. The passphrase is that of its vault. */
export const checkpointAnswers = {
  passphrase: 'canary3passphrase3of3the3checkpoint',
  'host-key:master-1': 'yes',
  'first-login:master-1': 'yes',
  'configure-new-master:master-1': 'yes',
} as const;

/**
 * The IPv6 address of a machine at a checkpoint: partitions have theirs from it, so it goes with the machine into every lab. No lab's
 * own network holds it; from outside such a machine is reached by its IPv4 address.
 */
export const checkpointIpv6 = 'fd5a:77::11/64';

/** The range of each node is its own, as partitions number their addresses alike everywhere; all of them are on one cable. */
export const nodeIpv6 = (number: number): string => `fd5a:77:0:${number}::11/64`;

/** The user on a node who asks for services. */
export const clientUser = 'tech';

interface CheckpointRecord {
  /** Where the laptop's data folder was: what names it is changed to where it is now. */
  readonly home: string;
  readonly vendorUrl: string;
  /** The machine's own layers, the uppermost first, without the bare Debian. None for a bare machine. */
  readonly layers: Layers;
  /** The node's, where there is one. */
  readonly nodeLayers?: Layers;
}

type RestoredSpec = Pick<MachineSpec, 'name' | 'addresses' | 'sshdOptions' | 'prepare'>;

export interface Restored {
  readonly laptop: Laptop;
  readonly machine: LabMachine;
}

/**
 * A machine of this lab, booted, and the laptop that brought it there, with its medium. Both are copies: do with them what you like,
 * and discard the laptop. The plan is aimed at the machine; with `vendor` also at that repository, for tests that prepare more.
 */
export async function restore(
  lab: Lab,
  name: Checkpoint,
  spec: RestoredSpec,
  vendor?: VendorRepository,
): Promise<Restored> {
  const machine = await restoreMachine(lab, name, spec);
  const laptop = await restoreLaptop(name, vendor);
  await laptop.aimAt(machine);
  return { laptop, machine };
}

/** Master and node of the checkpoint that has both, booted, and the laptop that brought them there. The node is `node-1` in the plan. */
export async function restoreWithNode(
  lab: Lab,
  vendor?: VendorRepository,
): Promise<Restored & { readonly node: LabMachine }> {
  const { nodeLayers = [] } = await recordOf(await checkpoint(withNode));
  const [machine, node] = await Promise.all([
    restoreMachine(lab, withNode, { name: 'master' }),
    lab.bootMachine({
      name: 'node-1',
      from: [...nodeLayers, ...(await baseLayers('bookworm'))],
      addresses: { ipv6: nodeIpv6(1) },
    }),
  ]);
  const laptop = await restoreLaptop(withNode, vendor);
  await laptop.aimAt(machine, 'master-1');
  await laptop.aimAt(node, 'node-1');
  return { laptop, machine, node };
}

/** A bare machine that is to become a node, with the user who may ask for services; under another name in the lab where one is given. */
export const bootBareNode = (
  lab: Lab,
  number: number,
  { name = `node-${number}`, ipv4 }: { readonly name?: string; readonly ipv4?: string | null } = {},
): Promise<LabMachine> =>
  lab.bootMachine({
    name,
    addresses: { ipv6: nodeIpv6(number), ...(ipv4 === undefined ? {} : { ipv4 }) },
    prepare: async (tree) => {
      await mustRun(['chroot', tree, 'useradd', '--create-home', '--shell', '/bin/bash', clientUser]);
    },
  });

/** The machine of a checkpoint alone. */
export async function restoreMachine(lab: Lab, name: Checkpoint, spec: RestoredSpec): Promise<LabMachine> {
  const { layers } = await recordOf(await checkpoint(name));
  const from = layers.length === 0 ? {} : { from: [...layers, ...(await baseLayers('bookworm'))] };
  return lab.bootMachine({ ...from, ...spec, addresses: { ipv6: checkpointIpv6, ...spec.addresses } });
}

/** The laptop of a checkpoint alone. The caller aims and discards it. */
export async function restoreLaptop(name: Checkpoint, vendor?: VendorRepository): Promise<Laptop> {
  const folder = await checkpoint(name);
  const { home, vendorUrl } = await recordOf(folder);
  return Laptop.copyOf(join(folder, 'home'), {
    [home]: '',
    ...(vendor === undefined ? {} : { [vendorUrl]: vendor.distributionUrl }),
  });
}

/**
 * For a test that walks to a checkpoint by itself: whoever needs it meanwhile waits, and finds what `keep` has kept. The machine must
 * have `checkpointIpv6`, the laptop `checkpointAnswers`; `keep` shuts the machine down for good. `release` in any case.
 */
export async function claimCheckpoint(name: Checkpoint): Promise<{
  readonly keep: (reached: Restored, vendor: VendorRepository) => Promise<void>;
  readonly release: () => Promise<void>;
}> {
  const kept = await folderName(name);
  const release = await takeLock(kept);
  return {
    keep: async (reached, vendor) => {
      if (!existsSync(join(cacheFolder(), kept)))
        await buildWhole(kept, (building) => store(building, { ...reached, vendorUrl: vendor.distributionUrl }));
      await release();
    },
    release,
  };
}

/** The folder of a checkpoint, made on first use. */
async function checkpoint(name: Checkpoint): Promise<string> {
  const kept = await folderName(name);
  const path = join(cacheFolder(), kept);
  // What it stands on may have been removed for want of room.
  if (existsSync(path) && !(await recordOf(path)).layers.every((layer) => existsSync(layer))) await removeTree(path);
  const before = order[order.indexOf(name) - 1];
  const made = await cached(kept, async (building) => {
    if (before === undefined) await makeOffice(building);
    else if (name === withNode) await registerNode(building, before);
    else await walkOn(building, before, walks[name] ?? []);
    await makeRoom();
  });
  // What it stands on is in use as well, and is kept as long.
  const now = new Date();
  const { layers, nodeLayers = [] } = await recordOf(made);
  for (const layer of [...layers, ...nodeLayers]) await utimes(dirname(dirname(layer)), now, now);
  return made;
}

async function makeOffice(building: string): Promise<void> {
  const vendor = await startVendorRepository();
  const laptop = await Laptop.make(checkpointAnswers);
  try {
    // Nobody is asked for at this address: it is changed to the machine's when there is one.
    const machine = { address: '10.77.0.2', login: { user: 'root', keyPath: '/none', password: null } };
    await makeSite(laptop, { machine, vendor });
    await must(laptop, walk.prepare(laptop));
    await store(building, { laptop, machine: null, vendorUrl: vendor.distributionUrl });
  } finally {
    await vendor.close();
    await laptop.discard();
  }
}

async function walkOn(building: string, before: Checkpoint, words: readonly string[]): Promise<void> {
  const lab = await Lab.open();
  try {
    const { laptop, machine } = await restore(lab, before, { name: 'frozen' });
    try {
      await must(laptop, ['run', ...words, '--yes', '--answers', laptop.answersPath]);
      const { vendorUrl } = await recordOf(await checkpoint(before));
      await store(building, { laptop, machine, vendorUrl });
    } finally {
      await laptop.discard();
    }
  } finally {
    await lab.close();
  }
}

async function registerNode(building: string, before: Checkpoint): Promise<void> {
  const lab = await Lab.open();
  try {
    const { laptop, machine } = await restore(lab, before, { name: 'frozen' });
    try {
      const node = await bootBareNode(lab, 1);
      await laptop.addMachine(node, 'node-1', ['roles: [node]', `client: ${clientUser}`]);
      const panel = new Panel(machine);
      await laptop.answer({
        ...checkpointAnswers,
        'host-key:node-1': 'yes',
        'create-node-token:node-1': await panel.token('computer'),
        'configure-client:node-1': await panel.token('credential'),
      });
      await must(laptop, ['run', ...walks[withNode], '--yes', '--answers', laptop.answersPath]);
      // Tokens are spent; what is asked from here on is what every other laptop is asked.
      await laptop.answer({ ...checkpointAnswers, 'host-key:node-1': 'yes' });
      const { vendorUrl } = await recordOf(await checkpoint(before));
      await store(building, { laptop, machine, node, vendorUrl });
    } finally {
      await laptop.discard();
    }
  } finally {
    await lab.close();
  }
}

async function must(laptop: Laptop, words: readonly string[]): Promise<void> {
  const run = await laptop.fieldkit(words);
  if (run.code !== 0) throw new Error(`${words.join(' ')}: exit ${run.code}\n${run.stdout.slice(-4000)}${run.stderr}`);
}

interface Reached {
  readonly laptop: Laptop;
  readonly machine: LabMachine | null;
  readonly node?: LabMachine;
  readonly vendorUrl: string;
}

/** Fills `building`, whose final name is known to begin with the same words: layers are recorded by their final place. */
async function store(building: string, { laptop, machine, node, vendorUrl }: Reached): Promise<void> {
  await mkdir(building, { recursive: true });
  const layers = machine === null ? [] : await storeMachine(building, machine, 'layers');
  const nodeLayers = node === undefined ? {} : { nodeLayers: await storeMachine(building, node, 'node-layers') };
  await mustRun(['cp', '-a', '--reflink=auto', laptop.home, join(building, 'home')]);
  const record: CheckpointRecord = { home: laptop.home, vendorUrl, layers, ...nodeLayers };
  await writeFile(join(building, 'checkpoint.json'), JSON.stringify(record));
}

/** Freezes a machine for good; its own layers are moved below `building`. */
async function storeMachine(building: string, machine: LabMachine, folder: string): Promise<Layers> {
  const path = join(dirname(building), finalName(building));
  const base = await baseLayers('bookworm');
  const frozen = await machine.freeze();
  await machine.discard();
  const layers: string[] = [];
  for (const layer of frozen.filter((one) => !base.includes(one))) {
    // What it started from belongs to the checkpoint before.
    if (basename(dirname(dirname(layer))).startsWith(folderPrefix)) layers.push(layer);
    else {
      const own = join(folder, String(layers.length));
      await mkdir(join(building, folder), { recursive: true });
      await rename(layer, join(building, own));
      layers.push(join(path, own));
    }
  }
  return layers;
}

async function recordOf(folder: string): Promise<CheckpointRecord> {
  return JSON.parse(await readFile(join(folder, 'checkpoint.json'), 'utf8')) as CheckpointRecord;
}

const folderPrefix = 'checkpoint-';
const leavingPrefix = '.leaving-';

/** `cached` builds under `.building-<final name>-<process>-<random>`. */
const finalName = (building: string): string => basename(building).replace(/^\.building-(.*)-\d+-[0-9a-f]{8}$/, '$1');

/** By everything a checkpoint is made from: the built command line, the packages and the release it installs, the bare Debian. */
async function folderName(name: Checkpoint): Promise<string> {
  key ??= (async () => {
    const built = dirname(cli);
    const files = (await readdir(built, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
    const recipes = ['checkpoints.ts', 'site.ts', 'machine.ts', 'panel.ts'].map((file) =>
      join(import.meta.dirname, file),
    );
    const texts = [...paths, ...recipes].flatMap((path) => [basename(path), readFileSync(path, 'latin1')]);
    const brought = [await slapOsNodePackage(), (await masterRelease()).archivePath];
    return recipeKey(...texts, ...brought, ...(await baseLayers('bookworm')));
  })();
  return `${folderPrefix}${name}-${await key}`;
}
let key: Promise<string> | undefined;

/** All checkpoints together take no more than this, but for those used within the hour. */
const mostBytes = 12e9;
const inUseMs = 3_600_000;

/** Removes those that nobody used for the longest time. */
async function makeRoom(): Promise<void> {
  const all = await readdir(cacheFolder());
  // One that was being removed when its program ended.
  for (const name of all.filter((one) => one.startsWith(leavingPrefix)))
    await removeTree(join(cacheFolder(), name)).catch(() => undefined);
  const names = all.filter((name) => name.startsWith(folderPrefix) && !name.endsWith('.lock'));
  const measured = await Promise.all(
    names.map(async (name) => {
      const path = join(cacheFolder(), name);
      const { code, stdout } = await runCommand(['du', '-s', '--block-size=1', path]);
      const found = await stat(path).catch(() => null);
      // Gone meanwhile: another lab makes room as well.
      return code !== 0 || found === null
        ? []
        : [{ path, sizeBytes: Number(stdout.split('\t')[0]), usedMs: found.mtimeMs }];
    }),
  );
  const kept = measured.flat();
  let left = kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const mounted = readFileSync('/proc/self/mounts', 'utf8');
  for (const { path, sizeBytes, usedMs } of kept.sort((one, other) => one.usedMs - other.usedMs)) {
    if (left <= mostBytes || Date.now() - usedMs < inUseMs) return;
    if (mounted.includes(path)) continue;
    // Under another name first, so that nobody ever finds half of it.
    const leaving = join(cacheFolder(), `${leavingPrefix}${basename(path)}`);
    if (
      await rename(path, leaving).then(
        () => true,
        () => false,
      )
    )
      await removeTree(leaving);
    left -= sizeBytes;
  }
}
