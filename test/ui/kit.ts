// A page on the built window, for every spec of this project: served with its real policy, on a core that the spec names.
// A policy violation or an error on the console fails the test.
import { test as base, expect, type Page } from '@playwright/test';
import type { ProcedureName } from '../../src-shared/channels.ts';
import { type ScriptedDesk, scriptedDesk, scriptedSite } from '../fakes/scripted-desk.ts';
import { bridgeOverHttp, type Core, serveWindow } from './transport.ts';

interface Fixtures {
  readonly desk: ScriptedDesk;
  /** The window on the scripted desk; open a place with `goTo`. */
  readonly window: Page;
  /** Starts the window on any core. */
  readonly startWindow: (core: Core) => Promise<string>;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from this pattern
  desk: async ({}, use) => use(scriptedDesk()),
  startWindow: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    await page.addInitScript(bridgeOverHttp);
    const closers: (() => Promise<void>)[] = [];
    await use(async (core) => {
      const served = await serveWindow(core);
      closers.push(served.close);
      return served.address;
    });
    await page.goto('about:blank');
    for (const close of closers) await close();
    expect(complaints).toEqual([]);
  },
  window: async ({ page, desk, startWindow }, use) => {
    const address = await startWindow(desk);
    await page.goto(`${address}/#/`);
    await use(page);
  },
});

/** Goes to an instance's page, or to the site's overview. */
export async function goTo(page: Page, instance?: string): Promise<void> {
  const step = instance === undefined ? '' : `/step/${encodeURIComponent(instance)}`;
  await page.evaluate((hash) => {
    window.location.hash = hash;
  }, `#/site/${scriptedSite}${step}`);
  // The side list is on pages of a site alone; the address on it says that the step is shown.
  await expect(page.locator('nav')).toBeVisible();
  // Where there is no room beside the page, the list is closed until it is wanted.
  if (instance !== undefined) await expect(page.locator('nav [aria-current="step"]')).toHaveCount(1);
  // The title has the focus, or a question that takes it.
  await expect(page.locator('h1:focus, h2:focus, input:focus')).toHaveCount(1);
}

/** Reloads on what the desk holds now and goes to a step. */
export async function at(page: Page, instance?: string): Promise<void> {
  await page.evaluate(() => {
    window.location.hash = '#/';
  });
  await page.reload();
  await goTo(page, instance);
}

/** A page of the site, by its address; its title has the focus. */
export async function pageOf(page: Page, name: string): Promise<void> {
  await page.evaluate((hash) => {
    window.location.hash = hash;
  }, `#/site/${scriptedSite}/${name}`);
  await expect(page.locator('h1:focus')).toHaveCount(1);
}

/** The calls of a name that the window made so far. */
export const callsOf = (desk: ScriptedDesk, name: ProcedureName) => desk.calls.filter((call) => call.name === name);

export { expect };
