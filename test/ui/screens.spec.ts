// Pictures of the window on the scripted site. Only when asked for:
//   FIELDKIT_SCREENS=docs npm run ui     the few of the README and the docs, into docs/screens
//   FIELDKIT_SCREENS=every npm run ui    every page in every look, into test-results/screens, to be looked at
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import type { Settings } from '../../src-shared/api.ts';
import type { ScriptedDesk } from '../fakes/scripted-desk.ts';
import * as states from '../fakes/scripted-states.ts';
import { expect, goTo, test } from './kit.ts';
import { type Place, places } from './pages.ts';

const wanted = process.env.FIELDKIT_SCREENS;

test.skip(wanted === undefined, 'takes pictures: set FIELDKIT_SCREENS to docs or every');

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Look extends Pick<Settings, 'theme' | 'language'> {
  readonly width: number;
  readonly height: number;
}

const usual = { width: 1280, height: 800 };

/** At 200 % a window of 1280 has room for 640 pixels of the page. */
const looks: Readonly<Record<string, Look>> = {
  light: { theme: 'light', language: 'en', ...usual },
  'dark-french': { theme: 'dark', language: 'fr', ...usual },
  sunlight: { theme: 'sunlight', language: 'en', ...usual },
  narrow: { theme: 'light', language: 'fr', width: 900, height: 700 },
  'at-200-percent': { theme: 'light', language: 'en', width: 640, height: 400 },
};

async function take(desk: ScriptedDesk, page: Page, place: Place, look: Look, path: string): Promise<void> {
  await page.setViewportSize({ width: look.width, height: look.height });
  desk.settings = { theme: look.theme, language: look.language, lastSite: null, technician: '' };
  const key = place.prepare(desk);
  await page.reload();
  await place.go(page, key);
  await expect(page.locator('html')).toHaveAttribute('data-theme', look.theme);
  await page.evaluate(() => document.fonts.ready);
  if (wanted === 'every') {
    // The whole of what scrolls, as far as anybody looks.
    const hidden = await page.evaluate(() =>
      Math.max(...[...document.querySelectorAll('main, main *')].map((box) => box.scrollHeight - box.clientHeight)),
    );
    await page.setViewportSize({ width: look.width, height: look.height + Math.min(Math.max(hidden, 0), 2400) });
  }
  await page.screenshot({ path, animations: 'disabled' });
}

const step = (name: string, prepare: (desk: ScriptedDesk) => string): Place => ({
  name,
  prepare,
  go: (page, key) => goTo(page, key ?? undefined),
});

const forDocs: readonly (readonly [Place, Look | undefined])[] = [
  [
    {
      name: 'overview',
      prepare: (desk) => {
        states.manyMachines(desk);
        return null;
      },
      go: (page) => goTo(page),
    },
    looks.light,
  ],
  [step('plan', states.planWithDiff), looks.light],
  [step('fingerprint', states.fingerprint), looks.light && { ...looks.light, theme: 'dark' }],
  [step('progress', states.installing), looks['dark-french']],
  [step('failure', states.failed), looks.sunlight],
  [step('medium-drives', states.choosing), looks.light],
  [step('medium-slow', states.slowMedium), looks['dark-french']],
  [step('medium-sizes', states.sizes), looks.light],
  [step('medium-other-signer', states.otherSigner), looks.light],
  [step('medium-other-stick', states.otherStick), looks.light],
  [step('medium-sealed', states.sealed), looks.light],
];

for (const [place, look] of wanted === 'every' ? [] : forDocs) {
  test(`picture for the docs: ${place.name}`, async ({ desk, window: page }) => {
    if (look !== undefined) await take(desk, page, place, look, at(`docs/screens/${place.name}.png`));
  });
}

for (const [name, look] of wanted === 'every' ? Object.entries(looks) : []) {
  for (const place of places) {
    test(`picture ${name}: ${place.name}`, async ({ desk, window: page }) => {
      const file = place.name.replaceAll(/\W+/g, '-');
      await take(desk, page, place, look, at(`test-results/screens/${name}/${file}.png`));
    });
  }
}
