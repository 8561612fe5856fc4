// slapos-node from the vendor's signed repository for one target system, fixed to a version in the site lock.
import { z } from 'zod';
import { lockedPackage } from '../../../src-shared/lock.ts';
import { sourcesOf } from '../../../src-shared/site.ts';
import { defineStep, done, perSystem, says, systemOfSubject, todo, work } from '../../runbook/define.ts';

export const fetchVendorPackages = defineStep({
  id: 'fetch-vendor-packages',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSystem,
  after: [{ step: 'choose-medium', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ fixed: z.array(lockedPackage), atHand: z.boolean() }),
  read: async (world, context) => {
    const { lock } = context;
    const system = systemOfSubject(context);
    const fixed = lock.systems[system]?.vendor ?? [];
    const atHand = await world.sight<boolean>('packages-at-hand', { system, which: 'vendor' });
    return { fixed, atHand: fixed.length > 0 && atHand };
  },
  found: ({ fixed, atHand }) =>
    fixed.length === 0
      ? [says('fetch-vendor-packages', 'found.none')]
      : fixed.map(({ name, version, sizeBytes }) =>
          says('fetch-vendor-packages', atHand ? 'found.atHand' : 'found.fixed', { name, version, sizeBytes }),
        ),
  verdict: ({ fixed, atHand }, { site }) => {
    const wanted = site.packages['slapos-node'];
    const slapos = fixed.find((item) => item.name === 'slapos-node');
    return atHand && slapos !== undefined && (wanted === 'newest' || wanted === slapos.version) ? done() : todo();
  },
  plan: (_facts, context) => {
    const { site } = context;
    const system = systemOfSubject(context);
    const version = site.packages['slapos-node'];
    const url = sourcesOf(site, system)?.vendor.url ?? '';
    return [
      work(
        'fetch-vendor-packages',
        { system, packages: { 'slapos-node': version } },
        says('fetch-vendor-packages', 'does.fetch', { url, version }),
      ),
    ];
  },
});
