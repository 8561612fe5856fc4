// What the site installs of the vendor's, from its signed repository for one target system, fixed to versions in the site lock.
import { z } from 'zod';
import { lockedPackage } from '../../../src-shared/lock.ts';
import { sourcesOf, vendorPackagesOf } from '../../../src-shared/site.ts';
import { blocked, defineStep, done, perSystem, says, systemOfSubject, todo, work } from '../../runbook/define.ts';
import { acceptSigners } from './changed-signers.ts';
import { findingOfKeys, packageKeys, readPackageKeys, saysOfKeys } from './package-keys.ts';

export const fetchVendorPackages = defineStep({
  id: 'fetch-vendor-packages',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSystem,
  after: [{ step: 'choose-medium', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ fixed: z.array(lockedPackage), atHand: z.boolean(), trusted: packageKeys }),
  read: async (world, context) => {
    const { lock } = context;
    const system = systemOfSubject(context);
    const fixed = lock.systems[system]?.vendor ?? [];
    const atHand = await world.sight<boolean>('packages-at-hand', { system, which: 'vendor' });
    return { fixed, atHand: fixed.length > 0 && atHand, trusted: await readPackageKeys(world, [system], 'vendor') };
  },
  found: ({ fixed, atHand, trusted }) => [
    ...saysOfKeys(trusted),
    ...(fixed.length === 0 ? [says('fetch-vendor-packages', 'found.none')] : []),
    ...fixed.map(({ name, version, sizeBytes }) =>
      says('fetch-vendor-packages', atHand ? 'found.atHand' : 'found.fixed', { name, version, sizeBytes }),
    ),
  ],
  verdict: ({ fixed, atHand, trusted }, { site }) => {
    const wanted = vendorPackagesOf(site);
    const fits =
      fixed.every(({ name }) => name in wanted) &&
      Object.entries(wanted).every(([name, version]) =>
        fixed.some((item) => item.name === name && (version === 'newest' || version === item.version)),
      );
    if (atHand && fits) return done();
    const missing = findingOfKeys(trusted);
    return missing === null ? todo() : blocked(missing);
  },
  plan: (_facts, context) => {
    const { site } = context;
    const changed = acceptSigners(context, 'fetch-vendor-packages');
    if (changed.length > 0) return changed;
    const system = systemOfSubject(context);
    const packages = vendorPackagesOf(site);
    const url = sourcesOf(site, system)?.vendor.url ?? '';
    return [
      work(
        'fetch-vendor-packages',
        { system, packages },
        says('fetch-vendor-packages', 'does.fetch', { url, names: vendorNames(packages) }),
      ),
    ];
  },
});

/** `slapos-node (newest), re6st-node (0.642)`: for a sentence. */
export const vendorNames = (packages: Readonly<Record<string, string>>): string =>
  Object.entries(packages)
    .map(([name, version]) => `${name} (${version})`)
    .join(', ');
