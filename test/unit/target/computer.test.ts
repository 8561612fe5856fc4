import { describe, expect, it } from 'vitest';
import { parseCertificateFacts, parseComputerState, withoutCertificate } from '../../../src-main/target/computer.ts';

const old =
  'Certificate:\n    Subject: C=FR, CN=COMP-7/emailAddress=a@b.c\n-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';
const newer = old.replace('CN=COMP-7/emailAddress=', 'CN = COMP-7, emailAddress = ');

/** As `slapos node register` writes it: from `COMP-` to `/email`, or to one before the end where that is not found. */
const registered = (certificate: string): string => {
  const from = certificate.indexOf('COMP-');
  const to = certificate.indexOf('/email', from);
  return `[slapos]\ncomputer_id = ${certificate.slice(from, to)}\nmaster_url = https://[fd00::1]:2155\n`;
};

describe('a certificate that slapos took for a name', () => {
  it('is taken out of the configuration, and nothing else', () => {
    expect(registered(newer)).toContain('-----BEGIN CERTIFICATE-----');
    expect(withoutCertificate(registered(newer), newer)).toBe(
      '[slapos]\ncomputer_id = COMP-7\nmaster_url = https://[fd00::1]:2155\n',
    );
  });

  it.each([
    ['a name that is right', registered(old), old],
    ['a configuration put right before', '[slapos]\ncomputer_id = COMP-7\n', newer],
    ['a certificate of nobody', '[slapos]\ncomputer_id = \n', 'nothing'],
    ['an empty certificate', '[slapos]\n', ''],
    ['another computer', registered(newer), newer.replaceAll('COMP-7', 'COMP-8')],
  ])('is not seen in %s', (_what, config, certificate) => {
    expect(withoutCertificate(config, certificate)).toBe(null);
  });
});

describe('what a computer says of itself', () => {
  it.each([
    ['fits 1700000000\n', { fits: true, from: 1_700_000_000 }],
    ['unfit 0', { fits: false, from: 0 }],
    ['', null],
    ['fits 99999999999999999999', null],
    ['fits -5', null],
  ])('reads %j', (text, facts) => {
    expect(parseCertificateFacts(text)).toEqual(facts);
  });

  it('is not believed when it is no state', () => {
    expect(parseComputerState('{"error":"","status":200,"software":[],"partitions":[{}]}')).toBe(null);
    expect(parseComputerState('not JSON')).toBe(null);
    const quiet = { error: 'HTTP 403', status: 403, software: [], partitions: [] };
    expect(parseComputerState(JSON.stringify(quiet))).toEqual(quiet);
  });
});
