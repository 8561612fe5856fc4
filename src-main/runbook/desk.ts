// The desk: everything the window may ask for, but what only Electron can do. Used by app (over IPC) and by the loopback transport
// of tests. Must never import Electron.
import { join } from 'node:path';
import type { Handlers, OutputOf, Snapshot, StreamEvent } from '../../src-shared/api.ts';
import { recordsFolder } from '../../src-shared/dossier.ts';
import { problem } from '../../src-shared/problem.ts';
import { cacheHandlers } from './desk-cache.ts';
import { mediaHandlers } from './desk-media.ts';
import type { DeskParts } from './desk-parts.ts';
import { planHandlers } from './desk-plan.ts';
import { drafts, stepHandlers } from './desk-steps.ts';
import { saveExport } from './exports/save.ts';
import { infoOf } from './instances.ts';
import { type Open, openSites, requireIdle } from './open-sites.ts';
import { readSettings, saveSettings } from './settings.ts';
import { createSite, isPractice, planTemplate, readSitePlan, siteFolder, siteNames, summaryOf } from './sites.ts';
import { saveSupport, supportText } from './support.ts';

export interface Desk {
  readonly handlers: Omit<Handlers, 'app.info' | 'pick.path'>;
  onEvent(listener: (event: StreamEvent) => void): () => void;
  /** A step is running: closing must ask. */
  busy(): boolean;
  close(): Promise<void>;
}

export function makeDesk(parts: DeskParts): Desk {
  const sites = openSites(parts);
  const { at } = sites;

  function afterOtherKeys<T>(opened: Open, act: () => Promise<T>): Promise<T> {
    const done = opened.keysQueue.then(act);
    opened.keysQueue = done.catch(() => undefined);
    return done;
  }

  const cache = cacheHandlers(parts, sites);
  /** Tests of sources under way. */
  const testing = new WeakMap<
    Open,
    { readonly answer: Promise<OutputOf<'sources.test'>>; readonly stop: AbortController }
  >();

  const support = async (site: string, hideAddresses: boolean): Promise<string> =>
    supportText(await siteFolder(parts.dataFolder, site), {
      program: parts.program,
      now: parts.clock.now(),
      hideAddresses,
    });

  /** Where a site's records are, and whose signature counts. */
  async function recordsOf(site: string): Promise<[folder: string, pinned: string | null]> {
    const folder = join(await siteFolder(parts.dataFolder, site), recordsFolder);
    return [folder, (await readSitePlan(parts.dataFolder, site)).trust.manifest ?? null];
  }

  const handlers: Desk['handlers'] = {
    'settings.get': () => readSettings(parts.dataFolder),
    'settings.set': async (input) => {
      // An answer may follow at once.
      sites.answeredBy(input.technician);
      await saveSettings(parts.dataFolder, input);
      return {};
    },
    'sites.list': async () =>
      Promise.all((await siteNames(parts.dataFolder)).map((name) => summaryOf(parts.dataFolder, name))),
    'sites.create': async ({ interview }) => {
      const practice = interview === null;
      const text = practice ? await parts.practice.prepare() : planTemplate(interview);
      return summaryOf(parts.dataFolder, await createSite(parts.dataFolder, text, { practice }));
    },
    'sites.onMedium': ({ path }) => parts.sitesOnMedium(path),
    'sites.takeOver': async (input) => {
      const opened = sites.opened(input.site);
      if (opened !== undefined) requireIdle(opened);
      await sites.close(input.site);
      return parts.takeOver(input);
    },
    'sites.open': async ({ site }): Promise<Snapshot> => {
      const opened = await at(site);
      // Before anything is told by its number: what comes while this is awaited would be in none of the two.
      const typed = await drafts(opened);
      return {
        view: opened.site.view,
        steps: parts.runbook.map(infoOf),
        number: opened.site.number,
        live: [...opened.site.liveNow()],
        runs: [...opened.runs.values()].map(({ id, instances }) => ({ run: id, instances: [...instances] })),
        drafts: typed,
        practice: opened.site.practice,
        machines: opened.site.plan.machines.map(({ name, roles, address }) => ({ name, roles: [...roles], address })),
      };
    },
    'sites.close': async ({ site }) => {
      await sites.close(site);
      return {};
    },
    ...planHandlers(parts, sites),
    'site.sheet': ({ site }) => parts.sheet(site),
    'keys.state': async ({ site }) => {
      const opened = await at(site);
      return {
        fingerprint: opened.site.lock.keys?.manifestFingerprint ?? null,
        vault: await parts.keys.vaultExists(opened.site),
      };
    },
    'keys.export': async ({ site, folder, ...passphrases }) => {
      const opened = await at(site);
      return afterOtherKeys(opened, () =>
        parts.keys.exportTo(opened.site, join(folder, `${site}-keys.age`), passphrases),
      );
    },
    'keys.import': async ({ site, path, ...passphrases }) => {
      const opened = await at(site);
      return afterOtherKeys(opened, async () => {
        requireIdle(opened);
        const { fingerprint, changed } = await parts.keys.importFrom(opened.site, path, passphrases);
        return { fingerprint, changed };
      });
    },
    ...stepHandlers(sites),
    ...mediaHandlers(parts, sites),
    ...cache.handlers,
    'laptop.now': async ({ site }) => parts.laptopNow((await at(site)).site),
    'blobs.read': async ({ site, hash }) => {
      const text = await (await at(site)).site.readBlob(hash);
      const limit = 512 * 1024;
      return { text: text.slice(-limit), cut: text.length > limit };
    },
    'practice.faults': async ({ site, set }) =>
      (await isPractice(await siteFolder(parts.dataFolder, site))) ? parts.practice.faults(set) : [],
    'sources.test': async ({ site, password }) => {
      const opened = await at(site);
      const under = testing.get(opened);
      if (under !== undefined) return under.answer;
      const stop = new AbortController();
      const { signal } = stop;
      const { secrets } = opened.site;
      const answer = parts
        .testSources(site, AbortSignal.any([opened.closing.signal, signal]), async ({ id }) => {
          if (password !== null) secrets.set(id, password);
          return secrets.get(id) ?? null;
        })
        .then((tested) => {
          if (tested.asks !== null) secrets.forget(tested.asks.id);
          return tested;
        })
        .catch((error: unknown) => {
          throw signal.aborted ? problem('cancelled', { what: 'sources' }) : error;
        })
        .finally(() => testing.delete(opened));
      testing.set(opened, { answer, stop });
      return answer;
    },
    'sources.stop': async ({ site }) => {
      testing.get(await at(site))?.stop.abort();
      return {};
    },
    'help.read': async () => ({
      steps: parts.runbook.map(({ id, chapter }) => ({ id, chapter })),
      licences: await parts.licences(),
    }),
    'format.drives': async ({ site }) => parts.format.drives((await at(site)).site),
    'format.look': async ({ site, device }) => parts.format.look((await at(site)).site, device),
    'format.perform': async ({ site, ...request }) => ({
      device: await parts.format.perform((await at(site)).site, request),
    }),
    'records.list': async ({ site }) => parts.records.list(...(await recordsOf(site))),
    'records.read': async ({ site, number }) => {
      const [folder, pinned] = await recordsOf(site);
      const { record, fingerprint, folder: place } = await parts.records.open(folder, number, pinned);
      return { record, fingerprint, folder: place };
    },
    'records.save': async ({ site, number, folder: to }) => {
      const [folder, pinned] = await recordsOf(site);
      return { path: await parts.records.save(folder, number, to, pinned) };
    },
    'records.export': async ({ site, kind, folder }) => {
      const { path, steps } = await saveExport(
        kind,
        await siteFolder(parts.dataFolder, site),
        folder,
        parts.clock.now(),
      );
      return { path, steps };
    },
    'support.read': async ({ site, hideAddresses }) => ({ text: await support(site, hideAddresses) }),
    'support.save': async ({ site, hideAddresses, folder }) => ({
      path: await saveSupport(await support(site, hideAddresses), folder, site, parts.clock.now()),
    }),
    'events.since': async ({ site, number }) => {
      const events = (await at(site)).site.since(number);
      return events === 'gap' ? 'gap' : [...events];
    },
  };

  return {
    handlers,
    onEvent: sites.onEvent,
    busy: () => sites.running() !== null,
    close: async () => {
      cache.close();
      await sites.closeAll();
    },
  };
}
