// The medium of a site: which one was chosen, whether it is there, what it holds. Used by jobs, sights and the hands.
// The binding lies in the site's folder on this laptop; another laptop binds anew.
import { basename, join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../src-shared/json.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { readRoom } from '../medium/file-system.ts';
import {
  type CheckedPlace,
  checkIdentity,
  locateMedium,
  type MediumIdentity,
  mediumIdentity,
} from '../medium/identity.ts';
import type { OpenedManifest } from '../medium/manifest-check.ts';
import { openManifest } from '../medium/manifest-store.ts';
import { goneProblem } from '../medium/medium-problem.ts';
import { scanMedium } from '../medium/scan.ts';
import { type MediumSpeed, mediumSpeed } from '../medium/speed.ts';
import { errnoOf, readTextOrNull, writeAtomic } from '../platform/files.ts';
import type { MediumSight } from '../runbook/define.ts';
import type { DossierParts } from '../runbook/dossier.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';

const bindingPath = (site: Pick<OpenSite, 'folder'>): string => join(site.folder, siteFiles.medium);

/** The identity chosen for this site on this laptop, null when none is; a damaged file counts as none: one chooses again. */
export async function readBinding(site: Pick<OpenSite, 'folder'>): Promise<MediumIdentity | null> {
  const parsed = mediumIdentity.safeParse(parseJson((await readTextOrNull(bindingPath(site))) ?? ''));
  return parsed.success ? parsed.data : null;
}

export const writeBinding = (site: OpenSite, identity: MediumIdentity): Promise<void> =>
  writeAtomic(bindingPath(site), `${JSON.stringify(identity, null, 1)}\n`);

const speedFile = z.strictObject({
  mediumId: z.string().nullable(),
  speed: mediumSpeed.nullable(),
});

/** Of the chosen medium, as it was when it was chosen; null when nobody measured it. */
export async function readSpeed(site: Pick<OpenSite, 'folder'>): Promise<MediumSpeed | null> {
  const text = await readTextOrNull(join(site.folder, siteFiles.speed));
  const parsed = speedFile.safeParse(parseJson(text ?? ''));
  const identity = await readBinding(site);
  return parsed.success && parsed.data.mediumId === identity?.mediumId ? parsed.data.speed : null;
}

export const writeSpeed = (site: OpenSite, { mediumId }: MediumIdentity, speed: MediumSpeed | null): Promise<void> =>
  writeAtomic(join(site.folder, siteFiles.speed), `${JSON.stringify({ mediumId, speed })}\n`);

export interface BoundMedium extends CheckedPlace {
  readonly identity: MediumIdentity;
}

/** The chosen medium, checked to be there now, wherever it is mounted. Throws `medium-not-chosen`, `medium-absent`, `medium-swapped`. */
export async function boundMedium(site: OpenSite): Promise<BoundMedium> {
  const bound = await readBinding(site);
  if (bound === null) throw problem('medium-not-chosen', {});
  const identity = await locateMedium(bound);
  return { ...(await checkIdentity(identity)), identity };
}

/**
 * What an act at the medium threw. A system's error that comes of its having been pulled is told as that, wherever it was met;
 * everything else is handed back as it is.
 */
export async function asGone(site: OpenSite, thrown: unknown): Promise<unknown> {
  if (thrown instanceof Problem || errnoOf(thrown) === '') return thrown;
  const bound = await readBinding(site);
  if (bound === null) return thrown;
  const { path = bound.path } = thrown as NodeJS.ErrnoException;
  const gone = await goneProblem(thrown, path);
  if (gone !== null) return gone;
  // The mount has gone as well, and the path is one of the laptop's own disk by now.
  if (!isBelow(path, bound.path) && !/^\/(media|run\/media|mnt)\//.test(path)) return thrown;
  return boundMedium(site).then(
    () => thrown,
    (why: unknown) => (why instanceof Problem ? why : thrown),
  );
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** What a person knows a medium by: the folder's name, the drive's serial, and the marker that is ours. */
export const namedMedium = ({ path, serial, mediumId }: MediumIdentity) => ({
  label: basename(path) || path,
  serial,
  mediumId,
});

/** The newest generation that was sealed on a medium, as far as this site knows; 0 for one that it never sealed. */
export const sealedGeneration = ({ lock }: OpenSite, mediumId: string | null): number =>
  lock.sealed?.[mediumId ?? ''] ?? 0;

/** The chosen medium with its signed list, to be used. Throws as `boundMedium` and `openManifest` do. */
export async function sealedMedium(site: OpenSite): Promise<BoundMedium & OpenedManifest> {
  const bound = await boundMedium(site);
  const newest = sealedGeneration(site, bound.identity.mediumId);
  return { ...bound, ...(await openManifest(bound.root, site.plan.trust.manifest ?? null, newest)) };
}

/** What a record says of it: its signed list, or why there is none although a medium is there. */
export async function mediumForRecord(
  site: OpenSite,
): Promise<Pick<DossierParts, 'manifest' | 'which' | 'mediumTrouble'>> {
  try {
    const { manifest, identity } = await sealedMedium(site);
    return { manifest, which: namedMedium(identity) };
  } catch (thrown) {
    const trouble = await asGone(site, thrown);
    if (!(trouble instanceof Problem)) throw trouble;
    const { code, params } = trouble.data;
    const absent = code === 'medium-not-chosen' || code === 'medium-absent';
    return { manifest: null, ...(absent ? {} : { mediumTrouble: { code, params } }) };
  }
}

/** What a step may see of it; null when none is chosen. */
export async function sightOfMedium(site: OpenSite): Promise<MediumSight | null> {
  if ((await readBinding(site)) === null) return null;
  const { root, identity } = await boundMedium(site);
  const [room, scan] = await Promise.all([readRoom(root), scanMedium(root)]);
  return {
    root: identity.path,
    label: identity.path.slice(identity.path.lastIndexOf('/') + 1) || identity.path,
    freeBytes: room.freeBytes,
    fileSystem: room.fileSystem ?? '',
    files: Object.fromEntries(scan.files.map(({ path, sizeBytes }) => [path, sizeBytes])),
  };
}

/** Text of a file below `fieldkit/`, null when it is not there. */
export const mediumText = async (site: OpenSite, path: string): Promise<string | null> =>
  readTextOrNull(join((await boundMedium(site)).root, path));
