// The site's own files on the medium: plan, lock, journal and outputs, so that another laptop can go on from the medium alone.
// Used by the hands after each run, and by taking over. They are no part of the sealed content: the manifest does not list
// them. A history on the medium that went on without this laptop is never written over.
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolderOn, exists, readTextOrNull, writeAtomic } from '../platform/files.ts';
import { lastHand, relationOf } from '../runbook/history.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { boundMedium, readBinding } from './bound-medium.ts';

/** Small files in the order in which they are written: the journal last, since it speaks of the others. */
export const copiedFiles = [siteFiles.practice, siteFiles.plan, siteFiles.lock, siteFiles.journal] as const;
export const isBlobName = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** An encrypted backup, and its record after it. */
export const isBackupName = (name: string): boolean => /^[a-z0-9-]+-\d{4}\.(age|json)$/.test(name);

export interface SiteCopies {
  /** Brings the medium's copy up to date; writes only what is new. Throws what the medium throws. */
  readonly copy: () => Promise<void>;
  /** Throws `site-went-on-elsewhere` when the medium is there and its history went on without us. */
  readonly requireOurs: () => Promise<void>;
}

export function siteCopies(site: OpenSite): SiteCopies {
  /** Size and time of the medium's journal when it was last seen to be ours. */
  let seen = '';

  /** The site's folder on the medium, null when there is none: not chosen, not plugged in, or led elsewhere by a link. */
  async function folderThere(): Promise<{ readonly folder: string; readonly device: number } | null> {
    if ((await readBinding(site)) === null) return null;
    const place = await boundMedium(site).catch(() => null);
    if (place === null) return null;
    const root = await realpath(place.root);
    const folder = join(root, mediumPaths.site(site.name));
    const { device } = place;
    await ensureFolderOn(device, folder).catch(() => undefined);
    return (await realpath(folder).catch(() => '')) === folder ? { folder, device } : null;
  }

  async function relationThere(folder: string): Promise<ReturnType<typeof relationOf> | 'ahead'> {
    const path = join(folder, siteFiles.journal);
    const stamp = await stampOf(path);
    if (stamp === seen) return 'ahead';
    const theirs = (await readTextOrNull(path)) ?? '';
    const mine = (await readTextOrNull(join(site.folder, siteFiles.journal))) ?? '';
    return relationOf(mine, theirs);
  }

  async function copyNow(): Promise<void> {
    const there = await folderThere();
    if (there === null) return;
    const { folder, device } = there;
    const relation = await relationThere(folder);
    if (relation === 'behind' || relation === 'diverged') return;
    await copySite(site.folder, folder, device);
    seen = await stampOf(join(folder, siteFiles.journal));
  }
  let copying: Promise<unknown> = Promise.resolve();

  return {
    // One after the other: an older copy must not end after a newer one.
    copy: () => {
      const copied = copying.then(copyNow);
      copying = copied.catch(() => undefined);
      return copied;
    },
    requireOurs: async () => {
      const there = await folderThere();
      if (there === null) return;
      const { folder } = there;
      const relation = await relationThere(folder);
      if (relation !== 'behind' && relation !== 'diverged') return;
      const { owner, at } = lastHand((await readTextOrNull(join(folder, siteFiles.journal))) ?? '');
      throw problem('site-went-on-elsewhere', { site: site.name, path: folder, owner, at });
    },
  };
}

/** Of a site that is no site: it is copied nowhere, and there is none it could differ from. */
export const noCopies: SiteCopies = { copy: async () => undefined, requireOurs: async () => undefined };

const stampOf = (path: string): Promise<string> =>
  stat(path).then(
    ({ size, mtimeMs, ino }) => `${size} ${mtimeMs} ${ino}`,
    () => 'none',
  );

/** Copies a site's files from one folder to another: outputs and backups that are not there yet, then what differs of the small files. `device` as in `writeAtomic`. */
export async function copySite(from: string, to: string, device?: number): Promise<void> {
  for (const [folder, fits] of [
    [siteFiles.blobs, isBlobName],
    [siteFiles.backups, isBackupName],
  ] as const) {
    const names = (await readdir(join(from, folder)).catch(() => [])).filter(fits);
    if (names.length === 0) continue;
    await ensureFolderOn(device, join(to, folder));
    const there = new Set(await readdir(join(to, folder)));
    for (const name of names)
      if (!there.has(name))
        await writeAtomic(join(to, folder, name), await readFile(join(from, folder, name)), { device });
  }
  for (const file of copiedFiles) {
    const source = join(from, file);
    if (!(await exists(source))) continue;
    const text = await readFile(source);
    const before = await readFile(join(to, file)).catch(() => null);
    if (before === null || !before.equals(text)) await writeAtomic(join(to, file), text, { device });
  }
}
