// What a practice machine is at a moment: files, packages, addresses, units, what slapos was asked for. Kept as one JSON
// file in the practice folder, so that an interrupted walk can be taken up again. Used by the simulated machine alone.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { jsonObject } from '../../src-shared/json.ts';
import type { Package } from '../packages/package-index.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../platform/files.ts';

const node = z.strictObject({
  kind: z.enum(['f', 'd', 'l']),
  mode: z.int(),
  /** `user:group`. */
  owner: z.string(),
  /** Content of a file, or where a link leads. */
  text: z.string(),
  /** True: `text` is base64. */
  binary: z.boolean().optional(),
  /** Size of a file whose content is not kept. */
  sizeBytes: z.int().optional(),
  /** Entries of an access list, as getfacl prints them. */
  acl: z.array(z.string()).optional(),
});
export type FileNode = z.infer<typeof node>;

const installed = z.strictObject({
  version: z.string(),
  architecture: z.string(),
  /** As in a package's field of that name. */
  provides: z.string().optional(),
});
export type Installed = z.infer<typeof installed>;

/** Packages as a machine holds them, by name. */
export const installedAs = (
  packages: readonly Pick<Package, 'name' | 'version' | 'architecture' | 'provides'>[],
): Record<string, Installed> =>
  Object.fromEntries(
    packages.map(({ name, version, architecture, provides }) => [
      name,
      { version, architecture, provides: providesText(provides) },
    ]),
  );

const providesText = (provides: Package['provides']): string =>
  provides.map(({ name, version }) => (version === null ? name : `${name} (= ${version})`)).join(', ');

/** What a machine is, whatever is done to it. */
const made = z.strictObject({
  /** E.g. `debian-12-amd64`. */
  system: z.string(),
  /** Its network interface. */
  interface: z.string(),
  /** What the site's network gave it. */
  ipv4: z.string(),
  /** With its length; null: nobody gives it a global one. */
  ipv6: z.string().nullable(),
  /** What a master calls it once it is registered. */
  computer: z.string(),
});
export type Made = z.infer<typeof made>;

const address = z.strictObject({
  /** With its length. */
  address: z.string(),
  /** Milliseconds since 1970; a little later the address is no longer tentative. */
  sinceMs: z.number(),
  by: z.enum(['kernel', 'networkd', 'slapos']),
});

/** An instance that slapproxy was asked for; it comes together a little later. */
const requested = z.strictObject({ name: z.string(), url: z.string(), parameters: jsonObject, sinceMs: z.number() });

/** What a command changes when it ends. Null removes. */
const patch = z.strictObject({
  files: z.record(z.string(), node.nullable()).optional(),
  packages: z.record(z.string(), installed).optional(),
  addresses: z.array(address).optional(),
  proxySinceMs: z.number().nullable().optional(),
  supplied: z.array(z.strictObject({ url: z.string(), computer: z.string() })).optional(),
  requested: requested.optional(),
  clockShiftSeconds: z.number().optional(),
  servicesSinceMs: z.number().optional(),
});
export type Patch = z.infer<typeof patch>;

const unit = z.strictObject({
  argv: z.array(z.string()),
  startedMs: z.number(),
  /** Null while it still needs the connection (apt downloads): such work ends with the program that simulates it. */
  timeline: z
    .strictObject({ log: z.string(), endsMs: z.number(), exit: z.int().nullable(), patch, applied: z.boolean() })
    .nullable(),
});
export type Unit = z.infer<typeof unit>;

const guard = z.strictObject({ undo: z.string(), dueMs: z.number(), undone: z.boolean() });

const machineState = z.strictObject({
  format: z.literal(2),
  made,
  bootId: z.string(),
  /** Public host key as it travels in SSH, base64; the second is shown by a machine that was installed anew. */
  hostKey: z.string(),
  otherHostKey: z.string(),
  files: z.record(z.string(), node),
  packages: z.record(z.string(), installed),
  addresses: z.array(address),
  units: z.record(z.string(), unit),
  guards: z.record(z.string(), guard),
  /** Since when slapproxy runs, null while it does not. */
  proxySinceMs: z.number().nullable(),
  supplied: z.array(z.strictObject({ url: z.string(), computer: z.string() })),
  requested: requested.nullable(),
  /** How far somebody has set the clock. */
  clockShiftSeconds: z.number().default(0),
  /** When the services of the partitions were started anew, null before they ever were. */
  servicesSinceMs: z.number().nullable().default(null),
  /** When cron looks next. */
  nextCronMs: z.number(),
  /** A release being unpacked. */
  unpacking: z.strictObject({ url: z.string(), endsMs: z.number(), patch }).nullable(),
});
export type MachineState = z.infer<typeof machineState>;

const statePath = (folder: string, machine: string): string => join(folder, 'machines', `${machine}.json`);

/** The state as it was left; null when the machine is new, or when the file cannot be read: practice starts over then. */
export async function readState(folder: string, machine: string): Promise<MachineState | null> {
  const text = await readTextOrNull(statePath(folder, machine));
  if (text === null) return null;
  try {
    return machineState.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export async function writeState(folder: string, machine: string, state: MachineState): Promise<void> {
  await ensureFolder(join(folder, 'machines'));
  await writeAtomic(statePath(folder, machine), JSON.stringify(state));
}

export const textFile = (text: string, mode = 0o644, owner = 'root:root'): FileNode => ({
  kind: 'f',
  mode,
  owner,
  text,
});
export const aFolder = (mode = 0o755, owner = 'root:root'): FileNode => ({ kind: 'd', mode, owner, text: '' });

/** The bytes of a file; those of a large one are not kept and read as zeros. */
export const bytesOf = (of: FileNode): Buffer =>
  of.sizeBytes === undefined ? Buffer.from(of.text, of.binary ? 'base64' : 'utf8') : Buffer.alloc(of.sizeBytes);

export const sizeOf = (of: FileNode): number => of.sizeBytes ?? bytesOf(of).length;

/** The same state with a patch applied. */
export function patched(state: MachineState, change: Patch): MachineState {
  const files = { ...state.files };
  for (const [path, value] of Object.entries(change.files ?? {})) {
    if (value === null) delete files[path];
    else files[path] = value;
  }
  return {
    ...state,
    files,
    packages: { ...state.packages, ...change.packages },
    addresses: change.addresses ?? state.addresses,
    proxySinceMs: change.proxySinceMs === undefined ? state.proxySinceMs : change.proxySinceMs,
    supplied: change.supplied ?? state.supplied,
    requested: change.requested ?? state.requested,
    clockShiftSeconds: change.clockShiftSeconds ?? state.clockShiftSeconds,
    servicesSinceMs: change.servicesSinceMs ?? state.servicesSinceMs,
  };
}

const baseFolders = ['/etc', '/etc/apt', '/etc/systemd', '/etc/systemd/network', '/etc/systemd/system', '/etc/cron.d'];
const otherFolders = ['/opt', '/root', '/run', '/srv', '/tmp', '/usr', '/usr/bin', '/var', '/var/lib', '/var/log'];

/** A bare machine: it boots, answers SSH, has one network interface, and nothing of SlapOS. */
export function freshState(
  name: string,
  of: Made,
  packages: Readonly<Record<string, Installed>>,
  nowMs: number,
): MachineState {
  const folders = [...baseFolders, ...otherFolders, '/'].map((path) => [path, aFolder()] as const);
  return {
    format: 2,
    made: of,
    bootId: randomUUID(),
    hostKey: newHostKey(),
    otherHostKey: newHostKey(),
    files: {
      ...Object.fromEntries(folders),
      '/tmp': aFolder(0o1777),
      '/etc/hostname': textFile(`${name}\n`),
      '/etc/resolv.conf': textFile('nameserver 192.168.32.1\n'),
      [`/etc/systemd/network/${of.interface}.network`]: textFile(
        `[Match]\nName=${of.interface}\n\n[Network]\nDHCP=ipv4\n`,
      ),
    },
    packages: { ...packages },
    addresses: ['fe80::5054:ff:fe12:3456/64', ...(of.ipv6 === null ? [] : [of.ipv6])].map((address) => ({
      address,
      sinceMs: nowMs - 60_000,
      by: 'kernel' as const,
    })),
    units: {},
    guards: {},
    proxySinceMs: null,
    supplied: [],
    requested: null,
    clockShiftSeconds: 0,
    servicesSinceMs: null,
    nextCronMs: nowMs,
    unpacking: null,
  };
}

/** An Ed25519 public key as SSH writes it (RFC 8709): two counted strings, the type's name and the 32 bytes. */
function newHostKey(): string {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const counted = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat([counted(Buffer.from('ssh-ed25519')), counted(raw)]).toString('base64');
}
