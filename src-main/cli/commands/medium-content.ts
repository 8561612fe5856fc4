// fieldkit medium show, compare, clone, clean, restore: what media hold, and their earlier states.
import { resolve } from 'node:path';
import type { MediumContents } from '../../../src-shared/api.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { type CommonOptions, withSession } from '../session.ts';
import type { Texts } from '../texts.ts';

export const showMedium = (folder: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const contents = await kit.mediumContents(resolve(folder));
    const { sealed, why } = contents;
    print(contents, [
      sealed === null
        ? texts.say(`problems.${why?.code ?? 'medium-unsealed'}.title`, why?.params ?? {})
        : texts.say('cli.medium.sealed', {
            ...sealed,
            kept: sealed.kept.join(', ') || '-',
            updating: '',
          }),
      ...(sealed?.updating === true ? [texts.say('cli.medium.updating', { generation: sealed.generation })] : []),
      ...(sealed !== null && sealed.lacking > 0 ? [texts.say('cli.medium.lacking', { count: sealed.lacking })] : []),
      ...contents.kinds.map(({ kind, count, sizeBytes }) =>
        texts.say('cli.medium.kind', { what: texts.say(`cli.medium.kinds.${kind}`), count, sizeBytes }),
      ),
      ...contents.systems.map(({ system, packages, sizeBytes }) =>
        texts.say('cli.medium.system', {
          system,
          count: packages.length,
          sizeBytes,
          names: packages
            .filter(({ name }) => ownPackages.has(name))
            .map(({ name, version }) => `${name} ${version}`)
            .join(', '),
        }),
      ),
      ...contents.releases.map(({ url, system, sizeBytes }) =>
        sizeBytes === null
          ? texts.say('cli.medium.releaseLacking', { url, system })
          : texts.say('cli.medium.release', { url, system, sizeBytes }),
      ),
      ...foreignLines(contents.foreign, texts),
      texts.say('cli.medium.free', { freeBytes: contents.freeBytes }),
    ]);
    return sealed === null ? exitCodes.medium : exitCodes.done;
  });

/** The ones a technician asks for by version; the whole list is in --json and in the window. */
const ownPackages = new Set(['slapos-node', 're6st-node']);

/** A stick in use for other things holds thousands of files: their names are told, the first ones. */
const namesShown = 12;

function foreignLines({ beside, unlisted }: MediumContents['foreign'], texts: Texts): string[] {
  const few = (names: readonly string[]): string =>
    [...names.slice(0, namesShown), ...(names.length > namesShown ? ['…'] : [])].join(', ');
  return [
    ...(beside.length === 0
      ? []
      : [texts.say('cli.medium.beside', { count: beside.length, names: few(beside.map(({ name }) => name)) })]),
    ...(unlisted.length === 0
      ? []
      : [texts.say('cli.medium.unlisted', { count: unlisted.length, names: few(unlisted) })]),
  ];
}

export const compareMedia = (first: string, second: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const found = await kit.compareMedia(resolve(first), resolve(second));
    const { onlyFirst, onlySecond, differing } = found;
    const alike = onlyFirst.length + onlySecond.length + differing.length === 0;
    print(found, [
      texts.say('cli.medium.compared', {
        first: found.first.generation,
        second: found.second.generation,
        onlyFirst: onlyFirst.length,
        onlySecond: onlySecond.length,
        differing: differing.length,
      }),
      ...onlyFirst.map((path) => `< ${path}`),
      ...onlySecond.map((path) => `> ${path}`),
      ...differing.map((path) => `≠ ${path}`),
    ]);
    return alike ? exitCodes.done : exitCodes.blocked;
  });

export const cloneMedium = (from: string, to: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }, signal) => {
    const cloned = await kit.cloneMedium(resolve(from), resolve(to), signal);
    print(cloned, [texts.say('cli.medium.cloned', { ...cloned, path: resolve(to) })]);
    return exitCodes.done;
  });

export const cleanMedium = (folder: string, options: CommonOptions & { readonly yes?: boolean }): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const remove = options.yes ?? false;
    const { mark: _, ...preview } = await kit.cleanMedium(resolve(folder), () => remove);
    const told = { count: preview.paths.length, sizeBytes: preview.sizeBytes };
    print(preview, [
      ...preview.paths.map((path) => `  ${path}`),
      texts.say(remove ? 'cli.medium.cleaned' : 'cli.medium.wouldClean', told),
    ]);
    return exitCodes.done;
  });

export const restoreMedium = (
  folder: string,
  options: CommonOptions & { readonly generation?: string; readonly fingerprint?: string },
): Promise<number> =>
  withSession(options, async ({ kit, texts, print }, signal) => {
    const { generation = null, fingerprint = null } = options;
    if (generation !== null && !/^[1-9]\d*$/.test(generation))
      throw problem('usage-wrong', { detail: `--generation ${generation}` });
    const number = generation === null ? null : Number(generation);
    const restored = await kit.restoreMedium(resolve(folder), number, fingerprint, signal);
    const { files, sealedAt } = restored;
    print({ generation: restored.generation, files: files.length, sealedAt }, [
      texts.say('cli.medium.restored', { generation: restored.generation, sealedAt }),
    ]);
    return exitCodes.done;
  });
