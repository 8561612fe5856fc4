/** Ansible from the Python index, in an environment of its own: what exports are run with, and what the engine is compared to. */
import { join } from 'node:path';
import { cached, runQuietly } from './host.ts';

const version = '2.17.7';

/** The words that begin a call of `ansible-playbook`. Made on first use; throws where the index is not to be had. */
export async function ansiblePlaybookWords(): Promise<readonly string[]> {
  const folder = await cached(`ansible-core-${version}`, async (path) => {
    await runQuietly(['python3', '-m', 'venv', path]);
    await runQuietly([join(path, 'bin/python'), '-m', 'pip', 'install', '--quiet', `ansible-core==${version}`]);
  });
  // The environment was made elsewhere and moved: its programs are told which Python is theirs.
  return [join(folder, 'bin/python'), join(folder, 'bin/ansible-playbook')];
}

/** Lab machines are strangers each time, and output is read by programs. */
export const ansibleEnv = { LANG: 'C.UTF-8', ANSIBLE_HOST_KEY_CHECKING: 'False', ANSIBLE_NOCOLOR: '1' };
