/**
 * Starts the built program in real Electron on a data folder of its own, for the tests of the e2e project. Never touches
 * the data of the person who runs the tests. The screen comes from tools/test.mjs (Xvfb).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test as base, type ElectronApplication, _electron as electron, type Page } from '@playwright/test';
import { findElectron } from '../../tools/electron.mjs';

export const projectFolder = path.resolve(import.meta.dirname, '../..');

export interface Kit {
  readonly app: ElectronApplication;
  readonly window: Page;
  /** `FIELDKIT_HOME` of this program. */
  readonly home: string;
  /** What the main process wrote to its standard output and error so far. */
  readonly output: () => string;
}

export interface LaunchOptions {
  /** An existing `FIELDKIT_HOME`, to start again on what an earlier program left. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** The executable the tests run on; throws when `npm test` has not brought one. */
export function electronExecutable(): string {
  const executable = process.env.FIELDKIT_ELECTRON ?? findElectron()?.executable;
  if (executable === undefined) throw new Error('No Electron here yet: npm run e2e brings one.');
  return executable;
}

/** The environment of a program that keeps everything under `home`. */
export function homeEnvironment(home: string): Record<string, string> {
  const inherited = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const { ELECTRON_RUN_AS_NODE: _node, NODE_OPTIONS: _options, ...env } = Object.fromEntries(inherited);
  return {
    ...env,
    FIELDKIT_HOME: home,
    XDG_CONFIG_HOME: path.join(home, 'xdg', 'config'),
    XDG_CACHE_HOME: path.join(home, 'xdg', 'cache'),
    XDG_DATA_HOME: path.join(home, 'xdg', 'data'),
  };
}

/** Starts the program of this checkout (out/) and waits for its window. The caller closes it: `kit.app.close()`. */
export async function launchKit({ home, env = {}, args = [] }: LaunchOptions): Promise<Kit> {
  const app = await electron.launch({
    executablePath: electronExecutable(),
    args: [projectFolder, '--lang=en-US', ...args],
    cwd: home,
    env: { ...homeEnvironment(home), ...env },
  });
  const output = collectOutput(app);
  try {
    return { app, window: await app.firstWindow({ timeout: 30_000 }), home, output };
  } catch (error) {
    await app.close();
    throw new Error(`The program opened no window. It said:\n${output()}`, { cause: error });
  }
}

export function collectOutput(app: ElectronApplication): () => string {
  let text = '';
  for (const stream of [app.process().stdout, app.process().stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
  }
  return () => text;
}

/** `test` with a fresh `home`, removed afterwards, and a running `kit` on it; a failure keeps picture and output. */
export const test = base.extend<{ home: string; kit: Kit }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from this pattern
  home: async ({}, use) => {
    const home = await mkdtemp(path.join(tmpdir(), 'fieldkit-e2e-'));
    await use(home);
    await rm(home, { recursive: true, force: true });
  },
  kit: async ({ home }, use, testInfo) => {
    const kit = await launchKit({ home });
    await use(kit);
    if (testInfo.status !== testInfo.expectedStatus) {
      const picture = await kit.window.screenshot().catch(() => null);
      if (picture !== null) await testInfo.attach('window', { body: picture, contentType: 'image/png' });
      await testInfo.attach('output', { body: kit.output(), contentType: 'text/plain' });
    }
    await kit.app.close();
  },
});

export { expect } from '@playwright/test';
