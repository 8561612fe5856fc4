// A proxy that wants a name and a password: the name stands in the plan, the password is asked for and is written nowhere.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { publishRelease, sha512Of, startUpstream } from '../../fakes/upstream-cache.ts';
import { type Asked, atTheWindow } from '../medium/at-the-window.ts';

const password = 'kept-in-memory-only';
const url = 'https://example.org/raw/1.0.358/software/slapos-master/software.cfg';

/** Hands plain http on for whoever logs in. */
async function proxyWithLogin(): Promise<{ readonly address: string; readonly refused: () => number }> {
  const right = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
  let refused = 0;
  const server = createServer((incoming, response) => {
    if (incoming.headers['proxy-authorization'] !== right) {
      refused += 1;
      return void response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end();
    }
    const { 'proxy-authorization': _login, ...headers } = incoming.headers;
    const onward = ask(incoming.url ?? '', { method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy()).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, refused: () => refused };
}

test('its password is asked for once, anew after a wrong one, and is in no file', async () => {
  const work = await mkdtemp(join(tmpdir(), 'fieldkit-proxy-'));
  onTestFinished(() => rm(work, { recursive: true, force: true }));
  const [upstream, proxy] = [await startUpstream(), await proxyWithLogin()];
  onTestFinished(() => upstream.close());
  const signer = await upstream.newSigner('signer');
  const blob = Buffer.alloc(20_000, 7);
  await publishRelease(upstream, signer, url, blob);
  await writeFile(join(work, 'signer.pem'), signer.certificatePem);
  const stick = join(work, 'stick');
  await mkdir(stick);
  await writeFile(
    join(work, 'plan.yaml'),
    `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: "fd00::1", release: "12", interface: eth0 }
releases:
  - { name: slapos-master, url: ${url} }
sources:
  cache: { index: ${upstream.index}/, blobs: ${upstream.blobs}, certificates: [${join(work, 'signer.pem')}] }
  proxy: ${proxy.address}
  proxyUser: ada
`,
  );
  const desk = await atTheWindow(join(work, 'home'), { plan: join(work, 'plan.yaml') });
  onTestFinished(() => desk.close());
  const asked: string[] = [];
  const run = (instance: string, say: string | null) =>
    desk.run(
      {
        site: 'office',
        instances: [instance],
        inputs: instance.startsWith('choose') ? { [instance]: { path: stick } } : {},
      },
      async (what: Asked) => {
        if (what.kind === 'confirm') return 'yes';
        asked.push(`${what.question.kind} ${what.question.id}`);
        return say;
      },
    );
  const mirror = 'mirror-software@release:slapos-master';
  // What fetches nothing asks for nothing.
  expect(await run('describe-site@site', null)).toMatchObject({ outcome: 'done' });
  expect(await run('choose-medium@site', null)).toMatchObject({ outcome: 'done' });
  expect(asked).toEqual([]);

  expect(await run(mirror, 'not-it')).toEqual({ outcome: 'failed', code: 'proxy-login-refused' });
  expect(proxy.refused()).toBeGreaterThan(0);
  expect(await run(mirror, password)).toEqual({ outcome: 'done', code: null });
  const question = `secret proxy-password:ada@${new URL(proxy.address).host}`;
  expect(asked).toEqual([question, question]);
  expect((await readFile(join(stick, 'fieldkit', mediumPaths.blob(sha512Of(blob))))).equals(blob)).toBe(true);
  expect(await run(mirror, null)).toEqual({ outcome: 'done', code: null });
  await desk.close();

  for (const name of await readdir(work, { recursive: true })) {
    const text = await readFile(join(work, name), 'latin1').catch(() => '');
    for (const secret of [password, 'not-it', Buffer.from(`ada:${password}`).toString('base64')])
      expect(text.includes(secret), name).toBe(false);
  }
});
