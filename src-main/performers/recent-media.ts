// The media that this laptop's sites are bound to, as the start shows them: which site, whether it is plugged in now, what state it
// is in, and when it was last worked on. Called by compose. It reads; a medium that cannot be read says why and hinders no other.
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RecentMedium } from '../../src-shared/api.ts';
import { fold } from '../../src-shared/journal.ts';
import { parseJson } from '../../src-shared/json.ts';
import { siteLock } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { toProblemData } from '../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { checkIdentity, locateMedium, mediumIdentity } from '../medium/identity.ts';
import { openManifest } from '../medium/manifest-store.ts';
import { readTextOrNull } from '../platform/files.ts';
import { type Remember, whileUnchanged } from '../platform/while-unchanged.ts';
import { readJournal } from '../runbook/journal-store.ts';
import { siteFiles } from '../runbook/open-site.ts';
import { readSitePlan, siteFolder, siteNames } from '../runbook/sites.ts';

interface Kept {
  /** When the two steps were done that tell of a medium, by the journal. */
  readonly doneAt: Remember<readonly [chosen: string | null, sealed: string | null]>;
  /** What a medium's list says, or what is wrong with it. */
  readonly seal: Remember<Pick<RecentMedium, 'sealedAt' | 'generation' | 'why'>>;
}

/**
 * Gives the look: those plugged in first, then the most recent. It is taken every few seconds while the start is shown, so a journal and a
 * medium's list are read again only when they have changed. What is wrong with a site, the site says itself.
 */
export function recentMediaIn(dataFolder: string): () => Promise<RecentMedium[]> {
  const kept: Kept = { doneAt: whileUnchanged(), seal: whileUnchanged() };
  return async () => {
    const names = await siteNames(dataFolder);
    const all = await Promise.all(names.map((name) => mediumOf(dataFolder, name, kept).catch(() => null)));
    return all
      .filter((item) => item !== null)
      .sort((one, other) => Number(other.here) - Number(one.here) || other.at.localeCompare(one.at));
  };
}

async function mediumOf(dataFolder: string, site: string, kept: Kept): Promise<RecentMedium | null> {
  const folder = await siteFolder(dataFolder, site);
  const binding = join(folder, siteFiles.medium);
  const parsed = mediumIdentity.safeParse(parseJson((await readTextOrNull(binding)) ?? ''));
  if (!parsed.success) return null;
  const journal = join(folder, siteFiles.journal);
  const [chosenAt, sealDoneAt] = await kept.doneAt(site, [journal], () => doneTimes(journal));
  const lock = siteLock.safeParse(parseJson((await readTextOrNull(join(folder, siteFiles.lock))) ?? ''));
  const newest = lock.data?.sealed?.[parsed.data.mediumId ?? ''] ?? 0;
  // The step may have sealed another medium of this site.
  const sealedAt = newest === 0 ? null : sealDoneAt;
  const at = [sealedAt, chosenAt, (await stat(binding)).mtime.toISOString()].filter((one) => one !== null);
  const common = {
    site,
    path: parsed.data.path,
    label: basename(parsed.data.path) || parsed.data.path,
    at: at.sort().at(-1) ?? '',
  };
  try {
    const located = await locateMedium(parsed.data);
    const { root } = await checkIdentity(located);
    const pinned = (await readSitePlan(dataFolder, site)).trust.manifest ?? null;
    const here = { ...common, path: located.path, label: basename(located.path) || located.path, here: true };
    const files = [mediumPaths.manifest, mediumPaths.manifestSignature, mediumPaths.manifestKey];
    const paths = files.map((path) => join(root, path));
    const seal = await kept.seal(`${root} ${pinned} ${newest}`, paths, () => sealOf(root, pinned, newest));
    return { ...here, ...seal };
  } catch {
    // Not plugged in, or another one in its place: what is known of it is what was done with it.
    return { ...common, here: false, sealedAt, generation: null, why: null };
  }
}

async function doneTimes(journal: string): Promise<readonly [string | null, string | null]> {
  const { instances } = await readJournal(journal).then(
    ({ events }) => fold(events),
    () => fold([]),
  );
  const doneAt = (step: string): string | null => instances[instanceKey(step, theSite)]?.doneAt ?? null;
  return [doneAt('choose-medium'), doneAt('seal-medium')];
}

const sealOf = (
  root: string,
  pinned: string | null,
  newest: number,
): Promise<Pick<RecentMedium, 'sealedAt' | 'generation' | 'why'>> =>
  openManifest(root, pinned, newest).then(
    ({ manifest }) => ({ sealedAt: manifest.sealedAt, generation: manifest.generation, why: null }),
    (thrown: unknown) => {
      const { code, params } = toProblemData(thrown);
      // One that was begun and never sealed is as it should be.
      const why = code === 'medium-unsealed' ? null : { code, params: { ...params } };
      return { sealedAt: null, generation: null, why };
    },
  );
