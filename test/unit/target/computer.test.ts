import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  computerStateArgv,
  parseCertificateFacts,
  parseComputerState,
  withoutCertificate,
} from '../../../src-main/target/computer.ts';

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

describe('what a partition was built from', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fieldkit-partition-'));
    writeFileSync(
      join(folder, 'buildout.cfg'),
      '[slap-connection]\nsoftware-release-url = https://example.org/a.cfg\n',
    );
    utimesSync(join(folder, 'buildout.cfg'), 1000, 1000);
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const ended = (atSeconds: number) => {
    writeFileSync(join(folder, '.timestamp'), '1795418714');
    utimesSync(join(folder, '.timestamp'), atSeconds, atSeconds);
  };
  /** The functions alone: the rest of the program asks a master. */
  const call = (name: string, more = ''): string => {
    const program = computerStateArgv.find((one) => one.includes(`def ${name}(`)) ?? '';
    const text = new RegExp(`^def ${name}\\([\\s\\S]*?\\n(?=\\n\\n)`, 'm').exec(program)?.[0] ?? '';
    const all = `import os, sys\n${text}\nprint(${name}(os.path.dirname(sys.argv[1]), os.path.basename(sys.argv[1])${more}))`;
    return execFileSync('python3', ['-c', all, folder], { encoding: 'utf8' }).trim();
  };
  const built = () => call('built');
  const behind = (asked: string) => call('behind', `, ${asked}`);

  it('is told once a pass came to its end', () => {
    ended(1000);
    expect(built()).toBe('https://example.org/a.cfg');
  });
  it('is not told while a first pass, or one that something changed for, is under way or has failed', () => {
    expect(built()).toBe('None');
  });
  it('is not told while a forced pass is under way, which leaves the sign of the one before', () => {
    ended(999);
    expect(built()).toBe('None');
  });
  it('is behind what was asked last until a pass for that came to its end', () => {
    expect(behind('"1795418714"')).toBe('True');
    ended(1000);
    expect(behind('"1795418714"')).toBe('False');
    // Asked for anew with other parameters: all that can be seen is still of before.
    expect([built(), behind('"1795418999"')]).toEqual(['https://example.org/a.cfg', 'True']);
    // A master that tells no moment.
    expect(behind('None')).toBe('False');
  });
  it('is nothing on a free partition', () => {
    rmSync(join(folder, 'buildout.cfg'));
    ended(1000);
    expect(built()).toBe('None');
  });
});
