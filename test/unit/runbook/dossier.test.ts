// The record's builder: a journal told as runs, and no secret of any kind in it.
import { describe, expect, it } from 'vitest';
import { recordTexts } from '../../../src-main/compose-texts.ts';
import { recordPage } from '../../../src-main/medium/record-page.ts';
import { buildDossier, type DossierParts, performedSince } from '../../../src-main/runbook/dossier.ts';
import { planFromText } from '../../../src-main/runbook/plan-file.ts';
import { Secrets } from '../../../src-main/runbook/secrets.ts';
import { type AsBuilt, parts } from '../../../src-shared/as-built.ts';
import type { JournalEvent, NewEvent } from '../../../src-shared/journal.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import type { Command } from '../../../src-shared/step.ts';

const canaries = {
  sessionPassword: 'canary-1-of-the-session',
  config: 'canary2config',
  token: 'canary3token',
  url: 'canary4url',
  key: 'canary5key',
  json: 'canary6json',
  fact: 'canary7fact',
  evidence: 'canary8evidence',
  answer: 'canary9answer',
  remark: 'canary10remark',
  xml: 'canary11xml',
  argument: 'canary12argument',
} as const;

const plan = planFromText(
  `format: 1
name: plant
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }
`,
  'site.yaml',
);
const facts = {
  ...(Object.fromEntries(parts.map((part) => [part, {}])) as unknown as AsBuilt),
  config: { 'slapos.cfg [x] y': `password=${canaries.fact}` },
};

const commands: Command[] = [
  {
    kind: 'run',
    on: { machine: 'm1' },
    argv: ['curl', `--token=${canaries.argument}`, `http://me:${canaries.url}@10.0.0.9/`],
    stdin: [{ secret: 'password:m1' }, canaries.sessionPassword],
    limitMs: 1000,
  },
  {
    kind: 'write',
    on: { machine: 'm1' },
    path: '/etc/opt/slapos/slapos.cfg',
    text: `[a]\npassword = ${canaries.config}\nurl = new\n`,
    before: `[a]\npassword = ${canaries.config}\nurl = old\n-----BEGIN PRIVATE KEY-----\n${canaries.key}\n-----END PRIVATE KEY-----\n`,
    mode: 0o644,
  },
];

const hash = 'f'.repeat(64);
const key = 'use-cache@machine:m1';
const events = (list: readonly NewEvent[]): JournalEvent[] =>
  list.map((event, index) => ({
    ...event,
    seq: index + 1,
    at: new Date(Date.UTC(2026, 10, 22, 9, 0, index)).toISOString(),
    mono: index * 1000,
  })) as JournalEvent[];

const journal = events([
  { kind: 'opened', program: 'kit 1', who: 'jane', laptop: 'lap-1', tornLine: false },
  { kind: 'instances', list: [{ step: 'use-cache', subject: { kind: 'machine', name: 'm1' } }] },
  { kind: 'run-started', instance: key, input: {} },
  {
    kind: 'facts',
    instance: key,
    facts: {},
    found: [{ key: 'steps.use-cache.found.url', params: { url: `{"token": "${canaries.json}"}` } }],
    verdict: { state: 'blocked', findings: [{ code: 'target-clock-off', params: { machine: 'm1', awayMs: 900_000 } }] },
  },
  { kind: 'skipped', instance: key, codes: ['target-clock-off'], by: 'window' },
  { kind: 'plan', instance: key, plan: { instance: key, round: 1, hash, commands } },
  { kind: 'consent', instance: key, hash, scope: 'plan', by: 'window' },
  { kind: 'command-started', instance: key, hash, index: 0 },
  {
    kind: 'command-ended',
    instance: key,
    hash,
    index: 0,
    outcome: 'failed',
    exit: 7,
    durationMs: 1500,
    output: null,
    problem: { code: 'command-failed', params: {}, severity: 'strict', retryable: true, evidence: canaries.evidence },
  },
  {
    kind: 'run-ended',
    instance: key,
    outcome: 'failed',
    problem: {
      code: 'command-failed',
      params: { command: 'curl', exit: 7, machine: 'm1', detail: `secret=${canaries.token}` },
      severity: 'strict',
      retryable: true,
      evidence: `<p id="password">${canaries.xml}</p>`,
    },
  },
  { kind: 'opened', program: 'kit 2', who: 'joe', laptop: 'lap-2', tornLine: false },
  { kind: 'run-started', instance: key, input: {} },
  { kind: 'plan', instance: key, plan: { instance: key, round: 1, hash, commands } },
  { kind: 'consent', instance: key, hash, scope: 'phase', by: 'joe' },
  { kind: 'command-started', instance: key, hash, index: 1 },
  {
    kind: 'command-ended',
    instance: key,
    hash,
    index: 1,
    outcome: 'performed',
    exit: null,
    durationMs: 200,
    output: null,
    problem: null,
  },
  {
    kind: 'asked',
    instance: key,
    question: {
      id: 'token',
      kind: 'secret',
      key: 'steps.connect.asks.password',
      params: { machine: 'm1', user: 'u' },
      show: [],
      choices: [],
    },
  },
  { kind: 'answered', instance: key, id: 'token', value: canaries.answer, by: 'joe' },
  {
    kind: 'asked',
    instance: key,
    question: {
      id: 'host-key:m1',
      kind: 'confirm',
      key: 'steps.connect.asks.hostKey',
      params: { machine: 'm1', address: '10.0.0.1' },
      show: [],
      choices: [],
    },
  },
  { kind: 'answered', instance: key, id: 'host-key:m1', value: 'yes', by: 'joe' },
  { kind: 'run-ended', instance: key, outcome: 'done', problem: null },
]);

const given: DossierParts = {
  number: 3,
  madeAt: new Date(Date.UTC(2026, 10, 22, 10)),
  who: 'joe',
  laptop: 'lap-2',
  program: 'kit 2',
  practice: false,
  remark: `<script>alert(1)</script> token=${canaries.remark}`,
  events: journal,
  plan,
  lock: emptyLock,
  manifest: null,
  facts: { m1: facts },
};
const secrets = new Secrets();
secrets.set('password:m1', canaries.sessionPassword);

describe('the record of a site', () => {
  const record = buildDossier(given, secrets);
  const [step] = record.steps;

  it('tells each run: who, on which laptop, when, how long, what was done and what came of it', () => {
    expect(step?.runs).toMatchObject([
      {
        who: 'jane',
        laptop: 'lap-1',
        program: 'kit 1',
        agreedBy: ['window'],
        outcome: 'failed',
        durationMs: 7000,
        problem: { code: 'command-failed' },
        commands: [{ kind: 'run', machine: 'm1', outcome: 'failed', exit: 7, durationMs: 1500 }],
      },
      {
        who: 'joe',
        laptop: 'lap-2',
        agreedBy: ['joe'],
        outcome: 'done',
        commands: [{ kind: 'write', outcome: 'performed' }],
      },
    ]);
    expect(step?.runs[1]?.commands[0]?.change).toMatch(/^-url = old$[\s\S]*^\+url = new$/m);
    expect(step).toMatchObject({ state: 'done', doneAt: '2026-11-22T09:00:20.000Z' });
  });

  it('tells what people confirmed, and what they went past and why', () => {
    expect(record.gates).toMatchObject([
      { id: 'token', kind: 'secret', answer: null, who: 'joe' },
      { id: 'host-key:m1', answer: 'yes', who: 'joe', by: 'joe', at: '2026-11-22T09:00:19.000Z' },
    ]);
    expect(record.overrides).toMatchObject([
      {
        instance: key,
        who: 'jane',
        by: 'window',
        findings: [{ code: 'target-clock-off', params: { awayMs: 900_000 } }],
      },
    ]);
  });

  it('says which medium was sealed, on its page as well', () => {
    const files = [{ path: 'medium-id', sizeBytes: 33, sha256: 'c'.repeat(64) }];
    const sealed = {
      format: 1,
      site: 'plant',
      generation: 4,
      sealedAt: '2026-11-22T09:00:00.000Z',
      program: 'kit',
      files,
    };
    const which = { label: 'FIELD', serial: '4C53<0001', mediumId: 'ab12cd34ef56' };
    const of = buildDossier({ ...given, manifest: sealed as never, which }, secrets);
    expect(of.medium).toMatchObject({ which, generation: 4, files: 1 });
    for (const texts of recordTexts) expect(recordPage(of, texts)).toContain('FIELD · 4C53&lt;0001 · ab12cd34');
  });

  it('says why a medium that was there is not told, and never that none was there', () => {
    const mediumTrouble = { code: 'medium-manifest-invalid', params: { path: '/media/FIELD', detail: 'manifest.sig' } };
    const of = buildDossier({ ...given, manifest: null, mediumTrouble }, secrets);
    const without = buildDossier({ ...given, manifest: null }, secrets);
    for (const texts of recordTexts) {
      const notThere = texts.say('record.noMedium');
      expect(recordPage(without, texts)).toContain(notThere);
      expect(recordPage(of, texts)).not.toContain(notThere);
      expect(recordPage(of, texts)).toContain('/media/FIELD');
    }
  });

  it('names the bill of materials under its signed hash, on its page as well', () => {
    const files = [{ path: 'sbom.cdx.json', sizeBytes: 33, sha256: 'd'.repeat(64) }];
    const sealed = { generation: 4, sealedAt: '2026-11-22T09:00:00.000Z', files };
    const of = buildDossier({ ...given, manifest: sealed as never }, secrets);
    expect(of.medium?.materials).toEqual({ path: 'sbom.cdx.json', sha256: 'd'.repeat(64) });
    for (const texts of recordTexts) expect(recordPage(of, texts)).toContain('<code>sbom.cdx.json</code>');
  });

  it('holds no secret of any kind, neither as JSON nor as a page', () => {
    const pages = recordTexts.map((texts) => recordPage(record, texts));
    for (const [kind, canary] of Object.entries(canaries))
      for (const text of [JSON.stringify(record), ...pages]) expect(text.includes(canary), kind).toBe(false);
  });

  it('escapes everything on its page, which has no script and loads nothing', () => {
    for (const texts of recordTexts) {
      const page = recordPage(record, texts);
      expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
      expect(page).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|javascript:|url\(/i);
      expect(page).not.toMatch(/record\.[a-z]+\.?[a-z]*</);
      expect(page).toContain(`<html lang="${texts.language}">`);
    }
  });

  it('leaves out the run that makes it, and refuses to be made without the facts of a machine', () => {
    const open = events([
      ...journal.map(({ seq: _s, at: _a, mono: _m, ...event }) => event as NewEvent),
      { kind: 'run-started', instance: key, input: {} },
    ]);
    expect(buildDossier({ ...given, events: open }, secrets).steps[0]?.runs).toHaveLength(2);
    expect(() => buildDossier({ ...given, facts: {} }, secrets)).toThrow(RangeError);
  });

  it('knows what was done after it, but for steps that are named', () => {
    expect(performedSince(journal, 0, [])).toBe(1);
    expect(performedSince(journal, 0, ['use-cache'])).toBe(0);
    expect(performedSince(journal, 16, [])).toBe(0);
  });
});
