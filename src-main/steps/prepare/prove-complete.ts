// The proof: everything the site will ask for is resolved, and everything resolved is on the medium.
// needs ⊆ lock ⊆ medium, for each target system; each entry verified against the certificates use-cache will write.
import { z } from 'zod';
import { blocked, defineStep, done, finding, perSite, says } from '../../runbook/define.ts';
import { prove } from '../proof.ts';

export const proveComplete = defineStep({
  id: 'prove-complete',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'write-index', on: 'same' }],
  risk: 'reads',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ asked: z.int(), missing: z.array(z.string()) }),
  read: async (world, { site, lock, needs }) => {
    const files = (await world.medium())?.files ?? {};
    const systems = new Set(needs.flatMap((need) => (need.kind === 'package' ? [need.system] : [])));
    const faults: string[] = [];
    for (const system of systems) faults.push(...(await world.sight<string[]>('repository-faults', { system })));
    const { differing } = await world.sight<{ wanted: string[]; differing: string[] }>('index-files');
    return {
      asked: needs.length,
      missing: [
        ...new Set([
          ...prove({ site, lock, needs, files }),
          ...faults,
          ...differing.map((path) => `${path}: not as resolved`),
        ]),
      ],
    };
  },
  found: ({ asked, missing }) => [
    says('prove-complete', 'found.asked', { count: asked }),
    says('prove-complete', 'found.missing', { count: missing.length }),
    ...missing.slice(0, 20).map((what) => says('prove-complete', 'found.item', { what })),
  ],
  verdict: ({ missing }) => {
    const [first] = missing;
    return first === undefined ? done() : blocked(finding('medium-incomplete', { count: missing.length, first }));
  },
  plan: () => [],
});
