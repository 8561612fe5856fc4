/**
 * The window at work, in real Electron on the practice site: how long its own tasks hold it while everything is walked at no pace and
 * while steps run at the pace of a real site, how soon a cancel acts, and whether memory stays where it was. Needs a screen;
 * `npm run bench` brings one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from '@playwright/test';
import { type Kit, launchKit } from '../e2e/launch.ts';
import { beginPractice, mouse, runChapters, settle } from '../ui/walking.ts';
import { type Tasks, tasksDuring } from './renderer-tasks.ts';

const asked = { taskMs: 50, cancelSeconds: 1, megabytes: 400, growth: 1.2 };
const readings = 6;
const verdict = (value: number, most: number): string => (value <= most ? 'as asked' : `above ${most}`);

/** Working set of the main process and its helpers, without what draws. */
const memoryOf = async ({ app }: Kit): Promise<number> => {
  const metrics = await app.evaluate(({ app: program }) => program.getAppMetrics());
  return metrics
    .filter(({ type }) => type === 'Browser' || type === 'Utility')
    .reduce((sum, { memory }) => sum + memory.workingSetSize / 1024, 0);
};

async function inKit(pace: string, act: (kit: Kit) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'fieldkit-bench-'));
  const kit = await launchKit({ home, env: { FIELDKIT_PRACTICE_PACE: pace } });
  try {
    await act(kit);
  } finally {
    await kit.app.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** Medium chosen, everything else of the office still to be done; on the overview. */
async function untilPrepare(page: Page): Promise<void> {
  await beginPractice(page, mouse);
  await settle(page, mouse);
  await page.getByRole('button', { name: 'Next: Choose the medium' }).click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
}

/** Stops what runs. Seconds from the press until nothing runs any more. */
async function cancel(page: Page): Promise<number> {
  const stop = page.getByRole('button', { name: 'Stop', exact: true });
  await stop.waitFor();
  const started = process.hrtime.bigint();
  await stop.click();
  await stop.waitFor({ state: 'hidden', timeout: 60_000 });
  return Number(process.hrtime.bigint() - started) / 1e9;
}

const say = (what: string, { count, longestMs, long, longestClockMs, longClock }: Tasks): void =>
  console.log(
    `${what.padEnd(34)} longest task ${longestMs.toFixed(0)} ms (${long} of ${count} above 50 ms): ${verdict(longestMs, asked.taskMs)}; on the clock ${longestClockMs.toFixed(0)} ms, ${longClock} above`,
  );

await inKit('0', async (kit) => {
  const { window: page } = kit;
  // Drawing a site for the first time is no step's affair.
  say('a site opened', await tasksDuring(kit, () => untilPrepare(page)));
  say('a whole walk at no pace', await tasksDuring(kit, () => runChapters(page, mouse)));
  const memory: number[] = [];
  const again = page.getByRole('button', { name: 'Read everything again' });
  for (let reading = 0; reading < readings; reading += 1) {
    await again.click();
    await again.and(page.locator(':enabled')).waitFor({ timeout: 300_000 });
    memory.push(await memoryOf(kit));
  }
  // The first readings fill what is kept; from the second on it must stay.
  const [, early = 0] = memory;
  const late = memory.at(-1) ?? 0;
  console.log(`memory of main and its helpers     ${late.toFixed(0)} MB: ${verdict(late, asked.megabytes)}`);
  console.log(
    `  after each reading of all steps  ${memory.map((one) => one.toFixed(0)).join(', ')} MB, last to second ${(late / early).toFixed(2)}: ${verdict(late / early, asked.growth)}`,
  );
});

await inKit('1', async (kit) => {
  const { window: page } = kit;
  await untilPrepare(page);
  await page.getByRole('button', { name: 'Run until something needs me: Prepare' }).click();
  await page.getByRole('link', { name: 'Go there' }).click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  // Nothing looks at the page meanwhile: a driver's looks would be tasks of it.
  say('steps at real pace, overview', await tasksDuring(kit, () => sleep(30_000)));
  await page.getByRole('button', { name: /^(Look at it|Go to this step)/ }).click();
  say('steps at real pace, their page', await tasksDuring(kit, () => sleep(30_000)));
  // While a step runs the window asks before it closes, and nobody is here to answer.
  await cancel(page);
});

await inKit('1', async ({ window: page }) => {
  await untilPrepare(page);
  await page.getByRole('button', { name: 'Run until something needs me: Prepare' }).click();
  await page.getByRole('link', { name: 'Go there' }).click();
  const seconds = await cancel(page);
  console.log(`a cancel acts after                ${seconds.toFixed(2)} s: ${verdict(seconds, asked.cancelSeconds)}`);
});
