/** What the office is told of the frontend's certificate before anybody leaves: the real sight over real files, judged by the steps. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { frontendSights } from '../../../src-main/performers/frontend-sights.ts';
import { Secrets } from '../../../src-main/runbook/secrets.ts';
import { redirectToFrontend } from '../../../src-main/steps/frontend/redirect-to-frontend.ts';
import { describeSite } from '../../../src-main/steps/prepare/describe-site.ts';
import type { Json } from '../../../src-shared/json.ts';
import type { LaptopClockSight } from '../../../src-shared/laptop-clock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldkit-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function issue(name: string, domain: string, days: string): void {
  const { status, stderr } = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', days]
      .concat(['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:*.${domain}`])
      .concat(['-keyout', `${name}.key`, '-out', `${name}.crt`]),
    { cwd: folder, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
}
issue('good', 'shop.example.org', '200');
issue('brief', 'shop.example.org', '12');
issue('other', 'elsewhere.example.org', '200');
writeFileSync(join(folder, 'site.yaml'), '');

const planWith = (certificate: string, key: string) =>
  sitePlan.parse({
    format: 1,
    name: 'office',
    machines: [
      { name: 'm1', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' },
      { name: 'n1', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0' },
    ],
    frontend: { domain: 'shop.example.org', certificate, key },
  });

/** The world of an office: the real sight, this laptop's clock, and machines that answer only with theirs. */
function worldOf(site: ReturnType<typeof planWith>, machineSeconds = Math.floor(Date.now() / 1000)) {
  const secrets = new Secrets();
  const open = { plan: site, folder, clock: { now: () => new Date() }, secrets };
  return {
    sight: async (name: string, args: Readonly<Record<string, Json>> = {}) =>
      name === 'laptop-clock'
        ? ({ seconds: Math.floor(Date.now() / 1000), least: '' } satisfies LaptopClockSight)
        : frontendSights[name]?.(args, { site: open, cacheFolder: '', signal: new AbortController().signal } as never),
    probe: async (_machine: string, probes: readonly { readonly id: string }[]) =>
      Object.fromEntries(
        probes.map(({ id }) => [id, { exit: 0, out: id === 'clock' ? `${machineSeconds}\n` : '', err: '' }]),
      ),
  } as never;
}

async function judged(certificate: string, key: string, skipped: readonly string[] = []) {
  const site = planWith(certificate, key);
  const context = { site, earlier: { skipped, answers: {} } } as never;
  const facts = await describeSite.read(worldOf(site), context);
  expect(JSON.stringify(facts)).not.toContain('PRIVATE KEY');
  return { verdict: describeSite.verdict(facts, context), found: describeSite.found(facts, context) };
}

describe('describe-site and the frontend’s certificate', () => {
  it('is content with a pair that fits, and says until when', async () => {
    const { verdict, found } = await judged('good.crt', 'good.key');
    expect(verdict).toEqual({ state: 'done', findings: [] });
    expect(found.find(({ key }) => key.endsWith('found.certificate'))?.params).toMatchObject({
      domain: 'shop.example.org',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      until: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    });
  });

  it.each([
    ['no certificate there yet', 'absent.crt', 'good.key', 'unusable'],
    ['no key there yet', 'good.crt', 'absent.key', 'unusable'],
    ['another key', 'good.crt', 'other.key', 'key'],
    ['another domain', 'other.crt', 'other.key', 'domain'],
  ])('stops for %s until a person passes over it', async (_what, certificate, key, fault) => {
    const expected = {
      code: 'frontend-certificate-not-ready',
      params: expect.objectContaining({ fault: `frontend-certificate-${fault}`, domain: 'shop.example.org' }),
    };
    expect((await judged(certificate, key)).verdict).toEqual({ state: 'blocked', findings: [expected] });
    const passed = await judged(certificate, key, ['frontend-certificate-not-ready']);
    expect(passed.verdict).toEqual({ state: 'done', findings: [expected] });
  });

  it('warns of one that ends soon after the visit', async () => {
    const { verdict } = await judged('brief.crt', 'brief.key');
    expect(verdict).toMatchObject({ state: 'done', findings: [{ code: 'frontend-certificate-ends' }] });
    expect([11, 12]).toContain(verdict.findings[0]?.params.days);
  });
});

describe('on site', () => {
  const site = planWith('good.crt', 'good.key');
  const context = {
    site,
    subject: { kind: 'machine', name: 'n1' },
    earlier: { skipped: [], answers: {} },
    lock: { systems: {}, releases: {} },
    record: () => undefined,
  } as never;
  const verdictAt = async (seconds: number) =>
    redirectToFrontend.verdict(await redirectToFrontend.read(worldOf(site, seconds), context), context);

  it('the machine’s clock judges the dates, though the laptop’s agrees', async () => {
    expect(await verdictAt(1_551_675_967)).toMatchObject({
      state: 'blocked',
      findings: [{ code: 'frontend-certificate-clock', params: { machine: 'n1', now: '2019-03-04' } }],
    });
    const now = await verdictAt(Math.floor(Date.now() / 1000));
    expect(now.findings.map(({ code }) => code)).not.toContain('frontend-certificate-clock');
  });
});
