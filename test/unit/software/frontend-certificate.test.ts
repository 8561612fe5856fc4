/** Which pairs can stand for a frontend's domain: made by openssl, judged by the program. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type FrontendPair, judgeFrontendPair } from '../../../src-main/software/frontend-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldkit-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** A pair signed by an authority of its own, valid for 30 days from now. */
function issue(name: string, dnsNames: string, authority: string | null, days = '30'): void {
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(
    extensions,
    `subjectAltName=${dnsNames}\nbasicConstraints=CA:${authority === null ? 'TRUE' : 'FALSE'}\n`,
  );
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
  openssl('req', ...key, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
  const by =
    authority === null
      ? ['-signkey', `${name}.key`]
      : ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', days, '-extfile', extensions, '-out', `${name}.crt`);
}

issue('authority', 'DNS:authority', null, '400');
issue('stranger', 'DNS:stranger', null, '400');
issue('wild', 'DNS:*.shop.example.org,DNS:shop.example.org', 'authority');
issue('bare', 'DNS:shop.example.org', 'authority');
issue('above', 'DNS:*.example.org', 'authority');
openssl('ec', '-in', 'wild.key', '-aes128', '-passout', 'pass:long', '-out', 'locked.key');

const now = new Date();
const pair = (certificate: string | null, key: string | null): FrontendPair => ({
  certificate:
    certificate === null
      ? null
      : certificate
          .split('+')
          .map((name) => text(`${name}.crt`))
          .join(''),
  key: key === null ? null : text(`${key}.key`),
  certificatePath: '/c.pem',
  keyPath: '/k.pem',
});
const later = (days: number): Date => new Date(now.getTime() + days * 86_400_000);

describe('a frontend’s certificate', () => {
  it('is taken with or without its chain, for names below the domain', () => {
    for (const given of ['wild', 'wild+authority']) {
      const judged = judgeFrontendPair(pair(given, 'wild'), 'shop.example.org', now);
      expect(judged.fault).toBe(null);
      expect(judged.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(judged.chain.match(/BEGIN CERTIFICATE/g)?.length).toBe(given.split('+').length);
      expect(new Date(judged.until).getTime()).toBeGreaterThan(later(29).getTime() - 60_000);
    }
  });

  it.each<[string, FrontendPair, string, Date, string]>([
    ['no file', pair(null, 'wild'), 'shop.example.org', now, 'unusable'],
    ['no key file', pair('wild', null), 'shop.example.org', now, 'unusable'],
    ['no certificate in it', { ...pair('wild', 'wild'), certificate: 'hello' }, 'shop.example.org', now, 'unusable'],
    [
      'a certificate that was cut',
      { ...pair('wild', 'wild'), certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      'shop.example.org',
      now,
      'unusable',
    ],
    ['a protected key', pair('wild', 'locked'), 'shop.example.org', now, 'unusable'],
    ['a chain of somebody else', pair('wild+stranger', 'wild'), 'shop.example.org', now, 'unusable'],
    ['another key', pair('wild', 'bare'), 'shop.example.org', now, 'key'],
    ['another domain', pair('wild', 'wild'), 'shop.example.net', now, 'domain'],
    ['the domain alone, nothing below it', pair('bare', 'bare'), 'shop.example.org', now, 'domain'],
    ['a wildcard one level above', pair('above', 'above'), 'shop.example.org', now, 'domain'],
    ['a day too late', pair('wild', 'wild'), 'shop.example.org', later(31), 'dates'],
    ['a day too early', pair('wild', 'wild'), 'shop.example.org', later(-1), 'dates'],
  ])('is refused: %s', (_what, given, domain, at, code) => {
    const { fault } = judgeFrontendPair(given, domain, at);
    expect(fault?.code).toBe(`frontend-certificate-${code}`);
    expect(JSON.stringify(fault)).not.toContain('PRIVATE KEY');
  });

  it('whose authority ends first counts as long as its authority', () => {
    issue('brief', 'DNS:brief', null, '10');
    issue('long', 'DNS:*.shop.example.org', 'brief', '200');
    const judge = (at: Date) => judgeFrontendPair(pair('long+brief', 'long'), 'shop.example.org', at).fault?.code;
    expect(judge(new Date(Date.now() + 60_000))).toBe(undefined);
    expect(judge(later(11))).toBe('frontend-certificate-dates');
    const { until } = judgeFrontendPair(pair('long+brief', 'long'), 'shop.example.org', new Date(Date.now() + 60_000));
    expect(new Date(until).getTime()).toBeLessThan(later(11).getTime());
  });

  it('is judged by the clock of the machine as well, which is named', () => {
    const judge = (at: Date) =>
      judgeFrontendPair(pair('wild', 'wild'), 'shop.example.org', now, { machine: 'node-1', now: at }).fault;
    expect(judge(now)).toBe(null);
    expect(judge(new Date('2019-03-04T05:06:07Z'))).toMatchObject({
      code: 'frontend-certificate-clock',
      params: { machine: 'node-1', path: '/c.pem', now: '2019-03-04' },
    });
    expect(judge(later(31))?.code).toBe('frontend-certificate-clock');
  });
});
