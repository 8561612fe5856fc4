// fieldkit cache list, verify, clear, limit: the downloads that every site and medium of this laptop shares.

import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { type CommonOptions, withSession } from '../session.ts';

export const listCache = (options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { folder } = kit.cache;
    const files = await kit.cache.files();
    const kinds = [...new Set(files.map(({ kind }) => kind))].sort().map((kind) => {
      const own = files.filter((file) => file.kind === kind);
      const usedAt = own.at(-1)?.usedAt.toISOString() ?? '';
      return { what: kind, count: own.length, sizeBytes: sum(own), usedAt };
    });
    const limitBytes = await kit.cache.limit();
    const total = { count: files.length, sizeBytes: sum(files), limitBytes, folder };
    print({ ...total, kinds, files }, [
      ...kinds.map((kind) => texts.say('cli.cache.line', { ...kind, usedAt: kind.usedAt.slice(0, 10) })),
      files.length === 0 ? texts.say('cli.cache.empty', { folder }) : texts.say('cli.cache.total', total),
    ]);
    return exitCodes.done;
  });

export const verifyCache = (options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }, signal) => {
    const damaged = await kit.cache.damaged(signal);
    const count = (await kit.cache.files()).filter(({ hash }) => hash !== null).length - damaged.length;
    print({ count, damaged }, [
      ...damaged.map((file) => texts.say('cli.cache.damaged', { file })),
      texts.say('cli.cache.whole', { count }),
    ]);
    return damaged.length === 0 ? exitCodes.done : exitCodes.trust;
  });

const dayMs = 24 * 3600 * 1000;

export const clearCache = (
  options: CommonOptions & { readonly olderThan?: string; readonly keep?: string },
): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { olderThan, keep } = options;
    if (olderThan !== undefined && !/^\d+$/.test(olderThan))
      throw problem('usage-wrong', { detail: `--older-than ${olderThan}` });
    const usedBefore =
      olderThan === undefined
        ? {}
        : { usedBefore: new Date(kit.parts.clock.now().getTime() - Number(olderThan) * dayMs) };
    const otherwise = olderThan === undefined ? 0 : Number.POSITIVE_INFINITY;
    const removed = await kit.cache.trim({
      ...usedBefore,
      keepBytes: keep === undefined ? otherwise : sizeIn(keep, '--keep'),
    });
    print(removed, [texts.say('cli.cache.cleared', { ...removed })]);
    return exitCodes.done;
  });

export const limitCache = (size: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const limitBytes = sizeIn(size, 'limit');
    const removed = await kit.cache.setLimit(limitBytes);
    print({ limitBytes, ...removed }, [
      texts.say('cli.cache.limit', { limitBytes }),
      texts.say('cli.cache.cleared', { ...removed }),
    ]);
    return exitCodes.done;
  });

const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `20GB`, `500 MB`, `1000`. Throws `usage-wrong`. */
function sizeIn(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(text);
  const bytes = Number(match?.[1]) * (units[(match?.[2] ?? '').toLowerCase()] ?? Number.NaN);
  if (!(bytes > 0)) throw problem('usage-wrong', { detail: `${option} ${text}` });
  return bytes;
}

const sum = (files: readonly { readonly sizeBytes: number }[]): number =>
  files.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
