/**
 * The packed program: built as the unpacked folder with electron-builder, its switches read back from the binary, then
 * started. As root it must refuse; it is started as an ordinary user, with the browser sandbox on, from a folder that
 * root owns: the way the .deb installs it.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { listPackage } from '@electron/asar';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { _electron as electron } from '@playwright/test';
import manifest from '../../package.json' with { type: 'json' };
import ui from '../../resources/locales/en/ui.json' with { type: 'json' };
import { beginPractice, mouse, walk } from '../ui/walking.ts';
import { whyWithoutRoot } from '../unless.ts';
import { everyPage, open } from './every-page.ts';
import { collectOutput, expect, homeEnvironment, projectFolder, test } from './launch.ts';
import { watchTraffic } from './traffic.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const executableName = 'slapos-field-kit';
const releaseFolder = path.join(projectFolder, 'dist/linux-unpacked');
const attachableFolder = path.join(projectFolder, 'dist/for-tests/linux-unpacked');
/** A user and group that nobody and nothing else on the machine is. */
const ordinaryUser = 60_600;

test.skip(process.platform !== 'linux', 'the folder is built and started on Linux only');
test.setTimeout(10 * 60_000);

test.beforeAll(async () => {
  test.setTimeout(10 * 60_000);
  for (const kind of ['dir', 'test']) await run(process.execPath, ['tools/package.mjs', kind], { cwd: projectFolder });
});

const fuses = (folder: string) => getCurrentFuseWire(path.join(folder, executableName));

test('the switches of the release are off but for the two that protect the archive', async () => {
  expect(await fuses(releaseFolder)).toMatchObject({
    [FuseV1Options.RunAsNode]: FuseState.DISABLE,
    [FuseV1Options.EnableCookieEncryption]: FuseState.DISABLE,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: FuseState.DISABLE,
    [FuseV1Options.EnableNodeCliInspectArguments]: FuseState.DISABLE,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: FuseState.ENABLE,
    [FuseV1Options.OnlyLoadAppFromAsar]: FuseState.ENABLE,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: FuseState.DISABLE,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: FuseState.DISABLE,
  });
});

test('the program the tests attach to differs in that one switch', async () => {
  expect(await fuses(attachableFolder)).toEqual({
    ...(await fuses(releaseFolder)),
    [FuseV1Options.EnableNodeCliInspectArguments]: FuseState.ENABLE,
  });
});

test('the archive holds the builds and the packages that stay outside them, and no sources', () => {
  const names = listPackage(path.join(releaseFolder, 'resources/app.asar'), { isPack: false });
  for (const name of ['/out/main/index.js', '/out/preload/index.cjs', '/out/renderer/index.html', '/package.json']) {
    expect(names).toContain(name);
  }
  const modules = new Set(names.flatMap((name) => /^\/node_modules\/([^/]+)$/.exec(name)?.[1] ?? []));
  expect([...modules]).toEqual(expect.arrayContaining(['ssh2', 'drivelist', 'openpgp']));
  expect([...modules].filter((name) => /^(react|vite|electron|node-linux|cpu-features)/.test(name))).toEqual([]);
  expect(names.filter((name) => /^\/(src-|test\/|tools\/)/.test(name))).toEqual([]);
});

test('keys and licences lie beside the archive as files, and no other program with them', async () => {
  const resources = await readdir(path.join(releaseFolder, 'resources'));
  expect(resources).toEqual(expect.arrayContaining(['app.asar', 'trust']));
  expect(resources).not.toContain('default_app.asar');
  const licenses = await readFile(path.join(releaseFolder, 'resources/licenses/window.md'), 'utf8');
  expect(licenses).toMatch(/^## react-dom - .* \(MIT\)$/m);
});

test('on a terminal the release is fieldkit: no display, the same answers and exit codes, stopped by Ctrl-C', async ({
  home,
}) => {
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...env } = homeEnvironment(home);
  const fieldkit = (...args: readonly string[]) => spawn(path.join(releaseFolder, 'fieldkit'), [...args], { env });
  const told = async (program: ReturnType<typeof fieldkit>) => {
    let said = '';
    program.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    const [code] = await once(program, 'close');
    return { said, code };
  };
  expect(await told(fieldkit('--version'))).toEqual({ said: `SlapOS Field Kit ${manifest.version}\n`, code: 0 });
  expect(await told(fieldkit('sites', '--json'))).toEqual({ said: '[]\n', code: 0 });
  expect(await told(fieldkit('nonsense'))).toEqual({ said: '', code: 2 });
  const walking = fieldkit('practice', '--walk');
  let written = '';
  walking.stderr.on('data', (chunk: Buffer) => {
    const begun = /^◐ /m.test(written);
    written += chunk.toString('utf8');
    if (!begun && /^◐ /m.test(written)) walking.kill('SIGINT');
  });
  expect((await told(walking)).code).toBe(11);
});

test('as root the release explains and stops', async ({ home }) => {
  const why = whyWithoutRoot('being refused as root');
  test.skip(why !== null, why ?? '');
  const program = spawn(path.join(releaseFolder, executableName), ['--no-sandbox'], { env: homeEnvironment(home) });
  let said = '';
  program.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  const ended = once(program, 'exit');
  // It also shows a message box, which nobody closes here.
  await expect.poll(() => said, { timeout: 30_000 }).toContain(ui.main.rootRefused);
  program.kill('SIGKILL');
  await ended;
  expect(existsSync(path.join(home, 'data'))).toBe(false);
});

test('the packed program starts as an ordinary user with the sandbox on', async ({ home }) => {
  const { app, output, remove } = await launchInstalled(home);
  try {
    const window = await app.firstWindow();
    await expect(window.locator('h1')).toBeVisible();
    expect(await app.evaluate(({ app: program }) => [program.isPackaged, process.getuid?.()])).toEqual([
      true,
      isRoot ? ordinaryUser : process.getuid?.(),
    ]);
    const loaded = await app.evaluate(({ app: program }) => {
      const load = process.getBuiltinModule('node:module').createRequire(`${program.getAppPath()}/`);
      return [typeof load('ssh2').Client, typeof load('openpgp').generateKey];
    });
    expect(loaded).toEqual(['function', 'function']);
    const page = await app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
    );
    const status = await readFile(`/proc/${page}/status`, 'utf8');
    // 2: system calls are filtered, as the sandbox does.
    expect(/^Seccomp:\s*(\d)/m.exec(status)?.[1]).toBe('2');
  } catch (error) {
    throw new Error(`The packed program said:\n${output()}`, { cause: error });
  } finally {
    await app.close();
    await remove();
  }
});

test('the packed program sends nothing beyond this laptop: not when it starts, on no page, not while a medium is prepared in practice', async ({
  home,
}) => {
  const watch = watchTraffic(ordinaryUser);
  if (typeof watch === 'string') return test.skip(true, watch);
  const { app, remove } = await launchInstalled(home, { FIELDKIT_PRACTICE_PACE: '0' });
  try {
    const page = await app.firstWindow();
    const silent = (where: string): void => expect(watch.packets(), where).toBe(0);
    await expect(page.locator('h1')).toBeVisible();
    silent('the start');
    await beginPractice(page, mouse);
    await walk(page, mouse, async (title) => !title.startsWith('Seal'));
    silent('preparing');
    await everyPage(page, 'practice', silent);
    // What reads on and on, on simulated sources and from the practice stick.
    await open(page, { page: 'sources', site: 'practice' });
    await page.getByRole('button', { name: ui.sources.test }).click();
    await expect(page.getByText(/sources answer$/)).toBeVisible();
    silent('testing the sources');
    await open(page, { page: 'medium', site: 'practice' });
    await page.getByRole('button', { name: ui.verify.start }).click();
    await expect(page.getByRole('region', { name: ui.verify.title }).getByRole('status')).toContainText(
      'as they were sealed',
    );
    silent('reading the medium back');
    // A site of its own, with addresses that are nobody's.
    await open(page, { page: 'new' });
    for (const [label, value] of [
      [ui.newSite.name.label, 'harbour'],
      [ui.newSite.master.label, '192.0.2.10'],
      [ui.newSite.nodes.label, 'node-1.example.org'],
      [ui.newSite.user.label, 'root'],
      [ui.newSite.interface.label, 'eth0'],
    ] as const)
      await page.getByLabel(label).fill(value);
    await page.getByRole('button', { name: ui.newSite.make }).click();
    await expect(page.locator('h1')).not.toHaveText(ui.newSite.title);
    silent('a new site');
    await everyPage(page, 'harbour', silent);
  } finally {
    await app.close();
    watch.end();
    await remove();
  }
});

async function launchInstalled(home: string, more: Readonly<Record<string, string>> = {}) {
  const installed = await installedProgram(home);
  const app = await electron.launch({
    executablePath: installed.executable,
    args: ['--lang=en-US'],
    chromiumSandbox: true,
    env: { ...homeEnvironment(installed.home), HOME: installed.home, ...installed.env, ...more },
  });
  return {
    app,
    output: collectOutput(app),
    remove: () => rm(installed.folder, { recursive: true, force: true }),
  };
}

interface Installed {
  readonly folder: string;
  readonly executable: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

/** As the .deb does: the folder owned by root, the sandbox helper with its mode. Without root: the folder as it is. */
async function installedProgram(home: string): Promise<Installed> {
  if (!isRoot)
    return { folder: path.join(home, 'none'), executable: path.join(attachableFolder, executableName), home, env: {} };
  const folder = await mkdtemp(path.join(tmpdir(), 'fieldkit-installed-'));
  await chmod(folder, 0o755);
  const program = path.join(folder, 'program');
  await cp(attachableFolder, program, { recursive: true });
  await chmod(path.join(program, 'chrome-sandbox'), 0o4755);
  const userHome = path.join(folder, 'home');
  await mkdir(userHome, { mode: 0o700 });
  const authority = path.join(userHome, '.Xauthority');
  if (process.env.XAUTHORITY && existsSync(process.env.XAUTHORITY)) {
    await copyFile(process.env.XAUTHORITY, authority);
    await chown(authority, ordinaryUser, ordinaryUser);
  }
  await chown(userHome, ordinaryUser, ordinaryUser);
  const executable = path.join(folder, 'as-ordinary-user');
  const command = `setpriv --reuid=${ordinaryUser} --regid=${ordinaryUser} --clear-groups`;
  await writeFile(executable, `#!/bin/sh\ncd '${userHome}' && exec ${command} '${program}/${executableName}' "$@"\n`, {
    mode: 0o755,
  });
  return { folder, executable, home: userHome, env: { XAUTHORITY: authority } };
}
