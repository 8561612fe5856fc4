// What lies in a medium's `fieldkit` folder. Called by sealing and verifying. It only reads, and follows no link.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFile, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';

export interface ScannedFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Scan {
  /** Plain files with names a manifest can hold, by path in code point order; the manifest and its signature left out. */
  readonly files: readonly ScannedFile[];
  /** Links, devices, and names a manifest cannot hold. */
  readonly strange: readonly string[];
  /** Our own unfinished files. */
  readonly leftovers: readonly string[];
}

const unfinished = /(?:^|\/)(?:[^/]+\.part|\.fieldkit-[^/]*\.tmp)$/;
const apart = new Set<string>([mediumPaths.manifest, mediumPaths.manifestSignature]);
const listable = manifestFile.shape.path;

/** Throws `cancelled`. */
export async function scanMedium(root: string, signal?: AbortSignal): Promise<Scan> {
  const files: ScannedFile[] = [];
  const strange: string[] = [];
  const leftovers: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (signal?.aborted) throw problem('cancelled', { what: 'scan' });
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      // Kept states are a matter of their own manifests.
      if (path === mediumPaths.generations && entry.isDirectory()) continue;
      if (entry.isDirectory()) await walk(path);
      else if (!entry.isFile() || !listable.safeParse(path).success) strange.push(path);
      else if (unfinished.test(path)) leftovers.push(path);
      else if (!apart.has(path)) files.push({ path, sizeBytes: (await stat(join(root, path))).size });
    }
  };
  await walk('');
  files.sort((first, second) => (first.path < second.path ? -1 : 1));
  return { files, strange: strange.sort(), leftovers: leftovers.sort() };
}

/** Removes our own unfinished files; nothing else on the medium is ever removed. */
export async function removeLeftovers(root: string, { leftovers }: Scan): Promise<void> {
  for (const path of leftovers) await rm(join(root, path), { force: true });
}
