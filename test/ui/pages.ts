// Every page and state that the specs look at, by name.
import type { Page } from '@playwright/test';
import type { ScriptedDesk } from '../fakes/scripted-desk.ts';
import { scriptedRecent, scriptedVerified } from '../fakes/scripted-medium.ts';
import * as states from '../fakes/scripted-states.ts';
import { expect, goTo } from './kit.ts';

const stepStates = {
  'choosing the medium': states.choosing,
  'a plan with its diff': states.planWithDiff,
  'a run with progress': states.installing,
  'a failure': states.failed,
  'a long wait': states.waiting,
  'a fingerprint to compare': states.fingerprint,
  'a password to give': states.password,
  'findings in the way': states.blocked,
  'a guarded change': states.guarded,
  'a plan that waits for a yes': states.confirming,
  'an interruption': states.interrupted,
} as const;

type Prepare = (desk: ScriptedDesk) => string;

/** Writes the state, then leads a freshly loaded page there. */
export interface Place {
  readonly name: string;
  readonly prepare: (desk: ScriptedDesk) => string | null;
  readonly go: (page: Page, key: string | null) => Promise<void>;
}

/** One of the site's pages, from its overview. */
async function openPage(page: Page, address: string): Promise<void> {
  await goTo(page);
  await page.evaluate((below) => {
    window.location.hash += below;
  }, address);
}

const steps: readonly Place[] = Object.entries<Prepare>(stepStates).map(([name, prepare]) => ({
  name,
  prepare,
  go: (page, key) => goTo(page, key ?? undefined),
}));

export const places: readonly Place[] = [
  {
    name: 'the start',
    prepare: (desk) => {
      desk.sites = ['plant-lille', 'harbour', 'practice'];
      desk.recent = scriptedRecent;
      return null;
    },
    go: async (page) => {
      await page.locator('a', { hasText: 'harbour' }).first().waitFor();
    },
  },
  {
    name: 'a new site with answers to mend',
    prepare: (desk) => {
      desk.sites = [];
      return null;
    },
    go: async (page) => {
      await page.evaluate(() => {
        window.location.hash = '#/new';
      });
      await page.locator('main form button[type=submit]').click();
      await page.locator('main input[aria-invalid=true]').first().waitFor();
    },
  },
  {
    name: 'the overview',
    prepare: (desk) => {
      states.failed(desk);
      return null;
    },
    go: (page) => goTo(page),
  },
  {
    name: 'the overview of many machines',
    prepare: (desk) => {
      states.manyMachines(desk);
      return null;
    },
    go: (page) => goTo(page),
  },
  {
    name: 'a machine and what can become of it',
    prepare: (desk) => {
      states.manyMachines(desk);
      return null;
    },
    go: async (page) => {
      await openPage(page, '/machine/node-1');
      const folds = page.locator('main [class*=fold] > button');
      await expect(folds).toHaveCount(2);
      await folds.nth(0).click();
      await folds.nth(1).click();
    },
  },
  {
    name: 'the site plan with things to mend',
    prepare: (desk) => {
      states.failed(desk);
      return null;
    },
    go: async (page) => {
      await openPage(page, '/plan');
      await expect(page.locator('textarea[wrap=off]')).not.toBeEmpty();
      await page.locator('main ul li').first().waitFor();
    },
  },
  ...(['sheet', 'medium', 'format', 'repair', 'keys', 'records', 'support', 'help'] as const).map(
    (page): Place => ({
      name: `the page ${page}`,
      prepare: (desk) => {
        states.failed(desk);
        return null;
      },
      go: async (shown) => {
        await openPage(shown, `/${page}`);
        await expect(shown.locator('h1:focus')).toHaveCount(1);
        await expect(shown.locator('[aria-busy=true]')).toHaveCount(0);
      },
    }),
  ),
  {
    name: 'sources, one of them silent',
    prepare: (desk) => {
      states.failed(desk);
      return null;
    },
    go: async (page) => {
      await openPage(page, '/sources');
      await expect(page.locator('h1:focus')).toHaveCount(1);
      await page.keyboard.press('Control+Enter');
      await expect(page.locator('main li')).toHaveCount(2);
    },
  },
  {
    name: 'the downloads of the laptop, one of them damaged',
    prepare: () => null,
    go: async (page) => {
      await page.evaluate(() => {
        window.location.hash = '#/cache';
      });
      await expect(page.locator('h1:focus')).toHaveCount(1);
      await expect(page.locator('main section[aria-labelledby=cache-check] li')).toHaveCount(1);
    },
  },
  {
    name: 'a medium with its copies and earlier states',
    prepare: (desk) => {
      states.failed(desk);
      desk.cloned = { to: '/media/ada/SECOND', files: 348, sizeBytes: 3_412_000_000, generation: 3, fingerprint };
      return null;
    },
    go: async (page) => {
      await openPage(page, '/medium');
      await expect(page.locator('h1:focus')).toHaveCount(1);
      const folds = (section: string) =>
        page.locator(`main section[aria-labelledby=${section}] [class*=fold] > button`);
      await expect(folds('copies-title')).toHaveCount(2);
      await folds('copies-title').nth(1).click();
      await page.locator('main section[aria-labelledby=copies-title] label').first().click();
      await page.locator('main section[aria-labelledby=copies-title] button:has(.lucide-git-compare-arrows)').click();
      await expect(folds('copies-title')).toHaveCount(5);
      await folds('states-title').nth(0).click();
      await folds('states-title').nth(1).click();
      const states = page.locator('main section[aria-labelledby=states-title]');
      await expect(states.locator('[class*=state] h3')).toHaveCount(1);
      await states
        .locator('button:not([slot])', { hasNot: page.locator('svg') })
        .last()
        .waitFor();
    },
  },
  {
    name: 'a medium that was read back and is damaged',
    prepare: (desk) => {
      states.failed(desk);
      desk.verified = scriptedVerified;
      return null;
    },
    go: async (page) => {
      await openPage(page, '/medium');
      await expect(page.locator('h1:focus')).toHaveCount(1);
      await expect(page.locator('main section[aria-labelledby=verify-title] li')).toHaveCount(2);
    },
  },
  {
    name: 'the plan with what was typed handed back',
    prepare: (desk) => {
      states.failed(desk);
      return null;
    },
    go: async (page) => {
      await page.evaluate(() => {
        localStorage.setItem(
          'typed plan of plant-lille',
          JSON.stringify({ text: 'name: mine\n', base: 'name: older\n' }),
        );
      });
      await openPage(page, '/plan');
      await expect(page.locator('[class*=aside]')).toHaveCount(1);
      await page.evaluate(() => localStorage.clear());
    },
  },
  {
    name: 'a step that can be taken back',
    prepare: (desk) => states.undoable(desk),
    go: async (page, key) => {
      await goTo(page, key ?? undefined);
      const fold = page.locator('main [class*=fold] > button').last();
      await fold.click();
      await page.locator('main [class*=fold] [class*=panel] button').last().click();
      await expect(page.locator('main button[class*=danger]')).toHaveCount(1);
    },
  },
  {
    name: 'the guided first run',
    prepare: (desk) => {
      desk.practice = true;
      return null;
    },
    go: async (page) => {
      await goTo(page);
      await expect(page.locator('#guide-title')).toHaveCount(1);
    },
  },
  {
    name: 'machines to add from a list, with something to mend',
    prepare: (desk) => {
      states.failed(desk);
      return null;
    },
    go: async (page) => {
      await openPage(page, '/machines');
      await expect(page.locator('h1:focus')).toHaveCount(1);
      await page.locator('main button[aria-haspopup=listbox]').first().click();
      await page.getByRole('option').nth(1).click();
      await page
        .locator('main input[type=file]')
        .setInputFiles({ name: 'machines.csv', mimeType: 'text/csv', buffer: Buffer.from(machineList) });
      await expect(page.locator('main [class*=wrong]')).toHaveCount(1);
    },
  },
  ...steps,
];

const fingerprint = '7f3a91c04be2d8566a0f1c93be77d2405d1e88a3049b7cc2f6510ea4b83d9c6e';

const machineList = `name,address,interface,roles
node-1,192.168.1.31,enp1s0,node
node-2,192.168.1.333,enp1s0,node frontend
store-room-with-a-long-name,fd00:1::33,enp1s0,node
`;
