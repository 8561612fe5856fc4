/** The sheet that is printed: what a plan makes people bring, and that its words, page and text hold it all and no secret. */
import { createInstance } from 'i18next';
import { describe, expect, it } from 'vitest';
import enSheet from '../../../resources/locales/en/sheet.json' with { type: 'json' };
import enSteps from '../../../resources/locales/en/steps.json' with { type: 'json' };
import frSheet from '../../../resources/locales/fr/sheet.json' with { type: 'json' };
import frSteps from '../../../resources/locales/fr/steps.json' with { type: 'json' };
import { sheetFile } from '../../../src-main/medium/sheet-file.ts';
import { instancesOf } from '../../../src-main/runbook/instances.ts';
import { runbook } from '../../../src-main/steps/index.ts';
import { emptyView, type SiteView, withInstances } from '../../../src-shared/journal.ts';
import type { Rehearsal } from '../../../src-shared/rehearsal.ts';
import { isTimed, minutesLeft, sheet as schema, siteSheet, stepMinutes } from '../../../src-shared/sheet.ts';
import { sheetPage, sheetText } from '../../../src-shared/sheet-page.ts';
import { planFaults, sitePlan } from '../../../src-shared/site.ts';

const print = '3f9c1b77a0d24e58b6610c9f2a7de4115c08e3b9d7f4a6122e90bb5d18c7f03a';
const small = { name: 'm1', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' };
const whole = {
  format: 1,
  name: 'lille',
  machines: [
    { ...small, user: 'admin', hostKey: `SHA256:${'k'.repeat(43)}` },
    { ...small, name: 'n1', roles: ['node', 'registry'], address: '10.0.0.2', port: 2222, client: 'tech' },
    { ...small, name: 'n2', roles: ['node', 'frontend'], address: '10.0.0.3', jump: 'm1', keyFile: '/k/id' },
  ],
  releases: [
    { name: 'slapos-master', url: 'https://x.example/slapos/raw/1.0.358/software/slapos-master/software.cfg' },
  ],
  frontend: { domain: 'shop.example.org', certificate: 'f.crt', key: 'f.key', dns: '10.0.0.9' },
  ranges: { re6st: 'fdbb:eb3c:1b95::/48' },
};

/** What was sealed last on each medium; the sheet is of the first. */
const sealed = { 'id-1': 3, 'id-2': 4 };

/** Of what lies on the first, an hour after it was sealed. */
const rehearsed: Rehearsal = {
  format: 1,
  at: '2026-11-22T13:00:00.000Z',
  tookMs: 1000,
  manifestSha256: 'a'.repeat(64),
  generation: 3,
  fingerprint: print,
  steps: [],
  unasked: [],
};

const sheetFor = (
  text: object,
  facts: Readonly<Record<string, unknown>> = {},
  mediumId: string | null = 'id-1',
  rehearsal: Rehearsal | null = null,
) => {
  const plan = sitePlan.parse(text);
  expect(planFaults(plan)).toEqual([]);
  const view = withInstances(emptyView, instancesOf(runbook, plan));
  const known: SiteView = {
    ...view,
    instances: Object.fromEntries(
      Object.entries(view.instances).map(([key, item]) => [
        key,
        facts[key] === undefined
          ? item
          : { ...item, state: 'done', doneAt: '2026-11-22T10:00:00.000Z', facts: facts[key] },
      ]),
    ),
  };
  return siteSheet({
    plan,
    lock: { keys: { manifestFingerprint: print } as never, sealed },
    view: known,
    medium: { label: 'FIELDKIT', volume: '5A3E-91C4', serial: null, fileSystem: 'exfat', mediumId },
    rehearsal,
    practice: false,
    program: 'SlapOS Field Kit 1',
    madeAt: '2026-11-22T14:02:00.000Z',
  });
};
const brought = (text: object, facts = {}): string[] =>
  sheetFor(text, facts).bring.flatMap(({ items }) => items.map(({ key }) => key.replace('sheet.bring.', '')));

async function pageIn(language: 'en' | 'fr', of: ReturnType<typeof sheetFor>) {
  const words = createInstance();
  await words.init({
    lng: language,
    resources: {
      en: { translation: { sheet: enSheet, steps: enSteps } },
      fr: { translation: { sheet: frSheet, steps: frSteps } },
    },
    interpolation: { escapeValue: false },
  });
  return sheetPage(of, { language, say: (key, params = {}) => words.t(key, { ...params }) });
}

describe('what is to be brought', () => {
  it('follows from the plan', () => {
    expect(brought({ ...whole, machines: [small], frontend: undefined, releases: [], ranges: {} })).toEqual([
      ...['laptop', 'medium', 'cable', 'login', 'vault', 'backup', 'console', 'configurator'],
    ]);
    expect(brought(whole)).toEqual([
      ...['laptop', 'medium', 'cable', 'keyFile', 'certificateMissing'],
      ...['login', 'login', 'keyPassphrase', 'sudo', 'vault', 'backup'],
      ...['nodeToken', 'clientToken', 'laterTokens', 're6stTokens'],
      ...['console', 'configurator', 'member', 'manager', 'reboots'],
      ...['jump', 'dns', 'ports', 're6st'],
    ]);
  });

  it.each([
    [[], 'certificate'],
    [[{ code: 'frontend-certificate-not-ready', params: {} }], 'certificateMissing'],
  ])('says of the certificate what describe-site found: %j', (certificateFindings, key) => {
    const facts = { certificate: { fingerprint: '00', until: '2027-01-02T00:00:00.000Z' }, certificateFindings };
    expect(brought(whole, { 'describe-site@site': facts })).toContain(key);
  });

  it('takes nobody to the old master’s scripts who has the new one', () => {
    const url = 'https://x.example/slapos/raw/1.0.400/software/slapos-master/software.cfg';
    const things = brought({ ...whole, releases: [{ name: 'slapos-master', url }] });
    expect(things).toContain('newMaster');
    expect(things).not.toContain('manager');
  });
});

it('leaves what is done out of the time that is left', () => {
  const minutes = (facts = {}) => sheetFor(whole, facts).chapters.find(({ chapter }) => chapter === 'master')?.minutes;
  expect(minutes({ 'first-login@machine:m1': {} })).toBe((minutes() ?? 0) - 180);
});

it('counts minutes of steps that there are, and of each that says it takes some', () => {
  const ids = runbook.map(({ id }) => id);
  expect(Object.keys(stepMinutes).filter((id) => !ids.includes(id))).toEqual([]);
  const whys: Readonly<Record<string, { readonly why: string }>> = enSteps;
  const timed = ids.filter((id) =>
    /Takes? (about |some |up to )*\w+ minutes?\b(?! for| the)/.test(whys[id]?.why ?? ''),
  );
  expect(timed.length).toBeGreaterThan(10);
  expect(timed.filter((id) => stepMinutes[id] === undefined)).toEqual([]);
});

describe.each(['en', 'fr'] as const)('the sheet in %s', (language) => {
  const seal = { generation: 3, sealedAt: '2026-11-22T12:00:00.000Z', changed: 0, count: 812, sizeBytes: 9.1e9 };

  it('shows fingerprint, medium, machines and steps, on the page as in the text', async () => {
    const made = schema.parse(sheetFor(whole, { 'seal-medium@site': seal }));
    const page = await pageIn(language, made);
    const text = sheetText(page);
    const html = sheetFile(page);
    for (const written of [text, html]) {
      for (const word of ['lille', 'FIELDKIT', '5A3E-91C4', 'admin@10.0.0.1', 'root@10.0.0.2:2222', 'shop.example.org'])
        expect(written).toContain(word);
      for (const group of print.match(/.{4}/g) ?? []) expect(written).toContain(group);
      expect(written).toContain(`SHA256:${'k'.repeat(43)}`);
      expect(written).not.toMatch(/sheet\.\w|steps\.\w|\{\{|\b(undefined|null)\b/);
    }
    expect(page.fingerprint.groups).toHaveLength(16);
    expect(page.marks).toEqual([]);
    expect(text).toMatch(/\[x\] /);
    expect(html).not.toMatch(/<script|https?:\/\//);
  });

  it('says that one of a medium not sealed has to be printed again', async () => {
    expect((await pageIn(language, sheetFor(whole))).marks).toHaveLength(1);
  });

  it.each([
    ['another medium was chosen since, sealed before', seal, 'id-2'],
    ['another medium was sealed under the same number', { ...seal, medium: { mediumId: 'id-9' } }, 'id-1'],
    ['another medium was chosen since, never sealed', seal, 'id-3'],
    ['the medium has no mark', seal, null],
    ['the medium was changed since', { ...seal, changed: 1 }, 'id-1'],
  ])('counts a medium as not sealed when %s', async (_when, facts, mediumId) => {
    const made = schema.parse(sheetFor(whole, { 'seal-medium@site': facts }, mediumId));
    expect(made.medium).toMatchObject({ label: 'FIELDKIT', sealed: null });
    expect((await pageIn(language, made)).marks).toHaveLength(1);
  });

  it.each([
    ['is not', { at: '2026-11-22T11:00:00.000Z' }, null],
    ['is not of another generation', { generation: 2 }, null],
    ['is', {}, 'passed'],
    ['is with what was missing', { unasked: [{ path: 'bdir/1', code: 'medium-file-missing' as const }] }, 'incomplete'],
  ])('says whether what is sealed was rehearsed: %s', async (_what, change, summary) => {
    const last = { ...rehearsed, ...change };
    const made = schema.parse(sheetFor(whole, { 'seal-medium@site': seal }, 'id-1', last));
    expect(made.medium?.rehearsed?.summary ?? null).toBe(summary);
    const row = (await pageIn(language, made)).medium.rows.at(-1)?.[1];
    expect(row).toMatch(summary === null ? /^(no|non)$/ : /2026.*, /);
  });

  it('takes nothing of a plan for markup', async () => {
    const page = await pageIn(language, { ...sheetFor(whole), site: '<b>x</b>' });
    expect(sheetFile(page)).toContain('&lt;b&gt;x&lt;/b&gt;');
  });
});

describe('the time that is left', () => {
  const open = (step: string, count: number) =>
    Array.from({ length: count }, () => ({ step, state: 'todo' as const, everDone: false }));

  it('counts the first node alone and the others five at once, but for what has an order of machines', () => {
    const each = stepMinutes['install-slapos-node'] ?? 0;
    expect(minutesLeft(open('install-slapos-node', 1), 0)).toBe(each);
    expect(minutesLeft(open('install-slapos-node', 6), 0)).toBe(2 * each);
    expect(minutesLeft(open('install-slapos-node', 20), 0)).toBe(5 * each);
    expect(minutesLeft(open('join-re6st', 4), 4)).toBe(4 * (stepMinutes['join-re6st'] ?? 0));
  });

  it('is of the whole only once nothing is to be fetched or copied', () => {
    expect(isTimed([...open('connect', 1), ...open('mirror-software', 1)])).toBe(false);
    expect(isTimed([...open('connect', 1), { step: 'mirror-software', state: 'done', everDone: true }])).toBe(true);
  });
});
