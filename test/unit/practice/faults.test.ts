import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeFaults,
  faultIds,
  practiceFaults,
  practicePaths,
  setPracticeFault,
} from '../../../src-main/practice/faults.ts';
import { practiceFolder } from './practice-machines.ts';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function prepared(): Promise<string> {
  const folder = await practiceFolder();
  const { stick, release, wrongRelease } = practicePaths(folder);
  await mkdir(stick);
  await mkdir(join(folder, 'releases'));
  await writeFile(release, 'sound');
  await writeFile(wrongRelease, 'wrong');
  return folder;
}

describe('faults', () => {
  it('are all off at first, are kept, and one that is not known changes nothing', async () => {
    const folder = await prepared();
    expect(await practiceFaults(folder)).toEqual(faultIds.map((id) => ({ id, on: false, met: false })));
    await setPracticeFault(folder, 'clock-off', true);
    await setPracticeFault(folder, 'coffee-spilled', true);
    expect([...(await activeFaults(folder))]).toEqual(['clock-off']);
    await writeFile(practicePaths(folder).faults, '{"on": ["clock-off"');
    expect([...(await activeFaults(folder))]).toEqual([]);
  });

  it('stay met once they were, whatever is switched', async () => {
    const folder = await prepared();
    await setPracticeFault(folder, 'clock-off', true, true);
    await setPracticeFault(folder, 'clock-off', false);
    const found = await setPracticeFault(folder, 'wrong-password', true);
    expect(found.filter(({ met }) => met).map(({ id }) => id)).toEqual(['clock-off']);
    expect(found.filter(({ on }) => on).map(({ id }) => id)).toEqual(['wrong-password']);
  });

  it('move stick and release as switched, whatever the order and however often', async () => {
    const folder = await prepared();
    const { stick, release } = practicePaths(folder);
    await writeFile(join(stick, 'ours'), '');
    const change = fc.tuple(
      fc.constantFrom('stick-unplugged', 'another-stick', 'tampered-release-archive'),
      fc.boolean(),
    );
    const state: Record<string, boolean> = {};
    await fc.assert(
      fc.asyncProperty(change, async ([id, on]) => {
        await setPracticeFault(folder, id, on);
        state[id] = on;
        const another = state['another-stick'] === true;
        expect(await isThere(stick)).toBe(state['stick-unplugged'] !== true);
        expect(await isThere(join(stick, 'ours'))).toBe(state['stick-unplugged'] !== true && !another);
        expect(await readFile(release, 'utf8')).toBe(state['tampered-release-archive'] === true ? 'wrong' : 'sound');
      }),
      { numRuns: 40 },
    );
  });
});
