// What the window does with media beyond filling one: each act on the site's own medium or on one that a person picked. Called by
// compose for the desk; the acts themselves are those of the command line (media.ts).
import { realpath } from 'node:fs/promises';
import type { DeskParts } from '../runbook/desk-parts.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { boundMedium } from './bound-medium.ts';
import { cloneMedium, compareMedia, generationsOn, type Laptop, restoreMedium, tidyMedium } from './media.ts';
import { mountUsable } from './medium-jobs.ts';

interface Around {
  /** Absolute paths whose drive is never touched. */
  readonly runningFrom: readonly string[];
  readonly laptop: Laptop;
}

export function mediaActs({ runningFrom, laptop }: Around): Omit<DeskParts['media'], 'repair'> {
  const folderOf = async (site: OpenSite, path: string | null): Promise<string> =>
    path ?? (await boundMedium(site)).identity.path;

  /** A drive that is not mounted yet was offered by its device. */
  const mounted = async (to: string, signal?: AbortSignal): Promise<string> =>
    to.startsWith('/dev/') ? mountUsable(await realpath(to).catch(() => to), runningFrom, signal) : to;

  return {
    compare: async (site, path, other) => compareMedia(await folderOf(site, path), await mounted(other)),
    clone: async (site, path, to, onProgress, signal) => {
      const [from, place] = [await folderOf(site, path), await mounted(to, signal)];
      const cloned = await cloneMedium(from, place, onProgress, signal);
      return { to: place, ...cloned };
    },
    generations: async (site, path) => generationsOn(await folderOf(site, path)),
    restore: async (site, path, generation, opened, onProgress, signal) => {
      const known = site.plan.trust.manifest ?? site.lock.keys?.manifestFingerprint ?? null;
      const folder = await folderOf(site, path);
      const pinned = path === null ? known : null;
      const watch = { onProgress, signal };
      const restored = await restoreMedium(folder, generation, pinned, { ...laptop, opened }, watch);
      return {
        path: folder,
        generation: restored.generation,
        sealedAt: restored.sealedAt,
        files: restored.files.length,
      };
    },
    tidy: async (site, path, mark) => {
      const { paths, generations, ...tidied } = await tidyMedium(await folderOf(site, path), (found) => found === mark);
      return { ...tidied, paths: [...paths], generations: [...generations] };
    },
  };
}
