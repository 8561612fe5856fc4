// A proxy that wants a name and a password: the name stands in the plan, the password is asked for and is written nowhere.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { OutputOf } from '../../../src-shared/api.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { startProxy } from '../../fakes/proxy.ts';
import { publishRelease, sha512Of, startUpstream } from '../../fakes/upstream-cache.ts';
import { type Asked, atTheWindow } from '../medium/at-the-window.ts';

const password = 'kept-in-memory-only';
const url = 'https://example.org/raw/1.0.358/software/slapos-master/software.cfg';

test('its password is asked for once, anew after a wrong one, and is in no file', async () => {
  const work = await mkdtemp(join(tmpdir(), 'fieldkit-proxy-'));
  onTestFinished(() => rm(work, { recursive: true, force: true }));
  const [upstream, proxy] = [await startUpstream(), await startProxy({ user: 'ada', password })];
  onTestFinished(() => upstream.close());
  onTestFinished(() => proxy.close());
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
  debian-12-amd64:
    vendor: { url: ${upstream.index}, key: k }
    archives: [{ name: debian, url: ${upstream.index}, suites: [bookworm], components: [main], key: k }]
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

  // A test of the sources knows what was said; once it was refused it asks as well.
  const tested = (said: string | null) => desk.call('sources.test', { site: 'office', password: said });
  const codes = ({ answers }: OutputOf<'sources.test'>) =>
    answers.slice(-2).map(({ problem }) => problem?.code ?? null);
  expect(codes(await tested(null))).toEqual([null, null]);
  const refused = await tested('not-it');
  expect(codes(refused)).toEqual(['proxy-login-refused', 'proxy-login-refused']);
  expect(refused.asks).toMatchObject({ kind: 'secret', id: `proxy-password:ada@${new URL(proxy.address).host}` });
  const before = proxy.refused();
  expect(await tested(null)).toMatchObject({ asks: { id: refused.asks?.id }, answers: [] });
  expect(proxy.refused()).toBe(before);
  expect(codes(await tested(password))).toEqual([null, null]);
  await desk.close();

  for (const name of await readdir(work, { recursive: true })) {
    const text = await readFile(join(work, name), 'latin1').catch(() => '');
    for (const secret of [password, 'not-it', Buffer.from(`ada:${password}`).toString('base64')])
      expect(text.includes(secret), name).toBe(false);
  }
});
