// Writes an export of a site into a folder, from its own folder alone: open or not, at the office or after the work.
import { join } from 'node:path';
import type { ExportKind } from '../../../src-shared/api.ts';
import { problem } from '../../../src-shared/problem.ts';
import { machinesOnSite } from '../../../src-shared/site.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../../platform/files.ts';
import { readJournal } from '../journal-store.ts';
import { siteFiles } from '../open-site.ts';
import { planFromText } from '../plan-file.ts';
import { nameAddresses } from './addresses.ts';
import { ansibleInventory, ansiblePlaybook } from './ansible.ts';
import { performedSteps } from './performed.ts';
import { shellRunbook } from './shell.ts';

export interface Exported {
  /** The new folder. */
  readonly path: string;
  readonly files: readonly string[];
  /** Steps told. */
  readonly steps: number;
}

/**
 * Makes a new folder in `to`, named by site and time; nothing that is there is touched.
 * Throws `nothing-to-export` while nothing was done on a machine, `site-plan-*`, `journal-*`.
 */
export async function saveExport(kind: ExportKind, siteFolder: string, to: string, now: Date): Promise<Exported> {
  const path = join(siteFolder, siteFiles.plan);
  const plan = planFromText((await readTextOrNull(path)) ?? '', path);
  const { events } = await readJournal(join(siteFolder, siteFiles.journal));
  const machines = machinesOnSite(plan);
  const steps = performedSteps(
    events,
    machines.map(({ name }) => name),
  );
  if (steps.length === 0) throw problem('nothing-to-export', { site: plan.name });
  const named = nameAddresses(steps, events, machines);
  const files =
    kind === 'shell'
      ? { 'runbook.sh': shellRunbook(plan.name, named) }
      : { 'inventory.yml': ansibleInventory(machines, named), 'playbook.yml': ansiblePlaybook(plan.name, named) };
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '');
  const folder = join(to, `${kind}-${plan.name}-${stamp}`);
  await ensureFolder(folder);
  for (const [name, text] of Object.entries(files)) await writeAtomic(join(folder, name), text);
  return { path: folder, files: Object.keys(files), steps: steps.length };
}
