// The sites on this laptop: one folder each below the data folder. Used by the desk and the command line.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SiteSummary } from '../../src-shared/api.ts';
import type { Interview } from '../../src-shared/interview.ts';
import { fold } from '../../src-shared/journal.ts';
import { problem } from '../../src-shared/problem.ts';
import { type SitePlan, siteName } from '../../src-shared/site.ts';
import { ensureFolder, exists, readTextOrNull, writeAtomic } from '../platform/files.ts';
import { readJournal } from './journal-store.ts';
import { siteFiles } from './open-site.ts';
import { planFromText } from './plan-file.ts';
import { takeWriterLock, writerOf } from './writer-lock.ts';

export const sitesFolder = (dataFolder: string): string => join(dataFolder, 'sites');

/** Folder of a site by name; throws `site-unknown` for a name that has none or is no name. */
export async function siteFolder(dataFolder: string, name: string): Promise<string> {
  const folder = join(sitesFolder(dataFolder), name);
  if (!siteName.safeParse(name).success || !(await exists(join(folder, siteFiles.plan))))
    throw problem('site-unknown', { name });
  return folder;
}

export const isPractice = (folder: string): Promise<boolean> => exists(join(folder, siteFiles.practice));

/** Names of all sites, sorted. */
export async function siteNames(dataFolder: string): Promise<readonly string[]> {
  const folder = sitesFolder(dataFolder);
  if (!(await exists(folder))) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const names: string[] = [];
  for (const entry of entries)
    if (entry.isDirectory() && (await exists(join(folder, entry.name, siteFiles.plan)))) names.push(entry.name);
  return names.sort();
}

/** A site at a glance, without opening it. A damaged journal counts as nothing done; opening it will say so. */
export async function summaryOf(dataFolder: string, name: string): Promise<SiteSummary> {
  const folder = await siteFolder(dataFolder, name);
  const path = join(folder, siteFiles.journal);
  const view = await readJournal(path).then(
    ({ events }) => fold(events),
    () => fold([]),
  );
  const held = await writerOf(folder);
  const changed = await stat(path).then(
    (item) => item.mtime.toISOString(),
    () => null,
  );
  return {
    name,
    folder,
    practice: await isPractice(folder),
    done: view.order.filter((key) => view.instances[key]?.state === 'done').length,
    total: view.order.length,
    changedAt: changed,
    heldBy: held === null ? null : `${held.user}@${held.host}`,
  };
}

/** Makes a site's folder with its plan. Throws `site-name-taken`, `site-plan-invalid`; changes nothing then. */
export async function createSite(
  dataFolder: string,
  text: string,
  options: { readonly practice: boolean },
): Promise<string> {
  const plan = planFromText(text, siteFiles.plan);
  const folder = join(sitesFolder(dataFolder), plan.name);
  if (await exists(folder)) throw problem('site-name-taken', { name: plan.name, path: folder });
  await ensureFolder(folder, 0o700);
  if (options.practice) await writeAtomic(join(folder, siteFiles.practice), '');
  await writeAtomic(join(folder, siteFiles.plan), text);
  return plan.name;
}

/**
 * Mends the plan of a site that is not open, such as one that could not be opened because of it.
 * Throws `site-plan-*`, `site-in-use`; changes nothing then.
 */
export async function saveClosedPlan(folder: string, name: string, text: string, now: Date): Promise<void> {
  requireName(planFromText(text, join(folder, siteFiles.plan)), name, folder);
  const release = await takeWriterLock(folder, name, now);
  try {
    await writeAtomic(join(folder, siteFiles.plan), text);
  } finally {
    await release();
  }
}

/** A site's folder and its plan must agree on the name. */
function requireName(plan: SitePlan, name: string, folder: string): void {
  if (plan.name !== name)
    throw problem('site-plan-invalid', {
      path: join(folder, siteFiles.plan),
      place: 'name',
      fault: 'name-stays',
      value: name,
      other: '',
    });
}

/** The plan of a site as it is on the disk. Throws `site-plan-*`, also when its name is another than the site's. */
export async function readSitePlan(dataFolder: string, name: string): Promise<SitePlan> {
  const folder = await siteFolder(dataFolder, name);
  const path = join(folder, siteFiles.plan);
  const plan = planFromText((await readTextOrNull(path)) ?? '', path);
  requireName(plan, name, folder);
  return plan;
}

/** The plan a new site starts from, as far as the interview tells. What it leaves open is explained beside its field. */
export const planTemplate = (asked: Interview): string => {
  const [distribution = '', release = ''] = asked.system.split('-');
  const machineText = (name: string, roles: string, address: string, explained: boolean) => `  - name: ${name}
    roles: [${roles}]
    address: ${JSON.stringify(address)}${explained ? '        # where SSH answers' : ''}
    user: ${asked.user}${explained ? '                 # or a user with sudo' : ''}
    distribution: ${distribution}
    release: "${release}"
    architecture: amd64
    interface: ${asked.interface}${explained ? '          # its IPv6 prefix gives the partitions theirs' : ''}
    addresses: []${explained ? '              # e.g. [fd00:1::11/64] when the network gives none' : ''}
    partitions: 20
`;
  const rolesOf = (index: number): string =>
    [
      'node',
      ...(asked.re6st !== undefined && index === 0 ? ['registry'] : []),
      ...(asked.domain !== undefined && index === asked.nodes.length - 1 ? ['frontend'] : []),
    ].join(', ');
  const releaseText = (name: string) => `  - name: ${name}
    url: https://lab.nexedi.com/nexedi/slapos/raw/1.0.499/software/${name}/software.cfg
`;
  return `# Site plan of ${asked.name}: what must stand. Edit it here or in the window; the program keeps your comments.
format: 1
name: ${JSON.stringify(asked.name)}

machines:
${machineText('master-1', 'master', asked.master, true)}${asked.nodes
  .map((address, index) => machineText(`node-${index + 1}`, rolesOf(index), address, false))
  .join('')}
releases:
  # The exact address, byte for byte: it is the key of the software cache.
${releaseText('slapos-master')}    archives: {}               # ${asked.system}-amd64: /path/of/archive.tar.gz; without one, the public software cache
${asked.re6st === undefined ? '' : releaseText('re6stnet')}${asked.domain === undefined ? '' : releaseText('rapid-cdn')}${
  asked.re6st === undefined
    ? ''
    : `
ranges:
  re6st: ${JSON.stringify(asked.re6st)}
`
}${
  asked.domain === undefined
    ? ''
    : `
frontend:
  domain: ${JSON.stringify(asked.domain)}
  certificate: frontend.crt    # PEM with its chain, beside this plan or by its whole path
  key: frontend.key            # read when it is needed; never onto the medium
`
}`;
};
