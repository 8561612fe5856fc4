// @ts-check
/**
 * `npm run lock`, after a dependency was added or changed: completes package-lock.json. npm leaves out builds for other
 * platforms that the registry at hand does not offer, and then `npm ci` refuses the lock file everywhere. Each is named
 * with its exact version by the package that wants it; that, and its platform, is all npm needs to pass over it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectFolder } from './process.mjs';

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** @typedef {{ version?: string, dev?: boolean, devOptional?: boolean, optional?: boolean, optionalDependencies?: Record<string, string>, os?: string[], cpu?: string[], libc?: string[] }} LockEntry */

/**
 * What a lock file lacks: builds for other platforms, by their place in node_modules.
 * @param {Record<string, LockEntry>} packages the `packages` of a lock file
 * @returns {Record<string, LockEntry>}
 */
export function missingPlatformBuilds(packages) {
  /** @type {Record<string, LockEntry>} */
  const missing = {};
  for (const [place, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      if (!platform || !/^\d+\.\d+\.\d+/.test(version) || isLocked(packages, place, name)) continue;
      missing[`node_modules/${name}`] = { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...platform };
    }
  }
  return missing;
}

/** Node looks in the package's own node_modules, then in each one above. @param {Record<string, LockEntry>} packages @param {string} place @param {string} name */
function isLocked(packages, place, name) {
  let folder = place;
  while (folder !== '') {
    if (packages[`${folder}/node_modules/${name}`]) return true;
    folder = folder.includes('/node_modules/') ? folder.slice(0, folder.lastIndexOf('/node_modules/')) : '';
  }
  return Boolean(packages[`node_modules/${name}`]);
}

/** Such packages are called after their platform, like `binding-linux-x64-musl`. @param {string} name */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) =>
    words.some((word) => word === processor || (processor === 'arm' && word === 'armv7')),
  );
  if (!os || !cpu) return undefined;
  const libc = words.includes('musl') ? { libc: ['musl'] } : words.includes('gnu') ? { libc: ['glibc'] } : {};
  return { os: [os], cpu: [cpu], ...libc };
}

function main() {
  const file = path.join(projectFolder, 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingPlatformBuilds(lock.packages);
  lock.packages = Object.fromEntries(
    Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
  writeFileSync(`${file}.new`, `${JSON.stringify(lock, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  console.log(`package-lock.json: ${Object.keys(missing).length} builds for other platforms added`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main();
