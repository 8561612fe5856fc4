// @ts-check
/**
 * `npm start`: brings what is missing, builds when the sources are newer, opens the window. Where no window can be
 * shown, or nobody is at standard input, the practice site is walked in the terminal instead, and it says so.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { isRoot, mergedEnvironment, projectFolder, SetupError, say } from './process.mjs';
import { ensureBuild, ensureDrivelist, ensureElectron, ensurePackages } from './setup.mjs';

/** @returns {Promise<string | undefined>} why no window will be shown, or undefined */
async function reasonForTerminal() {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) return 'there is no display';
  if (await standardInputIsClosed()) return 'standard input is closed';
  return undefined;
}

/** True at once for /dev/null and a closed pipe, false for a terminal and for a pipe somebody holds open. */
function standardInputIsClosed() {
  if (process.stdin.isTTY) return Promise.resolve(false);
  return new Promise((resolve) => {
    /** @param {boolean} closed */
    const decide = (closed) => {
      clearTimeout(limit);
      process.stdin.destroy();
      resolve(closed);
    };
    const limit = setTimeout(() => decide(false), 300);
    process.stdin.once('end', () => decide(true));
    process.stdin.once('error', () => decide(true));
    process.stdin.once('data', () => decide(false));
  });
}

/**
 * Runs the program in the foreground, on this terminal, until it ends.
 * @param {string} program @param {readonly string[]} args @param {Record<string, string | undefined>} [env]
 * @returns {Promise<number>} its exit code
 */
function foreground(program, args, env) {
  const child = spawn(program, [...args], { cwd: projectFolder, stdio: 'inherit', env: mergedEnvironment(env) });
  // Ctrl-C reaches the child as well; we wait for it to end in order.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
  });
}

/** @param {string} reason */
function walkPractice(reason) {
  say(
    'start',
    `${reason}: walking the practice site in this terminal, with its own answers, instead of opening the window`,
  );
  return foreground(process.execPath, [path.join(projectFolder, 'out/cli/fieldkit.mjs'), 'practice', '--walk']);
}

const withoutWindow = '"npm start </dev/null" walks the practice site in this terminal.';

async function openWindow() {
  const electron = await ensureElectron();
  if ('missing' in electron) throw new SetupError(`${electron.missing}\nUntil then ${withoutWindow}`);
  if (isRoot)
    say(
      'start',
      'running as root: the sandbox of the browser part is off. Start it as an ordinary user to have it on.',
    );
  say('start', `opening the window (Electron ${electron.version})`);
  const args = [...(isRoot ? ['--no-sandbox'] : []), projectFolder, ...process.argv.slice(2)];
  const startedMs = Date.now();
  const code = await foreground(electron.executable, args, {
    ELECTRON_RUN_AS_NODE: undefined,
    NODE_OPTIONS: undefined,
  });
  if (code !== 0 && Date.now() - startedMs < 5000) {
    say('start', `the window did not open. ${withoutWindow}`);
  }
  return code;
}

async function main() {
  const reason = await reasonForTerminal();
  await ensurePackages();
  await ensureDrivelist();
  const build = await ensureBuild();
  if (build.code !== 0) throw new SetupError(`The build failed:\n${build.output.trim()}`);
  return reason ? walkPractice(reason) : openWindow();
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
