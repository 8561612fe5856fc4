// @ts-check
/**
 * Starting other programs and telling the person what goes on. Used by every other file in tools/. Plain JavaScript
 * without packages, because it runs before anything is installed. Never reads standard input.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** True where system packages can be installed and mounts made. */
export const isRoot = process.getuid?.() === 0;

/** A set-up step that cannot go on. The message is one line that says what to do. */
export class SetupError extends Error {}

/** @param {string} topic @param {string} text */
export function say(topic, text) {
  console.log(`[${topic}] ${text}`);
}

/** @param {number} startedMs the `Date.now()` at the beginning */
export function secondsSince(startedMs) {
  return `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    for (const child of running) endGroup(child, signal);
    process.exitCode = 130;
    setTimeout(() => process.exit(130), 5000).unref();
    if (running.size === 0) process.exit(130);
  });
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal */
function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

/**
 * @typedef {object} RunOptions
 * @property {Record<string, string | undefined>} [env] added to our own; `undefined` takes one away
 * @property {string} [cwd]
 * @property {boolean} [show] true: its output goes to the terminal, false (default): it is kept and returned
 * @property {number} [timeoutMs] after this the program and its children are ended
 * @property {{ topic: string, every: () => string }} [progress] a line every ten seconds while it runs
 * @property {AbortSignal} [signal]
 */

/**
 * Runs a program to its end, in a process group of its own so that its children end with it.
 * @param {string} program @param {readonly string[]} args @param {RunOptions} [options]
 * @returns {Promise<{ code: number, output: string, timedOut: boolean }>} code 127 when it could not be started
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd ?? projectFolder,
      env: mergedEnvironment(options.env),
      stdio: ['ignore', options.show ? 'inherit' : 'pipe', options.show ? 'inherit' : 'pipe'],
      detached: process.platform !== 'win32',
    });
    running.add(child);
    let output = '';
    let timedOut = false;
    const stop = () => {
      endGroup(child, 'SIGTERM');
      setTimeout(() => endGroup(child, 'SIGKILL'), 5000).unref();
    };
    const limit =
      options.timeoutMs &&
      setTimeout(() => {
        timedOut = true;
        stop();
      }, options.timeoutMs);
    const ticker =
      options.progress &&
      setInterval(() => say(options.progress?.topic ?? '', options.progress?.every() ?? ''), 10_000);
    options.signal?.addEventListener('abort', stop, { once: true });
    /** @param {Buffer} chunk */
    const keep = (chunk) => {
      output = (output + chunk.toString('utf8')).slice(-200_000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    /** @param {number} code */
    const finish = (code) => {
      running.delete(child);
      clearTimeout(limit || undefined);
      clearInterval(ticker || undefined);
      options.signal?.removeEventListener('abort', stop);
      resolve({ code, output, timedOut });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(127);
    });
    child.once('close', (code, signal) => finish(code ?? (signal ? 128 : 1)));
  });
}

/** @param {Record<string, string | undefined>} [added] */
export function mergedEnvironment(added = {}) {
  const merged = { ...process.env, ...added };
  for (const [name, value] of Object.entries(merged)) if (value === undefined) delete merged[name];
  return merged;
}

/** Where a program lies, or undefined. @param {string} name */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
  return folders
    .filter(Boolean)
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/** A short question to a program: its output when it ends with 0, else undefined. @param {string} program @param {readonly string[]} args @param {Record<string, string | undefined>} [env] */
export function ask(program, args, env) {
  const answer = spawnSync(program, [...args], {
    encoding: 'utf8',
    env: mergedEnvironment(env),
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 30_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return answer.status === 0 ? answer.stdout : undefined;
}

/** The script behind a command of an installed package. @param {string} packageName @param {string} [command] */
export function packageCommand(packageName, command = packageName.split('/').at(-1) ?? packageName) {
  const folder = path.join(projectFolder, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = typeof bin === 'string' ? bin : bin?.[command];
  if (!file)
    throw new SetupError(
      `The package ${packageName} has no command ${command}. Delete node_modules and run this again.`,
    );
  return path.join(folder, file);
}
