/**
 * A software release compiled by the real slapgrid in a Debian 12 tree, archived as the procedure archives one. Called by tests that
 * bring a release onto a medium. What it runs is a stand-in for the master; how it is built, found, unpacked and instantiated is not.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildLayer, runInTree } from './base.ts';
import { mustRun } from './command.ts';
import { cached, cacheFolder, recipeKey, removeTree, scratchName } from './host.ts';
import { builderLayers, standInFile } from './slapos-node.ts';

/** The address the stand-in is compiled from, asked for and found by: as the master's own release is called. */
export const masterReleaseUrl = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.499/software/slapos-master/software.cfg';

export interface SoftwareRelease {
  readonly url: string;
  /** md5 of the address: its folder below /opt/slapgrid, and its key in the index. */
  readonly md5: string;
  /** A .tar.gz with the one folder `<md5>`, owners by name. */
  readonly archivePath: string;
}

/**
 * The stand-in's archive, compiled on first use (about half a minute). `megabytes` of it are random: 0 makes an archive of
 * a few hundred kilobytes, more makes transfers that last long enough to be interrupted. Another address is another release.
 */
export async function masterRelease(megabytes = 0, releaseUrl = masterReleaseUrl): Promise<SoftwareRelease> {
  const md5 = createHash('md5').update(releaseUrl).digest('hex');
  const sources = ['software.cfg', 'instance.cfg.in', 'server.py.in', 'nodes.py.in', 'compile.sh', 'serve.py'];
  const texts = await Promise.all(sources.map((name) => readFile(standInFile(name), 'utf8')));
  const lower = await builderLayers();
  const name = `release-${recipeKey(releaseUrl, String(megabytes), ...lower, ...texts)}`;
  const folder = await cached(name, async (path) => {
    await mkdir(path);
    const scratch = join(cacheFolder(), scratchName());
    try {
      await mkdir(scratch, { recursive: true });
      await buildLayer(join(scratch, 'layer'), lower, async (tree) => {
        await compile(tree, megabytes, releaseUrl);
        const archive = join(path, `${md5}.tar.gz`);
        // With the tree's own user names: they are what the archive must carry, this host knows only their numbers.
        const tar = ['tar', '-C', '/opt/slapgrid', '-czf', '/var/tmp/release.tar.gz', md5];
        await runInTree(tree, tar, { network: 'none' });
        await copyFile(join(tree, 'var/tmp/release.tar.gz'), archive);
        const top = (await mustRun(['tar', '-tvzf', archive])).split('\n')[0] ?? '';
        if (!/^d\S+ slapsoft\/slapsoft /.test(top)) throw new Error(`the archive's top folder: ${top}`);
      });
    } finally {
      await removeTree(scratch);
    }
  });
  return { url: releaseUrl, md5, archivePath: join(folder, `${md5}.tar.gz`) };
}

/**
 * Runs slapgrid on the true address: in a tree without a network, the address's host is the tree itself, and serves the sources with
 * a certificate the tree trusts.
 */
async function compile(tree: string, megabytes: number, releaseUrl: string): Promise<void> {
  const url = new URL(releaseUrl);
  const base = releaseUrl.slice(0, releaseUrl.lastIndexOf('/'));
  const served = join(tree, 'var/tmp/served', new URL(base).pathname);
  await mkdir(served, { recursive: true });
  for (const name of ['instance.cfg.in', 'server.py.in', 'nodes.py.in'])
    await copyFile(standInFile(name), join(served, name));
  const profile = await readFile(standInFile('software.cfg'), 'utf8');
  const filled = profile.replaceAll('@BASE@', base).replaceAll('@MEGABYTES@', String(megabytes));
  await writeFile(join(served, 'software.cfg'), filled);
  for (const name of ['compile.sh', 'serve.py']) await copyFile(standInFile(name), join(tree, 'var/tmp', name));
  await writeFile(join(tree, 'etc/hosts'), `127.0.0.1 localhost ${url.hostname}\n::1 localhost\n`);
  const env = { RELEASE_URL: releaseUrl, RELEASE_HOST: url.hostname };
  await runInTree(tree, ['bash', '/var/tmp/compile.sh'], { network: 'none', env });
}
