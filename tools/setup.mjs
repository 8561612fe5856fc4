// @ts-check
/**
 * Brings what a fresh checkout lacks and leaves alone what is there: npm packages, a Node that suits the tools, the
 * native part of drivelist, an Electron, a build newer than the sources. Called by tools/start.mjs, test.mjs and
 * package.mjs. Each `ensure…` can be run again at any time: what an interrupted one left is done anew.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureElectron as ensureElectronWith } from './electron.mjs';
import { packageCommand, projectFolder, run, SetupError, say, secondsSince } from './process.mjs';

const modules = path.join(projectFolder, 'node_modules');
const out = path.join(projectFolder, 'out');

/** What a build is made of: a change in any of these makes it anew. */
const buildSources = [
  'src-shared',
  'src-main',
  'src-renderer',
  'resources',
  'package.json',
  'package-lock.json',
  'electron.vite.config.ts',
  'tools/build-settings.ts',
  'cli.vite.config.ts',
];
const buildResults = ['main/index.js', 'preload/index.cjs', 'renderer/index.html', 'cli/fieldkit.mjs'];

/** npm packages as the lock file says. */
export async function ensurePackages() {
  if (packagesAreWhole()) return;
  const startedMs = Date.now();
  say('packages', existsSync(modules) ? 'bringing npm packages up to the lock file' : 'installing npm packages');
  /** @param {Record<string, string>} [env] */
  const install = (env) =>
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      ...(env ? { env } : {}),
      progress: { topic: 'packages', every: () => `${countPackages()} packages, ${secondsSince(startedMs)}` },
    });
  let result = await install();
  // Below Node 20.19 npm leaves out the native parts of the build tools; an npm that outlived a killed set-up may have
  // been in the way. Once more, on the Node that is now among the packages.
  if (!packagesAreWhole()) result = await withBundledNode((PATH) => install(PATH ? { PATH } : undefined));
  if (!packagesAreWhole())
    throw new SetupError(`npm ci failed. Connect to the internet and run this again.\n${tail(result.output)}`);
  say('packages', `${countPackages()} packages, ${secondsSince(startedMs)}`);
}

const bundledNode = path.join(modules, `node-${process.platform}-${process.arch}`, 'bin/node');

/**
 * Hands over a PATH that begins with a copy of the Node among the packages, because npm takes that one away.
 * @template T @param {(pathVariable: string | undefined) => Promise<T>} use @returns {Promise<T>}
 */
async function withBundledNode(use) {
  if (!existsSync(bundledNode)) return use(undefined);
  const folder = mkdtempSync(path.join(tmpdir(), 'fieldkit-node-'));
  try {
    copyFileSync(bundledNode, path.join(folder, 'node'));
    return await use(`${folder}${path.delimiter}${process.env.PATH ?? ''}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The Node the build and test tools run on (22.12 or newer): our own, else the one among the packages. */
export function toolNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return process.execPath;
  if (existsSync(bundledNode)) return bundledNode;
  throw new SetupError(
    `The build tools need Node 22.12 or newer, this is ${process.versions.node}: install a newer Node, then run this again.`,
  );
}

/** The native part of drivelist, prebuilt. Only macOS and Windows load it: on Linux drives are read with lsblk. */
export async function ensureDrivelist() {
  const folder = path.join(modules, 'drivelist');
  if (process.platform === 'linux' || existsSync(path.join(folder, 'build/Release/drivelist.node'))) return;
  say('drivelist', 'fetching its native part');
  const script = path.join(modules, 'prebuild-install/bin.js');
  const { code } = await run(toolNode(), [script, '--runtime', 'napi'], { cwd: folder, timeoutMs: 60_000 });
  if (code !== 0) say('drivelist', 'could not be fetched: drives cannot be listed until this runs with internet');
}

/** An Electron that starts, or one line that says what to do. */
export function ensureElectron() {
  return ensureElectronWith(toolNode());
}

/** The window and the command line program in out/, newer than their sources. */
export async function ensureBuild() {
  const stamp = path.join(out, '.sources');
  const wanted = digest(buildSources.flatMap((name) => contents(path.join(projectFolder, name))));
  if (readText(stamp) === wanted && buildResults.every((name) => existsSync(path.join(out, name))))
    return { code: 0, output: '' };
  const startedMs = Date.now();
  say('build', 'building the window and the command line program');
  rmSync(stamp, { force: true });
  const steps = [
    [packageCommand('electron-vite'), 'build', '--logLevel', 'warn'],
    [packageCommand('vite'), 'build', '--config', 'cli.vite.config.ts', '--logLevel', 'warn'],
  ];
  let output = '';
  for (const args of steps) {
    const result = await run(toolNode(), args, { env: { NODE_ENV: 'production' }, timeoutMs: 10 * 60_000 });
    output += result.output;
    if (result.code !== 0) return { code: result.code, output };
  }
  const absent = buildResults.filter((name) => !existsSync(path.join(out, name)));
  if (absent.length > 0) return { code: 1, output: `${output}\nThe build did not write ${absent.join(', ')}` };
  writeAtomically(stamp, wanted);
  say('build', `built in ${secondsSince(startedMs)}`);
  return { code: 0, output };
}

/**
 * Every package of the lock file that belongs on this system lies there in the right version, and npm came to its end:
 * it writes its own list last.
 */
function packagesAreWhole() {
  const wanted = JSON.parse(readFileSync(path.join(projectFolder, 'package-lock.json'), 'utf8')).packages;
  const listed = JSON.parse(readText(path.join(modules, '.package-lock.json')) ?? '{}').packages ?? {};
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === '') return true;
    if (!listed[place]) return entry.optional === true && !belongsHere(entry);
    const manifest = readText(path.join(projectFolder, place, 'package.json'));
    return listed[place].version === entry.version && manifest?.includes(`"${entry.version}"`);
  });
}

/** Only builds for one platform name both. @param {{ os?: string[], cpu?: string[], libc?: string[] }} entry */
function belongsHere(entry) {
  if (!entry.os || !entry.cpu) return false;
  return (
    entry.os.includes(process.platform) &&
    entry.cpu.includes(process.arch) &&
    (!entry.libc || entry.libc.includes(libc()))
  );
}

function libc() {
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } } | undefined} */ (process.report?.getReport());
  return report?.header?.glibcVersionRuntime ? 'glibc' : 'musl';
}

/** Those that are unpacked: npm makes all folders first, also those of other systems, which it takes away at the end. */
function countPackages() {
  const names = existsSync(modules) ? readdirSync(modules) : [];
  return names
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(path.join(modules, name)).map((own) => `${name}/${own}`) : [name],
    )
    .filter((name) => existsSync(path.join(modules, name, 'package.json'))).length;
}

/** @param {string} place a file or a folder; a missing one counts as empty @returns {(string | Buffer)[]} */
function contents(place) {
  const kind = statSync(place, { throwIfNoEntry: false });
  if (!kind) return [];
  if (kind.isDirectory())
    return readdirSync(place)
      .sort()
      .flatMap((name) => [name, ...contents(path.join(place, name))]);
  return [readFileSync(place)];
}

/** @param {readonly (string | Buffer)[]} parts */
function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} file @param {string} text */
function writeAtomically(file, text) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}

/** @param {string} output */
function tail(output) {
  return output.trim().split('\n').slice(-15).join('\n');
}
