// Proxies by a configuration script (PAC) of the plan: real proxies, a real server of the script, real archives, all on loopback.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Loopback, serveFiles } from '../../fakes/loopback-archive.ts';
import { type LoopbackProxy, startProxy } from '../../fakes/proxy.ts';
import { atTheWindow } from '../medium/at-the-window.ts';

let archive: Loopback;
let [first, second, locked]: LoopbackProxy[] = [];
let work: string;
beforeAll(async () => {
  archive = await serveFiles(
    new Map(['vendor/InRelease', 'debian/dists/x/InRelease'].map((path) => [path, Buffer.from('signed')])),
  );
  [first, second, locked] = await Promise.all([
    startProxy(),
    startProxy(),
    startProxy({ user: 'ada', password: 'kept-in-memory-only' }),
  ]);
  work = await mkdtemp(join(tmpdir(), 'fieldkit-pac-'));
});
afterAll(async () => {
  await Promise.all([archive, first, second, locked].map((one) => one?.close()));
  await rm(work, { recursive: true, force: true });
});

let sites = 0;
/** What `sources test` of a site with this proxy says: the problem or the way of each address. */
async function tested(proxy: string, { user = '', password = null as string | null } = {}) {
  sites += 1;
  const home = join(work, `home-${sites}`);
  const plan = join(work, 'plan.yaml');
  await writeFile(
    plan,
    `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: 127.0.0.1, port: 1, release: "12", interface: eth0 }
sources:
  proxy: "${proxy}"
${user === '' ? '' : `  proxyUser: ${user}\n`}  debian-12-amd64:
    vendor: { url: "${archive.url}/vendor", key: k }
    archives: [{ name: debian, url: "${archive.url}/debian", suites: [x], components: [main], key: k }]
`,
  );
  const desk = await atTheWindow(home, { plan });
  onTestFinished(() => desk.close());
  const { answers } = await desk.call('sources.test', { site: 'office', password });
  return answers.map(({ way, problem }) => problem ?? way);
}

/** Serves a script; `asked` counts. */
async function serveScript(script: string) {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end(script);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/proxy.pac`;
  return { address, asked: () => asked };
}

const find = (body: string) => `function FindProxyForURL(url, host) { ${body} }`;
const where = (proxy: LoopbackProxy | undefined) => proxy?.address.slice('http://'.length) ?? '';

test('the script that the plan names is fetched once, and its proxies are tried in turn', async () => {
  const answer = `PROXY 127.0.0.1:1; PROXY ${where(first)}; DIRECT`;
  const served = await serveScript(find(`return isInNet(host, "127.0.0.0", "255.0.0.0") ? "${answer}" : "DIRECT"`));
  const before = first?.asked.length ?? 0;
  expect(await tested(`pac+${served.address}`)).toEqual([first?.address, first?.address]);
  expect(served.asked()).toBe(1);
  expect(first?.asked.slice(before).toSorted()).toEqual([
    `${archive.url}/debian/dists/x/InRelease`,
    `${archive.url}/vendor/InRelease`,
  ]);
  expect(archive.asked.length).toBeGreaterThan(1);
});

test('a script in a file, that sends no proxy first', async () => {
  const file = join(work, 'proxy.pac');
  await writeFile(file, find(`return "DIRECT; PROXY ${where(second)}"`));
  expect(await tested(`pac+${pathToFileURL(file).href}`)).toEqual(['direct', 'direct']);
  expect(second?.asked).toEqual([]);
});

test('what cannot be used is told by a problem of its own', async () => {
  const of = async (body: string) => (await tested(`pac+${(await serveScript(body)).address}`))[0];
  expect(await of(find('return "SOCKS 127.0.0.1:1080"'))).toMatchObject({ code: 'proxy-kind-unusable' });
  expect(await of(find('throw new Error("out of order")'))).toMatchObject({
    code: 'proxy-script-failed',
    params: { detail: 'out of order' },
  });
  expect(await of(`// ${'x'.repeat(1024 * 1024)}`)).toMatchObject({ code: 'proxy-script-unreachable' });
  expect((await tested('pac+http://127.0.0.1:1/proxy.pac'))[0]).toMatchObject({
    code: 'proxy-script-unreachable',
    params: { script: 'http://127.0.0.1:1/proxy.pac' },
  });
  for (const path of ['/no/such.pac', '/dev/zero', work])
    expect((await tested(`pac+file://${path}`))[0]).toMatchObject({ code: 'proxy-script-unreachable' });
  expect(await of(find('return "PROXY 127.0.0.1:1"'))).toMatchObject({ code: 'download-failed' });
});

test('a login goes to the script’s proxies, but not where anybody on the way may name them', async () => {
  const file = join(work, 'login.pac');
  await writeFile(file, find(`return "PROXY ${where(locked)}"`));
  const script = `pac+${pathToFileURL(file).href}`;
  expect(await tested(script, { user: 'ada', password: 'kept-in-memory-only' })).toEqual([
    locked?.address,
    locked?.address,
  ]);
  expect((await tested(script, { user: 'ada', password: 'not-it' }))[0]).toMatchObject({ code: 'proxy-login-refused' });
  expect((await tested(script))[0]).toMatchObject({ code: 'proxy-login-refused' });
  await expect(tested('pac+http://wpad.example/p.pac', { user: 'ada' })).rejects.toMatchObject({
    code: 'site-plan-invalid',
    data: { params: { fault: 'proxy-login-open' } },
  });
});
