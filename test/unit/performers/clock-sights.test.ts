/** The moment that the laptop's clock must be after: what the journal tells of, until a person says that it was wrong. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clockSights } from '../../../src-main/performers/clock-sights.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { scratch } from '../medium/scratch.ts';

const right = Date.parse('2026-11-20T08:00:00.000Z');
const ahead = Date.parse('2027-11-20T08:00:00.000Z');
/** A second goes by between any two looks at it. */
let clockMs: number;
const clock = {
  ...systemClock,
  now: () => {
    clockMs += 1000;
    return new Date(clockMs);
  },
};
let folder: string;
let site: OpenSite;
const open = async () => {
  site = await OpenSite.open(folder, { program: 'test', practice: false, clock });
};
const reopen = async () => {
  await site.close();
  await open();
};
/** How long the clock is behind what surely is past; 0 when it is not. */
const behindMs = async () => {
  const sight = clockSights['laptop-clock'];
  if (sight === undefined) throw new Error('no such sight');
  const context = { site, cacheFolder: '/nowhere', signal: new AbortController().signal };
  const { seconds, least } = (await sight({}, context)) as { seconds: number; least: string };
  return Math.max(0, Date.parse(least) - seconds * 1000);
};
const skipped = (...codes: readonly string[]) =>
  site.append({ kind: 'skipped', instance: 'preflight@machine:m1', codes: [...codes], by: 'test' });

beforeEach(async () => {
  folder = join(await scratch(), 'site');
  await mkdir(folder);
  await writeFile(
    join(folder, 'site.yaml'),
    'format: 1\nname: s\nmachines:\n  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }\n',
  );
  clockMs = right;
  await open();
});
afterEach(() => site.close());

it('is the latest of the journal, also when that was read from the disk', async () => {
  expect(await behindMs()).toBe(0);
  clockMs = ahead;
  await skipped('target-clock-off');
  expect(await behindMs()).toBe(0);
  clockMs = right;
  await skipped('target-memory-small');
  expect(await behindMs()).toBeGreaterThan(364 * 86_400_000);
  await reopen();
  expect(await behindMs()).toBeGreaterThan(364 * 86_400_000);
});

it('counts anew once a person goes on past it, for good', async () => {
  clockMs = ahead;
  await skipped('target-clock-off');
  clockMs = right;
  await skipped('target-memory-small', 'laptop-clock-behind');
  expect(await behindMs()).toBe(0);
  await reopen();
  expect(await behindMs()).toBe(0);
  // From then on as ever: a clock that falls behind later is found.
  clockMs = right - 86_400_000;
  await skipped('target-clock-off');
  expect(await behindMs()).toBeGreaterThan(86_000_000);
});
