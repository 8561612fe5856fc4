import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBattery } from '../../../src-main/platform/battery.ts';

/** The kernel's folder with these supplies; each file holds one word and a line end. */
async function supplies(all: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-power-'));
  for (const [name, files] of Object.entries(all)) {
    await mkdir(join(folder, name));
    for (const [file, word] of Object.entries(files)) await writeFile(join(folder, name, file), `${word}\n`);
  }
  return folder;
}

const mains = { type: 'Mains', online: '0' };
const mouse = { type: 'Battery', scope: 'Device', capacity: '3', status: 'Discharging' };

test.each([
  ['one being used up', { AC: mains, BAT0: { type: 'Battery', capacity: '43', status: 'Discharging' } }, 43, true],
  ['one being charged', { BAT0: { type: 'Battery', capacity: '97', status: 'Charging' } }, 97, false],
  ['full, told above a hundred', { BAT0: { type: 'Battery', capacity: '102', status: 'Full' } }, 100, false],
  [
    'two, of which one is used up first',
    {
      BAT0: { type: 'Battery', capacity: '10', status: 'Discharging' },
      BAT1: { type: 'Battery', capacity: '90', status: 'Not charging' },
    },
    50,
    true,
  ],
  ['a mouse beside it', { BAT0: { type: 'Battery', capacity: '80', status: 'Full' }, mouse }, 80, false],
])('%s', async (_what, all, percent, draining) => {
  expect(await readBattery(await supplies(all))).toEqual({ percent, draining });
});

test.each([
  ['no supply at all', {}],
  ['only mains', { AC: mains }],
  ['only a mouse', { mouse }],
  ['one that says nothing of its charge', { BAT0: { type: 'Battery', status: 'Unknown' } }],
])('none: %s', async (_what, all) => {
  expect(await readBattery(await supplies(all))).toBeNull();
});

test('none where the kernel lists nothing', async () => {
  expect(await readBattery('/nowhere/power_supply')).toBeNull();
});
