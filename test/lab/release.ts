/**
 * A software release compiled by the real slapgrid in a Debian 12 tree, archived as the procedure archives one. Called by tests that
 * bring a release onto a medium. What it runs is a stand-in for the master; how it is built, found, unpacked and instantiated is not.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildLayer, type Layers, packageLayer, runInTree } from './base.ts';
import { mustRun } from './command.ts';
import { cached, cacheFolder, recipeKey, removeTree, scratchName } from './host.ts';
import { re6stNodePackage } from './re6st-node.ts';
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

interface Compiled {
  /** What it is called in the cache. */
  readonly name: string;
  readonly url: string;
  /** Where it is compiled: slapos-node and whatever the profile copies. */
  readonly lower: Layers;
  /** Files beside the profile, by the name they are served under; `software.cfg` is the profile itself. */
  readonly served: Readonly<Record<string, string>>;
}

/**
 * The stand-in's archive, compiled on first use (about half a minute). `megabytes` of it are random: 0 makes an archive of
 * a few hundred kilobytes, more makes transfers that last long enough to be interrupted. Another address is another release.
 */
export async function masterRelease(megabytes = 0, releaseUrl = masterReleaseUrl): Promise<SoftwareRelease> {
  return compiled({
    name: 'release',
    url: releaseUrl,
    lower: await builderLayers(),
    served: await masterSources(megabytes),
  });
}

/** What `masterRelease` is compiled from, as in `served` of a release. */
export async function masterSources(megabytes: number): Promise<Readonly<Record<string, string>>> {
  const names = ['software.cfg', 'instance.cfg.in', 'server.py.in', 'nodes.py.in'];
  const texts = await Promise.all(names.map(async (name) => [name, await standIn(name)] as const));
  return Object.fromEntries(texts.map(([name, text]) => [name, text.replaceAll('@MEGABYTES@', String(megabytes))]));
}

/** The registry of re6st, its own program inside, as a release that asks for the parameters of the real one. */
export async function registryRelease(): Promise<SoftwareRelease> {
  return compiled({
    name: 'registry-release',
    url: masterReleaseUrl.replace('slapos-master', 're6stnet'),
    lower: await packageLayer('registry-builder', await builderLayers(), [], [await re6stNodePackage()]),
    served: {
      'software.cfg': await standIn('registry-software.cfg'),
      'instance.cfg.in': await standIn('registry-instance.cfg.in'),
    },
  });
}

/** The stand-in for the frontend, as its release of a tag is called. */
export async function frontendRelease(tag = '1.0.499'): Promise<SoftwareRelease> {
  const names = ['frontend-instance.cfg.in', 'rapid-cdn.py.in'];
  const served = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await standIn(name)] as const)));
  return compiled({
    name: 'frontend-release',
    url: masterReleaseUrl.replace('slapos-master', 'rapid-cdn').replace('1.0.499', tag),
    lower: await builderLayers(),
    served: { ...served, 'software.cfg': await standIn('frontend-software.cfg') },
  });
}

const standIn = (name: string): Promise<string> => readFile(standInFile(name), 'utf8');

async function compiled(release: Compiled): Promise<SoftwareRelease> {
  const { url, lower, served } = release;
  const md5 = createHash('md5').update(url).digest('hex');
  const texts = [...Object.entries(served).flat(), ...(await Promise.all(['compile.sh', 'serve.py'].map(standIn)))];
  const name = `${release.name}-${recipeKey(url, ...lower, ...texts)}`;
  const folder = await cached(name, async (path) => {
    await mkdir(path);
    const scratch = join(cacheFolder(), scratchName());
    try {
      await mkdir(scratch, { recursive: true });
      await buildLayer(join(scratch, 'layer'), lower, async (tree) => {
        await compile(tree, release);
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
  return { url, md5, archivePath: join(folder, `${md5}.tar.gz`) };
}

/**
 * Runs slapgrid on the true address: in a tree without a network, the address's host is the tree itself, and serves the sources with
 * a certificate the tree trusts.
 */
async function compile(tree: string, release: Compiled): Promise<void> {
  const url = new URL(release.url);
  const base = release.url.slice(0, release.url.lastIndexOf('/'));
  const folder = join(tree, 'var/tmp/served', new URL(base).pathname);
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(release.served))
    await writeFile(join(folder, name), text.replaceAll('@BASE@', base));
  for (const name of ['compile.sh', 'serve.py']) await copyFile(standInFile(name), join(tree, 'var/tmp', name));
  await writeFile(join(tree, 'etc/hosts'), `127.0.0.1 localhost ${url.hostname}\n::1 localhost\n`);
  const env = { RELEASE_URL: release.url, RELEASE_HOST: url.hostname };
  await runInTree(tree, ['bash', '/var/tmp/compile.sh'], { network: 'none', env });
}
