// A complete medium from which one thing after the other is taken away: the proof names each. And one whose plan asks for
// another version than was prepared.
import { spawn, spawnSync } from 'node:child_process';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeBench } from '../../../src-main/runbook/bench.ts';
import { whyWithout } from '../../unless.ts';
import { aptIn, run } from '../packages/apt.ts';
import { openPracticeBench, type PracticeBench, type PracticeHome, practiceHome, walk } from './practice-bench.ts';

/** Written after the proof, and judged by seal-medium: the list itself, the medium's mark, the copies of the site's records. */
const sealed = /^(manifest\.json(\.sig)?|medium-id|site\/.*)$/;

const entities: Readonly<Record<string, string>> = { gt: '>', lt: '<', quot: '"', '#39': "'", amp: '&' };

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** Waits until somebody listens there. */
async function answers(url: string): Promise<void> {
  for (let turn = 0; turn < 300; turn += 1) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nobody answers at ${url}`);
}

describe('a complete medium', () => {
  let place: PracticeHome;
  let bench: PracticeBench;
  let root: string;
  const signal = new AbortController().signal;

  const lookAt = async (key: string) => {
    const instance = bench.runner.instances().find((item) => item.key === key);
    if (instance === undefined) throw new Error(key);
    await bench.runner.check(instance, undefined, signal);
    const view = bench.site.view.instances[key];
    return { state: view?.verdict?.state, found: JSON.stringify(view?.found) };
  };

  beforeAll(async () => {
    place = await practiceHome();
    bench = await openPracticeBench(place);
    root = join(place.folder, 'stick', 'fieldkit');
    const ended = await walk(bench);
    expect(ended.map(({ outcome }) => outcome)).toEqual(ended.map(() => 'done'));
  }, 120_000);
  afterAll(async () => {
    await closeBench(bench);
    await rm(place.home, { recursive: true, force: true });
  });

  it('is proved incomplete when any one file is missing, and the file is named', { timeout: 300_000 }, async () => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((path) => !sealed.test(path));
    expect(files.length).toBeGreaterThan(40);
    for (const kind of [/^bcache\//, /^bdir\//, /\.deb$/, /\/InRelease$/, /by-hash/, /^trust\//, /^readme/, /^sbom/])
      expect(
        files.filter((path) => kind.test(path)),
        String(kind),
      ).not.toEqual([]);
    for (const path of files) {
      await rename(join(root, path), join(place.home, 'taken'));
      const { state, found } = await lookAt('prove-complete@site');
      await rename(join(place.home, 'taken'), join(root, path));
      expect([path, state]).toEqual([path, 'blocked']);
      expect(found, path).toContain(`${path}: not`);
    }
    expect((await lookAt('prove-complete@site')).state).toBe('done');
  });

  it.each(['manifest.json', 'manifest.json.sig'])('is not sealed without %s', async (name) => {
    await rename(join(root, name), join(place.home, 'taken'));
    const { state } = await lookAt('seal-medium@site');
    await rename(join(place.home, 'taken'), join(root, name));
    expect(state).toBe('todo');
    expect((await lookAt('seal-medium@site')).state).toBe('done');
  });

  it('is served and installed from by hand with the commands of its own page', async ({ skip }) => {
    const why = whyWithout('apt-get', 'python3', 'openssl');
    if (why !== null) return skip(why);
    const page = await readFile(join(root, 'readme.html'), 'utf8');
    const [english = ''] = page.split('<section lang="fr">');
    const commands = [...english.matchAll(/<pre>([^<]*)<\/pre>/g)].flatMap(([, text]) =>
      (text ?? '').replace(/&(gt|lt|quot|#39|amp);/g, (_, name) => entities[String(name)] ?? '').split('\n'),
    );
    const command = (start: string): string => commands.find((line) => line.startsWith(start)) ?? start;

    const port = await freePort();
    const server = spawn('sh', ['-c', `exec ${command('python3').replace('5050', `${port} --bind 127.0.0.1`)}`], {
      cwd: root,
      stdio: 'ignore',
    });
    try {
      await answers(`http://127.0.0.1:${port}/readme.html`);
      const apt = await aptIn(join(place.home, 'apt'), join(root, 'trust/repository-key.asc'));
      const here = (text: string): string =>
        text
          .replaceAll('SERVER:5050', `127.0.0.1:${port}`)
          .replaceAll('/etc/apt/keyrings/fieldkit.asc', join(place.home, 'apt/key.asc'))
          .replaceAll('/etc/apt/fieldkit.list', join(place.home, 'apt/fieldkit.list'));
      expect(run('sh', ['-c', here(command('echo'))]).status).toBe(0);
      const given = (line: string): string[] => here(line).split(' ').slice(1);
      const updated = await apt.run(
        ...given(command('apt-get -o Dir::Etc::SourceList=/etc/apt/fieldkit.list -o Dir::Etc::SourceParts=- update')),
      );
      expect([updated.status, updated.stderr]).toEqual([0, '']);
      const last = commands.find((line) => line.startsWith('apt-get') && line.includes(' install ')) ?? '';
      const installed = await apt.run('--simulate', ...given(last));
      expect([installed.status, installed.stdout]).toEqual([0, expect.stringContaining('Inst slapos-node')]);
      const downloaded = await apt.run('--download-only', ...given(last));
      expect(downloaded.status, downloaded.stderr).toBe(0);
      expect((await apt.archives()).length).toBeGreaterThan(20);
      const sealing = commands.filter((line) => /^(head|openssl)/.test(line)).join(' && ');
      const verified = spawnSync('sh', ['-c', sealing.replaceAll('/tmp/manifest.sig', join(place.home, 'sig'))], {
        cwd: root,
      });
      expect([verified.status, String(verified.stdout)]).toEqual([0, expect.stringContaining('Verified Successfully')]);
    } finally {
      server.kill();
    }
    return undefined;
  }, 120_000);

  it('carries a bill of materials of everything on it, and no private key', async () => {
    const text = await readFile(join(root, 'sbom.cdx.json'), 'utf8');
    const { components } = JSON.parse(text) as { components: { properties: { name: string; value: string }[] }[] };
    const paths = components.flatMap(({ properties }) =>
      properties.flatMap(({ name, value }) => (name === 'fieldkit:path' ? [value] : [])),
    );
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const carried = files.map((path) => path.slice(root.length + 1)).filter((path) => /\.deb$|^bcache\//.test(path));
    expect([...paths].sort()).toEqual(carried.sort());
    for (const path of files) expect(await readFile(path, 'latin1'), path).not.toMatch(/-----BEGIN [A-Z ]*PRIVATE KEY/);
  });

  it('is proved incomplete when the plan asks for another version than was prepared', async () => {
    const path = join(place.siteFolder, 'site.yaml');
    const text = await readFile(path, 'utf8');
    await closeBench(bench);
    await writeFile(path, text.replace('1.0.499/software/slapos-master', '1.0.500/software/slapos-master'));
    bench = await openPracticeBench(place);
    const { state, found } = await lookAt('prove-complete@site');
    expect(state).toBe('blocked');
    expect(found).toMatch(/slapos-master: resolved for \S+1\.0\.499\S+, the site asks for \S+1\.0\.500/);
  });
});
