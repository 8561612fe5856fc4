// The keys of this site: cache key (index entries), repository key (apt), manifest key (the medium and the record).
// Private halves stay in the laptop's vault behind a passphrase; public halves go to the lock, and later to the medium.
import { z } from 'zod';
import { defineStep, done, perSite, says, todo, work } from '../../runbook/define.ts';

export const makeKeys = defineStep({
  id: 'make-keys',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'choose-medium', on: 'same' }],
  risk: 'changes',
  holds: [],
  needs: () => [
    { kind: 'key', name: 'cache' },
    { kind: 'key', name: 'repository' },
    { kind: 'key', name: 'manifest' },
  ],
  input: z.strictObject({}),
  facts: z.strictObject({ inVault: z.boolean(), fingerprint: z.string().nullable(), pinned: z.string().nullable() }),
  read: async (world, { site, lock }) => ({
    inVault: await world.sight<boolean>('vault-exists'),
    fingerprint: lock.keys?.manifestFingerprint ?? null,
    pinned: site.trust.manifest ?? null,
  }),
  found: ({ inVault, fingerprint }) => [
    says('make-keys', inVault ? 'found.vault' : 'found.noVault'),
    fingerprint === null ? says('make-keys', 'found.noKeys') : says('make-keys', 'found.fingerprint', { fingerprint }),
  ],
  verdict: ({ inVault, fingerprint, pinned }) =>
    inVault && fingerprint !== null && fingerprint === pinned ? done() : todo(),
  plan: ({ inVault }) => [
    {
      kind: 'ask',
      question: {
        id: 'passphrase',
        kind: 'secret',
        key: 'steps.make-keys.asks.passphrase',
        params: {},
        show: [],
        choices: [],
        // Nobody can look it up: a new vault's is typed twice.
        ...(inVault ? {} : { twice: true }),
      },
    },
    work('make-keys', {}, says('make-keys', 'does.make')),
  ],
});
