// What machines of a site have already, brought back as files: the medium can then be made for them instead of for empty ones.
// Called by the desk and by the command `survey`. It reads one file of each machine and changes nothing there.
import { constants, copyFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { machineNamed, machinesOnSite, type SitePlan } from '../../src-shared/site.ts';
import { ensureFolder, errnoOf, readTextOrNull, writeAtomic } from '../platform/files.ts';
import type { World } from './define.ts';

/** Where every Debian and Ubuntu keeps what is installed. */
const statusPath = '/var/lib/dpkg/status';

export interface Survey {
  readonly machine: string;
  /** For `baseline` in the site plan. */
  readonly path: string;
  /** Packages that are installed. */
  readonly count: number;
  /** Where another survey lies now that was in its place; null when there was none. */
  readonly earlier: string | null;
}

interface Told {
  readonly begins?: (machine: string, done: number, total: number) => void;
  /** One lies there; the others may not come. */
  readonly brought: (survey: Survey) => void;
}

/**
 * Writes `MACHINE.status` into a folder for each machine; for all that are on site when none is named. Another text that is there stays
 * beside it under a further name. Throws `usage-wrong` for a name that the plan has not, `survey-unusable`, and what connecting throws.
 */
export async function bringSurveys(
  world: World,
  { plan, names, folder }: { readonly plan: SitePlan; readonly names: readonly string[]; readonly folder: string },
  { begins, brought }: Told,
): Promise<void> {
  const unknown = names.find((name) => machineNamed(plan, name) === undefined);
  if (unknown !== undefined) throw problem('usage-wrong', { detail: unknown });
  const wanted = names.length > 0 ? names : machinesOnSite(plan).map(({ name }) => name);
  await ensureFolder(resolve(folder));
  for (const [done, machine] of wanted.entries()) {
    begins?.(machine, done, wanted.length);
    const { status } = await world.probe(machine, [{ id: 'status', kind: 'read', path: statusPath }]);
    const text = status?.exit === 0 ? status.out : '';
    const count = [...text.matchAll(/^Status: \S+ ok installed$/gm)].length;
    if (count === 0) throw problem('survey-unusable', { machine, path: statusPath, detail: status?.err.trim() ?? '' });
    const path = resolve(folder, `${machine}.status`);
    const earlier = await keepEarlier(path, text);
    await writeAtomic(path, text);
    brought({ machine, path, count, earlier });
  }
}

/** Copies what is there, when it is another text, to the first free of `MACHINE.1.status`, `MACHINE.2.status`…; a machine's name has no dot. */
async function keepEarlier(path: string, text: string): Promise<string | null> {
  const there = await readTextOrNull(path);
  if (there === null || there === text) return null;
  for (let number = 1; ; number += 1) {
    const kept = path.replace(/status$/, `${number}.status`);
    try {
      await copyFile(path, kept, constants.COPYFILE_EXCL);
      return kept;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      // The same that was kept before.
      if ((await readTextOrNull(kept)) === there) return kept;
    }
  }
}
