// The practice site through the window, against the real engine and the simulated machines: nothing is scripted.
import type { Page } from '@playwright/test';
import { test as base, expect } from './kit.ts';
import { type PracticeCore, practiceCore, removeHome, temporaryHome } from './practice-core.ts';
import { beginPractice, counting, keyboard, mouse, runChapters, settle, sum, walk } from './walking.ts';

const test = base.extend<{ home: string; core: PracticeCore; practice: Page }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from this pattern
  home: async ({}, use) => {
    const home = await temporaryHome();
    await use(home);
    await removeHome(home);
  },
  core: async ({ home }, use) => {
    const core = practiceCore(home, 0);
    await use(core);
    await core.close();
  },
  practice: async ({ page, core, startWindow }, use) => {
    await page.goto(await startWindow(core));
    await use(page);
  },
});

test.setTimeout(4 * 60_000);

test('from an empty folder to an installed master, by mouse', async ({ practice: page }) => {
  await beginPractice(page, mouse);
  const { total } = await sum(page);
  const seen = await walk(page, mouse);
  expect(new Set(seen).size).toBe(total);
  expect(await sum(page)).toEqual({ done: total, total });
});

test('the same walk by keyboard alone', async ({ practice: page }) => {
  await page.getByRole('button', { name: 'Begin to practise' }).waitFor();
  await beginPractice(page, keyboard);
  const { total } = await sum(page);
  const seen = await walk(page, keyboard);
  expect(new Set(seen).size).toBe(total);
  expect(await sum(page)).toEqual({ done: total, total });
});

test('the whole site in few acts: each chapter runs until it needs the person', async ({ practice: page }) => {
  const hand = counting(mouse);
  await beginPractice(page, hand);
  await settle(page, hand);
  await hand.press(page, page.getByRole('button', { name: 'Next: Choose the medium' }));
  await settle(page, hand);
  await hand.press(page, page.getByRole('link', { name: /^practice/ }));
  await runChapters(page, hand);
  console.log(`human acts: ${hand.acts()}`);
  expect(hand.acts()).toBeLessThanOrEqual(25);
});

test('a chapter runs until it needs the person, and the record says what consent was given', async ({
  practice: page,
  core,
}) => {
  await beginPractice(page, mouse);
  await settle(page, mouse);
  await page.getByRole('button', { name: 'Next: Choose the medium' }).click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  await page.getByRole('button', { name: 'Run until something needs me: Prepare' }).click();
  await page.getByText("Make the site's keys needs you.").waitFor();
  await page.getByRole('link', { name: 'Go there' }).click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  await page.getByText('Connect – builder-1 needs you.').waitFor({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Go there' }).click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  const prepare = page.locator('main li').filter({ has: page.getByRole('heading', { name: 'Prepare' }) });
  await expect(prepare.locator('[data-state="done"]')).toBeVisible({ timeout: 60_000 });
  const events = await core.handlers['events.since']({ site: 'practice', number: 0 });
  if (events === 'gap') throw new Error('events are gone');
  const scopes = events.flatMap(({ event }) =>
    'journal' in event && event.journal.kind === 'consent' ? [event.journal.scope] : [],
  );
  expect(new Set(scopes)).toEqual(new Set(['plan', 'phase']));
});

test('the program ends and starts anew: what was done is done, and the walk goes on', async ({
  practice: page,
  core,
  home,
  startWindow,
}) => {
  await beginPractice(page, mouse);
  const { total } = await sum(page);
  const before = await walk(page, mouse, async (title) => title !== "Fetch the vendor's packages debian-12-amd64");
  await core.close();
  const again = practiceCore(home, 0);
  try {
    await page.goto(await startWindow(again));
    await expect(page.getByText(`${before.length} of ${total} steps done`)).toBeVisible();
    await page.getByRole('button', { name: 'Go on practising' }).click();
    await page.getByRole('button', { name: 'Go to this step' }).click();
    const after = await walk(page, mouse);
    expect(before.length + after.length).toBe(total);
    expect(after.filter((title) => before.includes(title))).toEqual([]);
  } finally {
    await again.close();
  }
});

test('faults of the practice site are met in the window, and mended there', async ({ practice: page }) => {
  await beginPractice(page, mouse);
  await walk(page, mouse, async (title) => title !== 'Connect master-1');
  const connect = page.url();
  await page.getByRole('link', { name: /^practice/ }).click();
  await page.getByRole('button', { name: 'All faults, to meet here first' }).click();
  await page.getByText('The machine shows another host key').click();
  await page.goto(connect);
  await page.getByRole('button', { name: 'Read again' }).click();
  await expect(page.locator('main [data-state="blocked"]').first()).toBeVisible();
  await expect(page.locator('main li', { hasText: 'Must be mended' })).toContainText('master-1');
  await expect(page.getByRole('button', { name: /^Do / })).toBeHidden();
  await page.getByRole('link', { name: /^practice/ }).click();
  await page.getByRole('button', { name: 'All faults, to meet here first' }).click();
  await page.getByText('The machine shows another host key').click();
  await page.goto(connect);
  await page.getByRole('button', { name: 'Read again' }).click();
  await expect(page.locator('main [data-state="done"]').first()).toBeVisible();
});

test('the guided first run: a fault is let in, met where the program notices it, put right and learned', async ({
  practice: page,
}) => {
  const guide = page.getByRole('region', { name: 'Your first run: five faults to meet' });
  await beginPractice(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  await expect(guide).toContainText('0 of 5 met and mended');
  await expect(guide).toContainText('The next one waits at: Plan the medium');
  await page.getByRole('button', { name: 'Go to this step' }).click();
  await walk(page, mouse, async (title) => title !== "Make the site's keys");
  await page.getByRole('link', { name: /^practice/ }).click();
  await guide.getByRole('button', { name: 'Let somebody alter the list' }).click();
  await guide.getByRole('link', { name: 'Plan the medium' }).click();
  await page.getByRole('button', { name: /^Do / }).click();
  await expect(page.getByRole('heading', { name: /altered|hash|list/i }).first()).toBeVisible();
  await guide.getByRole('button', { name: 'Use another network' }).click();
  await expect(guide).toContainText('Put right');
  await page
    .getByRole('button', { name: 'Read again' })
    .or(page.getByRole('button', { name: /^Do / }))
    .first()
    .click();
  await settle(page, mouse);
  await page.getByRole('link', { name: /^practice/ }).click();
  await expect(guide).toContainText('1 of 5 met and mended');
  await page.reload();
  await expect(guide).toContainText('1 of 5 met and mended');
});
