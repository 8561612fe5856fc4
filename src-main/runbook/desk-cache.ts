// What the window may ask about the downloads that this laptop keeps for every site: what is there, whether it is whole, and what may go.
import type { CacheCheck, Handlers } from '../../src-shared/api.ts';
import { problem } from '../../src-shared/problem.ts';
import type { DeskParts } from './desk-parts.ts';
import type { OpenSites } from './open-sites.ts';
import { progressMeter } from './progress.ts';

const dayMs = 24 * 3600 * 1000;

export function cacheHandlers({ cache, clock }: Pick<DeskParts, 'cache' | 'clock'>, sites: OpenSites) {
  const never: CacheCheck = {
    ...{ state: 'never', doneBytes: 0, totalBytes: 0, speed: null, leftMs: null },
    ...{ count: 0, damaged: [] },
  };
  let check = never;
  let reading: AbortController | null = null;

  function start(): void {
    const controller = new AbortController();
    reading = controller;
    check = { ...never, state: 'going' };
    const meter = progressMeter(clock);
    void cache
      .damaged(controller.signal, ({ doneBytes, totalBytes, count, damaged }) => {
        const shown = meter({ done: doneBytes, total: totalBytes, unit: 'bytes' });
        const { speed, leftMs } = shown ?? check;
        check = { state: 'going', doneBytes, totalBytes, speed, leftMs, count, damaged: [...damaged] };
      })
      .then(
        () => {
          check = { ...check, state: 'over', speed: null, leftMs: null };
        },
        () => {
          check = { ...check, state: 'stopped', speed: null, leftMs: null };
        },
      )
      .finally(() => {
        reading = null;
      });
  }

  /** A run may be about to use what would go. */
  function requireQuiet(): void {
    const site = sites.running();
    if (site !== null) throw problem('run-under-way', { site });
  }

  /** What was found before is of files that are gone by now. */
  function forget<T extends { readonly count: number }>(removed: T): T {
    if (removed.count > 0 && reading === null) check = never;
    return removed;
  }

  return {
    handlers: {
      'cache.read': async () => {
        const files = await cache.files();
        const sum = (own: typeof files) => own.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
        const kinds = [...new Set(files.map(({ kind }) => kind))].sort().map((kind) => {
          const own = files.filter((file) => file.kind === kind);
          // The longest unused come first.
          const usedAt = own.at(-1)?.usedAt.toISOString() ?? '';
          return { kind, count: own.length, sizeBytes: sum(own), usedAt };
        });
        return {
          ...{ folder: cache.folder, limitBytes: await cache.limit() },
          ...{ count: files.length, sizeBytes: sum(files), kinds },
        };
      },
      'cache.trim': async ({ unusedDays, keepBytes, remove }) => {
        if (remove) requireQuiet();
        const removed = await cache.trim({
          ...(unusedDays === null ? {} : { usedBefore: new Date(clock.now().getTime() - unusedDays * dayMs) }),
          keepBytes: keepBytes ?? (unusedDays === null ? 0 : Number.POSITIVE_INFINITY),
          look: !remove,
        });
        return remove ? forget(removed) : removed;
      },
      'cache.limit': async ({ limitBytes }) => {
        requireQuiet();
        return forget(await cache.setLimit(limitBytes));
      },
      'cache.check': async ({ act }) => {
        if (act === 'start' && reading === null) start();
        if (act === 'stop') reading?.abort();
        return check;
      },
    } satisfies Partial<Handlers>,
    close: () => reading?.abort(),
  };
}
