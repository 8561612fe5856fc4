/**
 * The lab's slapos-node as a later version, which takes parts of /opt/slapos away before it is unpacked over an earlier one, as the
 * vendor's does. Called by tests in which a site is brought up to date.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, recipeKey, removeTree, runQuietly } from './host.ts';
import { slapOsNodePackage, slapOsNodeVersion } from './slapos-node.ts';

export const laterVersion = slapOsNodeVersion().replace('1.0.499', '1.0.500');

const beforeUnpacking = `#!/bin/sh
set -e
if [ "$1" = upgrade ]; then rm -rf /opt/slapos/lib /opt/slapos/bin; fi
`;

/** Its path, repacked on first use. */
export async function laterSlapOsNode(): Promise<string> {
  const earlier = await slapOsNodePackage();
  const file = `slapos-node_${laterVersion}_amd64.deb`;
  const folder = await cached(`slapos-node-${recipeKey('later-1', earlier, beforeUnpacking)}`, async (path) => {
    const stage = join(path, 'stage');
    await mkdir(path);
    await runQuietly(['dpkg-deb', '-R', earlier, stage]);
    const control = join(stage, 'DEBIAN/control');
    const text = await readFile(control, 'utf8');
    await writeFile(control, text.replace(/^Version: .*$/m, `Version: ${laterVersion}`));
    await writeFile(join(stage, 'DEBIAN/preinst'), beforeUnpacking);
    await chmod(join(stage, 'DEBIAN/preinst'), 0o755);
    await runQuietly(['dpkg-deb', '--build', '--root-owner-group', stage, join(path, file)]);
    await removeTree(stage);
  });
  return join(folder, file);
}
