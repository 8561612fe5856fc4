// A sealed medium, and the site that it was made for rehearsed from it: whole, and with things of each kind taken away or changed.
// What it was prepared from is gone, machines there are none, and no connection is opened.
import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { closeBench } from '../../../src-main/runbook/bench.ts';
import { passed, type Rehearsal } from '../../../src-shared/rehearsal.ts';
import { openPracticeBench, type PracticeBench, type PracticeHome, practiceHome, walk } from './practice-bench.ts';

const signal = new AbortController().signal;
let place: PracticeHome;
let bench: PracticeBench;
let root: string;
/** Everything of the medium, and the site's journal. */
let before: string;

const rehearse = (): Promise<Rehearsal> => bench.kit.rehearse('practice', null, () => undefined, signal);

async function hashOfAll(): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const hash = createHash('sha256');
  for (const path of [...files.sort(), join(place.siteFolder, 'journal.jsonl')])
    hash.update(`${path}\n`).update(await readFile(path));
  return hash.digest('hex');
}

/** With the files taken away, and put back afterwards. */
async function without<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
  const aside = (path: string): string => join(place.home, basename(path));
  for (const path of paths) await rename(join(root, path), aside(path));
  try {
    return await act();
  } finally {
    for (const path of paths) await rename(aside(path), join(root, path));
  }
}

const failing = ({ steps }: Rehearsal) =>
  Object.fromEntries(
    steps.flatMap(({ instance, outcome, lacking }) =>
      outcome === 'failed' ? [[instance, lacking.map(({ path, code }) => `${path} ${code}`)]] : [],
    ),
  );

const debNamed = (name: string): string => {
  const packages = bench.site.lock.systems['debian-12-amd64']?.packages ?? [];
  return `debian/debian-12-amd64/${packages.find((item) => item.name === name)?.path}`;
};
const blobOf = (release: string): string => `bcache/${bench.site.lock.releases[release]?.entries[0]?.sha512}`;

beforeAll(async () => {
  place = await practiceHome();
  bench = await openPracticeBench(place);
  const office = bench.runner.instances().filter(({ phase }) => phase === 'prepare');
  expect((await walk(bench, [], office)).filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  root = join(place.folder, 'stick/fieldkit');
  await rename(join(place.folder, 'network'), join(place.folder, 'network-gone'));
  before = await hashOfAll();
}, 240_000);
beforeEach(() => {
  const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(() => {
    throw new Error('a rehearsal opened a connection');
  });
  return () => {
    spy.mockRestore();
  };
});
afterAll(async () => {
  await closeBench(bench);
  await rm(place.home, { recursive: true, force: true });
});

describe('a rehearsal', { timeout: 120_000 }, () => {
  it('runs every step from a whole medium, says what each took, and leaves site and medium as they were', async () => {
    const said: string[] = [];
    const came = await bench.kit.rehearse('practice', null, ({ step }) => said.push(step), signal);
    const onSite = bench.runner.instances().filter(({ phase }) => phase === 'site');
    expect(came.steps.map(({ instance }) => instance)).toEqual(onSite.map(({ key }) => key));
    expect(said).toEqual(onSite.map(({ key }) => key));
    expect([passed(came), failing(came), came.unasked]).toEqual([true, {}, []]);
    // Only what signs and what comes after it did not run.
    const notRun = came.steps.filter(({ outcome }) => outcome === 'asked');
    expect(notRun.map(({ instance, notRun: why }) => [instance.replace(/@.*/, ''), why])).toEqual([
      ['record-site', 'signs-or-writes'],
      ['close-site', 'comes-after'],
      ['close-site', 'comes-after'],
      ['compare-with-record', 'comes-after'],
    ]);
    const took = (key: string) => came.steps.find(({ instance }) => instance === key);
    expect(took('install-slapos-node@machine:master-1')?.packages).toEqual(
      expect.arrayContaining(['slapos-node', 'cron', 'gcc-12']),
    );
    expect(took('install-master-software@machine:master-1')?.releases).toEqual(['slapos-master']);
    expect(took('install-frontend@machine:node-1')?.releases).toEqual(['rapid-cdn']);
    expect(took('request-master@machine:master-1')).toMatchObject({ outcome: 'done', files: 0 });
    expect(await hashOfAll()).toBe(before);
    // What it came to is kept for the window; another state of the medium makes it old.
    expect(await bench.kit.parts.rehearsal.last(bench.site)).toEqual({ rehearsal: came, current: true });
    const manifest = join(root, 'manifest.json');
    await appendFile(manifest, ' ');
    expect((await bench.kit.parts.rehearsal.last(bench.site))?.current).toBe(false);
    await writeFile(manifest, (await readFile(manifest, 'utf8')).slice(0, -1));
  });

  it('names each missing thing, and the step that would have failed for it', async () => {
    const [acl, nftables] = [debNamed('acl'), debNamed('nftables')];
    const [frontend, registry] = [blobOf('rapid-cdn'), blobOf('re6stnet')];
    const key = 'trust/repository-key.asc';
    const came = await without([acl, nftables, frontend, registry, key], rehearse);
    expect(passed(came)).toBe(false);
    const missing = (path: string): string => `${path} medium-file-missing`;
    const failed = failing(came);
    expect(failed['share-ca-folder@machine:master-1']).toEqual([missing(acl)]);
    expect(failed['redirect-to-master@machine:master-1']).toEqual([missing(nftables)]);
    expect(failed['install-frontend@machine:node-1']).toEqual([missing(frontend)]);
    // No step of this site asks for these, but they are listed.
    expect(came.unasked.map(({ path }) => path).sort()).toEqual([registry, key].sort());
    expect(came.steps.find(({ instance }) => instance === 'configure-proxy@machine:master-1')?.outcome).toBe('done');
  });

  it('names an index that is missing', async () => {
    const md5 = bench.site.lock.releases['slapos-master']?.md5;
    const came = await without(['debian/debian-12-amd64/InRelease', `bdir/${md5}`], rehearse);
    const failed = failing(came);
    expect(failed['install-slapos-node@machine:master-1']).toEqual([
      'debian/debian-12-amd64/InRelease medium-file-missing',
    ]);
    expect(failed['check-cache@machine:master-1']).toEqual([`bdir/${md5} medium-file-missing`]);
  });

  it('names what is there and not as it was sealed', async () => {
    const deb = debNamed('slapos-node');
    const paths = [join(root, deb), join(root, blobOf('slapos-master'))];
    const whole = await Promise.all(paths.map((path) => readFile(path)));
    for (const [index, path] of paths.entries()) {
      const bytes = Buffer.from(whole[index] ?? []);
      bytes[4000] = (bytes[4000] ?? 0) ^ 1;
      await writeFile(path, bytes);
    }
    const failed = failing(await rehearse());
    for (const [index, path] of paths.entries()) await writeFile(path, whole[index] ?? '');
    expect(failed['install-slapos-node@machine:master-1']).toEqual([`${deb} medium-file-damaged`]);
    expect(failed['check-cache@machine:master-1']).toEqual([`${blobOf('slapos-master')} medium-file-damaged`]);
    expect(await hashOfAll()).toBe(before);
  });

  it('does not begin with a medium that is not to be believed, or not sealed', async () => {
    await expect(without(['trust/manifest-key.pem'], rehearse)).rejects.toMatchObject({
      code: 'medium-manifest-invalid',
    });
    await expect(without(['manifest.json'], rehearse)).rejects.toMatchObject({ code: 'medium-unsealed' });
  });

  it('stops when it is told to, and keeps the last result', async () => {
    const kept = await bench.kit.parts.rehearsal.last(bench.site);
    const stop = new AbortController();
    const onProgress = ({ done }: { readonly done: number }) => {
      if (done === 3) stop.abort();
    };
    await expect(bench.kit.rehearse('practice', null, onProgress, stop.signal)).rejects.toThrow();
    expect(await bench.kit.parts.rehearsal.last(bench.site)).toEqual(kept);
  });
});
