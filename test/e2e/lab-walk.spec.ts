/**
 * The main job through the window: real Electron, a medium from the archives' signed indexes, and a bare, offline Debian machine.
 * A person's acts alone: looking, typing, clicking. Pictures of every step are kept beside the test's results.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from '@playwright/test';
import { Lab, labUnavailable, startVendorRepository } from '../lab/index.ts';
import { installing, Laptop, makeSite } from '../lab/site.ts';
import { enabled } from '../ui/walking.ts';
import { expect, launchKit, test } from './launch.ts';

const reason = labUnavailable();

/** Plain alphanumerics, so that it is found wherever it may leak. */
const passphrase = 'canary5passphrase5of5the5window';

const act = (page: Page) => page.getByRole('region', { name: 'The next act' });

/** Does what the page asks, until the step on it is done. `compare` says whether a shown fingerprint is the console's. */
async function settle(page: Page, compare: (shown: string) => Promise<void>): Promise<void> {
  const done = page.locator('main [data-state="done"]').first();
  const perform = act(page).getByRole('button', { name: /^Do (this one thing|these \d+ things)$/ });
  const secret = page.getByLabel('Secret', { exact: true });
  const same = page.getByRole('button', { name: 'They are the same' });
  for (let turn = 0; turn < 20; turn += 1) {
    const next = done
      .or(perform.and(page.locator(enabled)))
      .or(secret)
      .or(same);
    await expect(next.first()).toBeVisible({ timeout: 15 * 60_000 });
    if (await done.isVisible()) return;
    if (await secret.isVisible()) {
      await secret.fill(passphrase);
      const again = page.getByLabel('The same once more', { exact: true });
      if (await again.isVisible()) await again.fill(passphrase);
      await page.getByRole('button', { name: 'Answer', exact: true }).click();
      await expect(secret).toBeHidden();
    } else if (await same.isVisible()) {
      await compare(await page.locator('main').innerText());
      await same.click();
      await expect(same).toBeHidden();
    } else {
      await perform.click();
      await expect(perform).toBeHidden();
    }
  }
  throw new Error('the step does not settle');
}

test.describe('a bare machine', () => {
  test.skip(reason !== null, `the lab is not to be had: ${reason}`);
  test.setTimeout(30 * 60_000);

  test('is brought to an installed master through the window', async () => {
    const lab = await Lab.open();
    const vendor = await startVendorRepository();
    const laptop = await Laptop.make({});
    const pictures = path.join(import.meta.dirname, '..', '..', 'test-results', 'lab-walk');
    await mkdir(pictures, { recursive: true });
    try {
      const machine = await lab.bootMachine({ name: 'window' });
      await makeSite(laptop, { machine, vendor });
      const { app, window: page } = await launchKit({ home: laptop.home, env: { SSH_AUTH_SOCK: '' } });
      try {
        await page
          .getByRole('button', { name: /^lab\b/ })
          .or(page.getByRole('link', { name: /^lab\b/ }))
          .first()
          .click();
        await expect(page.locator('h1')).toHaveText('lab', { timeout: 60_000 });
        await page.screenshot({ path: path.join(pictures, '00-overview.png') });
        await page.getByRole('button', { name: 'Go to this step' }).click();
        const titles: string[] = [];
        for (;;) {
          const title = await page.locator('h1').innerText();
          titles.push(title);
          if (title === 'Choose the medium') {
            // A folder is chosen in the system's dialog, which no test can click: it answers with the stick.
            await app.evaluate(({ dialog }, stick) => {
              dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [stick] });
            }, laptop.stick);
            await page
              .getByRole('button', { name: /folder/i })
              .first()
              .click();
          }
          await settle(page, async (shown) => {
            expect(shown.replaceAll(/\s/g, '')).toContain(await machine.hostKeyFingerprint());
          });
          await page.screenshot({
            path: path.join(pictures, `${String(titles.length).padStart(2, '0')}-${title.replace(/\W+/g, '-')}.png`),
          });
          const next = act(page).getByRole('button', { name: /^Next: / });
          // The steps that make a master of it are walked by the lab's own test.
          if (title.startsWith('Install the master') || !(await next.isVisible())) break;
          await next.click();
          await expect(page.locator('h1')).not.toHaveText(title);
        }
        expect(titles.at(-1)).toMatch(/^Install the master/);
        expect(new Set(titles).size).toBe(titles.length);
      } finally {
        await app.close();
      }
      expect(await machine.mustShell('slapos --version')).toMatch(/^slapos /);
      expect(await machine.mustShell('ls /opt/slapgrid/*/.completed')).toMatch(/\.completed\n$/);
      expect(await readFile(path.join(laptop.siteFolder, 'journal.jsonl'), 'utf8')).not.toContain(passphrase);

      // The terminal finds the same site in the same state: nothing is left to do.
      await writeFile(laptop.answersPath, '{}');
      const again = await laptop.fieldkit(['run', 'prepare', ...installing, '--yes', '--answers', laptop.answersPath]);
      expect(again.code, again.stdout.slice(-2000)).toBe(0);
      expect(again.lines.at(-1)).toMatchObject({ performed: 0 });
    } finally {
      await vendor.close();
      await lab.close();
      await laptop.discard();
    }
  });
});
