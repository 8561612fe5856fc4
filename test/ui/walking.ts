// Walking the practice site through a window, by mouse or by keyboard alone: shared by the walks in Chromium and in Electron.
import { expect, type Locator, type Page } from '@playwright/test';

/** One that works: who waits keeps the focus, and is not disabled in the eyes of the page. */
export const enabled = ':enabled:not([aria-disabled=true])';

const act = (page: Page): Locator => page.getByRole('region', { name: 'The next act' });
const nextStep = (page: Page): Locator => act(page).getByRole('button', { name: /^Next: / });

/** How a person acts on something. */
export interface Hand {
  readonly press: (page: Page, target: Locator) => Promise<void>;
  readonly type: (page: Page, target: Locator, text: string) => Promise<void>;
  /** Ends what was typed last, as one does with a value: by Enter. */
  readonly enter: (page: Page) => Promise<void>;
}

const enter = (page: Page): Promise<void> => page.keyboard.press('Enter');

export const mouse: Hand = {
  press: async (_page, target) => {
    // The input of a choice is unseen; its label is what one clicks.
    const input = await target.evaluate((element) => element.tagName === 'INPUT');
    await (input ? target.locator('xpath=ancestor::label') : target).click();
  },
  type: (_page, target, text) => target.fill(text),
  enter,
};

/** A hand that counts what a person did: each press and each value typed, with the Enter that ends it, is one act. */
export function counting(hand: Hand): Hand & { readonly acts: () => number } {
  let acts = 0;
  return {
    press: (page, target) => {
      acts += 1;
      return hand.press(page, target);
    },
    type: (page, target, text) => {
      acts += 1;
      return hand.type(page, target, text);
    },
    enter: hand.enter,
    acts: () => acts,
  };
}

/** Only Tab, arrows, space, Enter and letters. */
export const keyboard: Hand = {
  press: async (page, target) => {
    await tabTo(page, target);
    const radio = (await target.getAttribute('type')) === 'radio';
    await page.keyboard.press(radio ? 'Space' : 'Enter');
  },
  type: async (page, target, text) => {
    await tabTo(page, target);
    await page.keyboard.type(text);
  },
  enter,
};

/** The same, with the keys that a button shows for itself. */
export const shortcuts: Hand = {
  ...keyboard,
  press: async (page, target) => {
    const keys = await target.getAttribute('aria-keyshortcuts');
    await (keys === null ? keyboard.press(page, target) : page.keyboard.press(keys));
  },
};

/** Presses Tab until the target has the focus, as somebody without a mouse would. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let press = 0; press < 150; press += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${target}`);
}

/** What the page says of the whole: how many steps are done, and of how many. */
export async function sum(page: Page): Promise<{ readonly done: number; readonly total: number }> {
  const text =
    (await page
      .getByText(/^\d+ of \d+ steps done$/)
      .first()
      .textContent()) ?? '';
  const [done, total] = (text.match(/\d+/g) ?? []).map(Number);
  if (done === undefined || total === undefined) throw new Error(`no sum in ${text}`);
  return { done, total };
}

/** Makes the practice site and waits for its overview. */
export async function beginPractice(page: Page, hand: Hand): Promise<void> {
  await hand.press(page, page.getByRole('button', { name: 'Begin to practise' }));
  await expect(page.locator('h1')).toHaveText('practice', { timeout: 60_000 });
  await hand.press(page, page.getByRole('button', { name: 'Go to this step' }));
}

/** Gives the step on the page all it asks for, as the page itself tells, until it is done. */
export async function settle(page: Page, hand: Hand): Promise<void> {
  const done = page.locator('main [data-state="done"]').first();
  const perform = act(page).getByRole('button', { name: /^Do (this one thing|these \d+ things)$/ });
  const ready = perform.and(page.locator(enabled));
  const secret = page.getByLabel('Secret', { exact: true });
  const same = page.getByRole('button', { name: /^(They are the same|Yes)$/ });
  const stick = page.getByRole('radio', { name: /Practice stick/, checked: false });
  for (let turn = 0; turn < 12; turn += 1) {
    await expect(done.or(ready).or(secret).or(same).or(stick).first()).toBeVisible({ timeout: 120_000 });
    if (await done.isVisible()) {
      await expect(
        act(page)
          .getByRole('button', { name: /^(Next: |Read (what|again))/ })
          .first(),
      ).toBeVisible();
      return;
    }
    if (await stick.isVisible()) {
      await hand.press(page, page.getByRole('radio', { name: /Practice stick/ }));
      await expect(stick).toBeHidden();
    } else if ((await secret.isVisible()) || (await same.isVisible())) {
      await answer(page, hand);
    } else {
      // The next part of the plan may be there at once: it is another plan then.
      const plan = await act(page).getAttribute('data-plan');
      await hand.press(page, ready);
      await expect(act(page).and(page.locator(`[data-plan="${plan}"]`))).toBeHidden();
    }
  }
  throw new Error('the step does not settle');
}

/** Answers the question on the page, as the page itself tells. */
async function answer(page: Page, hand: Hand): Promise<void> {
  const secret = page.getByLabel('Secret', { exact: true });
  const same = page.getByRole('button', { name: /^(They are the same|Yes)$/ });
  await expect(secret.or(same).first()).toBeVisible();
  const id = await page.locator('[data-question]').first().getAttribute('data-question');
  if (!(await secret.isVisible())) {
    await hand.press(page, same);
  } else {
    const shown = page.locator('dt:has-text("On the practice site, answer") + dd > span').first();
    const given = ((await shown.textContent()) ?? '').trim();
    await hand.type(page, secret, given);
    // A secret that is new is asked for twice.
    const again = page.getByLabel('The same once more', { exact: true });
    if (await again.isVisible()) await hand.type(page, again, given);
    await hand.enter(page);
  }
  // The next question may be there at once.
  await expect(page.locator(`[data-question="${id}"]`)).toBeHidden();
}

/** Settles the step on the page and goes to the next, until there is none or `until` says so; returns the titles seen. */
export async function walk(
  page: Page,
  hand: Hand,
  each: (title: string) => Promise<boolean> = async () => true,
): Promise<readonly string[]> {
  const seen: string[] = [];
  for (;;) {
    const title = ((await page.locator('h1').textContent()) ?? '').trim();
    seen.push(title);
    await expect(page).toHaveTitle(/ – SlapOS Field Kit$/);
    await settle(page, hand);
    if (!(await each(title)) || !(await nextStep(page).isVisible())) return seen;
    await hand.press(page, nextStep(page));
    await expect(page.locator('h1')).not.toHaveText(title);
  }
}

/** From the overview: lets each chapter run until it needs the person, answers there, and goes on, with as few acts as the window allows. */
export async function runChapters(page: Page, hand: Hand): Promise<void> {
  const chapters = page.getByRole('button', { name: /^Run until something needs me: / }).and(page.locator(enabled));
  const site = page
    .getByRole('button', { name: 'Run the whole site until something needs me' })
    .and(page.locator(enabled));
  const question = page.locator('[data-question]');
  const all = page.getByText(/^(\d+) of \1 steps done$/).first();
  for (;;) {
    await expect(all.or(chapters).or(question).first()).toBeVisible({ timeout: 120_000 });
    if (await all.isVisible()) return;
    if (await question.isVisible()) await answer(page, hand);
    else {
      const whole = await site.isVisible();
      const button = whole ? site : chapters.first();
      const name = whole ? 'Run the whole site' : ((await button.getAttribute('aria-label')) ?? '');
      await hand.press(page, button);
      await expect(page.getByRole('button', { name }).and(page.locator(enabled))).toBeHidden();
    }
  }
}
