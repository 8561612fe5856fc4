// More media from one preparation: a second one with the network gone, and ones on which there is just enough room, or just not.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeBench } from '../../../src-main/runbook/bench.ts';
import { unless, whyWithoutRoot } from '../../unless.ts';
import {
  openPracticeBench,
  type PracticeBench,
  type PracticeHome,
  practiceHome,
  preparing,
  walk,
  withoutBuilder,
} from './practice-bench.ts';

const signal = new AbortController().signal;
let place: PracticeHome;
let bench: PracticeBench;
const mounted: string[] = [];

beforeAll(async () => {
  place = await practiceHome();
  await withoutBuilder(place);
  bench = await openPracticeBench(place);
  expect(await preparing(bench)).toEqual([]);
}, 240_000);
afterAll(async () => {
  await closeBench(bench);
  for (const path of mounted) spawnSync('umount', [path]);
  await rm(place.home, { recursive: true, force: true });
});

describe('a second medium', () => {
  it('is made from what the laptop kept, with the network gone, and holds the same', async () => {
    const network = join(place.folder, 'network');
    await rename(network, `${network}-gone`);
    try {
      const second = join(place.home, 'second');
      await mkdir(second);
      expect(await preparing(bench, second)).toEqual([]);
      const found = await bench.kit.compareMedia(join(place.folder, 'stick'), second);
      expect([found.onlyFirst, found.onlySecond]).toEqual([[], []]);
      // Signed at another moment, and a medium of its own.
      for (const path of found.differing) expect(path).toMatch(/^medium-id$|\/(InRelease|Release|Release\.gpg)$/);
      const { findings } = await bench.kit.verifyMedium(second, bench.site.plan.trust.manifest ?? '', signal);
      expect(findings).toEqual([]);
    } finally {
      await rename(`${network}-gone`, network);
    }
  });
});

/** Why no volume of a size of its own can be had, or null. */
function whyNoVolume(): string | null {
  const withoutRoot = whyWithoutRoot('mounting');
  if (withoutRoot !== null) return withoutRoot;
  const path = mkdtempSync(join(tmpdir(), 'fieldkit-mount-'));
  const { error, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { encoding: 'utf8' });
  spawnSync('umount', [path]);
  rmdirSync(path);
  return error === undefined && stderr === ''
    ? null
    : `no volume can be mounted: ${error?.message ?? stderr.trim().split('\n')[0]}`;
}
const able = unless(whyNoVolume());

describe('a medium with little room', able, () => {
  type Volume = {
    readonly holds: readonly string[];
    readonly neededBytes: number;
    readonly freeBytes: number;
  };
  const kibi = 1024;
  /** Beside what is planned, so much is asked for to stay free. */
  const reserveBytes = 16 * kibi * kibi;
  let made = 0;

  /** A volume of its own, chosen as the medium, with so much more free than a preparation needs by its own plan. */
  async function volumeWith(spareBytes: number) {
    made += 1;
    const path = join(place.home, `volume-${made}`);
    await mkdir(path);
    const result = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', path]);
    expect(String(result.stderr)).toBe('');
    mounted.push(path);
    const choose = bench.runner.instances().filter(({ key }) => key === 'choose-medium@site');
    const ended = await walk(bench, [], choose, { 'choose-medium@site': { path } });
    expect(ended.map(({ outcome }) => outcome)).toEqual(['done']);
    const roots = Object.fromEntries(Object.entries(bench.site.lock.systems).map(([name, one]) => [name, one.roots]));
    const { volumes } = await bench.hands.world(signal).sight<{ volumes: Volume[] }>('medium-plan', { roots });
    const neededBytes = volumes.find(({ holds }) => holds.includes('medium'))?.neededBytes ?? 0;
    const free = await freeOn(path);
    await writeFile(join(path, 'mine'), Buffer.alloc(free - neededBytes - spareBytes));
    return { path, neededBytes, before: contentOn(path) };
  }
  /** What our folder takes; the copy of the site's records is written beside the content, within the reserve. */
  const contentOn = (path: string): number => {
    const { stdout } = spawnSync('du', ['-s', '-B1', '--exclude=site', join(path, 'fieldkit')], { encoding: 'utf8' });
    return Number(stdout.split('\t')[0]);
  };
  const freeOn = async (path: string): Promise<number> => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  };

  it.each([-4 * kibi, -1024 * kibi, -reserveBytes])(
    '%i bytes short of what is needed is refused before the first byte',
    async (spare) => {
      const { path, before } = await volumeWith(spare);
      const [failed, ...others] = await preparing(bench, path);
      expect(others).toEqual([]);
      expect([failed?.instance, failed?.problem?.code]).toEqual(['plan-medium@site', 'room-short']);
      expect(contentOn(path)).toBe(before);
      expect((await readdir(join(path, 'fieldkit'))).filter((name) => name !== 'site')).toEqual(['medium-id']);
    },
  );

  it.each([0, 1024 * kibi])('with %i bytes to spare is filled to its end', async (spare) => {
    const { path, neededBytes, before } = await volumeWith(spare);
    expect(await preparing(bench, path)).toEqual([]);
    const content = contentOn(path) - before;
    console.log(`planned ${neededBytes - reserveBytes} bytes, took ${content}`);
    expect(Math.abs(neededBytes - reserveBytes - content) / content).toBeLessThan(0.02);
  });
});
