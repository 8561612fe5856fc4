// The jobs and sights of the office part: keys, packages, releases, index, seal. Registered in compose by these names.
// Each joins one or two rooms with the site's lock; the rooms do the work.
import { join } from 'node:path';
import { z } from 'zod';
import { type Json, json } from '../../src-shared/json.ts';
import type { LockedSystem } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { SystemSources } from '../../src-shared/site.ts';
import { sourcesOf, systemFacts } from '../../src-shared/site.ts';
import { copyToMedium, writeToMedium } from '../medium/copy.ts';
import { keepGeneration, nextGeneration } from '../medium/generations.ts';
import { makeSigningKey } from '../medium/keys.ts';
import { openManifest } from '../medium/manifest-store.ts';
import { removeLeftovers, scanMedium } from '../medium/scan.ts';
import { sealMedium } from '../medium/seal.ts';
import type { ArchiveSource, Means } from '../packages/archive.ts';
import {
  cachedDeb,
  downloadPackages,
  emptySystem,
  fetchVendorPackages,
  resolvePackages,
  vendorSource,
  writeRepositoryToMedium,
} from '../packages/fetch-packages.ts';
import { makeRepositoryKey } from '../packages/signer.ts';
import { readTrustedKey } from '../packages/trust-keys.ts';
import { cacheLimit, trimCache } from '../platform/download-cache.ts';
import { exists, fileSize, readTextOrNull } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { makeCacheKey } from '../software/certificate.ts';
import { targetOf } from '../software/compatibility.ts';
import { makeEntry, signEntry, urlKey } from '../software/entry.ts';
import { checkReleaseArchive } from '../software/release-archive.ts';
import { listBackups } from './backups.ts';
import { baselinesOf, markOf } from './baselines.ts';
import { boundMedium, mediumText, namedMedium, readBinding, sealedGeneration } from './bound-medium.ts';
import { expectedFiles, textsOf } from './expected-files.ts';
import { type Job, type JobContext, job, type Sight, sight } from './jobs.ts';
import { withEntries } from './locked-entries.ts';
import { releasedState, removableDrive } from './medium-jobs.ts';
import { planMedium } from './medium-plan.ts';
import { repositoryFaults, repositoryIsCurrent } from './repository-state.ts';
import { requireRoom } from './room.ts';
import { notingSigners, signerJobs, withAccepted } from './signers.ts';
import { keyNames } from './site-keys.ts';

const nothing = z.strictObject({});
const vendorArgs = z.strictObject({ system: z.string(), packages: z.record(z.string(), z.string()) });

/** A private half of the site's keys. Throws `key-missing` on a laptop that does not hold it. */
export async function privateKey(context: JobContext, which: 'cache' | 'repository' | 'manifest'): Promise<string> {
  const bytes = await (await context.vault()).get(keyNames(context.site.name)[which]);
  if (bytes === null) throw problem('key-missing', { key: which });
  return Buffer.from(bytes).toString('utf8');
}

const meansOf = ({ fetch, cacheFolder, site, onProgress, signal }: JobContext): Means => ({
  fetch,
  cacheFolder,
  now: site.clock.now(),
  onProgress,
  signal,
});

export interface PrepareParts {
  /** Public keys shipped with the program. */
  readonly trustFolder: string;
  readonly program: string;
}

function sources({ plan }: Pick<OpenSite, 'plan'>, system: string): SystemSources {
  const found = sourcesOf(plan, system);
  if (found === null)
    throw problem('site-plan-invalid', {
      path: 'site.yaml',
      place: `sources.${system}`,
      fault: 'no-sources',
      value: system,
      other: '',
    });
  return found;
}

const keyOf = async (name: string, site: Pick<OpenSite, 'folder'>, trustFolder: string): Promise<string> =>
  (await readTrustedKey(name, { trustFolder, planFolder: site.folder })).armored;

/** The distribution's archives of a target system, with the keys that may sign them. Throws what reading a key throws. */
export const archivesOf = (
  site: Pick<OpenSite, 'plan' | 'folder'>,
  system: string,
  trustFolder: string,
): Promise<ArchiveSource[]> =>
  Promise.all(
    sources(site, system).archives.map(async ({ key, ...archive }) => ({
      ...archive,
      keys: [await keyOf(key, site, trustFolder)],
    })),
  );

/** What is locked for a system; as its signers, those that a person has accepted since. */
function lockedOf({ lock }: Pick<OpenSite, 'lock'>, system: string): LockedSystem | null {
  const locked = lock.systems[system];
  return locked === undefined ? null : withAccepted(lock, locked);
}

export function prepareJobs({ trustFolder, program }: PrepareParts): Readonly<Record<string, Job>> {
  const vendorOf = async ({ site }: JobContext, system: string) => {
    const { vendor } = sources(site, system);
    return { url: vendor.url, keys: [await keyOf(vendor.key, site, trustFolder)] };
  };
  const lockSystem = (context: JobContext, system: string, locked: LockedSystem): Promise<void> =>
    context.site.updateLock((lock) => ({ ...lock, systems: { ...lock.systems, [system]: locked } }));

  async function vendorPackages(
    { system, packages }: z.infer<typeof vendorArgs>,
    context: JobContext,
    download: boolean,
  ): Promise<void> {
    const wanted = Object.entries(packages).map(([name, version]) => ({ name, version }));
    const request = {
      system,
      architecture: systemFacts(system).architecture,
      vendor: await vendorOf(context, system),
      wanted,
      locked: lockedOf(context.site, system),
      refresh: true,
      download,
    };
    const fetched = await notingSigners(context.site, () => fetchVendorPackages(request, meansOf(context)));
    await lockSystem(context, system, fetched);
  }

  return {
    ...signerJobs,

    'make-keys': job(nothing, async (_args, context) => {
      const { site } = context;
      const vault = await context.vault();
      const names = keyNames(site.name);
      const now = site.clock.now();
      const made = site.lock.keys;
      const have = await vault.names();
      // A lock whose private halves are on another laptop is replaced only as a whole.
      if (made !== null && Object.values(names).every((name) => have.includes(name))) {
        await site.editPlan(() => [{ path: ['trust', 'manifest'], value: made.manifestFingerprint }]);
        return;
      }
      const cache = await makeCacheKey('ShaCache Signing Cert', now);
      const repository = await makeRepositoryKey(`SlapOS Field Kit ${site.name}`, now);
      const manifest = makeSigningKey();
      await vault.put(names.cache, Buffer.from(cache.privateKeyPem));
      await vault.put(names.repository, Buffer.from(repository.privateKey));
      await vault.put(names.manifest, Buffer.from(manifest.privateKeyPem));
      await site.updateLock((lock) => ({
        ...lock,
        keys: {
          cacheCertificate: cache.certificatePem,
          cacheFingerprint: cache.fingerprint,
          repositoryKey: repository.publicKey,
          repositoryFingerprint: repository.fingerprint,
          manifestKey: manifest.publicKeyPem,
          manifestFingerprint: manifest.fingerprint,
        },
      }));
      await site.editPlan(() => [{ path: ['trust', 'manifest'], value: manifest.fingerprint }]);
    }),

    'resolve-vendor-packages': job(vendorArgs, (args, context) => vendorPackages(args, context, false)),

    'fetch-vendor-packages': job(vendorArgs, (args, context) => vendorPackages(args, context, true)),

    'solve-packages': job(
      z.strictObject({ system: z.string(), roots: z.array(z.string()) }),
      async ({ system, roots }, context) => {
        const locked = lockedOf(context.site, system) ?? emptySystem;
        const request = {
          system,
          architecture: systemFacts(system).architecture,
          archives: await archivesOf(context.site, system, trustFolder),
          vendor: await vendorOf(context, system),
          roots,
          locked,
          refresh: true,
        };
        const baselines = await baselinesOf(context.site, system);
        const machines = baselines.map(({ baseline }) => baseline);
        const solved = await notingSigners(context.site, () =>
          resolvePackages({ ...request, machines }, meansOf(context)),
        );
        await lockSystem(context, system, { ...solved, baseline: markOf(baselines) });
      },
    ),

    'write-repository': job(z.strictObject({ system: z.string() }), async ({ system }, context) => {
      const locked = context.site.lock.systems[system];
      if (locked === undefined)
        throw problem('step-before-missing', { step: 'write-repository', before: 'solve-packages' });
      const { root } = await boundMedium(context.site);
      const repository = mediumPaths.repository(system);
      const folder = join(root, repository);
      const { files } = await scanMedium(root);
      const present = new Map(files.map((file) => [file.path, file.sizeBytes]));
      const missing = locked.packages.filter(
        ({ path, sizeBytes }) => present.get(`${repository}/${path}`) !== sizeBytes,
      );
      await requireRoom(
        root,
        missing.map(({ path, sizeBytes }) => ({ path: `${repository}/${path}`, sizeBytes })),
      );
      await downloadPackages(locked.packages, meansOf(context));
      const { device } = await boundMedium(context.site);
      const replaced = new Map(locked.packages.map(({ path, sha256 }) => [`${repository}/${path}`, sha256]));
      await keepGeneration(root, context.site.lock.keys?.manifestFingerprint ?? '', replaced);
      await writeRepositoryToMedium({
        device,
        system,
        locked,
        cacheFolder: context.cacheFolder,
        folder,
        privateKey: await privateKey(context, 'repository'),
        date: await notBefore(join(folder, 'InRelease'), context.site.clock.now()),
        onProgress: context.onProgress,
        signal: context.signal,
      });
    }),

    'import-software': job(
      z.strictObject({
        release: z.string(),
        url: z.string(),
        system: z.string(),
        path: z.string(),
        stamp: z.string().optional(),
      }),
      async ({ release, url, system, path, stamp }, context) => {
        const { site, signal } = context;
        const { root, device } = await boundMedium(site);
        const size = await fileSize(path);
        if (size === null) throw problem('release-archive-missing', { release, path });
        await requireRoom(root, [{ path: mediumPaths.blob('0'.repeat(128)), sizeBytes: size }]);
        const md5 = urlKey(url);
        const progressOf =
          (part: number) =>
          ({ doneBytes }: { readonly doneBytes: number }) =>
            context.onProgress({ done: part * size + doneBytes, total: 2 * size, unit: 'bytes', what: path });
        const checked = await checkReleaseArchive({ path, md5, onProgress: progressOf(0), signal });
        const { sha512, sizeBytes } = checked;
        await copyToMedium({
          from: path,
          to: join(root, mediumPaths.blob(sha512)),
          algorithm: 'sha512',
          hash: sha512,
          sizeBytes,
          device,
          onProgress: progressOf(1),
          signal,
        });
        const entry = makeEntry({ sha512, ...targetOf(system), softwareUrl: url });
        const signature = signEntry(entry, await privateKey(context, 'cache'));
        const certificate = site.lock.keys?.cacheCertificate ?? '';
        const made = stamp === undefined ? {} : { stamp };
        const locked = { system, sha512, sizeBytes, entry, signature, certificate, ...made };
        await site.updateLock((lock) => withEntries(lock, { name: release, url }, [locked]));
      },
    ),

    'write-index': job(z.strictObject({ files: z.array(z.string()) }), async ({ files }, { site, onProgress }) => {
      const { root, device } = await boundMedium(site);
      const texts = textsOf(site.lock, site.name);
      await keepGeneration(root, site.lock.keys?.manifestFingerprint ?? '');
      for (const [index, path] of files.entries()) {
        const text = texts[path];
        if (text !== undefined) await writeToMedium(join(root, path), text, device);
        onProgress({ done: index + 1, total: files.length, unit: 'files', what: path });
      }
    }),

    'seal-medium': job(z.strictObject({ generation: z.int() }), async (_args, context) => {
      const { site, signal } = context;
      const { root, identity } = await boundMedium(site);
      const scan = await scanMedium(root);
      await removeLeftovers(root, scan);
      const { mediumId } = identity;
      const fingerprint = site.lock.keys?.manifestFingerprint ?? '';
      const generation = await nextGeneration(root, fingerprint, sealedGeneration(site, mediumId));
      await sealMedium({
        root,
        site: site.name,
        generation,
        sealedAt: site.clock.now(),
        program,
        privateKeyPem: await privateKey(context, 'manifest'),
        identity,
        expected: expectedFiles(
          site.lock,
          site.name,
          scan.files.map(({ path }) => path),
        ),
        onProgress: ({ doneBytes, totalBytes }) =>
          context.onProgress({ done: doneBytes, total: totalBytes, unit: 'bytes' }),
        signal,
      });
      if (mediumId !== null)
        await site.updateLock((lock) => ({ ...lock, sealed: { ...lock.sealed, [mediumId]: generation } }));
      // What this medium was made from was used last, and stays.
      await trimCache(context.cacheFolder, { keepBytes: await cacheLimit(context.cacheFolder) });
    }),
  };
}

/** apt refuses a Release older than one it has seen; the clock of a laptop may have been set back. */
async function notBefore(inRelease: string, now: Date): Promise<Date> {
  const date = /^Date: (.+)$/m.exec((await readTextOrNull(inRelease)) ?? '')?.[1];
  const before = date === undefined ? 0 : new Date(date).getTime();
  return new Date(Math.max(now.getTime(), before + 1000));
}

function unlessMissing(thrown: unknown): null {
  if (thrown instanceof Problem && thrown.code === 'archive-key-missing') return null;
  throw thrown;
}

export function prepareSights({
  vaultPath,
  trustFolder,
}: {
  readonly vaultPath: string;
  readonly trustFolder: string;
}): Readonly<Record<string, Sight>> {
  return {
    'vault-exists': sight(nothing, () => exists(vaultPath)),

    'file-size': sight(z.strictObject({ path: z.string() }), ({ path }) => fileSize(path)),

    /** Where an archive fetched from a build machine is kept on the laptop: it can fill another medium as well. */
    'built-archive': sight(z.strictObject({ name: z.string() }), async ({ name }, { cacheFolder }) => {
      const path = join(cacheFolder, 'built', name);
      return { path, sizeBytes: await fileSize(path) };
    }),
    'medium-plan': sight(
      z.strictObject({ roots: z.record(z.string(), z.array(z.string())) }),
      async ({ roots }, { site, cacheFolder }) => json.parse(await planMedium(site, cacheFolder, roots)),
    ),

    /** The keys that lists of packages are believed by, and the first one that cannot be used. */
    'package-keys': sight(
      z.strictObject({ systems: z.array(z.string()), which: z.enum(['vendor', 'archives', 'all']) }),
      async ({ systems, which }, { site }): Promise<Json> => {
        const keys: Json[] = [];
        for (const system of systems) {
          const { vendor, archives } = sources(site, system);
          const wanted = [
            ...(which === 'archives' ? [] : [{ ...vendor, name: vendorSource }]),
            ...(which === 'vendor' ? [] : archives),
          ];
          for (const { name: source, key: name } of wanted) {
            const read = await readTrustedKey(name, { trustFolder, planFolder: site.folder }).catch(unlessMissing);
            if (read === null) return { keys, missing: name };
            const { fingerprints } = read;
            const snapshots = lockedOf(site, system)?.snapshots.filter((one) => one.source === source) ?? [];
            const before = snapshots.find(({ signedBy }) => !fingerprints.includes(signedBy))?.signedBy ?? null;
            keys.push({ source, name, fingerprints: [...fingerprints], before });
          }
        }
        return { keys, missing: null };
      },
    ),

    'packages-at-hand': sight(
      z.strictObject({ system: z.string(), which: z.literal('vendor') }),
      async ({ system }, { site, cacheFolder }) => {
        const packages = site.lock.systems[system]?.vendor ?? [];
        const root = (await readBinding(site)) === null ? null : (await boundMedium(site)).root;
        for (const item of packages) {
          const onMedium =
            root !== null && (await fileSize(join(root, mediumPaths.repository(system), item.path))) === item.sizeBytes;
          if (!onMedium && (await fileSize(cachedDeb(cacheFolder, item))) !== item.sizeBytes) return false;
        }
        return true;
      },
    ),

    /** What is known of the machines of a system, and a mark that changes with it; why not, when a survey cannot be used. */
    'machine-baselines': sight(z.strictObject({ system: z.string() }), async ({ system }, { site }): Promise<Json> => {
      try {
        const baselines = await baselinesOf(site, system);
        const known = baselines.map(({ machine, baseline, count }) => ({
          machine,
          kind: typeof baseline === 'string' ? baseline : 'survey',
          count,
        }));
        return { mark: markOf(baselines), machines: known, unusable: null };
      } catch (thrown) {
        if (!(thrown instanceof Problem) || thrown.code !== 'survey-unusable') throw thrown;
        return { mark: '', machines: [], unusable: { ...thrown.data.params } };
      }
    }),

    'repository-current': sight(z.strictObject({ system: z.string() }), ({ system }, { site }) =>
      repositoryIsCurrent(site, system),
    ),

    'repository-faults': sight(z.strictObject({ system: z.string() }), async ({ system }, { site }) => [
      ...(await repositoryFaults(site, system)),
    ]),

    'index-files': sight(nothing, async (_args, { site }) => {
      const texts = textsOf(site.lock, site.name);
      const differing: string[] = [];
      for (const [path, text] of Object.entries(texts))
        if ((await mediumText(site, path)) !== text) differing.push(path);
      return { wanted: Object.keys(texts).sort(), differing: differing.sort() };
    }),

    'seal-state': sight(nothing, async (_args, { site }): Promise<Json> => {
      const away = await releasedState(site);
      if (away !== null) return { medium: null, ...away };
      const { root, identity } = await boundMedium(site);
      const { files } = await scanMedium(root);
      const present = new Map(files.map((file) => [file.path, file.sizeBytes]));
      const expected = expectedFiles(site.lock, site.name, [...present.keys()]);
      const fingerprint = site.lock.keys?.manifestFingerprint ?? null;
      const opened = await openManifest(root, fingerprint).catch(() => null);
      const signed = new Map((opened?.manifest.files ?? []).map((file) => [file.path, file]));
      const changed = expected.filter(({ path, sha256 }) => {
        const entry = signed.get(path);
        return (
          entry === undefined ||
          entry.sizeBytes !== present.get(path) ||
          (sha256 !== undefined && sha256 !== entry.sha256)
        );
      });
      return {
        generation: opened?.manifest.generation ?? 0,
        sealedAt: opened?.manifest.sealedAt ?? null,
        changed: changed.length,
        count: expected.length,
        sizeBytes: expected.reduce((sum, { path }) => sum + (present.get(path) ?? 0), 0),
        fingerprint,
        medium: namedMedium(identity),
        drive: await removableDrive(identity.path),
        released: null,
      };
    }),

    backups: sight(z.strictObject({ machine: z.string() }), async ({ machine }, { site }) =>
      (await listBackups(site, machine)).map(({ number, at, sha256, sizeBytes }) => ({
        number,
        at,
        sha256,
        sizeBytes,
      })),
    ),
  };
}
