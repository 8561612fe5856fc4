// Acts beside the steps' own: undoing one, taking a site over, a rehearsal, the first password, what is saved into a folder. Each is
// called with what was shown, says what came of it or what to do, and leaves the focus where one goes on. On the scripted desk.
import type { SiteOnMedium } from '../../src-shared/api.ts';
import { problem } from '../../src-shared/problem.ts';
import { instanceKey } from '../../src-shared/step.ts';
import type { ScriptedDesk } from '../fakes/scripted-desk.ts';
import { scriptedRehearsal } from '../fakes/scripted-medium.ts';
import * as states from '../fakes/scripted-states.ts';
import { at, callsOf, expect, pageOf, test } from './kit.ts';

const site = 'plant-lille';
const inputsOf = (desk: ScriptedDesk, name: Parameters<typeof callsOf>[1]) =>
  callsOf(desk, name).map(({ input }) => input);

test('undoing a step: nothing is taken back before it was shown, and then by the plan that was shown', async ({
  desk,
  window: page,
}) => {
  const step = states.undoable(desk);
  const plan = desk.plans.get(step);
  desk.answer('steps.undoPlan', async () => ({
    plan: plan ?? null,
    shell: '',
    stays: [{ key: 'steps.use-cache.found.url', params: { url: 'http://kept.example' } }],
    standing: [states.key.software],
  }));
  await at(page, step);
  await page.getByRole('button', { name: 'Undo this step' }).click();
  const act = page.getByRole('button', { name: /^Undo \(/ });
  await expect(act).toHaveCount(0);
  await page.getByRole('button', { name: 'Show what undoing does' }).click();
  await expect(page.getByRole('heading', { name: 'What stays all the same' })).toBeVisible();
  await expect(page.getByText('http://kept.example')).toBeVisible();
  await expect(page.getByText('was done after this, cannot be undone, and stays.')).toBeVisible();
  expect(inputsOf(desk, 'steps.undoPlan')).toEqual([{ site, instance: step }]);
  expect(callsOf(desk, 'steps.undo')).toEqual([]);
  await act.click();
  await expect.poll(() => inputsOf(desk, 'steps.undo')).toEqual([{ site, instance: step, agreed: [plan?.hash] }]);
  // Nothing else is begun meanwhile, nor the same twice.
  await expect(act).toBeDisabled();
  desk.tell({ kind: 'run-started', instance: step, input: {}, undo: true });
  await expect(page.getByRole('main').getByText('doing', { exact: true })).toBeVisible();
  desk.tell({ kind: 'run-ended', instance: step, outcome: 'undone', problem: null });
  desk.live({ kind: 'run-over', run: 'run-1', problem: null });
  // What was taken back cannot be taken back again; the focus stays on the page.
  await expect(page.getByRole('button', { name: 'Undo this step' })).toHaveCount(0);
  await expect(page.locator('main :focus')).toHaveCount(1);
});

test('a step that others build on is not undone: which ones come first is said', async ({ desk, window: page }) => {
  const step = states.undoable(desk);
  desk.answer('steps.undoPlan', async () => {
    throw problem('undo-others-first', { step, others: 'request-master@machine:master-1' });
  });
  await at(page, step);
  await page.getByRole('button', { name: 'Undo this step' }).click();
  await page.getByRole('button', { name: 'Show what undoing does' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('request-master@machine:master-1');
  await expect(alert).toContainText('Undo them first, in this order.');
  await expect(page.getByRole('button', { name: /^Undo \(/ })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Show what undoing does' })).toBeFocused();
});

const carried: SiteOnMedium = {
  name: 'harbour',
  owner: 'grace@bench-3',
  at: '2026-11-16T17:05:00.000Z',
  done: 12,
  total: 40,
  relation: 'new',
  fingerprint: '5b'.repeat(32),
  known: false,
  generation: 3,
  sealedAt: '2026-11-16T17:00:00.000Z',
  machines: [{ name: 'master-1', address: '192.168.32.10', hostKey: null }],
  absent: [],
};
const medium = { path: '/media/ada/FIELD', label: 'FIELD' };

test('a site is taken over from a medium: with the fingerprint that was shown, then it opens', async ({
  desk,
  window: page,
}) => {
  desk.answer('sites.onMedium', async () => [{ ...medium, sites: [carried] }]);
  await page.goto('about:blank');
  await page.goBack();
  const panel = page.getByRole('region', { name: 'Go on with the site on a medium' });
  await panel.getByRole('button', { name: 'Go on with harbour from FIELD' }).click();
  await expect(panel.getByText('Compare this fingerprint with the printed sheet, group by group')).toBeVisible();
  await expect(panel.getByText('not compared yet: asked at the first connection')).toBeVisible();
  await expect(panel.locator(':focus')).toHaveCount(1);
  expect(callsOf(desk, 'sites.takeOver')).toEqual([]);

  desk.answer('sites.takeOver', async () => {
    throw problem('fingerprint-differs', { what: 'manifest.pub', expected: '5b5b', found: '7c7c' });
  });
  const same = panel.getByRole('button', { name: 'They are the same: go on here' });
  await same.click();
  const alert = panel.getByRole('alert');
  await expect(alert).toContainText('if not, do not use this medium');
  await expect(same).toBeFocused();

  desk.answer('sites.takeOver', async () => ({ site: 'harbour', setAside: null }));
  await same.click();
  await expect(page).toHaveURL(/#\/site\/harbour$/);
  const asked = { path: medium.path, site: 'harbour', fingerprint: carried.fingerprint, keep: null };
  expect(inputsOf(desk, 'sites.takeOver')).toEqual([asked, asked]);
});

test('a site that this laptop has as well: the person chooses which to keep, and is told where the other lies', async ({
  desk,
  window: page,
}) => {
  desk.answer('sites.onMedium', async ({ path }) =>
    path === null
      ? []
      : [
          {
            ...medium,
            sites: [
              { ...carried, relation: 'diverged', known: true },
              { ...carried, name: 'quay' },
            ],
          },
        ],
  );
  await page.goto('about:blank');
  await page.goBack();
  const panel = page.getByRole('region', { name: 'Go on with the site on a medium' });
  await panel.getByRole('button', { name: "Choose the medium's folder" }).click();
  // It carries two: none of them is chosen by itself.
  await expect(panel.getByRole('button', { name: 'Go on with quay from FIELD' })).toBeVisible();
  expect(inputsOf(desk, 'sites.onMedium')).toEqual([{ path: null }, { path: 'pick:folder' }]);
  await panel.getByRole('button', { name: 'Go on with harbour from FIELD' }).click();
  await expect(panel.getByText("Both went on apart: the medium's history and this laptop's differ.")).toBeVisible();
  const aside = '/home/ada/.local/share/slapos-field-kit/set-aside/harbour-2026';
  desk.answer('sites.takeOver', async () => ({ site: 'harbour', setAside: aside }));
  await panel.getByRole('button', { name: "Take the medium's, set this laptop's aside" }).click();
  await expect(panel.getByText(`Set aside, whole: ${aside}`)).toBeVisible();
  expect(inputsOf(desk, 'sites.takeOver')).toEqual([
    { path: medium.path, site: 'harbour', fingerprint: carried.fingerprint, keep: 'medium' },
  ]);
  const open = panel.getByRole('button', { name: 'Open harbour' });
  await expect(open).toBeFocused();
  await open.click();
  await expect(page).toHaveURL(/#\/site\/harbour$/);
});

test('a rehearsal is started, followed step by step, stopped, and what it came to is shown', async ({
  desk,
  window: page,
}) => {
  desk.answer('media.rehearsal', async () => null);
  await at(page, states.choosing(desk));
  await pageOf(page, 'medium');
  const panel = page.getByRole('region', { name: 'Rehearsal' });
  await expect(panel.getByText('Not rehearsed yet.')).toBeVisible();
  const start = panel.getByRole('button', { name: 'Rehearse the site' });
  await start.focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => inputsOf(desk, 'media.rehearse')).toEqual([{ site }]);
  desk.runs = [{ run: 'run-rehearsal', instances: [] }];
  desk.live({ kind: 'rehearsal', step: states.key.install, done: 11, total: 33, sizeBytes: 98_300_000 });
  const bar = panel.getByRole('progressbar');
  await expect(bar).toHaveAccessibleName('Step 12 of 33: Install slapos-node – master-1');
  await expect(bar).toHaveAttribute('aria-valuetext', /98\.3 MB read from the medium/);
  const stop = panel.getByRole('button', { name: 'Stop' });
  await expect(stop).toBeFocused();
  await stop.click();
  await expect.poll(() => inputsOf(desk, 'run.cancel')).toEqual([{ site, run: 'run-rehearsal' }]);
  await expect(stop).toBeDisabled();

  desk.answer('media.rehearsal', async () => scriptedRehearsal);
  desk.runs = [];
  desk.live({ kind: 'run-over', run: 'run-rehearsal', problem: null });
  await expect(panel.getByText(/^Rehearsed: 1 step would fail on site with generation 3\./)).toBeVisible();
  await expect(panel.getByText(/^bcache\/3e7b.* is missing$/).first()).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Rehearse again' })).toBeFocused();
});

test('a rehearsal that cannot go on says what to do', async ({ desk, window: page }) => {
  await at(page, states.choosing(desk));
  await pageOf(page, 'medium');
  await page.getByRole('region', { name: 'Rehearsal' }).getByRole('button', { name: 'Rehearse again' }).click();
  await expect.poll(() => callsOf(desk, 'media.rehearse')).toHaveLength(1);
  const { data } = problem('medium-absent', { path: '/media/ada/FIELD' });
  desk.live({ kind: 'run-over', run: 'run-rehearsal', problem: data });
  await expect(page.getByRole('alert')).toContainText('The medium is not at /media/ada/FIELD');
  await expect(page.getByRole('alert')).toContainText('What to do');
});

test('the first password is read when asked for, hidden again, and never in the page before', async ({
  desk,
  window: page,
}) => {
  const step = instanceKey('first-login', { kind: 'machine', name: 'master-1' });
  await at(page, step);
  const panel = page.getByRole('region', { name: 'Password for the first login' });
  const show = panel.getByRole('button', { name: 'Show the password' });
  await expect(show).toBeVisible();
  expect(callsOf(desk, 'secrets.show')).toEqual([]);
  expect(await page.content()).not.toContain('correct horse');
  await show.focus();
  await page.keyboard.press('Enter');
  await expect(panel.getByText('correct horse')).toBeVisible();
  expect(inputsOf(desk, 'secrets.show')).toEqual([{ site, instance: step }]);
  await expect(panel.getByRole('button', { name: 'Copy' })).toBeFocused();
  const hide = panel.getByRole('button', { name: 'Hide it' });
  await hide.focus();
  await page.keyboard.press('Enter');
  await expect(show).toBeFocused();
  expect(await page.content()).not.toContain('correct horse');

  desk.answer('secrets.show', async () => {
    throw problem('nothing-to-show', { step });
  });
  await show.click();
  await expect(panel.getByRole('alert')).toContainText('Run the steps before it first; then ask again.');
});

test('the text for somebody who helps is saved as it is shown, and what was asked for before never takes its place', async ({
  desk,
  window: page,
}) => {
  let open = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    open = resolve;
  });
  desk.answer('support.read', async ({ hideAddresses }) => {
    if (!hideAddresses) await late;
    return { text: hideAddresses ? 'address-1 answered' : '192.168.1.30 answered' };
  });
  await at(page);
  await pageOf(page, 'support');
  const text = page.getByRole('main').getByText(/answered/);
  await expect(text).toHaveText(/address-1 answered/);
  const hide = page.getByRole('checkbox', { name: /Put words in place of addresses/ });
  const save = page.getByRole('button', { name: 'Save it in a folder' });
  await hide.press('Space');
  await expect(text).toHaveCount(0);
  await expect(save).toBeDisabled();
  await hide.press('Space');
  await expect(text).toHaveText(/address-1 answered/);
  open();
  await expect.poll(() => callsOf(desk, 'support.read').length).toBe(3);
  await page.waitForTimeout(200);
  await expect(text).toHaveText(/address-1 answered/);

  desk.answer('support.save', async () => {
    throw problem('folder-not-writable', { path: '/media/ada/FULL', detail: 'ENOSPC' });
  });
  await save.click();
  await expect(page.getByRole('alert')).toContainText('/media/ada/FULL cannot be written (ENOSPC)');
  await expect(page.getByRole('alert')).toContainText('Make room or give yourself the right to write');
  desk.answer('support.save', async ({ folder }) => ({ path: `${folder}/support.md` }));
  await save.click();
  await expect(page.getByRole('status').getByText('Saved: pick:folder/support.md')).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(save).toBeFocused();
  const asked = { site, hideAddresses: true, folder: 'pick:folder' };
  expect(inputsOf(desk, 'support.save')).toEqual([asked, asked]);
});

test('a closed picker saves nothing', async ({ desk, window: page }) => {
  desk.answer('pick.path', async () => null);
  await at(page);
  await pageOf(page, 'support');
  await page.getByRole('button', { name: 'Save it in a folder' }).click();
  await expect.poll(() => callsOf(desk, 'pick.path')).toHaveLength(1);
  await pageOf(page, 'records');
  await page.getByRole('button', { name: 'Save a copy' }).click();
  await expect.poll(() => callsOf(desk, 'pick.path')).toHaveLength(2);
  expect([...callsOf(desk, 'support.save'), ...callsOf(desk, 'records.save')]).toEqual([]);
});

test('a record is copied, what was done is exported, and a failure says what to do', async ({ desk, window: page }) => {
  await at(page);
  await pageOf(page, 'records');
  await page.getByRole('button', { name: 'Save a copy' }).click();
  const said = page.getByRole('status');
  await expect(said.getByText('Copied to pick:folder/0002')).toBeVisible();
  expect(inputsOf(desk, 'records.save')).toEqual([{ site, number: 2, folder: 'pick:folder' }]);

  await page.getByRole('button', { name: 'Export what was done' }).click();
  const ansible = page.getByRole('button', { name: 'As an Ansible playbook…' });
  await ansible.click();
  await expect(said.getByText('31 steps written into pick:folder/ansible-plant-lille')).toBeVisible();
  await expect(ansible).toBeFocused();
  await page.getByRole('button', { name: 'As a shell runbook…' }).click();
  await expect(said.getByText('pick:folder/shell-plant-lille')).toBeVisible();
  expect(inputsOf(desk, 'records.export')).toEqual([
    { site, kind: 'ansible', folder: 'pick:folder' },
    { site, kind: 'shell', folder: 'pick:folder' },
  ]);

  desk.answer('records.export', async ({ folder }) => {
    throw problem('folder-not-writable', { path: folder, detail: 'EROFS' });
  });
  await ansible.click();
  await expect(page.getByRole('alert')).toContainText('Make room or give yourself the right to write');
  await expect(page.getByText('shell-plant-lille')).toHaveCount(0);
});

test('a record that cannot be believed stays said while another thing is saved', async ({ desk, window: page }) => {
  desk.answer('records.read', async () => {
    throw problem('record-damaged', { path: '/record/0002', file: 'record.json' });
  });
  await at(page);
  await pageOf(page, 'records');
  await expect(page.getByRole('alert')).toContainText('nothing in this record is believed');
  await expect(page.getByRole('button', { name: 'Save a copy' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Export what was done' }).click();
  await page.getByRole('button', { name: 'As a shell runbook…' }).click();
  await expect(page.getByText('31 steps written into')).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('nothing in this record is believed');
});
