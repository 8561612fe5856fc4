// The whole practice site through the window, against the real engine and the simulated machines: nothing is scripted.
import type { Page } from '@playwright/test';
import { test as base, expect } from './kit.ts';
import { type PracticeCore, practiceCore, removeHome, temporaryHome } from './practice-core.ts';

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
    await page.getByRole('button', { name: 'Begin to practise' }).click();
    await expect(page.locator('h1')).toHaveText('practice', { timeout: 60_000 });
    await use(page);
  },
});

test.setTimeout(4 * 60_000);

const act = (page: Page) => page.getByRole('region', { name: 'The next act' });
const nextStep = (page: Page) => act(page).getByRole('button', { name: /^Next: / });

/** Answers what is asked, by what the page itself shows, until the step on the page is done. */
async function settle(page: Page): Promise<void> {
  const done = page.locator('main [data-state="done"]').first();
  const perform = act(page).getByRole('button', { name: /^Do (this one thing|these \d+ things)$/ });
  const secret = page.getByLabel('Secret', { exact: true });
  const same = page.getByRole('button', { name: 'They are the same' });
  for (let turn = 0; turn < 12; turn += 1) {
    await expect(
      done
        .or(perform.and(page.locator(':enabled')))
        .or(secret)
        .or(same)
        .first(),
    ).toBeVisible({
      timeout: 60_000,
    });
    if (await done.isVisible()) return;
    if (await secret.isVisible()) {
      const shown = page.locator('dt:has-text("On the practice site, answer") + dd > span').first();
      await secret.fill((await shown.innerText()).trim());
      await page.getByRole('button', { name: 'Answer', exact: true }).click();
      await expect(secret).toBeHidden();
    } else if (await same.isVisible()) {
      await same.click();
      await expect(same).toBeHidden();
    } else {
      await perform.click();
      await expect(perform).toBeHidden();
    }
  }
  throw new Error('the step does not settle');
}

test('from an empty folder to an installed master, step by step', async ({ practice: page }) => {
  await page.getByRole('button', { name: 'Go to this step' }).click();
  const seen: string[] = [];
  for (;;) {
    const title = await page.locator('h1').innerText();
    seen.push(title);
    expect(await page.title()).toContain('SlapOS Field Kit');
    await expect(page.locator('h1')).toBeFocused();
    if (title === 'Choose the medium') await page.getByText('Practice stick').click();
    await settle(page);
    if (!(await nextStep(page).isVisible())) break;
    await nextStep(page).click();
    await expect(page.locator('h1')).not.toHaveText(title);
  }
  expect(seen).toHaveLength(18);
  await expect(page.getByText('18 of 18 steps done')).toBeVisible();
});
