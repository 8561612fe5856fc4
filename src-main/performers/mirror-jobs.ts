// The jobs and sights of mirroring: releases taken from the public software cache. Registered in compose by these names.
// Whose entries are believed is read from the plan each time; the lock only remembers who signed.
import { join } from 'node:path';
import { z } from 'zod';
import { cleanLine } from '../../src-shared/clean.ts';
import type { Json } from '../../src-shared/json.ts';
import type { LockedEntry } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { cacheOf, type Release, releaseNamed } from '../../src-shared/site.ts';
import { copyToMedium } from '../medium/copy.ts';
import type { AllProgress } from '../platform/download-all.ts';
import { targetOf } from '../software/compatibility.ts';
import { judgeEntries } from '../software/entry.ts';
import { cachedBlob, downloadBlobs, keptEntries, lookUpRelease, missingBytes } from '../software/mirror.ts';
import { readTrustedCertificates, type TrustedCertificate } from '../software/trusted.ts';
import { boundMedium } from './bound-medium.ts';
import { type Job, type JobContext, job, type Sight, sight } from './jobs.ts';
import { withEntries } from './locked-entries.ts';
import { requireCacheRoom, requireRoom } from './room.ts';
import { refuseChangedSigners } from './signers.ts';

export interface MirrorParts {
  /** Public keys and certificates shipped with the program. */
  readonly trustFolder: string;
}

const trusted = ({ plan, folder }: JobContext['site'], trustFolder: string): Promise<readonly TrustedCertificate[]> =>
  readTrustedCertificates(cacheOf(plan).certificates, { trustFolder, planFolder: folder });

const releaseOf = ({ plan }: JobContext['site'], name: string): Release => {
  const found = releaseNamed(plan, name);
  if (found === undefined) throw problem('internal', { detail: `no release ${name}` });
  return found;
};

const args = z.strictObject({ release: z.string(), systems: z.array(z.string()).min(1) });

export function mirrorJobs({ trustFolder }: MirrorParts): Readonly<Record<string, Job>> {
  return {
    'look-up-software': job(args, async ({ release, systems }, { site, fetch, cacheFolder, signal }) => {
      const { name, url } = releaseOf(site, release);
      const certificates = (await trusted(site, trustFolder)).map(({ pem }) => pem);
      const source = cacheOf(site.plan);
      const entries = await lookUpRelease({ source, certificates, url, systems, cacheFolder }, { fetch, signal });
      await refuseChangedSigners(site, name, entries);
      await site.updateLock((lock) => withEntries(lock, { name, url }, entries));
    }),

    'mirror-software': job(args, async ({ release, systems }, context) => {
      const { site, cacheFolder, fetch, signal } = context;
      const { name, url } = releaseOf(site, release);
      const entries = lockedFor(site, name, url, systems);
      const { root } = await boundMedium(site);
      const mediumBytes = sum(entries.map(({ sizeBytes }) => sizeBytes));
      await requireRoom(
        root,
        entries.map(({ sha512, sizeBytes }) => ({ path: mediumPaths.blob(sha512), sizeBytes })),
      );
      const missing = await Promise.all(entries.map((entry) => missingBytes(cacheFolder, entry)));
      await requireCacheRoom(cacheFolder, sum(missing), { root, bytes: mediumBytes });
      const source = cacheOf(site.plan);
      const onProgress = ({ doneBytes, what }: AllProgress) =>
        context.onProgress({ done: doneBytes, total: 2 * mediumBytes, unit: 'bytes', what: `${name} ${what}` });
      await downloadBlobs({ source, entries, cacheFolder }, { fetch, signal, onProgress });
      // Downloading takes long enough for somebody to change the stick.
      const { device } = await boundMedium(site);
      let before = mediumBytes;
      for (const { sha512, sizeBytes, system } of entries) {
        const done = before;
        await copyToMedium({
          from: cachedBlob(cacheFolder, sha512),
          to: join(root, mediumPaths.blob(sha512)),
          algorithm: 'sha512',
          hash: sha512,
          sizeBytes,
          device,
          onProgress: ({ doneBytes }) =>
            context.onProgress({
              done: done + doneBytes,
              total: 2 * mediumBytes,
              unit: 'bytes',
              what: `${name} ${system}`,
            }),
          signal,
        });
        before += sizeBytes;
      }
    }),
  };
}

/** The locked entries for these systems. The engine may have been asked with a plan that is older than the lock. */
function lockedFor(
  { lock }: JobContext['site'],
  name: string,
  url: string,
  systems: readonly string[],
): readonly LockedEntry[] {
  const locked = lock.releases[name];
  const entries = locked?.url === url ? locked.entries.filter(({ system }) => systems.includes(system)) : [];
  if (entries.length < systems.length)
    throw problem('step-before-missing', { step: 'mirror-software', before: 'look-up-software' });
  return entries;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((all, size) => all + size, 0);

export function mirrorSights({ trustFolder }: MirrorParts): Readonly<Record<string, Sight>> {
  return {
    'cache-certificates': sight(z.strictObject({}), async (_args, { site }): Promise<Json> => {
      try {
        const found = await trusted(site, trustFolder);
        return { trusted: found.map(({ name, fingerprint }) => ({ name, fingerprint })), unusable: null };
      } catch (thrown) {
        if (!(thrown instanceof Problem) || thrown.code !== 'cache-certificate-unusable') throw thrown;
        const { name = '', detail = '' } = thrown.data.params;
        return { trusted: [], unusable: { name: String(name), detail: String(detail) } };
      }
    }),

    /** What the index offered for a release when it was last asked, and what a system makes of each entry, in its order. */
    'software-entries': sight(
      z.strictObject({ release: z.string(), system: z.string() }),
      async ({ release, system }, { site, cacheFolder }): Promise<Json> => {
        const { url } = releaseOf(site, release);
        const entries = await keptEntries(cacheFolder, url).catch(() => []);
        const certificates = await trusted(site, trustFolder).catch(() => []);
        const pems = certificates.map(({ pem }) => pem);
        return judgeEntries(entries, targetOf(system), pems, url).map(({ built, verdict }) => ({
          built: cleanLine(built, 120),
          verdict,
        }));
      },
    ),
  };
}
