// The last rehearsal of a site, kept in its folder, for the window. Used by compose. It is no
// part of the site's history, and never copied to the medium.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../src-shared/json.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { type Rehearsal, rehearsal } from '../../src-shared/rehearsal.ts';
import { readTextOrNull, sha256Of, writeAtomic } from '../platform/files.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { boundMedium } from './bound-medium.ts';

export const keepRehearsal = (folder: string, came: Rehearsal): Promise<void> =>
  writeAtomic(join(folder, siteFiles.rehearsal), `${JSON.stringify(came)}\n`);

/** Null when the site was never rehearsed, or by a program of another version. */
export async function readRehearsal(folder: string): Promise<Rehearsal | null> {
  const parsed = rehearsal.safeParse(parseJson((await readTextOrNull(join(folder, siteFiles.rehearsal))) ?? ''));
  return parsed.success ? parsed.data : null;
}

/**
 * What it came to, and whether it was of the medium as it is sealed now: null while that one is not there. Null as a whole where
 * `readRehearsal` is.
 */
export async function lastRehearsal(
  site: OpenSite,
): Promise<{ readonly rehearsal: Rehearsal; readonly current: boolean | null } | null> {
  const last = await readRehearsal(site.folder);
  if (last === null) return null;
  const manifest = await boundMedium(site)
    .then(({ root }) => readFile(join(root, mediumPaths.manifest)))
    .catch(() => null);
  const current = manifest === null ? null : sha256Of(manifest) === last.manifestSha256;
  return { rehearsal: last, current };
}
