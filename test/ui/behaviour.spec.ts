// How the window behaves: what is kept, what is said, what is never done by itself. On the scripted desk.
import type { Locator, Page } from '@playwright/test';
import { runbook } from '../../src-main/steps/index.ts';
import { stepOf } from '../../src-shared/step.ts';
import { type ScriptedDesk, scriptedOrder } from '../fakes/scripted-desk.ts';
import { scriptedContents, scriptedRecent, scriptedVerified } from '../fakes/scripted-medium.ts';
import * as states from '../fakes/scripted-states.ts';
import { at, callsOf, expect, pageOf, test } from './kit.ts';

const { key } = states;
const masterSteps = new Set(runbook.filter((step) => step.chapter === 'master').map((step) => step.id));
const act = (page: Page) => page.getByRole('region', { name: 'The next act' });

test('opening a site and its steps reads and never performs', async ({ desk, window: page }) => {
  const step = states.planWithDiff(desk);
  await at(page, step);
  await expect(act(page).getByRole('button', { name: 'Do this one thing' })).toBeEnabled();
  expect(callsOf(desk, 'steps.plan')).toHaveLength(1);
  for (const name of ['steps.run', 'questions.answer', 'run.cancel', 'site.savePlan', 'sites.create'] as const) {
    expect(callsOf(desk, name), name).toEqual([]);
  }
});

test('the plan on the page is the one that is agreed to, by its hash', async ({ desk, window: page }) => {
  const step = states.planWithDiff(desk);
  await at(page, step);
  await expect(page.getByText('/etc/opt/slapos/slapos.cfg', { exact: true })).toBeVisible();
  await expect(
    page
      .getByRole('region', { name: /^Differences in/ })
      .getByText('added')
      .first(),
  ).toBeAttached();
  await act(page).getByRole('button', { name: 'Do this one thing' }).click();
  await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
  expect(callsOf(desk, 'steps.run')[0]?.input).toMatchObject({
    instances: [step],
    consent: 'each',
    agreed: [desk.plans.get(step)?.hash],
    skip: [],
  });
});

test('the bar says that the medium was pulled and that the laptop runs on its battery, and that both are well again', async ({
  desk,
  window: page,
}) => {
  await at(page);
  const bar = page.getByRole('banner');
  await expect(bar.getByRole('link', { name: 'Medium plugged in' })).toBeVisible();
  desk.laptop = { medium: 'away', battery: { percent: 43, draining: true } };
  await expect(bar.getByRole('link', { name: 'Medium not plugged in' })).toBeVisible();
  await expect(bar.getByText('On battery, 43 %')).toBeVisible();
  desk.laptop = { medium: 'here', battery: { percent: 44, draining: false } };
  await expect(bar.getByRole('link', { name: 'Medium plugged in' })).toBeVisible();
  await expect(bar.getByText('On battery')).toHaveCount(0);
});

test('on battery a long act says so before it begins and while it goes on, and asks nothing; a short one says nothing', async ({
  desk,
  window: page,
}) => {
  const said = page.getByRole('main').getByText('This laptop runs on its battery, 43 % are left');
  desk.laptop = { medium: 'here', battery: { percent: 43, draining: true } };
  states.doneBefore(desk, key.software);
  await at(page, key.software);
  await expect(said).toBeVisible();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  // Plugged in, and pulled out again while it runs.
  desk.laptop = { medium: 'here', battery: { percent: 43, draining: false } };
  await expect(said).toHaveCount(0);
  desk.runs = [{ run: 'run-9', instances: [key.software] }];
  desk.tell({ kind: 'run-started', instance: key.software, input: {} });
  desk.laptop = { medium: 'here', battery: { percent: 43, draining: true } };
  await expect(said).toBeVisible();
  await at(page, key.connect);
  await expect(page.getByRole('banner').getByText('On battery, 43 %')).toBeVisible();
  await expect(said).toHaveCount(0);
});

test('a lost event is asked for, and the page shows what it said', async ({ desk, window: page }) => {
  const step = states.installing(desk);
  await at(page, step);
  const hash = `hash of ${step}`;
  desk.lose({
    kind: 'command-ended',
    instance: step,
    hash,
    index: 2,
    outcome: 'performed',
    exit: 0,
    durationMs: 61_000,
    output: null,
    problem: null,
  });
  desk.tell({ kind: 'run-ended', instance: step, outcome: 'done', problem: null });
  await expect(page.locator('main li').filter({ hasText: 'performed' })).toHaveCount(3);
  await expect.poll(() => callsOf(desk, 'events.since').length).toBeGreaterThan(0);
});

test('a reload in the middle of a run shows the same progress, and goes on', async ({ desk, window: page }) => {
  const step = states.installing(desk);
  await at(page, step);
  const bar = page.getByRole('progressbar');
  await expect(bar).toHaveAttribute('aria-valuetext', /84 of 136 packages/);
  await page.reload();
  await expect(page.locator('h1')).toContainText('Install slapos-node');
  await expect(bar).toHaveAttribute('aria-valuetext', /84 of 136 packages · 1\.4\/s · about 37 sec left/);
  desk.live({
    kind: 'progress',
    instance: step,
    index: 2,
    done: 60,
    total: 136,
    unit: 'packages',
    speed: null,
    leftMs: null,
    what: 'libgfortran5',
  });
  await expect(bar).toHaveAttribute('aria-valuetext', /^libgfortran5 · 84 of 136 packages$/);
});

test('stopping says what it will do before and after', async ({ desk, window: page }) => {
  const step = states.installing(desk);
  await at(page, step);
  const stop = page.getByRole('button', { name: 'Stop' });
  const says = async (text: RegExp) => expect(stop).toHaveAccessibleDescription(text);
  // Installing is a long command of its own on the machine.
  await says(/^Stops looking\. .* goes on by itself/);
  await expect(page.getByText('Stops looking.')).toBeVisible();
  const under = { instance: step, hash: `hash of ${step}`, index: 2 };
  desk.tell({
    kind: 'command-ended',
    ...under,
    outcome: 'performed',
    exit: 0,
    durationMs: 1,
    output: null,
    problem: null,
  });
  await says(/^Stops now\. No command is under way\.$/);
  await stop.click();
  await expect(page.getByText('Stops after the command under way. What is finished stays.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Stop' })).toBeDisabled();
  await expect.poll(() => callsOf(desk, 'run.cancel')[0]?.input).toMatchObject({ run: 'run-7' });
});

test('what is awaited is said, with its limit and the next look, and time goes on', async ({ desk, window: page }) => {
  await at(page, states.waiting(desk));
  const line = page.locator('main p', { hasText: 'at most 1 hr' });
  await expect(line).toContainText('slapos unpacks slapos-master');
  await expect(line).toContainText(/Next look in \d+ sec/);
  await expect(page.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow', /.*/);
});

test('a failure opens the log, says what was not touched, and offers the very act again', async ({
  desk,
  window: page,
}) => {
  const step = states.installing(desk);
  await at(page, step);
  states.say(desk, ['Reading package lists...', '\u001b[31mE: dpkg was interrupted\u001b[0m']);
  await expect(page.getByRole('button', { name: /^Log/ })).toHaveAttribute('aria-expanded', 'false');
  states.fail(desk);
  await expect(page.getByRole('log')).toContainText('E: dpkg was interrupted');
  expect(await page.getByRole('log').innerText()).not.toContain('[31m');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('Not touched');
  await expect(alert).toContainText('What to do');
  await alert.getByRole('button', { name: 'Evidence' }).click();
  await expect(alert).toContainText('dpkg --configure -a');
  await act(page).getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
  expect(callsOf(desk, 'steps.run')[0]?.input).toMatchObject({ instances: [step], agreed: [`hash of ${step}`] });
});

test('the log can be searched, and following can be switched off', async ({ desk, window: page }) => {
  await at(page, states.installing(desk));
  const lines = Array.from({ length: 3000 }, (_, index) => `Unpacking package-${index} (1.0) ...`);
  states.say(desk, lines);
  await page.getByRole('button', { name: /^Log 3,?000 lines/ }).click();
  const log = page.getByRole('log');
  await expect(log).toContainText('package-2999 ');
  expect(await log.locator('div').count()).toBeLessThan(200);
  await page.getByRole('searchbox').fill('package-1234 ');
  await expect(log).toHaveText('Unpacking package-1234 (1.0) ...');
  await expect(page.getByText('1 line found')).toBeVisible();
  await page.getByRole('searchbox').fill('');
  await page.getByText('Follow', { exact: true }).click();
  await log.evaluate((frame) => {
    frame.scrollTop = 0;
  });
  await expect(log).toContainText('package-0 ');
  states.say(desk, ['one more line']);
  await expect(page.getByRole('button', { name: /^Log 3,?001 lines/ })).toBeVisible();
  await expect(log).toContainText('package-0 ');
});

test('what is typed is kept half a second later, and after a reload', async ({ desk, window: page }) => {
  const step = states.choosing(desk);
  await at(page, step);
  await page.getByText('SanDisk Ultra 64 GB').click();
  await expect
    .poll(() => callsOf(desk, 'drafts.save').map((call) => call.input))
    .toEqual([{ site: 'plant-lille', instance: step, input: { path: 'medium:sandisk' } }]);
  await page.reload();
  await expect(page.getByRole('radio', { name: /SanDisk/ })).toBeChecked();
});

test('a drive that is plugged in appears by itself; nothing is chosen and the focus stays', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  const sandisk = page.getByRole('radio', { name: /SanDisk/ });
  await page.getByText('SanDisk Ultra 64 GB').click();
  await expect(sandisk).toBeFocused();
  const [first] = desk.media;
  if (first === undefined) throw new Error('no drive');
  const fresh = { ...first, token: '/dev/sdc1', path: '/dev/sdc1', label: 'Kingston DataTraveler', mounted: false };
  desk.media = [fresh, ...desk.media];
  const kingston = page.getByRole('radio', { name: /Kingston/ });
  await expect(kingston).toBeVisible();
  await expect(kingston).not.toBeChecked();
  await expect(sandisk).toBeChecked();
  await expect(sandisk).toBeFocused();
  desk.media = desk.media.slice(1);
  await expect(kingston).toHaveCount(0);
  await expect(sandisk).toBeFocused();
});

test('no drive is chosen beforehand, and those that cannot be say why', async ({ desk, window: page }) => {
  await at(page, states.choosing(desk));
  await expect(page.getByRole('radio')).toHaveCount(2);
  for (const radio of await page.getByRole('radio').all()) await expect(radio).not.toBeChecked();
  await expect(page.getByRole('radio', { name: /Samsung/ })).toBeDisabled();
  await expect(page.getByText('belongs to the system of this laptop')).toBeVisible();
});

test('another stick in the place of the chosen one: the problem leads to the question, which shows both', async ({
  desk,
  window: page,
}) => {
  await at(page, states.swapped(desk));
  const problem = page.getByRole('alert');
  await expect(problem).toContainText('Another medium is at /media/ada/FIELD than the chosen one');
  await problem.getByRole('link', { name: 'Go to: Choose the medium' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Choose the medium');

  await at(page, states.otherStick(desk));
  const question = page.locator('[data-question]');
  await expect(question).toContainText('Another stick is at /media/ada/FIELD than the one this site was prepared on');
  await expect(question).toContainText('Until now: serial 4C530001230417, 61.5 GB, volume 6E1D-A20F, mark c41f09d2.');
  await expect(question).toContainText('There now: serial 0401B78E52C9D3, 30.8 GB, volume 91C4-07B3, mark 07be5521.');
  // Neither is suggested, and Enter presses none.
  await expect(question.getByRole('heading')).toBeFocused();
  await page.keyboard.press('Enter');
  expect(callsOf(desk, 'questions.answer')).toEqual([]);
  await question.getByRole('button', { name: 'Use this one from now on' }).click();
  await expect.poll(() => callsOf(desk, 'questions.answer')).toHaveLength(1);
  expect(callsOf(desk, 'questions.answer')[0]?.input).toMatchObject({
    id: 'medium:0401B78E52C9D3:30765219840:91C4-07B3:07be5521f6c94d80a2b1c9d3e4f56a78',
    value: 'use-this-one',
  });
});

test('a secret is typed hidden, answered once, and kept nowhere in the page', async ({ desk, window: page }) => {
  await at(page, states.password(desk));
  const field = page.getByLabel('Secret', { exact: true });
  await expect(field).toBeFocused();
  await expect(field).toHaveAttribute('type', 'password');
  await field.fill('correct horse battery');
  await page.keyboard.press('Enter');
  await expect(field).toBeHidden();
  await expect
    .poll(() => callsOf(desk, 'questions.answer').map((call) => call.input))
    .toEqual([{ site: 'plant-lille', run: '', id: 'password:field@master-1', value: 'correct horse battery' }]);
  expect(await page.content()).not.toContain('correct horse');
  expect(JSON.stringify(desk.drafts)).not.toContain('correct horse');
});

test('a fingerprint stands whole and in groups, and is copied without gaps', async ({
  desk,
  window: page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await at(page, states.fingerprint(desk));
  const shown = page.locator('dd', { hasText: 'SHA256:' }).locator('span').first();
  expect(((await shown.textContent()) ?? '').replaceAll(' ', '')).toBe(
    'SHA256:cP0hDcyJSBJ9gQrnvQhGAjkTQm0sYp7Qb3kG5mXxq1c',
  );
  await page.getByRole('button', { name: 'Copy: ssh-ed25519' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toBe('SHA256:cP0hDcyJSBJ9gQrnvQhGAjkTQm0sYp7Qb3kG5mXxq1c');
  // Typed once, before the answer: it is kept before the answer goes out.
  const name = page.getByLabel(/Your name/);
  await name.pressSequentially('x'.repeat(81));
  await expect(name).toHaveValue('x'.repeat(80));
  await name.fill('Ada Lovelace');
  await page.getByRole('button', { name: 'They differ' }).click();
  await expect.poll(() => callsOf(desk, 'questions.answer')).toHaveLength(1);
  expect(callsOf(desk, 'questions.answer')[0]?.input).toMatchObject({ id: 'host-key:master-1', value: 'no' });
  await expect.poll(() => callsOf(desk, 'settings.set').at(-1)?.input).toMatchObject({ technician: 'Ada Lovelace' });
});

test('findings stand by weight; only what can be passed can be passed', async ({ desk, window: page }) => {
  await at(page, states.blocked(desk));
  await expect(page.locator('main li', { hasText: 'Must be mended' })).toHaveCount(1);
  const weights = await page
    .locator('main section li')
    .filter({ hasText: /Must be mended|Can be passed|Note/ })
    .allInnerTexts();
  expect(weights.map((text) => /Must be mended|Can be passed|Note/.exec(text)?.[0])).toEqual([
    'Must be mended',
    'Can be passed',
    'Note',
  ]);
  await page.getByText('Go on in spite of this').click();
  await expect(act(page).getByRole('button', { name: 'Go on past what was found' })).toBeHidden();
});

test('a finding that is passed goes with the run', async ({ desk, window: page }) => {
  const step = states.blockedLightly(desk);
  await at(page, step);
  await page.getByText('Go on in spite of this').click();
  await act(page).getByRole('button', { name: 'Go on past what was found' }).click();
  await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
  expect(callsOf(desk, 'steps.run')[0]?.input).toMatchObject({ skip: ['target-name-lookup-slow'] });
});

test('a plan of a later round waits for its own yes', async ({ desk, window: page }) => {
  const step = states.confirming(desk);
  await at(page);
  await expect(page.getByText('Install slapos-node – master-1 needs you.')).toBeVisible();
  await page.getByRole('link', { name: 'Go there' }).click();
  await act(page).getByRole('button', { name: 'Do these 3 things' }).click();
  await expect.poll(() => callsOf(desk, 'questions.answer')).toHaveLength(1);
  expect(callsOf(desk, 'questions.answer')[0]?.input).toMatchObject({ id: `hash of ${step}`, value: 'yes' });
});

test('an interruption is said, and what was under way is unknown', async ({ desk, window: page }) => {
  await at(page, states.interrupted(desk));
  await expect(page.getByText('The program ended while this step ran')).toBeVisible();
  await expect(page.getByText('outcome unknown')).toBeVisible();
  expect(callsOf(desk, 'steps.run')).toEqual([]);
});

test('the live region hears of milestones and not of progress', async ({ desk, window: page }) => {
  const step = states.installing(desk);
  await at(page, step);
  const region = page.locator('[role=status].unseen');
  states.say(desk, ['a line']);
  await expect(page.getByRole('button', { name: /^Log/ })).toBeVisible();
  await expect(region).toHaveText('');
  desk.tell({ kind: 'run-ended', instance: step, outcome: 'done', problem: null });
  await expect(region).toHaveText('Install slapos-node – master-1: done.');
});

/** The text of a plan with things to mend, come to by the menu. */
async function planText(desk: ScriptedDesk, page: Page): Promise<Locator> {
  states.failed(desk);
  await at(page);
  await page.getByRole('button', { name: 'Settings and site' }).click();
  await page.getByRole('menuitem', { name: 'Edit the site plan' }).click();
  const text = page.getByRole('textbox', { name: 'Text of the site plan' });
  await expect(text).toHaveValue(/name: plant-lille/);
  return text;
}

test('problems of the site plan lead to their lines, and nothing typed is lost', async ({ desk, window: page }) => {
  const text = await planText(desk, page);
  await text.press('Control+End');
  await text.pressSequentially('# one more\n');
  await page.getByRole('button', { name: 'Save the plan' }).click();
  await expect(page.getByText('Not saved: 3 things to mend.')).toBeVisible();
  await page.getByRole('button', { name: 'Line 6' }).click();
  await expect(text).toBeFocused();
  const selected = await text.evaluate((field: HTMLTextAreaElement) =>
    field.value.slice(field.selectionStart, field.selectionEnd),
  );
  expect(selected).toContain('192.168.1.300');
  await expect(text).toHaveValue(/# one more/);
  // Neither does a reload, which is what a crash comes to; until it is saved or given up.
  await page.reload();
  await expect(text).toHaveValue(/# one more/);
  await expect(page.getByText('What you typed before is here again; it is not saved yet.')).toBeVisible();
  await page.getByRole('button', { name: 'Back to the saved text' }).click();
  await expect(text).not.toHaveValue(/# one more/);
  await page.reload();
  await expect(text).toHaveValue(/name: plant-lille/);
  await expect(text).not.toHaveValue(/# one more/);
});

test('what was typed over a text that the file no longer holds is handed back, and hides nothing', async ({
  desk,
  window: page,
}) => {
  const text = await planText(desk, page);
  await text.press('Control+End');
  await text.pressSequentially('# mine\n');
  desk.planText = desk.planText.replace('name: plant-lille', '# theirs\nname: plant-lille');
  await page.reload();
  await expect(text).toHaveValue(/# theirs/);
  await expect(text).not.toHaveValue(/# mine/);
  await expect(page.getByText('The file was changed after you began to type.')).toBeVisible();
  await page.getByRole('button', { name: 'Forget it' }).click();
  await page.reload();
  await expect(text).toHaveValue(/# theirs/);
  await expect(page.getByText('The file was changed after you began to type.')).toHaveCount(0);
});

test('a part of the plan opens when the text comes to hold it, and stays as it is left by hand', async ({
  desk,
  window: page,
}) => {
  const text = await planText(desk, page);
  const part = page.getByRole('button', { name: 'Frontend' });
  await expect(part).toHaveAttribute('aria-expanded', 'false');
  await text.press('Control+End');
  await text.pressSequentially('frontend:\n  domain: site.example.org\n');
  await expect(part).toHaveAttribute('aria-expanded', 'true');
  await expect(page.getByRole('textbox', { name: 'Domain' })).toHaveValue('site.example.org');
  await part.click();
  await text.press('Control+End');
  await text.pressSequentially('# one more');
  await expect(part).toHaveAttribute('aria-expanded', 'false');
});

test('theme and language change at once and are kept', async ({ desk, window: page }) => {
  await page.getByRole('button', { name: 'Settings and site' }).click();
  await page.getByRole('menuitemradio', { name: 'Sunlight' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'sunlight');
  await page.getByRole('button', { name: 'Settings and site' }).click();
  await page.getByRole('menuitemradio', { name: 'Français' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
  await expect(page.getByRole('heading', { name: 'Sites sur ce portable' })).toBeVisible();
  await expect.poll(() => desk.settings).toMatchObject({ theme: 'sunlight', language: 'fr' });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Sites sur ce portable' })).toBeVisible();
});

test('a name that cannot be is refused at its field, one that is taken by its problem', async ({
  desk,
  window: page,
}) => {
  await page.getByRole('button', { name: 'Make the site' }).click();
  const name = page.getByLabel('Name of the site');
  await name.fill('Plant Lille');
  await page.getByLabel('Address of the master').fill('10.0.0.1');
  await page.getByLabel('Network interface').fill('eth0');
  await page.getByRole('button', { name: 'Make the site' }).click();
  await expect(page.getByText('A name has lower-case letters')).toBeVisible();
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  expect(callsOf(desk, 'sites.create')).toEqual([]);
  await name.fill('plant-lille');
  await page.getByRole('button', { name: 'Make the site' }).click();
  await expect
    .poll(() => callsOf(desk, 'sites.create'))
    .toMatchObject([{ input: { interview: { name: 'plant-lille', nodes: [] } } }]);
  await expect(page.getByRole('alert')).toContainText('plant-lille');
  await expect(name).toHaveValue('plant-lille');
  await page.reload();
  await expect(name).toHaveValue('plant-lille');
  await expect(page.getByLabel('Network interface')).toHaveValue('eth0');
});

test('a site that cannot be opened leads back to the start and says why', async ({ desk, window: page }) => {
  desk.refuseToOpen = true;
  await page.getByRole('link', { name: /plant-lille/ }).click();
  await expect(page.getByRole('alert')).toContainText('grace@bench-3');
  await expect(page.getByRole('heading', { name: 'SlapOS Field Kit' })).toBeVisible();
});

test('the overview says the next act before all else, and the start which medium is not sealed', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.recent = scriptedRecent;
  await page.reload();
  const unsealed = page.locator('main a[href*=practice] [data-state]');
  await expect(unsealed.locator('svg')).toBeVisible();
  await expect(unsealed).toContainText('is not sealed');
  await at(page);
  const parts = page.locator('main section[aria-labelledby], main section[aria-label]');
  await expect(parts.first()).toHaveAccessibleName('Next step');
});

test('run until something needs me gives consent to the chapter, and only to what is open', async ({
  desk,
  window: page,
}) => {
  states.planWithDiff(desk);
  await at(page);
  await page.getByRole('button', { name: 'Run until something needs me: Master' }).click();
  await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
  expect(callsOf(desk, 'steps.run')[0]?.input).toMatchObject({
    instances: scriptedOrder.slice(scriptedOrder.indexOf(key.cache)).filter((one) => masterSteps.has(stepOf(one))),
    consent: 'phase',
    agreed: [],
  });
});

for (const moment of ['planned', 'asked', 'cut off'] as const)
  test(`no key presses what destroys: ${moment}`, async ({ desk, window: page }) => {
    await at(page, states.destroying(desk, moment));
    const button = act(page)
      .getByRole('button', { name: moment === 'cut off' ? 'Try again' : /^Confirm: / })
      .first();
    await expect(button).toBeEnabled();
    await expect(button).not.toHaveAttribute('aria-keyshortcuts');
    await page.keyboard.press('Control+Enter');
    expect([...callsOf(desk, 'steps.run'), ...callsOf(desk, 'questions.answer')]).toEqual([]);
    if (moment !== 'cut off') return;
    // Pressed by hand it agrees to nothing yet: what would be done is shown and asked for anew.
    await button.click();
    await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
    expect(callsOf(desk, 'steps.run')[0]?.input).toMatchObject({ consent: 'each', agreed: [] });
  });

test('keys press the next act from anywhere, and stop a run', async ({ desk, window: page }) => {
  const step = states.planWithDiff(desk);
  await at(page, step);
  await expect(act(page).getByRole('button', { name: 'Do this one thing' })).toBeEnabled();
  // A box that lies over the page has the keys to itself.
  await page.getByRole('button', { name: 'The same on a terminal' }).click();
  await page.keyboard.press('Control+Enter');
  await expect(page.getByRole('dialog')).toContainText(`fieldkit run ${step} --site plant-lille`);
  expect(callsOf(desk, 'steps.run')).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => callsOf(desk, 'steps.run')).toHaveLength(1);
  await at(page, states.installing(desk));
  await page.keyboard.press('Control+.');
  await expect.poll(() => callsOf(desk, 'run.cancel')).toHaveLength(1);
});

test('the help is searched on this laptop: by words, by a code from a page, in the language of the window', async ({
  desk,
  window: page,
}) => {
  await page.getByRole('button', { name: 'Settings and site' }).click();
  await page.getByRole('menuitem', { name: 'Help' }).click();
  await expect(page.locator('h1')).toHaveText('Help');
  const search = page.getByRole('searchbox');
  const found = page.locator('main li');
  await search.fill('host-key-changed');
  await expect(found).toHaveCount(1);
  // One that is left is read at once.
  await expect(found).toContainText('No password and no command was sent.');
  await search.fill('no such words anywhere');
  await expect(page.getByText('Nothing holds all of these words.')).toBeVisible();
  await search.fill('fingerprint');
  await expect.poll(() => found.count()).toBeGreaterThan(1);
  await search.fill('');
  await page.getByRole('button', { name: 'Prepare', exact: true }).click();
  await expect(page.locator('main ol li').first()).toContainText('describe-site');
  await page.getByRole('button', { name: 'This program', exact: true }).click();
  await expect(page.getByRole('region', { name: 'This program' })).toContainText('MIT License');
  desk.settings = { ...desk.settings, language: 'fr' };
  await page.reload();
  await expect(page.locator('h1')).toHaveText('Aide');
  await search.fill('empreinte comparer console');
  await expect(found.first()).toContainText('Comparer une empreinte');
});

test('a medium is read back from its page, with the time left, and stopping is told', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Read it back' });
  await panel.getByRole('button', { name: 'Read the medium back' }).click();
  await expect
    .poll(() => callsOf(desk, 'media.verify'))
    .toEqual([{ name: 'media.verify', input: { site: 'plant-lille', path: null } }]);
  const half = {
    path: scriptedContents.path,
    doneBytes: 4_500_000_000,
    totalBytes: 9_000_000_000,
    speed: 90_000_000,
    leftMs: 50_000,
  };
  desk.runs = [{ run: 'run-verify', instances: [] }];
  desk.live({ kind: 'verifying', ...half });
  await expect(panel.getByRole('progressbar')).toHaveAttribute(
    'aria-valuetext',
    /4\.5 GB of 9 GB · 90 MB\/s · about 50 sec left/,
  );
  await panel.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => callsOf(desk, 'run.cancel')).toHaveLength(1);
  desk.verified = scriptedVerified;
  desk.live({ kind: 'run-over', run: 'run-verify', problem: null });
  await expect(panel.getByRole('status')).toContainText('2 files are not as they were sealed');
  // Another stick at the same place, and the same one sealed anew: nothing was read of them.
  const { sealed } = scriptedContents;
  desk.contents = { ...scriptedContents, sealed: sealed === null ? null : { ...sealed, mark: 'another' } };
  await page.getByRole('button', { name: 'Look again' }).click();
  await expect(panel.getByRole('status')).toBeEmpty();
  desk.contents = scriptedContents;
  await page.getByRole('button', { name: 'Look again' }).click();
  await expect(panel.getByRole('status')).toContainText('2 files are not as they were sealed');
});

test('a reading of another medium is named, and can be stopped, also while the own one is away', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.contents = null;
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Read it back' });
  await expect(page.getByText('The medium is not at')).toBeVisible();
  await expect(panel).toBeHidden();
  desk.runs = [{ run: 'run-verify', instances: [] }];
  const begun = { doneBytes: 0, totalBytes: null, speed: null, leftMs: null };
  desk.live({ kind: 'verifying', path: '/media/ada/OTHER', ...begun });
  await at(page);
  await pageOf(page, 'medium');
  await expect(panel.getByRole('progressbar')).toHaveAccessibleName('Reading /media/ada/OTHER back');
  await expect(panel.getByRole('status')).toBeAttached();
  await panel.getByRole('button', { name: 'Stop' }).click();
  await expect
    .poll(() => callsOf(desk, 'run.cancel'))
    .toEqual([{ name: 'run.cancel', input: { site: 'plant-lille', run: 'run-verify' } }]);
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'run-verify', problem: null });
  await expect(panel.getByRole('status')).toContainText('Stopped before its end');
});

test('a medium is copied onto another drive and compared with it, and a copy can be stopped', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Copies' });
  await panel.getByRole('button', { name: 'Copy it to another drive' }).click();
  const act = panel.getByRole('button', { name: 'Copy 3.4 GB there' });
  await expect(act).toBeDisabled();
  await panel.getByRole('radio', { name: /SanDisk Ultra 64 GB/ }).check({ force: true });
  await act.click();
  const own = { site: 'plant-lille', path: null };
  await expect
    .poll(() => callsOf(desk, 'media.clone'))
    .toEqual([{ name: 'media.clone', input: { ...own, to: 'medium:sandisk' } }]);
  desk.runs = [{ run: 'run-clone', instances: [] }];
  const far = { doneBytes: 1_000_000_000, totalBytes: 3_412_000_000, speed: 40_000_000, leftMs: 60_000 };
  desk.live({ kind: 'cloning', path: '/media/ada/FIELD', ...far });
  await expect(panel.getByRole('progressbar')).toHaveAccessibleName('Copying to /media/ada/FIELD');
  await panel.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => callsOf(desk, 'run.cancel')).toHaveLength(1);
  desk.live({ kind: 'run-over', run: 'run-clone', problem: null });
  await expect(panel.getByText('Stopped before its end: the copy is unfinished.')).toBeVisible();
  await panel.getByRole('button', { name: 'Compare it with another medium' }).click();
  // Both lists of drives are there: that of the copy, and the one that was just opened.
  const sandisk = panel.getByRole('radio', { name: /SanDisk Ultra 64 GB/ });
  await expect(sandisk).toHaveCount(2);
  await sandisk.last().check({ force: true });
  await panel.getByRole('button', { name: 'Compare the lists' }).click();
  await expect(panel.getByText('They differ in 4 files')).toBeVisible();
  await panel.getByRole('button', { name: '1 file is on both, with another content' }).click();
  await expect(panel.getByText('readme.html')).toBeVisible();

  // What is answered for a medium that is no longer chosen is not shown below another.
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { 'media.compare': compare } = desk.handlers;
  const late: typeof compare = async (input) => {
    await held;
    return compare(input);
  };
  Object.assign(desk.handlers, { 'media.compare': late });
  const [first] = desk.media;
  if (first === undefined) throw new Error('no drive');
  desk.media = [...desk.media, { ...first, token: 'medium:kingston', path: '/media/ada/THIRD', label: 'Kingston' }];
  await panel.getByRole('button', { name: 'Compare the lists' }).click();
  await expect(panel.getByText('Reading both lists…')).toBeVisible();
  const kingston = panel.getByRole('radio', { name: /Kingston/ });
  await expect(kingston).toHaveCount(2);
  await kingston.last().check({ force: true });
  await expect(panel.getByText('Reading both lists…')).toBeHidden();
  const arrived = page.waitForResponse(/media\.compare/);
  answer();
  await (await arrived).finished();
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await expect(panel.getByText('They differ in 4 files')).toHaveCount(0);
});

test('an earlier state is shown with what it would change, then put back', async ({ desk, window: page }) => {
  states.failed(desk);
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Earlier states' });
  await panel.getByRole('button', { name: 'Go back to an earlier state' }).click();
  await expect(panel.getByText('files: 6 come back, 14 go, 3 change')).toBeVisible();
  expect(callsOf(desk, 'media.restore')).toEqual([]);
  await panel.getByRole('button', { name: 'Make generation 2 the sealed one' }).click();
  await expect
    .poll(() => callsOf(desk, 'media.restore'))
    .toEqual([{ name: 'media.restore', input: { site: 'plant-lille', path: null, generation: 2 } }]);
  const far = { path: null, doneBytes: 10_000_000, totalBytes: 40_000_000, speed: null, leftMs: null };
  desk.runs = [{ run: 'media.restore 1', instances: [] }];
  desk.live({ kind: 'restoring', ...far });
  await expect(panel.getByRole('progressbar')).toHaveAccessibleName('Putting the earlier state back');
  await panel.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => callsOf(desk, 'run.cancel')).toHaveLength(1);
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'media.restore 1', problem: null });
  await expect(panel.getByText('Stopped before its end. Generation 3 is the sealed one, whole.')).toBeVisible();

  await panel.getByRole('button', { name: 'Make generation 2 the sealed one' }).click();
  desk.runs = [{ run: 'media.restore 2', instances: [] }];
  desk.live({ kind: 'restoring', ...far });
  await expect(panel.getByRole('progressbar')).toBeVisible();
  const sealedAt = '2026-02-11T10:05:00.000Z';
  desk.restored = { path: scriptedContents.path, generation: 2, sealedAt, files: 340 };
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'media.restore 2', problem: null });
  await expect(panel.getByText(/Generation 2, sealed .* is the sealed one now: 340 files/)).toBeVisible();
  expect(callsOf(desk, 'media.contents').length).toBeGreaterThan(2);
});

test('while an earlier state is put back, also after a reload, there is its stop and no act that would be in its way', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.runs = [{ run: 'media.restore 1', instances: [] }];
  desk.live({ kind: 'restoring', path: null, doneBytes: 1, totalBytes: 4, speed: null, leftMs: null });
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Earlier states' });
  await expect(panel.getByRole('progressbar')).toHaveAccessibleName('Putting the earlier state back');
  await expect(panel.getByRole('button', { name: 'Stop' })).toHaveAccessibleDescription(/./);
  await expect(panel.getByRole('button')).toHaveCount(1);
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'media.restore 1', problem: null });
  await expect(panel.getByRole('button', { name: 'Make room' })).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Stop' })).toHaveCount(0);
});

test('a file that is named by a hash takes the room of a word, and is whole to whom points at it or copies it', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.verified = scriptedVerified;
  await at(page);
  await pageOf(page, 'medium');
  const name = (scriptedVerified?.report.findings ?? [])
    .map(({ params }) => String(params.file))
    .find((file) => file.length > 60);
  const hash = name?.split('/').at(-1) ?? '';
  const panel = page.getByRole('region', { name: 'Read it back' });
  const short = panel.getByTitle(hash, { exact: true });
  await expect(short).toHaveText(hash);
  expect((await short.boundingBox())?.width).toBeLessThan(160);
  expect(
    await short.evaluate((element) => {
      getSelection()?.selectAllChildren(element);
      return getSelection()?.toString();
    }),
  ).toBe(hash);
});

test('what may go from a medium is shown first; a yes to something else removes nothing', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  await at(page);
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Earlier states' });
  await panel.getByRole('button', { name: 'Make room' }).click();
  await panel.getByRole('button', { name: 'See what could go' }).click();
  await expect(panel.getByText('Generation 2 goes with them and cannot be restored afterwards.')).toBeVisible();
  desk.tidy = { ...desk.tidy, paths: ['bdir/1'.padEnd(37, '0')], sizeBytes: 8_000, mark: 'another' };
  await panel.getByRole('button', { name: 'Remove 2 files (31.4 MB)' }).click();
  await expect(panel.getByText('Something else lies there by now, so nothing was removed.')).toBeVisible();
  await panel.getByRole('button', { name: 'Remove 1 file (8 kB)' }).click();
  await expect(panel.getByText('1 file removed, 8 kB free again.')).toBeVisible();
  await expect(panel.getByRole('button', { name: /^Remove/ })).toHaveCount(0);
});

test('the focus goes on to what stands in the place of what went, wherever that is', async ({ desk, window: page }) => {
  states.failed(desk);
  await at(page);
  const press = async (button: Locator) => {
    await button.focus();
    await page.keyboard.press('Enter');
  };
  await pageOf(page, 'medium');
  const earlier = page.getByRole('region', { name: 'Earlier states' });
  await press(earlier.getByRole('button', { name: 'Make room' }));
  await press(earlier.getByRole('button', { name: 'See what could go' }));
  await press(earlier.getByRole('button', { name: /^Remove 2 files/ }));
  await expect(earlier.getByRole('button', { name: /^Remove/ })).toHaveCount(0);
  await expect(earlier.getByRole('button', { name: 'See what could go' })).toBeFocused();

  // A button that gives way to the one that stops, and the other way round.
  const reading = page.getByRole('region', { name: 'Read it back' });
  await press(reading.getByRole('button', { name: 'Read the medium back' }));
  desk.runs = [{ run: 'run-verify', instances: [] }];
  desk.live({ kind: 'verifying', path: null, doneBytes: 0, totalBytes: null, speed: null, leftMs: null });
  await expect(reading.getByRole('button', { name: 'Stop' })).toBeFocused();
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'run-verify', problem: null });
  await expect(reading.getByRole('button', { name: 'Read the medium back' })).toBeFocused();

  // Who leaves a thing on purpose is not led on when it goes.
  await earlier.getByRole('button', { name: 'See what could go' }).focus();
  await earlier.getByText('Sealing keeps the state before it').click();
  desk.contents = null;
  desk.media = [];
  await expect(earlier).toHaveCount(0);
  await page.waitForTimeout(500);
  await expect(page.locator('body')).toBeFocused();
});

test('a program behind the window that does not start is told, in the language of the system', async ({
  desk,
  startWindow,
  page,
}) => {
  const refuse = async (): Promise<never> => {
    throw new Error('settings.json is a folder');
  };
  const address = await startWindow({ ...desk, handlers: { ...desk.handlers, 'settings.get': refuse } });
  await page.goto(`${address}/#/`);
  await expect(page.getByRole('heading', { level: 1, name: 'The program did not start' })).toBeFocused();
  await expect(page.getByRole('alert')).toContainText('settings.json is a folder');
  await expect(page.getByRole('button', { name: 'Copy for support' })).toBeVisible();
});

test('the downloads are read back, can be stopped, and go once it was shown what goes', async ({
  desk,
  window: page,
}) => {
  desk.cacheCheck = { ...desk.cacheCheck, state: 'never', damaged: [], doneBytes: 0, speed: null };
  await page.getByRole('link', { name: 'Downloads on this laptop' }).click();
  await expect(page.getByText('1,214 files, 9.9 GB')).toBeVisible();
  await page.getByRole('button', { name: 'Read everything back' }).click();
  desk.cacheCheck = { ...desk.cacheCheck, state: 'going', doneBytes: 4_900_000_000, count: 400 };
  await expect(page.getByRole('progressbar')).toHaveAttribute('aria-valuetext', /4\.9 GB of 9\.9 GB/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('Stopped before its end; 400 files were read.')).toBeVisible();
  // Of what was used lately nothing goes.
  await expect(page.getByRole('button', { name: 'Nothing to remove' })).toBeDisabled();
  await page.getByRole('button', { name: /What may go/ }).click();
  await page.getByRole('option', { name: 'Everything' }).click();
  await page.getByRole('button', { name: 'Remove 1,214 downloads (9.9 GB)' }).click();
  await expect(page.getByText('1,214 downloads removed, 9.9 GB free again.')).toBeVisible();
  const limit = page.getByRole('textbox', { name: /Gigabytes at most/ });
  await limit.fill('no');
  await expect(page.getByText('A number above 0.')).toBeVisible();
  await limit.fill('5,5');
  await expect(page.getByText('4 downloads (2.1 GB) would go at once.')).toBeVisible();
  await page.getByRole('button', { name: 'Keep at most 5.5 GB' }).click();
  await expect
    .poll(() => callsOf(desk, 'cache.limit'))
    .toEqual([{ name: 'cache.limit', input: { limitBytes: 5_500_000_000 } }]);
  await expect(page.getByText('Kept from now on. Nothing had to go.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Keep at most 5.5 GB' })).toBeDisabled();
});

test('machines are surveyed into a picked folder, one after the other', async ({ desk, window: page }) => {
  states.failed(desk);
  desk.machines = [
    { name: 'master-1', roles: ['master'], address: '192.168.32.10' },
    { name: 'node-1', roles: ['node'], address: '192.168.32.11' },
    { name: 'builder-1', roles: ['builder'], address: '192.168.32.12' },
  ];
  await at(page);
  await pageOf(page, 'machines');
  const panel = page.getByRole('region', { name: 'What machines have already' });
  // A build machine is of the office: nothing is installed there from the medium.
  await expect(panel.getByRole('checkbox')).toHaveCount(2);
  await panel.getByText('node-1').click();
  await panel.getByRole('button', { name: 'Survey 1 machine into a folder…' }).click();
  await expect
    .poll(() => callsOf(desk, 'machines.survey'))
    .toEqual([
      {
        name: 'machines.survey',
        input: { site: 'plant-lille', machines: ['master-1'], folder: 'pick:folder' },
      },
    ]);
  desk.runs = [{ run: 'run-survey', instances: [] }];
  desk.live({ kind: 'surveying', machine: 'master-1', done: 0, total: 1 });
  await expect(panel.getByRole('progressbar')).toHaveAccessibleName('Reading master-1');
  const [path, earlier] = ['/home/ada/surveys/master-1.status', '/home/ada/surveys/master-1.1.status'];
  desk.surveyed = { wanted: 2, surveys: [{ machine: 'master-1', path, count: 312, earlier }] };
  desk.live({ kind: 'run-over', run: 'run-survey', problem: null });
  await expect(panel.getByRole('status')).toContainText('1 of 2 machines surveyed');
  await expect(panel.getByRole('status')).toContainText(`master-1, 312 packages: ${path}`);
  await expect(panel.getByRole('status')).toContainText(`it is kept as ${earlier}`);
});

test('a proxy’s password is asked for on the page of the sources, and sent with the next test', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  const params = { user: 'ada', proxy: 'http://proxy.example:3128' };
  const key = 'steps.plan-medium.asks.proxyPassword';
  const asks = { id: 'proxy-password', kind: 'secret' as const, key, params, show: [], choices: [] };
  const answered = desk.sources;
  desk.sources = { ...answered, asks, answers: [] };
  await at(page);
  await pageOf(page, 'sources');
  await page.getByRole('button', { name: 'Ask every source' }).click();
  const question = page.getByRole('region', { name: 'Password of ada at the proxy http://proxy.example:3128' });
  await expect(question.locator('input')).toBeFocused();
  await expect(page.locator('main li')).toHaveCount(0);
  desk.sources = answered;
  await page.keyboard.type('word');
  await page.keyboard.press('Enter');
  await expect(page.locator('main li')).toHaveCount(2);
  await expect(question).toBeHidden();
  expect(callsOf(desk, 'sources.test').map(({ input }) => input)).toEqual([
    { site: 'plant-lille', password: null },
    { site: 'plant-lille', password: 'word' },
  ]);
});

test('the sources are told in the language of the window, with the time it takes at most', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.settings = { ...desk.settings, language: 'fr' };
  let answer = (): void => undefined;
  desk.beforeSources = new Promise((resolve) => {
    answer = () => resolve();
  });
  await at(page);
  await pageOf(page, 'sources');
  const ask = page.getByRole('button', { name: 'Interroger chaque source' });
  await ask.click();
  await expect(page.getByText('Toutes sont interrogées en même temps, 15 s au plus.')).toBeVisible();
  // Under way it says so and keeps its place: the focus stays on it, and a second press does nothing.
  await expect(ask).toBeDisabled();
  await expect(ask).toHaveAccessibleName(/occupé$/);
  await expect(ask).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+Enter');
  expect(callsOf(desk, 'sources.test')).toHaveLength(1);
  const stop = page.getByRole('button', { name: 'Arrêter' });
  await stop.click();
  await expect(page.getByText('Arrêté\u00a0: rien n’est connu des sources')).toBeVisible();
  await expect(stop).toBeHidden();
  await page.getByRole('button', { name: 'Interroger chaque source' }).click();
  await expect(stop).toBeVisible();
  answer();
  const silent = page.locator('main li').first();
  await expect(silent).toContainText('Paquets de l’éditeur pour debian-12-amd64');
  await expect(silent).toContainText('n’a pas répondu en 15 s');
  await expect(silent.locator('[data-state=failed]:has(svg)')).toHaveText('pas de réponse');
  await expect(page.locator('main li').last().locator('[data-state=done]:has(svg)')).toContainText('répond en');
});

test('each page says how the same is done on a terminal', async ({ desk, window: page }) => {
  states.failed(desk);
  await at(page);
  const told = async (): Promise<string> => {
    // The page's own comes before those of its sections.
    await page.getByRole('button', { name: 'The same on a terminal' }).first().click();
    const box = page.getByRole('dialog');
    const text = await box.innerText();
    await page.keyboard.press('Escape');
    await expect(box).toBeHidden();
    return text;
  };
  expect(await told()).toContain('fieldkit run machine master re6st --yes --site plant-lille');
  const pages = {
    plan: '/sites/plant-lille/site.yaml',
    sheet: 'fieldkit sheet --output plant-lille.html --site plant-lille',
    medium: 'fieldkit medium show /media/',
    records: 'fieldkit record verify /home/ada/',
    support: 'fieldkit support --hide-addresses --output . --site plant-lille',
    machines: 'fieldkit machines add ',
  };
  for (const [name, command] of Object.entries(pages)) {
    await pageOf(page, name);
    expect(await told(), name).toContain(command);
  }
  // Read back, the medium is compared with the key that this laptop knows, not with what lies on it.
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Read it back' });
  await panel.getByRole('button', { name: 'The same on a terminal' }).click();
  await expect(page.getByRole('dialog')).toContainText(`--fingerprint ${'5b'.repeat(32)}`);
});

test('what lies on the medium: its seal, versions by system, a release whose archive is missing, what is not ours', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'medium');
  await expect(page.getByText('Sealed for plant-lille, generation 3')).toBeVisible();
  await expect(page.getByText('7f3a', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: /^debian-12-amd64: 5 packages/ }).click();
  await expect(page.getByRole('row', { name: /slapos-node 1\.22\.1\+0/ })).toBeVisible();
  await expect(page.getByRole('row', { name: /caddy-frontend/ })).toContainText('its archive is missing');
  await page.getByRole('button', { name: /2 beside the folder fieldkit/ }).click();
  await expect(page.getByText('Holiday 2025/')).toBeVisible();
});

test('formatting: nothing is chosen, what is lost is shown, and only the typed name makes the button work', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'format');
  for (const radio of await page.getByRole('radio').all()) await expect(radio).not.toBeChecked();
  await expect(page.getByRole('radio', { name: /Samsung/ })).toBeDisabled();
  expect(callsOf(desk, 'format.look')).toEqual([]);
  await page.getByText('SanDisk Ultra · HOLIDAY').click();
  await expect(page.getByText('A sealed medium: plant-lille, generation 2')).toBeVisible();
  await expect(page.getByText('nobody can say what would be lost')).toBeVisible();
  const erase = page.getByRole('button', { name: 'Erase HOLIDAY' });
  const name = page.getByLabel('To erase it, type HOLIDAY');
  for (const wrong of ['holiday', 'HOLIDA', 'yes']) {
    await name.fill(wrong);
    await expect(erase).toBeDisabled();
  }
  // A drive that comes or goes meanwhile takes nothing from what was typed.
  await name.fill('HOLIDAY');
  desk.media = desk.media.slice(1);
  await expect.poll(() => callsOf(desk, 'format.drives').length).toBeGreaterThan(1);
  await expect(name).toHaveValue('HOLIDAY');
  expect(callsOf(desk, 'format.perform')).toEqual([]);
  await erase.click();
  await expect(page.getByText('Erased and formatted: /dev/sdb1')).toBeVisible();
  expect(callsOf(desk, 'format.perform').map((call) => call.input)).toEqual([
    {
      site: 'plant-lille',
      device: '/dev/sdb',
      mark: 'c0ffee',
      typed: 'HOLIDAY',
      fileSystem: 'exfat',
      label: 'FIELDKIT',
    },
  ]);
});

/** Holds the questions of one procedure back until told; from then on they go through. */
async function held(page: Page, procedure: string): Promise<() => Promise<void>> {
  const waiting: (() => Promise<void>)[] = [];
  let through = false;
  await page.route(`**/call/${procedure}`, async (route) => {
    if (through) await route.continue();
    else waiting.push(() => route.continue());
  });
  return async () => {
    through = true;
    for (const go of waiting.splice(0)) await go();
  };
}

const answered = (page: Page, procedure: string, value: object) =>
  page.route(`**/call/${procedure}`, (route) => route.fulfill({ json: { value } }));

test('a stick whose file system came out damaged is looked through, repaired after a yes, and each stop is said', async ({
  desk,
  window: page,
}) => {
  states.failed(desk);
  desk.verified = scriptedVerified;
  const [first] = desk.media;
  if (first === undefined) throw new Error('no drive');
  const why = { code: 'medium-drive-unusable', params: { drive: first.label, reason: 'needs-repair' } };
  desk.media = [{ ...first, token: 'medium:damaged', path: '/media/ada/OLD', label: 'Old stick', why }, ...desk.media];
  await at(page);
  await pageOf(page, 'medium');
  // Where reading back says what is wrong, it is one click away.
  await page.getByRole('region', { name: 'Read it back' }).getByRole('link', { name: 'Repair a file system' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Repair a file system' })).toBeFocused();
  const look = page.getByRole('button', { name: 'Look through it' });
  await expect(look).toBeDisabled();
  await page.getByRole('radio', { name: /Old stick/ }).check({ force: true });
  await look.click();
  const repairs = () => callsOf(desk, 'media.repair').map(({ input }) => input);
  const own = { site: 'plant-lille', place: 'medium:damaged' };
  await expect.poll(repairs).toEqual([{ ...own, repair: false }]);
  desk.runs = [{ run: 'media.repair 1', instances: [] }];
  desk.live({ kind: 'repairing', path: 'medium:damaged', stage: 'looking' });
  await expect(page.getByRole('progressbar')).toHaveAccessibleName(/nothing is written$/);
  await expect(page.getByText('Stops at once. Nothing was changed.')).toBeVisible();
  const damaged = { ...own, device: '/dev/sdb1', health: 'damaged', repaired: false, mountPoint: null } as const;
  const { site: _, ...came } = damaged;
  desk.repaired = came;
  const over = (run: string) => {
    desk.runs = [];
    desk.live({ kind: 'run-over', run, problem: null });
  };
  over('media.repair 1');
  await expect(page.getByText('/dev/sdb1: the file system is damaged. Nothing was changed.')).toBeVisible();
  await expect(page.getByText('What it may cost')).toBeVisible();
  await page.getByRole('button', { name: 'Repair /dev/sdb1' }).click();
  await expect.poll(repairs).toEqual([
    { ...own, repair: false },
    { ...own, repair: true },
  ]);
  desk.runs = [{ run: 'media.repair 2', instances: [] }];
  desk.live({ kind: 'repairing', path: 'medium:damaged', stage: 'repairing' });
  await expect(page.getByText('A repair that has begun goes on to its end')).toBeVisible();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => callsOf(desk, 'run.cancel')).toHaveLength(1);
  desk.repaired = { ...came, health: 'whole', repaired: true };
  over('media.repair 2');
  await expect(page.getByText('/dev/sdb1 is repaired, and not mounted')).toBeVisible();
});

test('keys: a new vault is named twice, what works says so and is not pressed twice', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await answered(page, 'keys.state', { fingerprint: '5b'.repeat(32), vault: false });
  await answered(page, 'pick.path', { token: 'picked', display: '/media/ada/site-keys.age' });
  const release = await held(page, 'keys.import');
  await pageOf(page, 'keys');
  await expect(page.getByText('and has no vault')).toBeVisible();
  const read = page.getByRole('button', { name: 'Read the keys' });
  const choose = page.getByRole('button', { name: 'Choose the file' });
  await choose.click();
  await expect(page.getByText('/media/ada/site-keys.age')).toBeVisible();
  await page.getByLabel('Passphrase of the file').fill('file');
  await page.getByLabel("Passphrase of this laptop's vault").fill('vault');
  await page.getByLabel('The same once more').fill('vaults');
  await read.click();
  await expect(page.getByText('The two differ')).toBeVisible();
  await page.getByLabel('The same once more').fill('vault');
  await read.click();
  await expect(page.getByRole('status').filter({ hasText: 'At work' })).toBeVisible();
  await expect(read).toBeDisabled();
  await expect(choose).toBeDisabled();
  await release();
  await expect(read).toBeEnabled();
  await expect(page.getByText('At work')).toHaveCount(0);
  expect(callsOf(desk, 'keys.import').map((call) => call.input)).toEqual([
    { site: 'plant-lille', path: 'picked', file: 'file', vault: 'vault' },
  ]);
});

test('keys: what lies in a closed vault is not claimed; both ways are offered', async ({ desk, window: page }) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'keys');
  await expect(page.getByText("Whether this site's keys are in it shows when it is opened.")).toBeVisible();
  await expect(page.getByRole('button', { name: 'Write the keys to a file' })).toBeEnabled();
  await expect(page.getByRole('button', { name: 'Read the keys' })).toBeEnabled();
  await expect(page.getByLabel('The same once more')).toHaveCount(1);
});

test('machines of a list: each tick counts at once, what is saved answers what is asked, every fault is shown', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'machines');
  await page.locator('main button[aria-haspopup=listbox]').first().click();
  await page.getByRole('option', { name: /^A list/ }).click();
  const give = (name: string, text: string) =>
    page.locator('main input[type=file]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  const shown = page.getByRole('region', { name: 'What would stand in the plan' });
  const add = page.getByRole('button', { name: /^Add/ });

  await give('large.csv', 'x'.repeat(256 * 1024 + 1));
  await expect(page.getByText(/large\.csv is larger than 262\skB/)).toBeVisible();
  expect(callsOf(desk, 'machines.read')).toEqual([]);

  await give('hosts.ini', 'web.example.org\nweb.example.net\nstore.example.org\n');
  const boxes = shown.getByRole('checkbox');
  await expect(boxes).toHaveCount(3);
  await expect(page.getByText('large.csv')).toHaveCount(0);
  // Two of one name: the fault stands at the second, and is why nothing can be added.
  await expect(shown.getByRole('listitem').nth(1).locator('code')).toHaveText('name');
  await expect(shown.locator('[class*=wrong]')).toHaveCount(1);
  await expect(add).toBeDisabled();

  // Each is ticked for itself, though both have one name: without the second the list can be added.
  await shown.getByRole('listitem').nth(1).locator('label').click();
  await expect(boxes.nth(0)).toBeChecked();
  await expect(boxes.nth(1)).not.toBeChecked();
  await expect(shown.locator('[class*=wrong]')).toHaveCount(0);
  await expect(add).toBeEnabled();

  await give('hosts.ini', 'one.example.org\ntwo.example.org\nthree.example.org\n');
  await expect(shown.locator('[class*=wrong]')).toHaveCount(0);
  await expect(add).toBeEnabled();
  const release = await held(page, 'machines.read');
  const tick = (name: string) => shown.locator('label', { hasText: name });
  await tick('one').click();
  await tick('two').click();
  await expect(shown.getByRole('checkbox', { checked: true })).toHaveCount(1);
  await expect(add).toBeDisabled();
  await release();
  await expect(page.getByRole('button', { name: 'Add one machine to the plan' })).toBeEnabled();
  expect(callsOf(desk, 'machines.read').at(-1)?.input).toMatchObject({ chosen: [2] });
});

test('keys: written into a picked folder, read back from a file, refused when they are of another site', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'keys');
  const half = (name: string) => page.getByRole('region', { name });
  const out = half('For another laptop');
  const write = out.getByRole('button', { name: 'Write the keys to a file' });
  await write.click();
  // Nothing is asked of the program before all three are typed, and the two of the new one are the same.
  await expect(out.getByText('Type it here.')).toHaveCount(2);
  await out.getByLabel("Passphrase of this laptop's vault").fill('vault phrase');
  await out.getByLabel('Passphrase of the file').fill('file phrase');
  await out.getByLabel('The same once more').fill('file phrases');
  await write.click();
  await expect(out.getByText('The two differ')).toBeVisible();
  expect(callsOf(desk, 'keys.export')).toEqual([]);
  await out.getByLabel('The same once more').fill('file phrase');
  await write.click();
  await expect(out.getByText('Written: pick:folder/plant-lille-keys.age')).toBeVisible();
  expect(callsOf(desk, 'keys.export').map((call) => call.input)).toEqual([
    { site: 'plant-lille', folder: 'pick:folder', vault: 'vault phrase', file: 'file phrase' },
  ]);
  // Passphrases stay nowhere on the page.
  for (const field of await out.locator('input').all()) await expect(field).toHaveValue('');

  const back = half('From another laptop');
  const read = back.getByRole('button', { name: 'Read the keys' });
  await read.click();
  await expect(back.getByText('Choose the file first.')).toBeVisible();
  await back.getByRole('button', { name: 'Choose the file' }).click();
  await back.getByLabel('Passphrase of the file').fill('file phrase');
  await back.getByLabel("Passphrase of this laptop's vault").fill('vault phrase');
  await read.click();
  const alert = back.getByRole('alert');
  await expect(alert).toContainText('keys-of-another-site');
  await expect(back.getByLabel('Passphrase of the file')).toHaveValue('file phrase');
  await answered(page, 'keys.import', { fingerprint: '5b'.repeat(32), changed: true });
  await read.click();
  await expect(back.getByText("The keys are in this laptop's vault.")).toBeVisible();
  await expect(alert).toHaveCount(0);
});

test('machines of a CSV: a bad one is refused at its place, the mended list is saved over the plan that was read', async ({
  desk,
  window: page,
}) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'machines');
  await page.locator('main button[aria-haspopup=listbox]').first().click();
  await page.getByRole('option', { name: /^A list/ }).click();
  const give = (text: string) =>
    page
      .locator('main input[type=file]')
      .setInputFiles({ name: 'hall.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  const add = page.getByRole('button', { name: /^Add/ });
  await give('name,colour\nnode-1,red\n');
  await expect(page.getByRole('alert')).toContainText('hall.csv');
  await expect(add).toBeDisabled();
  await give('name,address,interface,roles\nnode-1,192.168.1.31,enp1s0,node\nnode-2,192.168.1.333,enp1s0,node\n');
  const shown = page.getByRole('region', { name: 'What would stand in the plan' });
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(shown.getByRole('listitem').nth(1)).toContainText('four parts');
  await expect(add).toBeDisabled();
  expect(callsOf(desk, 'site.savePlan')).toEqual([]);
  await give('name,address,interface,roles\nnode-1,192.168.1.31,enp1s0,node\nnode-2,192.168.1.33,enp1s0,node\n');
  await expect(shown.locator('[class*=wrong]')).toHaveCount(0);
  await answered(page, 'site.savePlan', { saved: true, problems: [] });
  const saving = page.waitForRequest('**/call/site.savePlan');
  await page.getByRole('button', { name: 'Add 2 machines to the plan' }).click();
  const { text, base } = (await saving).postDataJSON() as { text: string; base: string };
  expect(base).not.toContain('node-1');
  expect(text.startsWith(base.trimEnd().slice(0, 60))).toBe(true);
  expect(text).toContain('192.168.1.33');
  await expect(page.getByRole('heading', { name: 'Site plan', level: 1 })).toBeFocused();
});

test('a machine is taken out of the plan only by its typed name, and leaves first when the master knows it', async ({
  desk,
  window: page,
}) => {
  states.manyMachines(desk);
  await at(page);
  await page.getByRole('link', { name: 'About node-1' }).click();
  await expect(page.getByRole('heading', { name: 'node-1', level: 1 })).toBeFocused();
  await expect(page.getByText(/COMP-7 at the master/)).toBeVisible();
  await page.getByRole('button', { name: 'Take it out of the plan' }).click();
  await expect(page.getByText(/The plan says that node-1 is leaving\./)).toBeVisible();
  const leave = page.getByRole('button', { name: 'Mark node-1 as leaving' });
  await expect(leave).toBeDisabled();
  await page.getByRole('button', { name: 'The same on a terminal' }).click();
  await expect(page.getByRole('dialog')).toContainText('fieldkit machines remove node-1 --site plant-lille');
  await page.keyboard.press('Escape');
  const name = page.getByLabel('To take it out, type node-1');
  await name.fill('node-2');
  await expect(leave).toBeDisabled();
  await name.fill('node-1');
  await leave.click();
  await expect(page.getByRole('heading', { name: 'node-1 is leaving.' })).toBeVisible();
  expect(callsOf(desk, 'machines.remove').map((call) => call.input)).toEqual([
    { site: 'plant-lille', machine: 'node-1', typed: 'node-1', lost: false },
  ]);
  await page.getByRole('button', { name: 'Take it out of the plan' }).click();
  await expect(page.getByText(/node-1 is leaving, and was not emptied yet/)).toBeVisible();
  await expect(page.getByLabel('To take it out')).toHaveCount(0);
});

test('a machine that was lost is said to be, one that others stand on stays, and one that was installed anew is met anew', async ({
  desk,
  window: page,
}) => {
  states.manyMachines(desk);
  await at(page);
  await page.getByRole('link', { name: 'About node-2' }).click();
  await page.getByRole('button', { name: 'It was installed anew' }).click();
  await expect(page.getByText(/A medium made for it may lack packages/)).toBeVisible();
  await page.getByRole('button', { name: 'Forget what is known of node-2' }).click();
  await expect(page.getByRole('heading', { name: 'node-2 is met as a stranger from now on.' })).toBeVisible();
  expect(callsOf(desk, 'machines.renew')).toHaveLength(1);
  await page.getByRole('button', { name: 'Take it out of the plan' }).click();
  await expect(page.getByText(/node-3 is reached through node-2/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Mark node-2 as leaving' })).toBeDisabled();
  await page.getByText('It is lost: nothing can be done there any more').click();
  await expect(page.getByText('It cannot go while something stands on it')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Take node-2 out of the plan' })).toBeDisabled();
  await expect(page.getByLabel('To take it out')).toHaveCount(0);
  expect(callsOf(desk, 'machines.remove')).toEqual([]);
});
