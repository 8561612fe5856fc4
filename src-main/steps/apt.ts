// apt on a machine, seeing our repository alone. Used by every step that installs something; install-slapos-node writes the
// configuration that is named here. Must never touch the machine's own sources or lists.
import { type Command, run, type Told } from '../runbook/define.ts';
import { workFolder } from '../target/our-paths.ts';

export const aptPaths = {
  config: '/etc/apt/fieldkit.conf',
  source: '/etc/apt/fieldkit.sources',
  key: '/etc/apt/keyrings/fieldkit.asc',
} as const;

/** Lists and archives of our own, apart from the machine's. */
export const aptStateFolder = `${workFolder}/apt`;

/** apt-get with our configuration and without questions. */
export const aptArgv = (...words: readonly string[]): string[] => [
  'env',
  `APT_CONFIG=${aptPaths.config}`,
  'DEBIAN_FRONTEND=noninteractive',
  'apt-get',
  ...words,
];

/** Installs packages by name, taking nothing away and nothing that is only recommended. */
export const aptInstallArgv = (...names: readonly string[]): string[] =>
  aptArgv('install', '-y', '--no-install-recommends', '--no-remove', ...names);

/** Asks dpkg for a package: `install ok installed` and its version. */
export const packageStatusArgv = (name: string): string[] => ['dpkg-query', '-W', '-f', '${Status} ${Version}', name];

export const isInstalled = (status: string): boolean => status.startsWith('install ok installed ');

/** Installs one package unless dpkg's `status` says that it is there. */
export const installUnlessThere = (machine: string, name: string, status: string, note: Told): readonly Command[] =>
  isInstalled(status) ? [] : [run(machine, aptInstallArgv(name), { limitMs: 300_000, long: true, note })];
