/**
 * Builds the lab's re6st-node package: the published re6stnet in a virtual environment of the target's own Python, Debian's OpenVPN,
 * and Debian's babeld behind a shim that speaks what re6st expects. Called by the vendor repository and by the registry's release.
 * Must never be called a vendor package: the vendor's brings its own Python, OpenVPN and babeld.
 */
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseLayers, buildLayer, type DebianRelease, packageLayer, runInTree } from './base.ts';
import { mustRun } from './command.ts';
import { cached, cacheFolder, recipeKey, removeTree, scratchName } from './host.ts';
import { builtFor, makePackage, standInFile } from './slapos-node.ts';

/** Newer ones of the last two dropped what re6stnet calls. */
const pythonPackages = ['re6stnet==0.642', 'pyopenssl==23.2.0', 'cryptography==41.0.7'];

/** The path of `re6st-node_<version>_amd64.deb`, built on first use (about a minute). */
export async function re6stNodePackage(release: DebianRelease = 'bookworm'): Promise<string> {
  const names = ['re6st-node.control', 're6stnet.service', 'babeld-shim.py'];
  const [template = '', ...texts] = await Promise.all(names.map((name) => readFile(standInFile(name), 'utf8')));
  const control = template.replace('@PYTHON@', builtFor[release].python);
  const file = `re6st-node_${/^Version: (.*)$/m.exec(control)?.[1]}_amd64.deb`;
  const folder = await cached(`re6st-node-${recipeKey('3', ...pythonPackages, control, ...texts)}`, async (path) => {
    await mkdir(path);
    await buildPackage(release, control, join(path, file));
  });
  return join(folder, file);
}

async function buildPackage(release: DebianRelease, control: string, target: string): Promise<void> {
  const tools = ['python3-venv', 'python3-pip', 'python3-dev', 'gcc', 'libc6-dev', 'babeld'];
  const lower = await packageLayer('re6st', await baseLayers(release), tools);
  const scratch = join(cacheFolder(), scratchName());
  const stage = join(scratch, 'stage');
  try {
    await mkdir(scratch, { recursive: true });
    await buildLayer(join(scratch, 'layer'), lower, async (tree) => {
      const network = 'host';
      await runInTree(tree, ['/usr/bin/python3', '-m', 'venv', '--without-pip', '/opt/re6st'], { network });
      const pip = ['pip', '--python', '/opt/re6st/bin/python', '--no-cache-dir', 'install', '--quiet'];
      const env = { PIP_CERT: '/etc/ssl/certs/ca-certificates.crt', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
      await runInTree(tree, [...pip, ...pythonPackages], { network, env });
      await mkdir(join(stage, 'opt'), { recursive: true });
      await mustRun(['cp', '-a', join(tree, 'opt/re6st'), join(stage, 'opt/re6st')]);
      await mkdir(join(stage, 'opt/re6st/sbin'));
      await copyFile(join(tree, 'usr/sbin/babeld'), join(stage, 'opt/re6st/sbin/babeld'));
    });
    await copyFile(standInFile('babeld-shim.py'), join(stage, 'opt/re6st/bin/babeld'));
    for (const name of ['bin/babeld', 'sbin/babeld']) await chmod(join(stage, 'opt/re6st', name), 0o755);
    for (const folder of ['DEBIAN', 'usr/bin', 'lib/systemd/system', 'etc/re6stnet', 'var/log/re6stnet'])
      await mkdir(join(stage, folder), { recursive: true });
    for (const name of ['re6stnet', 're6st-conf', 're6st-registry'])
      await symlink(`/opt/re6st/bin/${name}`, join(stage, 'usr/bin', name));
    await copyFile(standInFile('re6stnet.service'), join(stage, 'lib/systemd/system/re6stnet.service'));
    await writeFile(join(stage, 'DEBIAN/control'), control);
    await makePackage(stage, target);
  } finally {
    await removeTree(scratch);
  }
}
