// A real apt in a root of its own: its own lists, cache, status and source, nothing of the host. Used by the tests here.
import { spawn, spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(program: string, args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  return { status, stdout, stderr };
}

/** Like `run`, but this process goes on: it may be the server that the program asks. */
function runBeside(program: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (part) => {
      stdout += part;
    });
    child.stderr.on('data', (part) => {
      stderr += part;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** @param status what it takes for installed: a dpkg status; nothing by default */
export async function aptIn(root: string, key: string, architecture = 'amd64', status = '') {
  for (const folder of ['lists/partial', 'archives/partial', 'etc'])
    await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'status'), status);
  await copyFile(key, join(root, 'key.asc'));
  const options = {
    'Dir::State::status': join(root, 'status'),
    'Dir::State::lists': `${join(root, 'lists')}/`,
    'Dir::Cache': `${root}/`,
    'Dir::Cache::archives': `${join(root, 'archives')}/`,
    // Container images switch apt's index cache off; with it each call here is twice as quick.
    'Dir::Cache::pkgcache': 'pkgcache.bin',
    'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
    'Dir::Etc::sourcelist': join(root, 'etc', 'our.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::Etc::trustedparts': '/dev/null',
    'Dir::Etc::trusted': '/dev/null',
    'APT::Sandbox::User': 'root',
    'APT::Architecture': architecture,
    'APT::Architectures::': architecture,
    'APT::Install-Recommends': 'false',
    'APT::Update::Post-Invoke-Success::': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '0',
    'Debug::NoLocking': 'true',
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const setSources = (
    sources: readonly { url: string; suites: readonly string[]; components: readonly string[] }[],
  ): Promise<void> => {
    const stanzas = sources.map(({ url, suites, components }) => {
      const part = components.length === 0 ? '' : `Components: ${components.join(' ')}\n`;
      return `Types: deb\nURIs: ${url}\nSuites: ${suites.join(' ')}\n${part}Signed-By: ${join(root, 'key.asc')}\n`;
    });
    return writeFile(join(root, 'etc', 'our.sources'), stanzas.join('\n'));
  };
  return {
    setSource: (uri: string) => setSources([{ url: uri, suites: ['./'], components: [] }]),
    setSources,
    run: (...args: string[]) => runBeside('apt-get', ['-y', ...settings, ...args]),
    /** The stanzas of packages in its lists, e.g. `cron=3.0`. */
    show: (...names: string[]) => runBeside('apt-cache', [...settings, 'show', ...names]),
    archives: async () => (await readdir(join(root, 'archives'))).filter((name) => name.endsWith('.deb')),
  };
}
