/**
 * What the window may not do, asserted one by one in real Electron: preferences, page origin, content policy, network,
 * permissions, navigation, the bridge, the sender of a call, one program at a time. The switches of the binary itself
 * are read in package.spec.ts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contentPolicy } from '../../src-main/app/content-policy.ts';
import { electronExecutable, expect, homeEnvironment, type Kit, projectFolder, test } from './launch.ts';

interface Bridge {
  readonly invoke: (name: string, input: unknown) => Promise<unknown>;
}
declare const window: Window & { readonly fieldkit: Bridge };

/** A server that must never be asked for anything. */
let server: Server;
let asked: string[] = [];
let outside = '';

test.beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('access-control-allow-origin', '*').end('<title>outside</title>');
  });
  server.on('upgrade', (request, socket) => {
    asked.push(`upgrade ${request.url}`);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  outside = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
test.beforeEach(() => {
  asked = [];
});
test.afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const startPage = 'app://kit/index.html';

test('the window is sandboxed, isolated and without Node', async ({ kit }) => {
  const preferences = await kit.app.evaluate(({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown as {
      getLastWebPreferences(): Record<string, unknown>;
    };
    return contents.getLastWebPreferences();
  });
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
  });
});

test('the page has no Node and of the bridge only two functions', async ({ kit }) => {
  const found = await kit.window.evaluate(() => ({
    node: ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer'].filter(
      (name) => name in window,
    ),
    bridge: Object.keys(window.fieldkit).sort(),
  }));
  expect(found).toEqual({ node: [], bridge: ['invoke', 'onEvent'] });
});

test('the page has an origin of its own and reads nothing outside its folder', async ({ kit }) => {
  expect(await kit.window.evaluate(() => [location.origin, isSecureContext])).toEqual(['app://kit', true]);
  const statuses = await kit.window.evaluate(async () => {
    const addresses = [
      '/index.html',
      '/../../package.json',
      '/%2e%2e/%2e%2e/package.json',
      '/..%2f..%2fpackage.json',
      '/%00',
      '/%zz',
    ];
    return Promise.all(addresses.map(async (address) => (await fetch(`app://kit${address}`)).status));
  });
  expect(statuses).toEqual([200, 404, 404, 404, 404, 404]);
  const foreign = await kit.window.evaluate(() =>
    Promise.all(
      ['app://other/index.html', 'file:///etc/hostname'].map((address) =>
        fetch(address).then(
          () => 'answered',
          () => 'refused',
        ),
      ),
    ),
  );
  expect(foreign).toEqual(['refused', 'refused']);
});

test('every page load carries the content policy with a nonce of its own', async ({ kit }) => {
  const policies = await kit.window.evaluate(() =>
    Promise.all(
      [1, 2].map(async () => (await fetch('app://kit/index.html')).headers.get('content-security-policy') ?? ''),
    ),
  );
  const nonces = policies.map((policy) => /'nonce-([^']+)'/.exec(policy)?.[1] ?? '');
  expect(policies).toEqual(nonces.map(contentPolicy));
  expect(nonces[0]).not.toBe(nonces[1]);
  expect(nonces[0]?.length).toBeGreaterThan(16);
});

test('the content policy holds: no inline script, no evaluation', async ({ kit }) => {
  const ran = await kit.window.evaluate(async () => {
    const violated: string[] = [];
    document.addEventListener('securitypolicyviolation', (event) => violated.push(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'window.inlineRan = true';
    document.body.append(script);
    // From a timer: what the test driver itself calls may evaluate.
    const evaluated = await new Promise((resolve) => {
      setTimeout(() => {
        try {
          resolve(new Function('return true')());
        } catch {
          resolve(false);
        }
      }, 100);
    });
    return { inline: 'inlineRan' in window, evaluated, violated: violated.length > 0 };
  });
  expect(ran).toEqual({ inline: false, evaluated: false, violated: true });
});

test('loading the window violates no policy and logs no error', async ({ kit }) => {
  const messages: string[] = [];
  kit.window.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') messages.push(message.text());
  });
  kit.window.on('pageerror', (error) => messages.push(error.message));
  await kit.window.reload();
  await expect(kit.window.locator('h1')).toBeVisible();
  expect(messages).toEqual([]);
});

test('nothing asks the network: neither the page nor its session', async ({ kit }) => {
  await kit.window.evaluate(async (host) => {
    const image = new Image();
    image.src = `http://${host}/image`;
    document.body.append(image);
    await fetch(`http://${host}/fetch`).catch(() => null);
    try {
      new WebSocket(`ws://${host}/socket`);
    } catch {
      // Refused at once is as good.
    }
    navigator.sendBeacon(`http://${host}/beacon`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }, outside);
  const session = await kit.app.evaluate(
    ({ session: sessions }, host) =>
      sessions.defaultSession.fetch(`http://${host}/session`).then(
        () => 'answered',
        (error: Error) => error.message,
      ),
    outside,
  );
  expect(session).toContain('ERR_BLOCKED_BY_CLIENT');
  expect(asked).toEqual([]);
});

test('every permission but writing to the clipboard is refused', async ({ kit }) => {
  const names = ['geolocation', 'notifications', 'camera', 'microphone', 'midi', 'clipboard-read'];
  const states = await kit.window.evaluate(
    (asking) =>
      Promise.all(
        asking.map(async (name) => (await navigator.permissions.query({ name: name as PermissionName })).state),
      ),
    names,
  );
  expect(states).toEqual(names.map(() => 'denied'));
  const wanted = await kit.window.evaluate(async () => {
    const outcome = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => 'granted',
        () => 'refused',
      );
    return {
      notification: await Notification.requestPermission(),
      camera: await outcome(navigator.mediaDevices.getUserMedia({ video: true })),
      place: await outcome(new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject))),
    };
  });
  expect(wanted).toEqual({ notification: 'denied', camera: 'refused', place: 'refused' });
});

test('copying to the clipboard works', async ({ kit }) => {
  await kit.window.bringToFront();
  await expect.poll(() => kit.window.evaluate(() => document.hasFocus())).toBe(true);
  await kit.window.evaluate(() => navigator.clipboard.writeText('apt-get update'));
  // The page is told that it may go on before the main process has taken the text over.
  await expect.poll(() => kit.app.evaluate(({ clipboard }) => clipboard.readText())).toBe('apt-get update');
});

test('the window cannot be led elsewhere nor open another', async ({ kit }) => {
  const before = kit.window.url();
  const opened = await kit.window.evaluate(async (host) => {
    const other = window.open(`http://${host}/window`);
    const link = document.createElement('a');
    link.href = `http://${host}/link`;
    link.target = '_blank';
    document.body.append(link);
    link.click();
    location.href = `http://${host}/away`;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return other !== null;
  }, outside);
  expect(opened).toBe(false);
  expect(kit.window.url()).toBe(before);
  expect(await windowCount(kit)).toBe(1);
  expect(asked).toEqual([]);
});

test('a frame or web view inside the page shows nothing', async ({ kit }) => {
  await kit.window.evaluate(async (host) => {
    for (const kind of ['iframe', 'webview']) {
      const element = document.createElement(kind);
      element.setAttribute('src', `http://${host}/${kind}`);
      document.body.append(element);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }, outside);
  expect(asked).toEqual([]);
  const attached = await kit.app.evaluate(({ webContents }) =>
    webContents.getAllWebContents().map((each) => each.getType()),
  );
  expect(attached).toEqual(['window']);
});

test('a call that is unknown or makes no sense is refused with a problem', async ({ kit }) => {
  const unknown = await kit.window.evaluate(() =>
    window.fieldkit.invoke('shell.run', {}).then(
      () => 'answered',
      () => 'refused',
    ),
  );
  expect(unknown).toBe('refused');
  const wrong = await kit.window.evaluate(() => window.fieldkit.invoke('sites.open', { site: 42 }));
  expect(wrong).toMatchObject({ problem: { code: 'usage-wrong' } });
});

test('a call from any other page is refused, even with our own address and bridge', async ({ kit }) => {
  const answer = await kit.app.evaluate(async ({ BrowserWindow, app }, address) => {
    const stranger = new BrowserWindow({
      show: false,
      webPreferences: { preload: `${app.getAppPath()}/out/preload/index.cjs`, sandbox: true },
    });
    await stranger.loadURL(address);
    const given = await stranger.webContents.executeJavaScript("window.fieldkit.invoke('app.info', {})");
    stranger.destroy();
    return given;
  }, startPage);
  expect(answer).toMatchObject({ problem: { code: 'usage-wrong' } });
  expect(await kit.window.evaluate(() => window.fieldkit.invoke('app.info', {}))).toHaveProperty('value.version');
});

test('a second program on the same data ends at once and calls the first to the front', async ({ kit }) => {
  await kit.app.evaluate(({ app }) => {
    app.once('second-instance', () => {
      process.env.FIELDKIT_CALLED = 'yes';
    });
  });
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const second = spawn(electronExecutable(), [...sandbox, projectFolder], {
    env: homeEnvironment(kit.home),
    stdio: 'ignore',
  });
  const [code] = (await once(second, 'exit')) as [number];
  expect(code).toBe(0);
  expect(await windowCount(kit)).toBe(1);
  await expect.poll(() => kit.app.evaluate(() => process.env.FIELDKIT_CALLED)).toBe('yes');
});

test('the ciphers ssh connections can use are those we count on', async ({ kit }) => {
  const ciphers = await kit.app.evaluate(() => process.getBuiltinModule('node:crypto').getCiphers());
  expect(ciphers).toEqual(expect.arrayContaining(['aes-128-gcm', 'aes-256-gcm', 'aes-128-ctr', 'aes-256-ctr']));
  expect(ciphers).not.toContain('chacha20');
});

function windowCount(kit: Kit): Promise<number> {
  return kit.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);
}
