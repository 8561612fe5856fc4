/** Paths that a sealed medium's manifest lists, without those that carry a hash of this site's own keys. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifest } from '../../../src-shared/manifest.ts';

export async function readManifestPaths(root: string): Promise<readonly string[]> {
  const { files } = manifest.parse(JSON.parse(await readFile(join(root, 'manifest.json'), 'utf8')));
  return files.map(({ path }) => path).sort();
}
