// For everyone: every page in every theme and language by the rules of WCAG 2.2 AA, at 900 pixels, at 200 %, in forced
// colours, without motion, and with targets that a gloved hand hits.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { languages } from '../../src-shared/api.ts';
import * as states from '../fakes/scripted-states.ts';
import { expect, goTo, test } from './kit.ts';
import { places } from './pages.ts';

/** WCAG 2.2 AA. */
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const shownThemes = ['light', 'dark', 'sunlight'] as const;

for (const place of places) {
  test(`${place.name}: no accessibility rule is broken in any theme and language`, async ({ desk, window: page }) => {
    test.setTimeout(180_000);
    const key = place.prepare(desk);
    for (const language of languages) {
      for (const theme of shownThemes) {
        desk.settings = { theme, language, lastSite: null, technician: '' };
        await page.evaluate(() => {
          window.location.hash = '#/';
        });
        await page.reload();
        await place.go(page, key);
        await expect(page.locator('html')).toHaveAttribute('lang', language);
        const { violations } = await new AxeBuilder({ page }).withTags([...rules, 'best-practice']).analyze();
        const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}`));
        expect(found, `${theme} ${language}`).toEqual([]);
      }
    }
  });

  test(`${place.name}: nothing is cut off at 900 pixels nor at 200 %`, async ({ desk, window: page }) => {
    const key = place.prepare(desk);
    for (const [width, height] of [
      [900, 700],
      [640, 400],
    ] as const) {
      for (const language of languages) {
        desk.settings = { theme: 'light', language, lastSite: null, technician: '' };
        await page.setViewportSize({ width, height });
        await page.evaluate(() => {
          window.location.hash = '#/';
        });
        await page.reload();
        await place.go(page, key);
        expect(await cutOff(page), `${width} ${language}`).toEqual([]);
      }
    }
    await page.setViewportSize({ width: 900, height: 700 });
    await stretchAndMirror(page);
    expect(await cutOff(page), 'a language that is longer by a third and runs from right to left').toEqual([]);
  });
}

/** What a longer language that runs from right to left would do: every sentence of ours longer by a third, the page mirrored. */
function stretchAndMirror(page: Page): Promise<void> {
  return page.evaluate(() => {
    document.documentElement.dir = 'rtl';
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const text = node.nodeValue ?? '';
      const foreign = node.parentElement?.closest('pre, code, textarea, option, [translate=no], [dir=ltr]') ?? null;
      if (text.trim() === '' || foreign !== null) continue;
      const words = text.trim().split(/\s+/);
      node.nodeValue = `${text} ${words.slice(0, Math.ceil(words.length / 3)).join(' ')}`;
    }
  });
}

/** Elements whose content is wider than they are and cannot be scrolled to, and a page that scrolls sideways. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) found.push(`the page: ${root.scrollWidth} > ${root.clientWidth}`);
    for (const element of document.querySelectorAll<HTMLElement>('#root *')) {
      if (!element.checkVisibility() || element.closest('.unseen, svg, [aria-hidden=true] > label') !== null) continue;
      // A table of machines by steps scrolls inside its own region, which the keyboard reaches.
      const region = element.closest('section[tabindex="0"]');
      if (region !== null) {
        if (region.getBoundingClientRect().right > root.clientWidth + 1) found.push('the table sticks out');
        continue;
      }
      const { overflowX } = getComputedStyle(element);
      if (overflowX === 'auto' || overflowX === 'scroll') {
        // Only the site plan's text may scroll sideways.
        if (element.scrollWidth > element.clientWidth + 1 && element.tagName !== 'TEXTAREA') {
          found.push(`scrolls: ${element.className}`);
        }
      } else if (
        element.getBoundingClientRect().right > root.clientWidth + 1 ||
        element.getBoundingClientRect().left < -1
      ) {
        found.push(`sticks out: ${element.tagName} ${element.className} ${element.textContent?.slice(0, 40)}`);
      }
    }
    return found;
  });
}

test('the menu and the terminal box break no accessibility rule either', async ({ desk, window: page }) => {
  const key = states.planWithDiff(desk);
  await page.reload();
  await goTo(page, key);
  for (const [opener, opened] of [
    ['Settings and site', page.getByRole('menu')],
    ['The same on a terminal', page.getByRole('dialog')],
  ] as const) {
    await page.getByRole('button', { name: opener }).click();
    await expect(opened).toBeVisible();
    const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
    expect(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))).toEqual([]);
    await page.keyboard.press('Escape');
    await expect(opened).toBeHidden();
    await expect(page.getByRole('button', { name: opener })).toBeFocused();
  }
});

/** Pages that have a look of their own; the steps' pages are made of the same pieces. */
const inForcedColours: ReadonlySet<string> = new Set([
  'the start',
  'a new site with answers to mend',
  'the overview',
  'the overview of many machines',
  'a machine and what can become of it',
  'the site plan with things to mend',
  'the page medium',
  'the page format',
  'the page keys',
  'the page records',
]);

for (const place of places) {
  test(`${place.name}: every target is at least 44 pixels high or a link in a sentence`, async ({
    desk,
    window: page,
  }) => {
    await page.reload();
    await place.go(page, place.prepare(desk));
    expect(await small(page)).toEqual([]);
  });
}

/** How many stops of the Tab key are looked at on a page. */
const stops = 14;

for (const place of places.filter(({ name }) => inForcedColours.has(name))) {
  test(`${place.name}: in forced colours and without motion it is whole`, async ({ desk, window: page }) => {
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    await page.reload();
    await place.go(page, place.prepare(desk));
    // The colours are the person's own there: their contrast is not ours to judge.
    const axe = new AxeBuilder({ page }).withTags(rules).disableRules(['color-contrast']);
    const { violations } = await axe.analyze();
    expect(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}`))).toEqual([]);
    expect(await moving(page), 'what moves').toEqual([]);
    expect(await unframed(page), 'buttons without a frame, which colour alone would tell from text').toEqual([]);
    for (const mark of await page.locator('main [data-state]').all()) await expect(mark).not.toHaveText('');
    for (let stop = 0; stop < stops; stop += 1) {
      await page.keyboard.press('Tab');
      expect(await unseenFocus(page), `stop ${stop + 1} of the Tab key`).toBeNull();
    }
  });
}

/** Targets that a gloved hand misses; a link in a sentence is as high as its line. */
const small = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, a, input, select, textarea, [role=radio]')]
      .filter(
        (element) => element.checkVisibility() && element.closest('p, li > a:only-child, [aria-hidden=true]') === null,
      )
      // A hidden input inside a label: the label is the target.
      .map((element) => element.closest('label') ?? element)
      .filter((element) => {
        const { width, height } = element.getBoundingClientRect();
        return height < 43.5 || width < 43.5;
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );

/** Elements that are animated or change over time. */
const moving = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('*')].flatMap((element) => {
      const { transitionDuration, animationName, transitionProperty } = getComputedStyle(element);
      const moves =
        animationName !== 'none' || (transitionProperty !== 'none' && !/^0s(, 0s)*$/.test(transitionDuration));
      return moves ? [element.outerHTML.slice(0, 100)] : [];
    }),
  );

/** Buttons of the page without a frame; what opens something says so by its arrow or its place in a bar. */
const unframed = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('main button')]
      .filter((button) => button.checkVisibility() && !button.hasAttribute('aria-expanded'))
      .filter((button) => getComputedStyle(button).borderStyle === 'none')
      .map((button) => button.outerHTML.slice(0, 100)),
  );

/** What has the focus and does not show it, by a line of two pixels around it, around what stands for it, or around its frame. */
const unseenFocus = (page: Page): Promise<string | null> =>
  page.evaluate(() => {
    const at = document.activeElement;
    if (!(at instanceof HTMLElement) || at === document.body) return null;
    const shows = (element: Element | null): boolean => {
      if (element === null) return false;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2;
    };
    const near = [at, at.parentElement, ...(at.closest('label')?.querySelectorAll('*') ?? []), at.closest('label')];
    return near.some(shows) ? null : at.outerHTML.slice(0, 160);
  });
