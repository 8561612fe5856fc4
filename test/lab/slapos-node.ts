/**
 * Builds the lab's slapos-node package: the published slapos.core and what it needs, in a virtual environment of the target's own
 * Python, under the name, version, jobs and dependencies of the vendor's package. Called by the vendor repository and by releases.
 * Must never be called a vendor package: the vendor's brings its own Python and OpenSSL.
 */
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseLayers, buildLayer, type DebianRelease, type Layers, packageLayer, runInTree } from './base.ts';
import { mustRun } from './command.ts';
import { cached, cacheFolder, recipeKey, removeTree, runQuietly, scratchName } from './host.ts';

/** The Python of each Debian, and a slapos.core that fits it: 1.23 and later need Python 3.12. */
export const builtFor: Readonly<Record<DebianRelease, { readonly python: string; readonly core: string }>> = {
  bookworm: { python: '3.11', core: '1.22.1' },
  trixie: { python: '3.13', core: '1.26.1' },
};

/** setuptools 80 dropped what zc.buildout calls. */
const pythonPackages = (release: DebianRelease): readonly string[] => [
  `slapos-core==${builtFor[release].core}`,
  'slapos-libnetworkcache==0.28',
  'slapos.recipe.template==5.1',
  'setuptools==79.0.1',
];

/** The version of the package for a Debian. */
export const slapOsNodeVersion = (release: DebianRelease = 'bookworm'): string =>
  `${builtFor[release].core}+1.0.499+0-1`;

/** A file of the folder `stand-in`. */
export function standInFile(name: string): string {
  return fileURLToPath(new URL(`./stand-in/${name}`, import.meta.url));
}

/** Python modules of the releases that the lab compiles. */
const recipes = ['lab_master.py', 'lab_registry.py'] as const;

/** The path of `slapos-node_<version>_amd64.deb`, built on first use (two to three minutes). */
export async function slapOsNodePackage(release: DebianRelease = 'bookworm'): Promise<string> {
  const names = ['slapos-node.cron', 'slapos-node.postrm', ...recipes];
  const texts = await Promise.all(names.map((name) => readFile(standInFile(name), 'utf8')));
  const control = await controlOf(release);
  const file = `slapos-node_${slapOsNodeVersion(release)}_amd64.deb`;
  const folder = await cached(
    `slapos-node-${recipeKey('2', ...pythonPackages(release), control, ...texts)}`,
    async (path) => {
      await mkdir(path);
      await buildPackage(release, control, join(path, file));
    },
  );
  return join(folder, file);
}

async function controlOf(release: DebianRelease): Promise<string> {
  const template = await readFile(standInFile('slapos-node.control'), 'utf8');
  return template.replace('@VERSION@', slapOsNodeVersion(release)).replace('@PYTHON@', builtFor[release].python);
}

/** Layers of a tree in which slapos-node is installed by apt from the host's mirror: where releases are compiled. */
export async function builderLayers(): Promise<Layers> {
  return packageLayer('builder', await baseLayers('bookworm'), [], [await slapOsNodePackage()]);
}

async function buildPackage(release: DebianRelease, control: string, target: string): Promise<void> {
  const tools = ['python3-venv', 'python3-pip', 'python3-dev', 'gcc', 'libc6-dev'];
  const lower = await packageLayer('python', await baseLayers(release), tools);
  const scratch = join(cacheFolder(), scratchName());
  const stage = join(scratch, 'stage');
  try {
    await mkdir(scratch, { recursive: true });
    await buildLayer(join(scratch, 'layer'), lower, async (tree) => {
      const network = 'host';
      await runInTree(tree, ['/usr/bin/python3', '-m', 'venv', '--without-pip', '/opt/slapos'], { network });
      const pip = ['pip', '--python', '/opt/slapos/bin/python', '--no-cache-dir', 'install', '--quiet'];
      const env = { PIP_CERT: '/etc/ssl/certs/ca-certificates.crt', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
      await runInTree(tree, [...pip, ...pythonPackages(release)], { network, env });
      await installRecipe(tree, release);
      await mkdir(join(stage, 'opt'), { recursive: true });
      await mustRun(['cp', '-a', join(tree, 'opt/slapos'), join(stage, 'opt/slapos')]);
    });
    for (const folder of ['DEBIAN', 'usr/bin', 'etc/cron.d', 'etc/opt/slapos/ssl/partition_pki']) {
      await mkdir(join(stage, folder), { recursive: true });
    }
    await symlink('/opt/slapos/bin/slapos', join(stage, 'usr/bin/slapos'));
    await copyFile(standInFile('slapos-node.cron'), join(stage, 'etc/cron.d/slapos-node'));
    await writeFile(join(stage, 'DEBIAN/control'), control);
    await copyFile(standInFile('slapos-node.postrm'), join(stage, 'DEBIAN/postrm'));
    await chmod(join(stage, 'DEBIAN/postrm'), 0o755);
    await writeFile(join(stage, 'DEBIAN/conffiles'), '/etc/cron.d/slapos-node\n');
    await makePackage(stage, target);
  } finally {
    await removeTree(scratch);
  }
}

/** Puts the stand-in's recipe beside slapos.core, as an installed distribution: buildout finds recipes by their entry points. */
async function installRecipe(tree: string, release: DebianRelease): Promise<void> {
  const packages = join(tree, `opt/slapos/lib/python${builtFor[release].python}/site-packages`);
  const info = join(packages, 'lab_master-1.0.dist-info');
  await mkdir(info);
  const files: Readonly<Record<string, string>> = {
    METADATA: 'Metadata-Version: 2.1\nName: lab-master\nVersion: 1.0\n',
    'top_level.txt': 'lab_master\nlab_registry\n',
    'entry_points.txt':
      '[zc.buildout]\ndefault = lab_master:Recipe\npayload = lab_master:Payload\nfolder = lab_master:Folder\nregistry = lab_registry:Recipe\n',
    INSTALLER: 'lab\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(info, name), text);
  const recorded = [...recipes, ...Object.keys(files).map((name) => `lab_master-1.0.dist-info/${name}`)];
  await writeFile(join(info, 'RECORD'), recorded.map((name) => `${name},,\n`).join(''));
  for (const name of recipes) await copyFile(standInFile(name), join(packages, name));
}

/** Builds a .deb from a staged tree. */
export async function makePackage(stage: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await runQuietly(['dpkg-deb', '--build', '--root-owner-group', stage, target]);
}
