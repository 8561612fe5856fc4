// One plan of everything the medium will hold, with sizes, before the first byte of it is fetched. It resolves what has no size
// yet (versions, packages, entries: small signed lists) and refuses what will not fit, naming what could be left out.
import { z } from 'zod';
import { releasesFor, systemOf, vendorPackagesOf } from '../../../src-shared/site.ts';
import { type MediumSpeed, mediumSpeed } from '../../medium/speed.ts';
import type { Need } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, perSite, says, todo, work } from '../../runbook/define.ts';
import { neededByFolder } from '../machine/preflight-room.ts';
import { acceptSigners } from './changed-signers.ts';
import { vendorNames } from './fetch-vendor-packages.ts';
import { findingOfKeys, packageKeys, readPackageKeys, saysOfKeys } from './package-keys.ts';
import { rootsFor } from './solve-packages.ts';

const item = z.strictObject({
  kind: z.enum(['packages', 'software']),
  name: z.string(),
  system: z.string(),
  count: z.int(),
  totalBytes: z.number(),
  fetchBytes: z.number(),
  writeBytes: z.number(),
});
type Item = z.infer<typeof item>;

const facts = z.strictObject({
  unresolved: z.strictObject({
    vendor: z.array(z.string()),
    packages: z.array(z.string()),
    software: z.array(z.strictObject({ release: z.string(), systems: z.array(z.string()) })),
  }),
  absent: z.array(z.strictObject({ name: z.string(), system: z.string() })),
  items: z.array(item),
  limit: z.strictObject({ path: z.string(), fileSystem: z.string(), maxFileBytes: z.number() }).nullable(),
  large: z.array(z.strictObject({ name: z.string(), system: z.string(), sizeBytes: z.number() })),
  unsized: z.array(z.strictObject({ name: z.string(), system: z.string() })),
  volumes: z.array(
    z.strictObject({
      path: z.string(),
      holds: z.array(z.enum(['cache', 'medium'])),
      neededBytes: z.number(),
      freeBytes: z.number(),
    }),
  ),
  speed: mediumSpeed.nullable(),
  /** Of the systems whose packages are still to be resolved: here a key is believed first. */
  trusted: packageKeys,
});
type Facts = z.infer<typeof facts>;

/** What an ordinary office line brings and an ordinary USB stick takes, in bytes a second: for a first idea of the time. */
const lineRate = 10e6;
const usualSpeed: MediumSpeed = { writeBytes: 20e6, readBytes: 80e6 };

export const planMedium = defineStep({
  id: 'plan-medium',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'choose-medium', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts,
  read: async (world, { needs }) => {
    const seen = await world.sight<Omit<Facts, 'trusted'>>('medium-plan', { roots: rootsOf(needs) });
    const { vendor, packages } = seen.unresolved;
    return { ...seen, trusted: await readPackageKeys(world, [...new Set([...vendor, ...packages])].sort(), 'all') };
  },
  found: ({ items, volumes, unresolved, speed, trusted }, { site, lock }) => [
    ...saysOfKeys(trusted),
    ...items
      .map(({ kind, ...one }) => ({ ...one, packages: kind === 'packages' }))
      .map(({ packages, name, system, count, totalBytes, fetchBytes, writeBytes }) =>
        says('plan-medium', packages ? 'found.packages' : 'found.software', {
          name,
          system,
          count,
          totalBytes,
          fetchBytes,
          writeBytes,
        }),
      ),
    ...(isOpen(unresolved) ? [says('plan-medium', 'found.unresolved')] : []),
    ...volumes.map(({ path, holds, neededBytes, freeBytes }) => {
      const cache = holds[0] === 'cache';
      if (holds.length > 1) return says('plan-medium', 'found.both', { path, neededBytes, freeBytes });
      return says('plan-medium', cache ? 'found.cache' : 'found.medium', {
        path,
        neededBytes,
        freeBytes,
      });
    }),
    ...site.machines.map((machine) => {
      const locked = lock.systems[systemOf(machine)];
      const vendorBytes = sizeOf(locked?.vendor ?? []);
      const packages = { vendorBytes, otherBytes: sizeOf(locked?.packages ?? []) - vendorBytes };
      const needed = neededByFolder(systemOf(machine), lock, releasesFor(site, machine), { releases: {} }, packages);
      const neededBytes = Object.values(needed).reduce((all, one) => all + one, 0);
      return says('plan-medium', 'found.machine', { machine: machine.name, neededBytes });
    }),
    timesOf(items, speed),
  ],
  verdict: ({ unresolved, absent, items, volumes, limit, large, unsized, trusted }, { earlier }) => {
    const keyless = findingOfKeys(trusted);
    if (keyless !== null) return blocked(keyless);
    const [first] = absent;
    if (first !== undefined)
      return blocked(finding('release-archive-missing', { release: first.name, path: first.system }));
    const [tooLarge] = large;
    if (limit !== null && tooLarge !== undefined)
      return blocked(
        finding('medium-file-too-large', {
          path: limit.path,
          fileSystem: limit.fileSystem,
          file: `${tooLarge.name} (${tooLarge.system})`,
          size: tooLarge.sizeBytes,
        }),
      );
    const [unknown] = unsized;
    const perhaps =
      limit === null || unknown === undefined
        ? null
        : finding('medium-file-size-unknown', {
            path: limit.path,
            fileSystem: limit.fileSystem,
            file: `${unknown.name} (${unknown.system})`,
          });
    if (perhaps !== null && !earlier.skipped.includes(perhaps.code)) return blocked(perhaps);
    const short = volumes.find(({ neededBytes, freeBytes }) => neededBytes > freeBytes);
    if (short !== undefined) {
      const { path, neededBytes, freeBytes } = short;
      const drop = toDrop(items, neededBytes - freeBytes);
      return blocked(finding('room-short', { path, needed: neededBytes, free: freeBytes, drop }));
    }
    const told = perhaps === null ? [] : [perhaps];
    return isOpen(unresolved) ? todo(...told) : done(...told);
  },
  plan: ({ unresolved }, context) => {
    const { site, needs } = context;
    const changed = acceptSigners(context, 'plan-medium');
    if (isOpen(unresolved) && changed.length > 0) return changed;
    const { vendor, packages, software } = unresolved;
    const wanted = vendorPackagesOf(site);
    if (vendor.length > 0)
      return vendor.map((system) =>
        work(
          'resolve-vendor-packages',
          { system, packages: wanted },
          says('plan-medium', 'does.version', { system, names: vendorNames(wanted) }),
        ),
      );
    const roots = rootsOf(needs);
    return [
      ...packages.map((system) =>
        work('solve-packages', { system, roots: roots[system] ?? [] }, says('plan-medium', 'does.solve', { system })),
      ),
      ...software.map(({ release, systems }) =>
        work(
          'look-up-software',
          { release, systems },
          says('plan-medium', 'does.lookUp', { release, systems: systems.join(', ') }),
        ),
      ),
    ];
  },
});

const isOpen = ({ vendor, packages, software }: Facts['unresolved']): boolean =>
  vendor.length + packages.length + software.length > 0;

function rootsOf(needs: readonly Need[]): Record<string, string[]> {
  const systems = new Set(needs.flatMap((need) => (need.kind === 'package' ? [need.system] : [])));
  return Object.fromEntries([...systems].sort().map((system) => [system, rootsFor(needs, system)]));
}

const sizeOf = (files: readonly { readonly sizeBytes: number }[]): number =>
  files.reduce((all, { sizeBytes }) => all + sizeBytes, 0);

function timesOf(items: readonly Item[], speed: MediumSpeed | null) {
  const sum = (field: 'fetchBytes' | 'writeBytes' | 'totalBytes') => items.reduce((all, one) => all + one[field], 0);
  const { writeBytes, readBytes } = speed ?? usualSpeed;
  const fetchMs = (sum('fetchBytes') / lineRate) * 1000;
  const writeMs = (sum('writeBytes') / writeBytes + sum('totalBytes') / readBytes) * 1000;
  return speed === null
    ? says('plan-medium', 'found.times', { fetchMs, writeMs })
    : says('plan-medium', 'found.timesMeasured', { fetchMs, writeMs, writeBytes, readBytes });
}

/** What could be left out to make it fit: software other than the master's first, the largest first. */
function toDrop(items: readonly Item[], shortBytes: number): string {
  const optional = items
    .filter(({ kind, name, writeBytes }) => kind === 'software' && name !== 'slapos-master' && writeBytes > 0)
    .sort((first, second) => second.writeBytes - first.writeBytes);
  const dropped: string[] = [];
  let freed = 0;
  for (const { name, system, writeBytes } of optional) {
    if (freed >= shortBytes) break;
    freed += writeBytes;
    dropped.push(`${name} (${system})`);
  }
  return freed >= shortBytes ? dropped.join(', ') : '-';
}
