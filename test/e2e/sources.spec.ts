// A proxy configuration script in real Electron: its interpreter, in a thread of the main process, and the answer on the page.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { serveFiles } from '../fakes/loopback-archive.ts';
import { startProxy } from '../fakes/proxy.ts';
import { expect, homeEnvironment, launchKit, projectFolder, test } from './launch.ts';

const cli = join(projectFolder, 'out/cli/fieldkit.mjs');

test('the proxy that the office’s script names is used, and told beside each source', async ({ home }) => {
  const names = ['vendor/InRelease', 'debian/dists/x/InRelease'];
  const archive = await serveFiles(new Map(names.map((name) => [name, Buffer.from('signed')])));
  const proxy = await startProxy();
  const script = join(home, 'proxy.pac');
  await writeFile(script, `function FindProxyForURL() { return "PROXY ${new URL(proxy.address).host}"; }`);
  await writeFile(
    join(home, 'plan.yaml'),
    `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: 127.0.0.1, port: 1, release: "12", interface: eth0 }
sources:
  proxy: "pac+${pathToFileURL(script).href}"
  debian-12-amd64:
    vendor: { url: "${archive.url}/vendor", key: k }
    archives: [{ name: debian, url: "${archive.url}/debian", suites: [x], components: [main], key: k }]
`,
  );
  await promisify(execFile)(process.execPath, [cli, 'sites', 'create', 'plan.yaml'], {
    cwd: home,
    env: homeEnvironment(home),
  });
  const { app, window: page } = await launchKit({ home });
  try {
    await page
      .getByRole('button', { name: /^office\b/ })
      .or(page.getByRole('link', { name: /^office\b/ }))
      .first()
      .click();
    await expect(page.locator('h1')).toHaveText('office');
    await page.evaluate(() => {
      window.location.hash = '#/site/office/sources';
    });
    await page.getByRole('button', { name: 'Ask every source' }).click();
    await expect(page.locator('main li').filter({ hasText: `through ${proxy.address}` })).toHaveCount(names.length, {
      timeout: 30_000,
    });
    expect(proxy.asked.toSorted()).toEqual(names.map((name) => `${archive.url}/${name}`).toSorted());
  } finally {
    await app.close();
    await Promise.all([archive.close(), proxy.close()]);
  }
});
