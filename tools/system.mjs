// @ts-check
/**
 * System packages of Debian and Ubuntu: what a program lacks, and bringing it with apt when we are root. Without root
 * nothing is changed and the exact command is given. Called by tools/setup.mjs and tools/test.mjs.
 */
import { ask, findProgram, isRoot, run, say, secondsSince } from './process.mjs';

/** Libraries and one font without which Electron and Chromium do not start or show no letters. */
const electronPackages = [
  'libasound2',
  'libatk-bridge2.0-0',
  'libatk1.0-0',
  'libatspi2.0-0',
  'libcairo2',
  'libcups2',
  'libdbus-1-3',
  'libdrm2',
  'libexpat1',
  'libgbm1',
  'libgtk-3-0',
  'libnspr4',
  'libnss3',
  'libpango-1.0-0',
  'libx11-6',
  'libxcb1',
  'libxcomposite1',
  'libxdamage1',
  'libxext6',
  'libxfixes3',
  'libxkbcommon0',
  'libxrandr2',
  'fonts-dejavu-core',
];

/** Loaded at run time, so the loader does not list them. */
const loadedLater = ['libgtk-3.so.0'];

/**
 * Brings packages that are not installed.
 * @param {string} why shown to the person
 * @param {readonly string[]} names
 * @returns {Promise<string | undefined>} undefined when all are there, else one line: what is missing and what to do
 */
export async function ensureSystemPackages(why, names) {
  const missing = missingPackages(names);
  if (missing.length === 0) return undefined;
  if (!findProgram('apt-get'))
    return `${why}: this system has no apt-get; install what corresponds to ${missing.join(' ')}`;
  const command = `apt-get install --yes --no-install-recommends ${availableNames(missing).join(' ')}`;
  if (!isRoot) return `${why}: run sudo ${command}`;

  const startedMs = Date.now();
  say('system', `${why}: installing ${missing.join(' ')}`);
  const install = () => aptGet(['install', '--yes', '--no-install-recommends', ...availableNames(missing)], startedMs);
  let result = await install();
  if (result.code !== 0) {
    say('system', 'refreshing the package lists');
    await aptGet(['update'], startedMs);
    result = await install();
  }
  if (result.code !== 0) return `${why}: "${command}" failed: ${lastLine(result.output)}`;
  say('system', `installed in ${secondsSince(startedMs)}`);
  return undefined;
}

/**
 * Brings the libraries an Electron executable lacks.
 * @param {string} executable
 * @returns {Promise<string | undefined>} as `ensureSystemPackages`
 */
export async function ensureLibraries(executable) {
  if (process.platform !== 'linux') return undefined;
  const lacking = missingLibraries(executable);
  if (lacking.length === 0) return undefined;
  const problem = await ensureSystemPackages(`the window needs ${lacking.join(', ')}`, electronPackages);
  if (problem) return problem;
  const still = missingLibraries(executable);
  return still.length === 0 ? undefined : `the window needs ${still.join(', ')}; no package known here brings them`;
}

/** @param {string} executable */
function missingLibraries(executable) {
  const linked = ask('ldd', [executable]) ?? '';
  const lacking = [...linked.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '');
  const known = ask(findProgram('ldconfig') ?? 'ldconfig', ['-p']);
  const unloadable = known === undefined ? [] : loadedLater.filter((name) => !known.includes(name));
  return [...new Set([...lacking, ...unloadable])];
}

/** Newer releases call some libraries `…t64`. @param {readonly string[]} names */
function missingPackages(names) {
  const fields = '${Package} ${db:Status-Status}\n';
  const listed = ask('dpkg-query', ['--show', '--showformat', fields]) ?? '';
  const installed = new Set(
    listed
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.slice(0, line.indexOf(' '))),
  );
  return names.filter((name) => !installed.has(name) && !installed.has(`${name}t64`));
}

/** @param {readonly string[]} names */
function availableNames(names) {
  const known = new Set((ask('apt-cache', ['pkgnames']) ?? '').split('\n'));
  return names.map((name) => (known.has(`${name}t64`) ? `${name}t64` : name));
}

/** @param {readonly string[]} args @param {number} startedMs */
function aptGet(args, startedMs) {
  return run('apt-get', ['--option', 'DPkg::Lock::Timeout=300', '--option', 'Dpkg::Use-Pty=0', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    timeoutMs: 20 * 60_000,
    progress: { topic: 'system', every: () => `apt-get ${args[0]}, ${secondsSince(startedMs)}` },
  });
}

/** @param {string} output */
function lastLine(output) {
  const lines = output.trim().split('\n');
  return (lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1) ?? '').trim();
}
