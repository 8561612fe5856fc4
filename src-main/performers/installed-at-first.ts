// What each machine of a site has before anybody comes, package by package, as far as its plan says: nothing known, a fresh
// release, or a survey. Called by the rehearsal, for the machines it simulates. It asks no network: a fresh release is what the
// archive's index says that the packages were solved from, and this laptop keeps it.
import { type Machine, machinesOnSite, systemFacts, systemOf } from '../../src-shared/site.ts';
import { openArchive } from '../packages/archive.ts';
import { freshRelease, readStatus } from '../packages/installed.ts';
import { combineIndexes, type Package } from '../packages/package-index.ts';
import type { Clock } from '../platform/clock.ts';
import { forbiddenFetch } from '../platform/fetch.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { baselinesOf } from './baselines.ts';
import { archivesOf } from './prepare-jobs.ts';

export interface InstalledParts {
  readonly trustFolder: string;
  readonly cacheFolder: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** By the machine's name. Throws `survey-unusable`, and `leaves-for-network` for a fresh release whose index is no longer kept here. */
export async function installedAtFirst(
  site: Pick<OpenSite, 'plan' | 'folder' | 'lock'>,
  parts: InstalledParts,
): Promise<Readonly<Record<string, readonly Package[]>>> {
  const systems = [...new Set(machinesOnSite(site.plan).map(systemOf))];
  const known = await Promise.all(
    systems.map(async (system) => {
      const baselines = await baselinesOf(site, system);
      const fresh = baselines.some(({ baseline }) => baseline === 'release') ? await freshOf(site, system, parts) : [];
      return baselines.map(({ machine, baseline }): readonly [Machine['name'], readonly Package[]] => {
        if (baseline === 'empty') return [machine, []];
        if (baseline === 'release') return [machine, fresh];
        return [machine, readStatus(baseline.status, systemFacts(system).architecture)];
      });
    }),
  );
  return Object.fromEntries(known.flat());
}

async function freshOf(
  site: Pick<OpenSite, 'plan' | 'folder' | 'lock'>,
  system: string,
  { trustFolder, cacheFolder, clock, signal }: InstalledParts,
): Promise<readonly Package[]> {
  const means = { fetch: forbiddenFetch('rehearsal'), cacheFolder, now: clock.now(), signal };
  const { architecture } = systemFacts(system);
  const locked = site.lock.systems[system]?.snapshots ?? [];
  const opened = [];
  for (const archive of await archivesOf(site, system, trustFolder))
    opened.push(await openArchive({ archive, architecture, locked, refresh: false }, means));
  return freshRelease({ index: combineIndexes(opened.map(({ index }) => index)), architecture, system });
}
