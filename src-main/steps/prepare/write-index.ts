// What a target asks first: the index document of each release, the public keys, and a page for people.
// All of it follows from the site lock; a file that already says the same is left alone.
import { z } from 'zod';
import { defineStep, done, perSite, says, todo, work } from '../../runbook/define.ts';

export const writeIndex = defineStep({
  id: 'write-index',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [
    { step: 'import-software', on: 'all' },
    { step: 'mirror-software', on: 'all' },
    { step: 'archive-software', on: 'all' },
    { step: 'solve-packages', on: 'all' },
  ],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ wanted: z.array(z.string()), differing: z.array(z.string()) }),
  read: (world) => world.sight<{ wanted: string[]; differing: string[] }>('index-files'),
  found: ({ wanted, differing }) => [
    says('write-index', 'found.files', { count: wanted.length, differing: differing.length }),
  ],
  verdict: ({ differing }) => (differing.length === 0 ? done() : todo()),
  plan: ({ differing }) => [
    work('write-index', { files: differing }, says('write-index', 'does.write', { count: differing.length })),
  ],
});
