// The window in real Electron: the whole practice walk, sleep kept away while a step runs, closing that asks, a size that
// is kept. Pictures of the walk lie beside the results of the test.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import ui from '../../resources/locales/en/ui.json' with { type: 'json' };
import { beginPractice, mouse, settle, shortcuts, sum, walk } from '../ui/walking.ts';
import { expect, type Kit, launchKit, test } from './launch.ts';

const swift = { FIELDKIT_PRACTICE_PACE: '0' };

const inhibited = (kit: Kit): Promise<boolean> =>
  kit.app.evaluate(({ powerSaveBlocker }) =>
    Array.from({ length: 64 }, (_, id) => id).some((id) => powerSaveBlocker.isStarted(id)),
  );

/** What the closing question is answered: 0 stays, 1 leaves. Returns how often it was asked. */
async function answerClosing(kit: Kit, response: 0 | 1): Promise<() => Promise<number>> {
  await kit.app.evaluate(({ dialog }, given) => {
    const counted = globalThis as unknown as { asked: number };
    counted.asked = 0;
    dialog.showMessageBox = (async () => {
      counted.asked += 1;
      return { response: given, checkboxChecked: false };
    }) as unknown as typeof dialog.showMessageBox;
  }, response);
  return () => kit.app.evaluate(() => (globalThis as unknown as { asked: number }).asked);
}

const closeWindow = (kit: Kit): Promise<void> =>
  kit.app.evaluate(({ BrowserWindow }) => {
    BrowserWindow.getAllWindows()[0]?.close();
  });
const windowCount = (kit: Kit): Promise<number> =>
  kit.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);

/** Comes to a question inside a run: the run is under way and waits for the person. */
async function untilAsked(page: Page): Promise<void> {
  await beginPractice(page, mouse);
  await settle(page, mouse);
  await page.getByRole('button', { name: /^Next: / }).click();
  await settle(page, mouse);
  await page.getByRole('button', { name: /^Next: / }).click();
  await page.getByRole('button', { name: /^Do / }).click();
  await page.getByLabel('Secret', { exact: true }).waitFor();
}

test('the practice site from an empty folder to an installed master, with a reload in the middle', async ({
  home,
}, testInfo) => {
  test.setTimeout(5 * 60_000);
  const kit = await launchKit({ home, env: swift });
  const { window: page } = kit;
  try {
    await beginPractice(page, mouse);
    const { total } = await sum(page);
    const seen = await walk(page, mouse, async (title) => {
      await testInfo.attach(title, { body: await page.screenshot(), contentType: 'image/png' });
      if (title.startsWith('Connect')) {
        await page.reload();
        await expect(page.locator('h1')).toContainText('Connect');
      }
      return true;
    });
    expect(new Set(seen).size).toBe(total);
    expect(await sum(page)).toEqual({ done: total, total });
  } finally {
    await kit.app.close();
  }
});

test('the same by keyboard alone: Tab, arrows, space, Enter, letters, and the shortcut of the next act', async ({
  home,
}) => {
  test.setTimeout(5 * 60_000);
  const kit = await launchKit({ home, env: swift });
  const { window: page } = kit;
  try {
    // A mouse that is used here has been forgotten in the test.
    await page.evaluate(() => {
      const kept = globalThis as unknown as { pointed: number };
      kept.pointed = 0;
      addEventListener('pointerdown', ({ isTrusted }) => {
        if (isTrusted) kept.pointed += 1;
      });
    });
    await beginPractice(page, shortcuts);
    const { total } = await sum(page);
    const seen = await walk(page, shortcuts);
    expect(new Set(seen).size).toBe(total);
    expect(await sum(page)).toEqual({ done: total, total });
    expect(await page.evaluate(() => (globalThis as unknown as { pointed: number }).pointed)).toBe(0);
  } finally {
    await kit.app.close();
  }
});

test('the laptop does not sleep while a run is under way, and may afterwards', async ({ home }) => {
  const kit = await launchKit({ home, env: swift });
  try {
    expect(await inhibited(kit)).toBe(false);
    await untilAsked(kit.window);
    await expect.poll(() => inhibited(kit)).toBe(true);
    await settle(kit.window, mouse);
    await expect.poll(() => inhibited(kit)).toBe(false);
  } finally {
    await kit.app.close();
  }
});

/** What the taskbar was told, and what the person was called with, from now on; the person looks elsewhere when `away`. */
async function watchCalls(kit: Kit, away: boolean) {
  await kit.app.evaluate(({ BrowserWindow, Notification }, lookingElsewhere) => {
    const kept = globalThis as unknown as {
      bars: number[];
      calls: { title: string; body: string }[];
      click: () => void;
    };
    kept.bars = [];
    kept.calls = [];
    const window = BrowserWindow.getAllWindows()[0];
    if (window === undefined) throw new Error('no window');
    const setProgressBar = window.setProgressBar.bind(window);
    window.setProgressBar = (far) => {
      kept.bars.push(far);
      setProgressBar(far);
    };
    window.isFocused = () => !lookingElsewhere;
    // A machine for tests has nobody to show them.
    Notification.isSupported = () => true;
    Notification.prototype.show = function show(this: Electron.Notification) {
      kept.calls.push({ title: this.title, body: this.body });
      kept.click = () => this.emit('click');
    };
  }, away);
  return {
    bars: () => kit.app.evaluate(() => (globalThis as unknown as { bars: number[] }).bars),
    calls: () => kit.app.evaluate(() => (globalThis as unknown as { calls: object[] }).calls),
    click: () => kit.app.evaluate(() => (globalThis as unknown as { click: () => void }).click()),
  };
}

test('who looks elsewhere is called when asked and when the work is over, and the taskbar says how far it is', async ({
  home,
}) => {
  test.setTimeout(3 * 60_000);
  const kit = await launchKit({ home, env: swift });
  try {
    const { bars, calls, click } = await watchCalls(kit, true);
    const needed = { title: 'practice', body: ui.main.needsYou };
    const over = { title: 'practice', body: ui.main.runOver };
    await untilAsked(kit.window);
    await expect.poll(calls).toContainEqual(needed);
    // Somebody is awaited, nothing goes on.
    await expect.poll(async () => (await bars()).at(-1)).toBe(-1);
    const seen = () => kit.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible());
    await kit.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide());
    expect(await seen()).toBe(false);
    await click();
    await expect.poll(seen).toBe(true);
    const before = (await calls()).length;
    await walk(kit.window, mouse, async (title) => !title.startsWith('Seal'));
    await expect.poll(async () => (await calls()).slice(before)).toContainEqual(over);
    const shown = await bars();
    expect(shown.some((far) => far > 0 && far <= 1)).toBe(true);
    expect(shown).toContain(2);
    await expect.poll(async () => (await bars()).at(-1)).toBe(-1);
  } finally {
    await kit.app.close();
  }
});

test('who looks at the window is not called', async ({ home }) => {
  const kit = await launchKit({ home, env: swift });
  try {
    const { bars, calls } = await watchCalls(kit, false);
    await untilAsked(kit.window);
    await settle(kit.window, mouse);
    await expect.poll(async () => (await bars()).at(-1)).toBe(-1);
    expect(await calls()).toEqual([]);
  } finally {
    await kit.app.close();
  }
});

test('closing asks while a step runs: staying keeps it, leaving stops it and keeps the record', async ({ home }) => {
  const kit = await launchKit({ home, env: swift });
  await untilAsked(kit.window);
  const staying = await answerClosing(kit, 0);
  await closeWindow(kit);
  await expect.poll(staying).toBe(1);
  expect(await windowCount(kit)).toBe(1);
  await expect(kit.window.getByLabel('Secret', { exact: true })).toBeVisible();

  const ended = new Promise((resolve) => kit.app.process().once('exit', resolve));
  await answerClosing(kit, 1);
  await closeWindow(kit);
  await ended;

  const again = await launchKit({ home, env: swift });
  try {
    await expect(again.window.getByText(/^2 of \d+ steps done$/)).toBeVisible();
    await again.window.getByRole('button', { name: 'Go on practising' }).click();
    await again.window.getByRole('button', { name: 'Go to this step' }).click();
    await expect(again.window.locator('h1')).toContainText('keys');
    await settle(again.window, mouse);
  } finally {
    await again.app.close();
  }
});

test('killed in the middle of a step: the next start says so, repeats nothing by itself, and goes on', async ({
  home,
}) => {
  const kit = await launchKit({ home, env: swift });
  await untilAsked(kit.window);
  const ended = new Promise((resolve) => kit.app.process().once('exit', resolve));
  kit.app.process().kill('SIGKILL');
  await ended;

  const again = await launchKit({ home, env: swift });
  const { window: page } = again;
  try {
    await page.getByRole('button', { name: 'Go on practising' }).click();
    await expect(page.locator('h1')).toHaveText('practice');
    await page.getByRole('link', { name: /keys.*interrupted/ }).click();
    await expect(page.getByText('The program ended while this step ran')).toBeVisible();
    await expect(page.getByText('outcome unknown')).toBeVisible();
    await page.getByRole('button', { name: 'Read again' }).click();
    await settle(page, mouse);
  } finally {
    await again.app.close();
  }
});

test('closing does not ask while nothing runs', async ({ home }) => {
  const kit = await launchKit({ home, env: swift });
  await expect(kit.window.locator('h1')).toBeVisible();
  const ended = new Promise((resolve) => kit.app.process().once('exit', resolve));
  await kit.app.evaluate(({ dialog }) => {
    dialog.showMessageBox = (() => {
      throw new Error('asked');
    }) as unknown as typeof dialog.showMessageBox;
  });
  await closeWindow(kit);
  expect(await ended).toBe(0);
});

test('the window comes back in the size it was left in', async ({ home }) => {
  const first = await launchKit({ home, env: swift });
  await first.app.evaluate(({ BrowserWindow }) => {
    BrowserWindow.getAllWindows()[0]?.setSize(1010, 710);
  });
  const sizeOf = (kit: Kit) => kit.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getSize());
  // The screen answers when it has made the change.
  await expect.poll(() => sizeOf(first)).toEqual([1010, 710]);
  await first.app.close();
  const second = await launchKit({ home, env: swift });
  try {
    await expect.poll(() => sizeOf(second)).toEqual([1010, 710]);
  } finally {
    await second.app.close();
  }
});

test('a path that the page made up never reaches a step', async ({ home }) => {
  const kit = await launchKit({ home, env: swift });
  try {
    await beginPractice(kit.window, mouse);
    const answer = await kit.window.evaluate(() =>
      (window as unknown as { fieldkit: { invoke(name: string, input: unknown): Promise<unknown> } }).fieldkit.invoke(
        'steps.plan',
        { site: 'practice', instance: 'choose-medium@site', input: { path: '/etc' } },
      ),
    );
    expect(answer).toMatchObject({ problem: { code: 'usage-wrong' } });
  } finally {
    await kit.app.close();
  }
});

test('a program that cannot read its own settings says so, and that nothing was touched', async ({ home }) => {
  await mkdir(join(home, 'data', 'settings.json'), { recursive: true });
  const kit = await launchKit({ home, env: swift });
  try {
    await expect(kit.window.locator('h1')).toHaveText('The program did not start');
    await expect(kit.window.getByText('no site, medium or machine was touched')).toBeVisible();
  } finally {
    await kit.app.close();
  }
});
