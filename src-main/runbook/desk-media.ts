// What the window may ask about media: what lies on one, reading it back, a rehearsal, a copy, a comparison, its earlier states.
import type { Handlers, OutputOf, RepairStage } from '../../src-shared/api.ts';
import type { RehearsalProgress } from '../../src-shared/rehearsal.ts';
import type { Progress } from '../platform/download.ts';
import type { DeskParts } from './desk-parts.ts';
import type { Open, OpenSites } from './open-sites.ts';
import { progressMeter } from './progress.ts';

export function mediaHandlers(parts: DeskParts, sites: OpenSites) {
  const { at } = sites;
  /** What reading back, copying, going back and repairing came to, as long as the site is open. */
  const verified = new WeakMap<Open, NonNullable<OutputOf<'media.verified'>>>();
  const cloned = new WeakMap<Open, NonNullable<OutputOf<'media.cloned'>>>();
  const repaired = new WeakMap<Open, NonNullable<OutputOf<'media.repaired'>>>();
  const restored = new WeakMap<Open, NonNullable<OutputOf<'media.restored'>>>();

  /** Tells how far an act on every byte of a medium is; it can be stopped from the first moment, and its list alone can take a while. */
  function teller(opened: Open, kind: 'verifying' | 'cloning' | 'restoring', first: string | null) {
    const meter = progressMeter(parts.clock);
    opened.site.live({ kind, path: first, doneBytes: 0, totalBytes: null, speed: null, leftMs: null });
    return (path: string | null, done: number, total: number | null): void => {
      const shown = meter({ done, total, unit: 'bytes' });
      if (shown === null) return;
      const { speed, leftMs } = shown;
      opened.site.live({ kind, path, doneBytes: shown.done, totalBytes: total, speed, leftMs });
    };
  }

  return {
    'media.recent': () => parts.recentMedia(),
    'media.next': async ({ site, mark }) => ({ mark: await parts.nextMedia((await at(site)).site, mark) }),
    'media.list': async ({ site }) => parts.listMedia((await at(site)).site),
    'media.contents': async ({ site, path }) => parts.mediumContents((await at(site)).site, path),
    'media.rehearse': async ({ site }) => {
      const opened = await at(site);
      const tell = (progress: RehearsalProgress) => opened.site.live({ kind: 'rehearsal', ...progress });
      return { run: sites.start(opened, [], (signal) => parts.rehearsal.run(opened.site, null, tell, signal)) };
    },
    'media.rehearsal': async ({ site }) => parts.rehearsal.last((await at(site)).site),
    'media.verify': async ({ site, path }) => {
      const opened = await at(site);
      const verify = async (signal: AbortSignal) => {
        verified.delete(opened);
        const found = await parts.verify(opened.site, path, teller(opened, 'verifying', path), signal);
        verified.set(opened, { ...found, at: parts.clock.now().toISOString() });
      };
      return { run: sites.start(opened, [], verify) };
    },
    'media.verified': async ({ site }) => verified.get(await at(site)) ?? null,
    'media.compare': async ({ site, path, other }) => parts.media.compare((await at(site)).site, path, other),
    'media.clone': async ({ site, path, to }) => {
      const opened = await at(site);
      const clone = async (signal: AbortSignal) => {
        cloned.delete(opened);
        const tell = teller(opened, 'cloning', to);
        const far = ({ doneBytes, totalBytes }: Progress) => tell(to, doneBytes, totalBytes);
        cloned.set(opened, await parts.media.clone(opened.site, path, to, far, signal));
      };
      return { run: sites.start(opened, [], clone) };
    },
    'media.cloned': async ({ site }) => cloned.get(await at(site)) ?? null,
    'media.generations': async ({ site, path }) => parts.media.generations((await at(site)).site, path),
    'media.restore': async ({ site, path, generation }) => {
      const opened = await at(site);
      const restore = async (signal: AbortSignal) => {
        restored.delete(opened);
        const tell = teller(opened, 'restoring', path);
        const far = ({ doneBytes, totalBytes }: Progress) => tell(path, doneBytes, totalBytes);
        await sites.alone(async (hold) => {
          const idle = (name: string) => {
            const other = sites.opened(name);
            // Its own site is held by the run.
            if (other !== undefined && other !== opened) hold(other);
            return other?.site;
          };
          restored.set(opened, await parts.media.restore(opened.site, path, generation, idle, far, signal));
        });
      };
      return { run: sites.start(opened, [], restore) };
    },
    'media.restored': async ({ site }) => restored.get(await at(site)) ?? null,
    'media.tidy': async ({ site, path, mark }) => {
      const opened = await at(site);
      return sites.alone((hold) => {
        if (mark !== null) hold(opened);
        return parts.media.tidy(opened.site, path, mark);
      });
    },
    'media.repair': async ({ site, place, repair }) => {
      const opened = await at(site);
      const mend = async (signal: AbortSignal) => {
        repaired.delete(opened);
        const tell = (stage: RepairStage) => opened.site.live({ kind: 'repairing', path: place, stage });
        tell('looking');
        repaired.set(opened, { place, ...(await parts.media.repair(opened.site, place, repair, tell, signal)) });
      };
      return { run: sites.start(opened, [], mend) };
    },
    'media.repaired': async ({ site }) => repaired.get(await at(site)) ?? null,
  } satisfies Partial<Handlers>;
}
