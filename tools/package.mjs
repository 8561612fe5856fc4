// @ts-check
/**
 * Packs the program with electron-builder. `npm run package` makes the targets of electron-builder.yml with the official
 * Electron (it fetches packing tools). `npm run package:dir` makes the unpacked folder with the Electron at hand:
 * dist/linux-unpacked. With `test` in place of `dir` the folder lies in dist/for-tests and differs in one switch:
 * Playwright may attach to it.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { packageCommand, projectFolder, run, SetupError, say, secondsSince } from './process.mjs';
import { ensureBuild, ensureDrivelist, ensureElectron, ensurePackages, toolNode } from './setup.mjs';

/** @param {'dir' | 'test'} kind @returns {Promise<string[]>} the arguments for the Electron at hand */
async function folderArguments(kind) {
  const electron = await ensureElectron();
  if ('missing' in electron) throw new SetupError(electron.missing);
  return [
    '--dir',
    `--config.electronDist=${electron.folder}`,
    `--config.electronVersion=${electron.version}`,
    ...(kind === 'test'
      ? ['--config.electronFuses.enableNodeCliInspectArguments=true', '--config.directories.output=dist/for-tests']
      : []),
  ];
}

async function main() {
  const startedMs = Date.now();
  const kind = process.argv[2];
  await ensurePackages();
  await ensureDrivelist();
  const build = await ensureBuild();
  if (build.code !== 0) throw new SetupError(`The build failed:\n${build.output.trim()}`);
  const folder = kind === 'dir' || kind === 'test';
  const args = folder ? await folderArguments(kind) : process.argv.slice(2);
  const config = path.join(projectFolder, 'electron-builder.yml');
  const command = [packageCommand('electron-builder'), '--config', config, '--publish', 'never', ...args];
  const { code, output } = await run(toolNode(), command, { timeoutMs: 30 * 60_000 });
  if (code !== 0) throw new SetupError(`electron-builder failed:\n${output.trim().split('\n').slice(-30).join('\n')}`);
  if (folder) {
    // Loads other programs from the command line; electron-builder takes it away from an Electron it fetched itself.
    const output = path.join(projectFolder, kind === 'test' ? 'dist/for-tests' : 'dist', 'linux-unpacked');
    rmSync(path.join(output, 'resources/default_app.asar'), { force: true });
  }
  say('package', `done in ${secondsSince(startedMs)}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
