/** Every page that the window has, opened one after another as a person would who looks at everything. Nothing is pressed here. */
import { expect, type Page } from '@playwright/test';
import { addressOf, type Route } from '../../src-renderer/state/route.ts';
import type { Bridge } from '../../src-shared/api.ts';

/** What can be opened where this site is: a page that is new in the window must be added here. */
async function routesOf(page: Page, site: string): Promise<readonly Route[]> {
  const { instances, machines } = await page.evaluate(async (name) => {
    const answer = await (window as unknown as { fieldkit: Bridge }).fieldkit.invoke('sites.open', { site: name });
    if ('problem' in answer) throw new Error(answer.problem.code);
    return { instances: answer.value.view.order, machines: answer.value.machines.map((machine) => machine.name) };
  }, site);
  const pages: { readonly [P in Route['page']]: readonly Route[] } = {
    start: [{ page: 'start' }],
    new: [{ page: 'new' }],
    cache: [{ page: 'cache' }],
    help: [{ page: 'help' }],
    site: [{ page: 'site', site }],
    step: instances.map((instance) => ({ page: 'step', site, instance })),
    machine: machines.map((machine) => ({ page: 'machine', site, machine })),
    plan: [{ page: 'plan', site }],
    sources: [{ page: 'sources', site }],
    machines: [{ page: 'machines', site }],
    sheet: [{ page: 'sheet', site }],
    medium: [{ page: 'medium', site }],
    keys: [{ page: 'keys', site }],
    records: [{ page: 'records', site }],
    support: [{ page: 'support', site }],
    format: [{ page: 'format', site }],
    repair: [{ page: 'repair', site }],
  };
  return Object.values(pages).flat();
}

/** Opens a page and waits until it is the one that is shown. */
export async function open(page: Page, route: Route): Promise<void> {
  const heading = page.locator('h1');
  const before = await heading.textContent();
  if (new URL(page.url()).hash === addressOf(route)) return;
  await page.evaluate((hash) => {
    window.location.hash = hash;
  }, addressOf(route));
  await expect(heading, addressOf(route)).not.toHaveText(before ?? '', { timeout: 30_000 });
}

/** Opens all of them; `each` is asked once a page is shown. */
export async function everyPage(page: Page, site: string, each: (address: string) => void): Promise<number> {
  const routes = await routesOf(page, site);
  for (const route of routes) {
    await open(page, route);
    each(addressOf(route));
  }
  return routes.length;
}
