// A complete medium from which one thing after the other is taken away: the proof names each. And one whose plan asks for
// another version than was prepared.
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeBench } from '../../../src-main/runbook/desk.ts';
import { openPracticeBench, type PracticeBench, type PracticeHome, practiceHome, walk } from './practice-bench.ts';

/** Written after the proof, and judged by seal-medium: the list itself, the medium's mark, the copies of the site's records. */
const sealed = /^(manifest\.json(\.sig)?|medium-id|site\/.*)$/;

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
    for (const kind of [/^bcache\//, /^bdir\//, /\.deb$/, /\/InRelease$/, /by-hash/, /^trust\//, /^readme/])
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
