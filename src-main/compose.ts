// Joins the rooms: hands, performers, jobs and sights, given to the engine. Used by app, cli and tests; nothing else may.
import { basename, join } from 'node:path';
import type { MediaComparison, MediumChoice, MediumContents, MediumReport } from '../src-shared/api.ts';
import type { Manifest } from '../src-shared/manifest.ts';
import { problem } from '../src-shared/problem.ts';
import type { Rehearsal, RehearsalProgress } from '../src-shared/rehearsal.ts';
import { type SheetPage, sheetText } from '../src-shared/sheet-page.ts';
import { mirrorsOf } from '../src-shared/site.ts';
import { rehearse } from './compose-rehearsal.ts';
import { recordTexts } from './compose-texts.ts';
import { mediumChoices } from './medium/choices.ts';
import { listDrives, readLastingNames } from './medium/drives.ts';
import { openManifest } from './medium/manifest-store.ts';
import { sheetFile } from './medium/sheet-file.ts';
import { verifyMedium } from './medium/verify.ts';
import { drivesMark, nextMark } from './medium/watch.ts';
import { boundMedium } from './performers/bound-medium.ts';
import { clockSights } from './performers/clock-sights.ts';
import { contentSights } from './performers/content-sights.ts';
import { contentsOf, mediumMark, rootOf } from './performers/contents.ts';
import { type DriveActs, driveActs } from './performers/drive-acts.ts';
import { frontendSights } from './performers/frontend-sights.ts';
import { makeHands, type Outside } from './performers/hands.ts';
import { exportKeys, importKeys } from './performers/key-files.ts';
import { laptopNow } from './performers/laptop-now.ts';
import { type Cloned, cloneMedium, compareMedia, restoreMedium, type Tidied, tidyMedium } from './performers/media.ts';
import { mediaActs } from './performers/media-acts.ts';
import { mediumJobs, mediumSights } from './performers/medium-jobs.ts';
import { mirrorJobs, mirrorSights } from './performers/mirror-jobs.ts';
import { prepareJobs, prepareSights } from './performers/prepare-jobs.ts';
import { recentMediaIn } from './performers/recent-media.ts';
import { recordJobs, recordSights } from './performers/record-jobs.ts';
import { type RecordsKit, recordsKit } from './performers/records.ts';
import { keepRehearsal, lastRehearsal } from './performers/rehearsals.ts';
import { secretSights } from './performers/secret-sights.ts';
import { sheetOf } from './performers/sheets.ts';
import { proxyQuestion, routeOf, testSources } from './performers/sources.ts';
import { sitesOnMedium, takeOverSite } from './performers/take-over.ts';
import { type Battery, readBattery } from './platform/battery.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { type DownloadCache, downloadCache } from './platform/download-cache.ts';
import { makeFetch, type Progress, routedFetch } from './platform/fetch.ts';
import { exists, freeBytes, writeAtomic } from './platform/files.ts';
import { usualPatience } from './platform/http.ts';
import { readLicences } from './platform/licences.ts';
import { mirroredFetch } from './platform/mirrored-fetch.ts';
import { proxyScripts } from './platform/pac.ts';
import { userPaths } from './platform/paths.ts';
import { stayAwake } from './platform/stay-awake.ts';
import { practiceFaults, practicePaths, setPracticeFault } from './practice/faults.ts';
import { practiceAnswers, practiceInputs, preparePractice } from './practice/prepare.ts';
import { practiceOutside, standMachines } from './practice/site.ts';
import type { DeskParts } from './runbook/desk-parts.ts';
import { type OpenSite, readSiteLock } from './runbook/open-site.ts';
import { createSite, isPractice, readSitePlan, siteFolder, siteNames } from './runbook/sites.ts';
import { runbook } from './steps/index.ts';
import { openConnection, scanHostKey } from './target/connection.ts';

export interface ComposeOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** How long simulated work takes: 1 as in life, 0 at once. Else FIELDKIT_PRACTICE_PACE says it. */
  readonly practicePace?: number;
}

export interface Kit extends DriveActs {
  readonly parts: DeskParts;
  readonly practice: {
    /** Makes the practice site where there is none; returns its name. */
    readonly ensureSite: () => Promise<string>;
    readonly answers: Readonly<Record<string, string>>;
    readonly inputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  readonly media: () => Promise<MediumChoice[]>;
  /** Waits up to an hour for drives to change; returns the mark of what is there. Throws `cancelled`. */
  readonly nextMedia: (mark: string, signal: AbortSignal) => Promise<string>;
  /** Writes a sheet into a new file: text when it ends with .txt, else a page. Throws `usage-wrong` where there is one already. */
  readonly saveSheet: (page: SheetPage, path: string) => Promise<void>;
  /** Asks every source of a site whether it answers. Throws `site-unknown`, `authority-unusable`. */
  readonly testSources: DeskParts['testSources'];
  readonly mediumContents: (folder: string) => Promise<MediumContents>;
  readonly compareMedia: (first: string, second: string) => Promise<MediaComparison>;
  readonly cloneMedium: (from: string, to: string, signal: AbortSignal) => Promise<Cloned>;
  /** What may go from a medium; goes when that is what was agreed to. */
  readonly cleanMedium: (folder: string, agreed: (mark: string) => boolean) => Promise<Tidied>;
  /** Walks the site's steps on simulated machines, from its medium or another one alone. Throws as `rehearse`, `site-unknown`. */
  readonly rehearse: (
    site: string,
    medium: string | null,
    onProgress: (progress: RehearsalProgress) => void,
    signal: AbortSignal,
  ) => Promise<Rehearsal>;
  /** Throws `cancelled` and as `restoreMedium` of performers/media.ts. */
  readonly restoreMedium: (
    folder: string,
    generation: number | null,
    pinned: string | null,
    signal?: AbortSignal,
  ) => Promise<Manifest>;
  readonly battery: () => Promise<Battery | null>;
  /** Keeps the laptop awake until the returned function is called. */
  readonly stayAwake: (why: string) => () => void;
  /** Downloads kept across sites. */
  readonly cache: DownloadCache;
  readonly records: RecordsKit;
  /** Reads a medium back. Throws `medium-unsealed`, `medium-manifest-invalid`, `fingerprint-differs`. */
  readonly verifyMedium: (folder: string, fingerprint: string | null, signal: AbortSignal) => Promise<MediumReport>;
}

declare const FIELDKIT_VERSION: string | undefined;

/** Name and version as the journal and the manifest carry them. */
export const program = `SlapOS Field Kit ${typeof FIELDKIT_VERSION === 'string' ? FIELDKIT_VERSION : 'development'}`;

/** Resources seen from src-main, from out/cli or out/main, and from these in a packed archive, beside which they lie as files. */
const ownResources = (): string => {
  const here = import.meta.dirname;
  const root = here.endsWith('src-main') ? join(here, '..') : join(here, '..', '..');
  return root.endsWith('.asar') ? join(root, '..') : join(root, 'resources');
};

const paceIn = (text: string | undefined): number => (/^\d+(\.\d+)?$/.test(text ?? '') ? Number(text) : 1);

/** The fingerprint that a site of this laptop holds; null when there is no such site. */
const pinnedOf = (dataFolder: string, name: string): Promise<string | null> =>
  readSitePlan(dataFolder, name).then(
    (plan) => plan.trust.manifest ?? null,
    () => null,
  );

const noDrive = (device: string): Promise<never> => Promise.reject(problem('medium-absent', { path: device }));

export function compose(options: ComposeOptions): Kit {
  const paths = userPaths(options.env);
  const clock = options.clock ?? systemClock;
  const trustFolder = join(ownResources(), 'trust');
  const vaultPath = join(paths.data, 'vault.json');
  const runningFrom = [paths.data, paths.cache];
  const jobs = {
    ...mediumJobs({ runningFrom }),
    ...prepareJobs({ trustFolder, program }),
    ...mirrorJobs({ trustFolder }),
    ...recordJobs({ program, languages: recordTexts }),
  };
  const sights = (vault: string) => ({
    ...mediumSights,
    ...prepareSights({ vaultPath: vault, trustFolder }),
    ...mirrorSights({ trustFolder }),
    ...recordSights(),
    ...contentSights,
    ...clockSights,
    ...secretSights,
    ...frontendSights,
  });
  const real = {
    sights: sights(vaultPath),
    cacheFolder: paths.cache,
    vaultPath,
  };

  const scripts = proxyScripts(clock);
  const outsideOf = (site: Pick<OpenSite, 'plan' | 'folder' | 'secrets'>): Outside => ({
    fetch: mirroredFetch(
      routedFetch(() => routeOf(site.plan, site.folder, (id) => site.secrets.get(id), scripts)),
      () => mirrorsOf(site.plan),
    ),
    open: openConnection,
    scanHostKey,
  });

  // The practice site has its own vault, downloads and network: it can neither use nor hurt anything of a real site.
  const practiceFolder = join(paths.data, 'practice');
  const practiceVault = join(practiceFolder, 'vault.json');
  const pace = { clock, pace: options.practicePace ?? paceIn(options.env.FIELDKIT_PRACTICE_PACE) };
  const practice = {
    outside: practiceOutside(practiceFolder, pace),
    sights: sights(practiceVault),
    cacheFolder: join(practiceFolder, 'cache'),
    vaultPath: practiceVault,
  };
  const preparedPlan = async (): Promise<string> => {
    const { planText } = await preparePractice(practiceFolder, clock);
    await standMachines(practiceFolder, pace);
    return planText;
  };

  const vaultOf = (site: OpenSite): string => (site.practice ? practiceVault : vaultPath);
  const laptop = { dataFolder: paths.data, program, clock };

  const media = async (): Promise<MediumChoice[]> => {
    const drives = await listDrives({ runningFrom });
    return mediumChoices(drives, await readLastingNames());
  };

  /** The folder that stands for the stick; none while it is unplugged. */
  const practiceMedia = async (): Promise<MediumChoice[]> => {
    const { stick } = practicePaths(practiceFolder);
    if (!(await exists(stick))) return [];
    const free = await freeBytes(stick);
    return [
      {
        token: stick,
        label: 'Practice stick',
        path: stick,
        sizeBytes: null,
        freeBytes: free,
        fileSystem: null,
        serial: null,
        mounted: true,
        limits: [],
        why: null,
      },
    ];
  };

  const reportOn = async (
    folder: string,
    fingerprint: string | null,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void = () => undefined,
  ): Promise<{ readonly mark: string; readonly report: MediumReport }> => {
    const root = await rootOf(folder);
    const opened = await openManifest(root, fingerprint);
    const mark = await mediumMark(root, opened);
    const { findings, cacheBypassed } = await verifyMedium(root, opened.manifest, { signal, onProgress });
    const report = {
      files: opened.manifest.files.length,
      sizeBytes: opened.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      generation: opened.manifest.generation,
      fingerprint: opened.fingerprint,
      fingerprintTrusted: opened.pinned,
      cacheBypassed,
      findings: findings
        .filter(({ file }) => !file.startsWith('site/'))
        .map((item) => ({
          code: item.code,
          params: item.code === 'medium-file-damaged' ? { file: item.file, offset: item.offset } : { file: item.file },
        })),
    };
    return { mark, report };
  };

  const askSources: DeskParts['testSources'] = async (name, signal, passwordOf) => {
    const folder = await siteFolder(paths.data, name);
    const plan = await readSitePlan(paths.data, name);
    const practising = await isPractice(folder);
    const question = practising ? null : proxyQuestion(plan);
    const password = question === null ? null : await passwordOf(question);
    const proxy = plan.sources.proxy ?? null;
    if (question !== null && password === null) return { proxy, asks: question, answers: [] };
    // Asked once: what a download would try again is told here.
    const route = () => routeOf(plan, folder, () => password ?? undefined, scripts);
    const once = makeFetch({ ...usualPatience, attempts: 1, route });
    const fetch = practising ? practice.outside.fetch : once;
    const answers = await testSources(plan, { fetch, clock }, signal);
    const refused = answers.some(({ problem: found }) => found?.code === 'proxy-login-refused');
    return { proxy, asks: refused ? question : null, answers: [...answers] };
  };

  const records = recordsKit((name) => pinnedOf(paths.data, name));
  const practiceMark = async (): Promise<string> => {
    const { stick, unplugged } = practicePaths(practiceFolder);
    return `${await exists(stick)} ${await exists(unplugged)}`;
  };

  const sheet = (name: string) => sheetOf({ dataFolder: paths.data, program, runbook, clock }, name);

  const acts = driveActs(runningFrom, clock);

  const rehearseSite = async (
    site: Pick<OpenSite, 'folder' | 'plan' | 'lock'> & { readonly practice: boolean },
    medium: string | null,
    onProgress: (progress: RehearsalProgress) => void,
    signal: AbortSignal,
  ): Promise<Rehearsal> => {
    const { cacheFolder } = site.practice ? practice : real;
    const came = await rehearse({
      ...{ site, medium, program, clock, trustFolder, cacheFolder, jobs, sights, onProgress, signal },
    });
    // Of the site's own medium alone: a copy has the same list, and may be damaged or sound where this one is not.
    if (medium === null) await keepRehearsal(site.folder, came);
    return came;
  };

  return {
    ...acts,
    media,
    records,
    saveSheet: async (page, path) => {
      if (await exists(path)) throw problem('usage-wrong', { detail: `${path}: there is a file already` });
      await writeAtomic(path, path.endsWith('.txt') ? sheetText(page) : sheetFile(page));
    },
    nextMedia: (mark, signal) => nextMark(drivesMark, mark, { clock: systemClock, limitMs: 3_600_000, signal }),
    practice: {
      ensureSite: async () => {
        const text = await preparedPlan();
        return (await siteNames(paths.data)).includes('practice')
          ? 'practice'
          : createSite(paths.data, text, { practice: true });
      },
      answers: practiceAnswers,
      inputs: practiceInputs(practiceFolder),
    },
    parts: {
      dataFolder: paths.data,
      program,
      runbook,
      clock,
      makeHands: (site, asker) =>
        makeHands({
          site,
          asker,
          jobs,
          program,
          env: options.env,
          ...(site.practice ? practice : { ...real, outside: outsideOf(site) }),
        }),
      records,
      mediumContents: async (site, path) => contentsOf(path ?? (await boundMedium(site)).identity.path),
      // A practice site has no drives: its stick is a folder.
      format: {
        drives: async (site) => (site.practice ? [] : acts.format.drives()),
        look: (site, device) => (site.practice ? noDrive(device) : acts.format.look(device)),
        perform: (site, request) => (site.practice ? noDrive(request.device) : acts.format.perform(request)),
      },
      listMedia: (site) => (site.practice ? practiceMedia() : media()),
      nextMedia: (site, mark) =>
        nextMark(site.practice ? practiceMark : drivesMark, mark, { clock: systemClock, limitMs: 10_000 }),
      sitesOnMedium: async (folder) => {
        if (folder !== null)
          return [{ path: folder, label: basename(folder), sites: await sitesOnMedium(folder, laptop) }];
        const carrying = (await media()).filter(({ why }) => why === null);
        const found = carrying.map(async ({ path, label }) => ({
          path,
          label,
          sites: await sitesOnMedium(path, laptop).catch(() => []),
        }));
        return (await Promise.all(found)).filter(({ sites }) => sites.length > 0);
      },
      recentMedia: recentMediaIn(paths.data),
      media: {
        ...mediaActs({ runningFrom, laptop }),
        repair: (site, place, repair, onStage, signal) =>
          site.practice ? noDrive(place) : acts.repairMedium(place, repair, signal, onStage),
      },
      cache: downloadCache(paths.cache),
      laptopNow,
      rehearsal: { run: rehearseSite, last: lastRehearsal },
      verify: async (site, other, onProgress, signal) => {
        const path = other ?? (await boundMedium(site)).identity.path;
        const known = site.plan.trust.manifest ?? site.lock.keys?.manifestFingerprint ?? null;
        const tell = ({ doneBytes, totalBytes }: Progress) => onProgress(path, doneBytes, totalBytes);
        return reportOn(path, other === null ? known : null, signal, tell);
      },
      testSources: askSources,
      licences: () => readLicences(ownResources()),
      keys: {
        vaultExists: (site) => exists(vaultOf(site)),
        exportTo: (site, path, passphrases) => exportKeys(site, vaultOf(site), path, passphrases),
        importFrom: (site, path, passphrases) => importKeys(site, vaultOf(site), path, passphrases),
      },
      sheet,
      takeOver: ({ path, ...input }) => takeOverSite({ folder: path, ...input }, laptop),
      practice: {
        prepare: preparedPlan,
        answers: practiceAnswers,
        faults: (set) =>
          set === null ? practiceFaults(practiceFolder) : setPracticeFault(practiceFolder, set.id, set.on, set.met),
      },
    },
    battery: readBattery,
    stayAwake,
    mediumContents: contentsOf,
    compareMedia,
    cloneMedium: (from, to, signal) => cloneMedium(from, to, () => undefined, signal),
    cleanMedium: tidyMedium,
    restoreMedium: (folder, generation, pinned, signal) =>
      restoreMedium(folder, generation, pinned, laptop, signal === undefined ? {} : { signal }),
    rehearse: async (name, medium, onProgress, signal) => {
      const folder = await siteFolder(paths.data, name);
      const plan = await readSitePlan(paths.data, name);
      const site = { folder, plan, lock: await readSiteLock(folder), practice: await isPractice(folder) };
      return rehearseSite(site, medium, onProgress, signal);
    },
    cache: downloadCache(paths.cache),
    testSources: askSources,
    verifyMedium: async (folder, fingerprint, signal) => (await reportOn(folder, fingerprint, signal)).report,
  };
}
