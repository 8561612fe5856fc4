// A compiled software release from the public software cache, for each target system the plan names no archive for. The
// entry stays as upstream signed it, byte for byte; the certificate that verifies it goes along in the lock.
// Never takes an entry that only the network vouches for: the plan names whose certificates count.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { cacheOf, systemsFrom } from '../../../src-shared/site.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  perRelease,
  releaseOfSubject,
  says,
  todo,
  work,
} from '../../runbook/define.ts';
import { certificateFingerprint } from '../../software/certificate.ts';
import { describeSystem } from '../../software/compatibility.ts';
import { type EntryVerdict, entryVerdicts, readEntry } from '../../software/entry.ts';
import { indexAddress } from '../../software/mirror.ts';
import { acceptSigners } from './changed-signers.ts';

const certificateFacts = z.strictObject({
  trusted: z.array(z.strictObject({ name: z.string(), fingerprint: z.string() })),
  /** The first that the plan names and that cannot be used. */
  unusable: z.strictObject({ name: z.string(), detail: z.string() }).nullable(),
});

/** An entry chosen for a system, signed by one of the trusted certificates. */
const chosenFacts = z.strictObject({
  /** What it was compiled on. */
  built: z.string(),
  sizeBytes: z.number(),
  signedBy: z.string(),
  onMedium: z.boolean(),
});

const passedOverFacts = z.strictObject({ built: z.string(), verdict: z.enum(entryVerdicts).exclude(['chosen']) });

/** An index of a popular release holds dozens; the first ones tell how it is. */
const passedOverShown = 20;

function saysOfChosen(system: string, chosen: z.infer<typeof chosenFacts> | null, index: string) {
  if (chosen === null) return says('mirror-software', 'found.unknown', { system, index });
  const { built, sizeBytes, signedBy, onMedium } = chosen;
  return says('mirror-software', onMedium ? 'found.onMedium' : 'found.chosen', { system, built, sizeBytes, signedBy });
}

export const mirrorSoftware = defineStep({
  id: 'mirror-software',
  chapter: 'prepare',
  phase: 'prepare',
  per: perRelease('cache'),
  after: [{ step: 'choose-medium', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    certificates: certificateFacts,
    archives: z.array(
      z.strictObject({
        system: z.string(),
        chosen: chosenFacts.nullable(),
        /** The entries of the index that were not taken, in its order, as it was last asked. */
        passedOver: z.array(passedOverFacts),
      }),
    ),
  }),
  read: async (world, context) => {
    const { name, url } = releaseOfSubject(context);
    const certificates = await world.sight<z.infer<typeof certificateFacts>>('cache-certificates');
    const files = (await world.medium())?.files ?? {};
    const locked = context.lock.releases[name];
    const systems = systemsFrom(context.site, releaseOfSubject(context), 'cache');
    const offered = await Promise.all(
      systems.map((system) =>
        world.sight<{ built: string; verdict: EntryVerdict }[]>('software-entries', { release: name, system }),
      ),
    );
    const archives = systems.map((system, at) => {
      const passedOver = (offered[at] ?? []).flatMap(({ built, verdict }) =>
        verdict === 'chosen' ? [] : [{ built, verdict }],
      );
      const entry = locked?.url === url ? locked.entries.find((item) => item.system === system) : undefined;
      const signedBy = entry === undefined ? '' : certificateFingerprint(entry.certificate);
      if (entry === undefined || !certificates.trusted.some(({ fingerprint }) => fingerprint === signedBy))
        return { system, chosen: null, passedOver };
      const { sha512, sizeBytes } = entry;
      const built = describeSystem(readEntry(entry.entry, url).system);
      return {
        system,
        chosen: { built, sizeBytes, signedBy, onMedium: files[mediumPaths.blob(sha512)] === sizeBytes },
        passedOver,
      };
    });
    return { certificates, archives };
  },
  found: ({ certificates, archives }, context) => [
    ...certificates.trusted.map(({ name, fingerprint }) =>
      says('mirror-software', 'found.certificate', { name, fingerprint }),
    ),
    ...archives.flatMap(({ system, chosen, passedOver }) => [
      saysOfChosen(system, chosen, indexAddress(cacheOf(context.site), releaseOfSubject(context).url)),
      ...passedOver.slice(0, passedOverShown).map(({ built, verdict }) =>
        says(
          'mirror-software',
          {
            later: 'found.later',
            unsigned: 'found.unsigned',
            otherRoot: 'found.otherRoot',
            otherSystem: 'found.otherSystem',
            otherRelease: 'found.otherRelease',
            unreadable: 'found.unreadable',
          }[verdict],
          { system, built },
        ),
      ),
    ]),
  ],
  verdict: ({ certificates: { trusted, unusable }, archives }) => {
    if (unusable !== null) return blocked(finding('cache-certificate-unusable', unusable));
    if (trusted.length === 0) return blocked(finding('cache-certificate-unnamed', {}));
    return archives.every(({ chosen }) => chosen?.onMedium) ? done() : todo();
  },
  plan: ({ archives }, context) => {
    const { name, url } = releaseOfSubject(context);
    const unknown = archives.flatMap(({ system, chosen }) => (chosen === null ? [system] : []));
    const changed = acceptSigners(context, 'mirror-software');
    if (unknown.length > 0 && changed.length > 0) return changed;
    // Sizes first: what is chosen is shown before the first byte of it is fetched.
    if (unknown.length > 0)
      return [
        work(
          'look-up-software',
          { release: name, systems: unknown },
          says('mirror-software', 'does.lookUp', {
            index: indexAddress(cacheOf(context.site), url),
            systems: unknown.join(', '),
          }),
        ),
      ];
    const missing = archives.flatMap(({ system, chosen }) =>
      chosen === null || chosen.onMedium ? [] : [{ system, sizeBytes: chosen.sizeBytes }],
    );
    const systems = missing.map(({ system }) => system);
    if (systems.length === 0) return [];
    const sizeBytes = missing.reduce((sum, item) => sum + item.sizeBytes, 0);
    return [
      work(
        'mirror-software',
        { release: name, systems },
        says('mirror-software', 'does.fetch', {
          blobs: cacheOf(context.site).blobs,
          systems: systems.join(', '),
          sizeBytes,
        }),
      ),
    ];
  },
});
