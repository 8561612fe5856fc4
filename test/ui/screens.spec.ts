// Pictures for the README and the docs, taken on the scripted site. Only when asked for: FIELDKIT_SCREENS=1 npm run ui
import { fileURLToPath } from 'node:url';
import type { ScriptedDesk } from '../fakes/scripted-desk.ts';
import * as states from '../fakes/scripted-states.ts';
import { expect, goTo, test } from './kit.ts';

test.skip(process.env.FIELDKIT_SCREENS === undefined, 'takes pictures for the docs: set FIELDKIT_SCREENS');

const folder = fileURLToPath(new URL('../../docs/screens', import.meta.url));

interface Screen {
  readonly name: string;
  readonly theme: 'light' | 'dark' | 'sunlight';
  readonly language: 'en' | 'fr';
  readonly prepare: (desk: ScriptedDesk) => string | null;
}

const screens: readonly Screen[] = [
  {
    name: 'overview',
    theme: 'light',
    language: 'en',
    prepare: (desk) => {
      states.manyMachines(desk);
      return null;
    },
  },
  { name: 'plan', theme: 'light', language: 'en', prepare: states.planWithDiff },
  { name: 'fingerprint', theme: 'dark', language: 'en', prepare: states.fingerprint },
  { name: 'progress', theme: 'dark', language: 'fr', prepare: states.installing },
  { name: 'failure', theme: 'sunlight', language: 'en', prepare: states.failed },
];

for (const { name, theme, language, prepare } of screens) {
  test(`picture: ${name}`, async ({ desk, window: page }) => {
    desk.settings = { theme, language, lastSite: null, technician: '' };
    const key = prepare(desk);
    await page.reload();
    await goTo(page, key ?? undefined);
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}.png` });
  });
}
