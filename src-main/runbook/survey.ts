// What machines of a site have already, brought back as files: the medium can then be made for them instead of for empty ones.
// Called by the desk and by the command `survey`. It reads one file of each machine and changes nothing there.
import { resolve } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { machineNamed, machinesOnSite, type SitePlan } from '../../src-shared/site.ts';
import { ensureFolder, writeAtomic } from '../platform/files.ts';
import type { World } from './define.ts';

/** Where every Debian and Ubuntu keeps what is installed. */
const statusPath = '/var/lib/dpkg/status';

export interface Survey {
  readonly machine: string;
  /** For `baseline` in the site plan. */
  readonly path: string;
  /** Packages that are installed. */
  readonly count: number;
}

/**
 * Writes `MACHINE.status` into a folder for each machine; for all that are on site when none is named.
 * Throws `usage-wrong` for a name that the plan has not, `survey-unusable`, and what connecting throws.
 */
export async function bringSurveys(
  world: World,
  { plan, names, folder }: { readonly plan: SitePlan; readonly names: readonly string[]; readonly folder: string },
  onMachine: (machine: string, done: number, total: number) => void = () => undefined,
): Promise<readonly Survey[]> {
  const unknown = names.find((name) => machineNamed(plan, name) === undefined);
  if (unknown !== undefined) throw problem('usage-wrong', { detail: unknown });
  const wanted = names.length > 0 ? names : machinesOnSite(plan).map(({ name }) => name);
  await ensureFolder(resolve(folder));
  const surveys: Survey[] = [];
  for (const [done, machine] of wanted.entries()) {
    onMachine(machine, done, wanted.length);
    const { status } = await world.probe(machine, [{ id: 'status', kind: 'read', path: statusPath }]);
    const text = status?.exit === 0 ? status.out : '';
    const count = [...text.matchAll(/^Status: \S+ ok installed$/gm)].length;
    if (count === 0) throw problem('survey-unusable', { machine, path: statusPath, detail: status?.err.trim() ?? '' });
    const path = resolve(folder, `${machine}.status`);
    await writeAtomic(path, text);
    surveys.push({ machine, path, count });
  }
  return surveys;
}
